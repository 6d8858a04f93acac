/**
 * The feed's door: socket.io on the node's one port, by the contract of `shared/feed.ts`. It lets members'
 * pages in and nobody else's, and hands every connection to `flow.ts` (what goes out) and `requests.ts` (what
 * comes in). It must never touch an upgrade that is not its own (`/mesh` shares the port), and never buffer
 * for a watcher more than what is on its way.
 */
import type http from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server, type Socket } from 'socket.io';
import type { ServerToWatcher, WatcherToServer } from '../../shared/feed.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import type { ReplicaService } from '../replica/service.ts';
import { FactFlow, type FlowClock, type FlowLimits, type Outlet, type Watcher } from './flow.ts';
import { serveRequests } from './requests.ts';

export const FEED_PATH = '/socket.io/';

export interface FeedOptions {
	/** With its `request` listener already there. */
	readonly http: http.Server;
	readonly service: ReplicaService;
	/** Why a request with these headers is not to be served; null where it is. */
	readonly doors: { refusal(headers: IncomingHttpHeaders): string | null };
	readonly proposeTimeoutMs: number;
	/** Told of whatever was refused: an address, and a sentence. */
	malformed(from: string, why: string): void;
	readonly limits?: FlowLimits;
}

/** The largest proposal there is: JSON writes one byte as six at worst (`\u0000`). */
const FRAME_BYTES_MAX = 6 * (KEY_BYTES_MAX + VALUE_BYTES_MAX) + 1_024;
export const WATCHERS_MAX = 64;
const JOIN_TIMEOUT_MS = 10_000;
/** Often, so that a page notices a node that fell silent. */
const PING_EVERY_MS = 500;
/** Long, so that a slow page is not taken for a dead one. */
const PONG_TIMEOUT_MS = 20_000;
const CLOSE_TIMEOUT_MS = 1_000;
const TOO_MANY = `this node has ${WATCHERS_MAX} watchers already`;
const TOO_LARGE = `more than ${FRAME_BYTES_MAX} bytes at once`;

/** Serves the feed on `http` until `close()`, after which nothing of it is left there. */
export function attachFeed(options: FeedOptions): { close(): Promise<void> } {
	const { http, doors, malformed } = options;
	const sockets = new Set<Duplex>();
	const joined = new WeakSet<Socket['conn']>();
	let closing = false;
	const io = new Server<WatcherToServer, ServerToWatcher>({
		path: FEED_PATH,
		serveClient: false,
		destroyUpgrade: false,
		perMessageDeflate: false,
		httpCompression: false,
		maxHttpBufferSize: FRAME_BYTES_MAX,
		connectTimeout: JOIN_TIMEOUT_MS,
		pingInterval: PING_EVERY_MS,
		pingTimeout: PONG_TIMEOUT_MS,
		cors: (request, answer) => answer(null, { origin: doors.refusal(request.headers) === null }),
		allowRequest: (request, answer) => {
			const refusal = doors.refusal(request.headers) ?? (io.engine.clientsCount < WATCHERS_MAX ? null : TOO_MANY);
			answer(refusal, refusal === null);
		},
	});
	const detach = listenersOf(http, () => {
		io.attach(http);
		http.on('upgrade', (request, socket) => {
			if (!request.url?.startsWith(FEED_PATH)) return;
			sockets.add(socket);
			socket.once('close', () => sockets.delete(socket));
		});
	});
	const flow = new FactFlow<FeedWatcher>(options.service, outletOf(io), REAL_CLOCK, options.limits);

	io.engine.on('connection_error', ({ req, message, context }: ConnectionError) => {
		malformed(addressOf(req), `connection refused: ${context?.message ?? context?.name ?? message}`);
	});
	io.engine.use((request: http.IncomingMessage, response: http.ServerResponse, next: () => void) => {
		response.once('finish', () => {
			if (response.statusCode === 413) malformed(addressOf(request), TOO_LARGE);
		});
		next();
	});
	io.engine.on('connection', (connection: Socket['conn']) => {
		connection.once('close', (reason: string, error?: Error) => {
			const why = closing ? null : refusalOf(reason, error, joined.has(connection));
			if (why !== null) malformed(connection.remoteAddress, why);
		});
	});
	io.on('connection', (socket) => {
		joined.add(socket.conn);
		const watcher = new FeedWatcher(socket, () => flow.wake(watcher));
		serveRequests(socket, { ...options, resync: () => flow.resync(watcher) });
		socket.once('disconnect', () => flow.leave(watcher));
		flow.join(watcher);
	});

	return {
		async close() {
			closing = true;
			// By closing connections, not by farewells, after which a page would not connect again.
			io.engine.close();
			detach();
			await closed(sockets);
		},
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
	if (reason === 'forced close' && !hasJoined)
		return `garbage, or nothing for ${JOIN_TIMEOUT_MS} ms, instead of joining`;
	// As ws words it.
	return /Max payload|Invalid (WebSocket|UTF)/.test(error?.message ?? '') ? `a bad frame: ${error?.message}` : null;
}

function addressOf(request: http.IncomingMessage): string {
	return request.socket.remoteAddress ?? '';
}

/** Runs `attach`, and returns the way to put the listeners of `http` back as they were. */
function listenersOf(http: http.Server, attach: () => void): () => void {
	const events = ['request', 'upgrade', 'close', 'listening'] as const;
	const before = new Map(events.map((event) => [event, http.listeners(event)]));
	attach();
	const after = new Map(events.map((event) => [event, http.listeners(event)]));
	return () => {
		for (const event of events) {
			const was = before.get(event) ?? [];
			const is = after.get(event) ?? [];
			for (const listener of is) if (!was.includes(listener)) http.off(event, listener as () => void);
			for (const listener of was) if (!is.includes(listener)) http.on(event, listener as () => void);
		}
	};
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
