/**
 * The feed's door: socket.io on the node's one port, with the types of `shared/feed.ts`. It hands every watcher to
 * `flow.ts`, which sends, and `requests.ts`, which receives. Connections that have not joined are no watchers, and have
 * little time and few places. It must never buffer more for a watcher than the one packet that is on its way, and
 * what it recalls to one that joins.
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Server, type Socket } from 'socket.io';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import type { JoinRefusal, JoinWish, ServerToWatcher, WatcherToServer } from '../../shared/feed.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import type { Tokens } from '../access/tokens.ts';
import type { Refusal } from '../front/doors.ts';
import { answer } from '../front/front.ts';
import { readInTurns } from '../front/reading.ts';
import { refuseUpgrade } from '../front/upgrade.ts';
import type { AnyService } from '../replica/service.ts';
import { FactFlow } from './flow.ts';
import type { FlowLimits } from './limits.ts';
import type { Outlet, Watcher } from './outlet.ts';
import { boundPackets } from './packets.ts';
import { serveRequests } from './requests.ts';
import type { FlowClock } from './ticks.ts';

export const FEED_PATH = '/socket.io/';

export interface FeedOptions {
	readonly service: AnyService;
	readonly proposeTimeoutMs: number;
	/** null where nobody needs one, which is the default. */
	readonly tokens?: Pick<Tokens, 'grantOf'> | null;
	/** The bounds on watchers, and on connections that have not joined. */
	readonly places: { readonly watchersMax: number; readonly unjoinedMax: number };
	/** Is told of each refused connection or request: the address, and a sentence. */
	malformed(from: string, why: string): void;
	readonly limits?: FlowLimits;
	/** The time limit from the handshake to joining, milliseconds. */
	readonly joinMs?: number;
	/** The time limit for a watcher's answer to a ping, milliseconds. */
	readonly pongTimeoutMs?: number;
}

/** The largest proposal fits, where JSON writes each byte as six (`\u0000`). */
const FRAME_BYTES_MAX = 6 * (KEY_BYTES_MAX + VALUE_BYTES_MAX) + 1_024;
const JOIN_MS = 3_000;
/** Pings are frequent, so that a page notices a node that has fallen silent. */
const PING_EVERY_MS = 500;
/** The time limit for a pong is long, so that a slow page is not taken for a dead one. */
const PONG_TIMEOUT_MS = 20_000;
/** A page that does not answer the closing frame within this time is cut. */
const CLOSE_TIMEOUT_MS = 1_000;
const GOING_AWAY = 1001;
/** engine.io takes a body chunk by chunk, however small they are, and pages send none in chunks. */
const NO_LENGTH: Refusal = { status: 411, why: 'The feed takes no bodies in chunks.' };
const TOO_LARGE = `more than ${FRAME_BYTES_MAX} bytes at once`;

type Connection = Socket['conn'];

export class Feed {
	readonly #options: FeedOptions;
	/**
	 * socket.io has to be attached to a server. This one never listens: requests and upgrades of the feed are passed to
	 * it.
	 */
	readonly #inlet = http.createServer();
	readonly #io: Server<WatcherToServer, ServerToWatcher>;
	readonly #flow: FactFlow<FeedWatcher>;
	readonly #webSockets = new Set<WebSocket>();
	readonly #sockets = new Set<Duplex>();
	/** Connections that have not joined, the oldest first, with the timer of each one's time limit. */
	readonly #unjoined = new Map<Connection, NodeJS.Timeout>();
	readonly #unanswered = new Set<Promise<void>>();
	#watchers = 0;
	#isClosing = false;

	constructor(options: FeedOptions) {
		this.#options = options;
		this.#io = new Server<WatcherToServer, ServerToWatcher>({
			path: FEED_PATH,
			serveClient: false,
			destroyUpgrade: false,
			perMessageDeflate: false,
			httpCompression: false,
			maxHttpBufferSize: FRAME_BYTES_MAX,
			pingInterval: PING_EVERY_MS,
			pingTimeout: options.pongTimeoutMs ?? PONG_TIMEOUT_MS,
			// Other pages than those of members were refused by the front.
			cors: { origin: true },
			wsEngine: webSocketServerOf((ws) => {
				this.#webSockets.add(ws);
				ws.once('close', () => this.#webSockets.delete(ws));
			}),
		});
		this.#io.attach(this.#inlet);
		this.#flow = new FactFlow<FeedWatcher>(options.service, outletOf(this.#io), REAL_CLOCK, options.limits);
		const { engine } = this.#io;
		engine.on('connection_error', ({ req, message, context }: ConnectionError) => {
			options.malformed(addressOf(req), `connection refused: ${context?.message ?? context?.name ?? message}`);
		});
		engine.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
			response.once('finish', () => {
				if (response.statusCode === 413) options.malformed(addressOf(request), TOO_LARGE);
			});
			next();
		});
		engine.on('connection', (connection: Connection) => this.#connected(connection));
		this.#io.use((socket, next) => this.#join(socket.conn, socket.handshake.auth as JoinWish, next));
		this.#io.on('connection', (socket) => this.#joined(socket));
	}

	/** Answers a request of `FEED_PATH`. */
	handleRequest(request: IncomingMessage, response: ServerResponse): void {
		if (this.#isClosing) return void response.writeHead(503, { Connection: 'close' }).end();
		if (request.headers['transfer-encoding'] !== undefined) {
			this.#options.malformed(addressOf(request), NO_LENGTH.why);
			return answer(response, NO_LENGTH);
		}
		this.#inlet.emit('request', request, response);
	}

	/** Takes an upgrade of `FEED_PATH`. */
	handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
		if (this.#isClosing) return refuseUpgrade(socket, '503 Service Unavailable');
		this.#sockets.add(socket);
		socket.once('close', () => this.#sockets.delete(socket));
		this.#inlet.emit('upgrade', request, socket, head);
	}

	/** Takes no more proposals, and resolves when all are answered, or after `maxMs` milliseconds. */
	async drain(maxMs: number): Promise<void> {
		this.#isClosing = true;
		const ended = new AbortController();
		await Promise.race([
			Promise.all(this.#unanswered),
			delay(maxMs, undefined, { signal: ended.signal }).catch(() => undefined),
		]);
		ended.abort();
	}

	/** Closes the connections below socket.io, because after a disconnect of socket.io a page would not connect again. */
	async close(): Promise<void> {
		this.#isClosing = true;
		for (const timer of this.#unjoined.values()) clearTimeout(timer);
		this.#flow.rest();
		for (const ws of this.#webSockets) ws.close(GOING_AWAY, 'the node is stopping');
		this.#io.engine.close();
		await closed(this.#sockets);
	}

	#connected(connection: Connection): void {
		boundPackets(connection);
		const { joinMs = JOIN_MS, places, malformed } = this.#options;
		const timer = setTimeout(() => this.#drop(connection, `did not join within ${joinMs} ms`), joinMs);
		this.#unjoined.set(connection, timer);
		connection.once('close', (reason: string, error?: Error) => {
			const hasJoined = !this.#leaveUnjoined(connection);
			const why = this.#isClosing ? null : refusalOf(reason, error, hasJoined);
			if (why !== null) malformed(connection.remoteAddress, why);
		});
		if (this.#unjoined.size <= places.unjoinedMax) return;
		const [oldest] = this.#unjoined.keys();
		this.#drop(oldest as Connection, 'crowded out before it joined');
	}

	/** Lets a connection join, or refuses it with a reason, after which it may try again. */
	#join(connection: Connection, { token }: JoinWish, next: (error?: Error) => void): void {
		const { malformed, places, tokens = null } = this.#options;
		if (tokens !== null && !(typeof token === 'string' && tokens.grantOf(token)?.isForPage)) {
			malformed(connection.remoteAddress, token === undefined ? 'no token for the page' : 'a wrong token for the page');
			return next(refusalToJoin('the feed asks for a token', { reason: 'denied' }));
		}
		if (this.#watchers < places.watchersMax) return next();
		malformed(connection.remoteAddress, `this node has ${places.watchersMax} watchers already`);
		next(refusalToJoin('the feed is full', { reason: 'full', watchersMax: places.watchersMax }));
	}

	#joined(socket: Socket<WatcherToServer, ServerToWatcher>): void {
		this.#leaveUnjoined(socket.conn);
		this.#watchers++;
		const watcher = new FeedWatcher(socket, () => this.#flow.wake(watcher));
		serveRequests(socket, {
			...this.#options,
			unanswered: this.#unanswered,
			isClosing: () => this.#isClosing,
			resync: () => this.#flow.resync(watcher),
		});
		socket.once('disconnect', () => {
			this.#watchers--;
			this.#flow.leave(watcher);
			// It may have left and kept its connection, which neither a place nor a time limit would bound any more.
			socket.conn.close(true);
		});
		this.#flow.join(watcher);
	}

	/** Ends a connection without waiting for the other end, which may never answer. */
	#drop(connection: Connection, why: string): void {
		this.#leaveUnjoined(connection);
		this.#options.malformed(connection.remoteAddress, why);
		const { socket } = connection.request;
		const isWebSocket = connection.transport.name === 'websocket';
		connection.close(true);
		if (isWebSocket) socket.destroySoon();
	}

	/** @returns whether the connection had not joined before */
	#leaveUnjoined(connection: Connection): boolean {
		clearTimeout(this.#unjoined.get(connection));
		return this.#unjoined.delete(connection);
	}
}

function refusalToJoin(message: string, data: JoinRefusal): Error {
	return Object.assign(new Error(message), { data });
}

/** A WebSocketServer for socket.io that also tells its WebSockets, which socket.io does not show. */
function webSocketServerOf(onWebSocket: (ws: WebSocket) => void) {
	return class extends WebSocketServer {
		constructor(options: ServerOptions) {
			// The types of ws lack `closeTimeout`.
			super({ ...options, closeTimeout: CLOSE_TIMEOUT_MS } as ServerOptions);
		}

		override handleUpgrade(...[request, socket, head, done]: Parameters<WebSocketServer['handleUpgrade']>): void {
			super.handleUpgrade(request, socket, head, (ws, of) => {
				readInTurns(ws, socket);
				onWebSocket(ws);
				done(ws, of);
			});
		}
	};
}

class FeedWatcher implements Watcher {
	readonly id: string;
	readonly wantsRecall: boolean;
	readonly #connection: Socket['conn'];

	constructor(socket: Socket, onReady: () => void) {
		this.id = socket.id;
		this.wantsRecall = (socket.handshake.auth as JoinWish).recall === true;
		this.#connection = socket.conn;
		this.#connection.transport.on('ready', onReady);
		this.#connection.on('upgrade', (transport: Socket['conn']['transport']) => {
			transport.on('ready', onReady);
			onReady();
		});
	}

	ready(): boolean {
		return this.#connection.transport.writable;
	}
}

/** socket.io encodes a packet once for several rooms. Each watcher is alone in the room with its id. */
function outletOf(io: Server<WatcherToServer, ServerToWatcher>): Outlet<FeedWatcher> {
	const rooms = (to: readonly FeedWatcher[]) => io.to(to.map(({ id }) => id));
	return {
		batch: (to, batch) => rooms(to).emit('batch', batch),
		snapshot: (to, snapshot) => rooms(to).emit('snapshot', snapshot),
		recall: (to, recall) => rooms([to]).emit('recall', recall),
	};
}

const REAL_CLOCK: FlowClock = {
	nowMs: () => performance.now(),
	after(delayMs, run) {
		const timer = setTimeout(run, delayMs);
		return () => clearTimeout(timer);
	},
};

/** The event of engine.io for a refused handshake. */
interface ConnectionError {
	readonly req: http.IncomingMessage;
	readonly message: string;
	readonly context?: { readonly message?: string; readonly name?: string };
}

/** The fault for which a connection was closed; null where it was only lost or left. */
function refusalOf(reason: string, error: Error | undefined, hasJoined: boolean): string | null {
	if (reason === 'parse error') return 'a packet that does not parse';
	if (reason === 'forced close' && !hasJoined) return 'it sent something else instead of joining';
	// These are texts of ws.
	return /Max payload|Invalid (WebSocket|UTF)/.test(error?.message ?? '') ? `a bad frame: ${error?.message}` : null;
}

function addressOf(request: http.IncomingMessage): string {
	return request.socket.remoteAddress ?? '';
}

/** Waits until all sockets are closed, and cuts those that are not closed in time. */
async function closed(sockets: ReadonlySet<Duplex>): Promise<void> {
	await Promise.all(
		[...sockets].map(
			(socket) =>
				new Promise<void>((resolve) => {
					const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
					socket.once('close', () => {
						clearTimeout(timer);
						resolve();
					});
				}),
		),
	);
}
