/**
 * The feed's door: socket.io on the node's one port, by the contract of `shared/feed.ts`. It hands every connection to
 * `flow.ts` (what goes out) and `requests.ts` (what comes in). Only those who have joined count as watchers: others
 * have little time and few places. It must never buffer for a watcher more than what is on its way.
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Server, type Socket } from 'socket.io';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import type { JoinRefusal, ServerToWatcher, WatcherToServer } from '../../shared/feed.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { refuseUpgrade } from '../front/upgrade.ts';
import type { ReplicaService } from '../replica/service.ts';
import { FactFlow, type FlowClock, type FlowLimits, type Outlet, type Watcher } from './flow.ts';
import { serveRequests } from './requests.ts';

export const FEED_PATH = '/socket.io/';

export interface FeedOptions {
	readonly service: ReplicaService;
	readonly proposeTimeoutMs: number;
	/** How many may watch, and how many may be connected without having joined. */
	readonly places: { readonly watchersMax: number; readonly unjoinedMax: number };
	/** Told of each that was refused: an address, and a sentence. */
	malformed(from: string, why: string): void;
	readonly limits?: FlowLimits;
	/** From the handshake to joining; milliseconds. */
	readonly joinMs?: number;
}

/** The largest proposal there is: JSON writes one byte as six at worst (`\u0000`). */
const FRAME_BYTES_MAX = 6 * (KEY_BYTES_MAX + VALUE_BYTES_MAX) + 1_024;
const JOIN_MS = 3_000;
/** Often, so that a page notices a node that fell silent. */
const PING_EVERY_MS = 500;
/** Long, so that a slow page is not taken for a dead one. */
const PONG_TIMEOUT_MS = 20_000;
/** A page that does not answer the goodbye is gone after this. */
const CLOSE_TIMEOUT_MS = 1_000;
const GOING_AWAY = 1001;
const TOO_LARGE = `more than ${FRAME_BYTES_MAX} bytes at once`;

type Connection = Socket['conn'];

export class Feed {
	readonly #options: FeedOptions;
	/** socket.io wants to be attached to a server: this one never listens, and is handed what is for the feed. */
	readonly #inlet = http.createServer();
	readonly #io: Server<WatcherToServer, ServerToWatcher>;
	readonly #flow: FactFlow<FeedWatcher>;
	readonly #webSockets = new Set<WebSocket>();
	readonly #sockets = new Set<Duplex>();
	/** Those that have not joined, oldest first, and what ends their time. */
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
			pingTimeout: PONG_TIMEOUT_MS,
			// The front has let in pages of members alone.
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
		this.#io.use((socket, next) => this.#join(socket.conn, next));
		this.#io.on('connection', (socket) => this.#joined(socket));
	}

	/** Answers a request of `FEED_PATH`. */
	handleRequest(request: IncomingMessage, response: ServerResponse): void {
		if (this.#isClosing) return void response.writeHead(503, { Connection: 'close' }).end();
		this.#inlet.emit('request', request, response);
	}

	/** For upgrades of `FEED_PATH`. */
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

	/** By closing connections, not by farewells of socket.io, after which a page would not connect again. */
	async close(): Promise<void> {
		this.#isClosing = true;
		for (const timer of this.#unjoined.values()) clearTimeout(timer);
		for (const ws of this.#webSockets) ws.close(GOING_AWAY, 'the node is stopping');
		this.#io.engine.close();
		await closed(this.#sockets);
	}

	#connected(connection: Connection): void {
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

	/** A page that is refused is told why, and may try again. */
	#join(connection: Connection, next: (error?: Error) => void): void {
		const { malformed, places } = this.#options;
		if (this.#watchers < places.watchersMax) return next();
		malformed(connection.remoteAddress, `this node has ${places.watchersMax} watchers already`);
		const data: JoinRefusal = { reason: 'full', watchersMax: places.watchersMax };
		next(Object.assign(new Error('the feed is full'), { data }));
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
		});
		this.#flow.join(watcher);
	}

	/** Ends it without waiting for its other end, which may never say anything. */
	#drop(connection: Connection, why: string): void {
		this.#leaveUnjoined(connection);
		this.#options.malformed(connection.remoteAddress, why);
		const { socket } = connection.request;
		const isWebSocket = connection.transport.name === 'websocket';
		connection.close(true);
		if (isWebSocket) socket.destroySoon();
	}

	/** Returns whether it was one of them. */
	#leaveUnjoined(connection: Connection): boolean {
		clearTimeout(this.#unjoined.get(connection));
		return this.#unjoined.delete(connection);
	}
}

/** What socket.io makes its WebSockets with, which it keeps to itself. */
function webSocketServerOf(onWebSocket: (ws: WebSocket) => void) {
	return class extends WebSocketServer {
		constructor(options: ServerOptions) {
			// Not in the types of ws yet.
			super({ ...options, closeTimeout: CLOSE_TIMEOUT_MS } as ServerOptions);
		}

		override handleUpgrade(...[request, socket, head, done]: Parameters<WebSocketServer['handleUpgrade']>): void {
			super.handleUpgrade(request, socket, head, (ws, of) => {
				onWebSocket(ws);
				done(ws, of);
			});
		}
	};
}

class FeedWatcher implements Watcher {
	readonly id: string;
	readonly #connection: Socket['conn'];

	constructor(socket: Socket, onReady: () => void) {
		this.id = socket.id;
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

/** socket.io encodes once for all the rooms it is told; a watcher is alone in the room of its id. */
function outletOf(io: Server<WatcherToServer, ServerToWatcher>): Outlet<FeedWatcher> {
	const rooms = (to: readonly FeedWatcher[]) => io.to(to.map(({ id }) => id));
	return {
		batch: (to, batch) => rooms(to).emit('batch', batch),
		snapshot: (to, snapshot) => rooms(to).emit('snapshot', snapshot),
	};
}

const REAL_CLOCK: FlowClock = {
	nowMs: () => performance.now(),
	after(delayMs, run) {
		const timer = setTimeout(run, delayMs);
		return () => clearTimeout(timer);
	},
};

/** What engine.io tells of a refused handshake. */
interface ConnectionError {
	readonly req: http.IncomingMessage;
	readonly message: string;
	readonly context?: { readonly message?: string; readonly name?: string };
}

/** What a connection was closed for, where it had it coming; null for all that networks do. */
function refusalOf(reason: string, error: Error | undefined, hasJoined: boolean): string | null {
	if (reason === 'parse error') return 'a packet that does not parse';
	if (reason === 'forced close' && !hasJoined) return 'garbage instead of joining';
	// As ws words it.
	return /Max payload|Invalid (WebSocket|UTF)/.test(error?.message ?? '') ? `a bad frame: ${error?.message}` : null;
}

function addressOf(request: http.IncomingMessage): string {
	return request.socket.remoteAddress ?? '';
}

/** Waits until all are closed, and at last closes them: a watcher that does not answer must not hold a node. */
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
