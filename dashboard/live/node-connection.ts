/**
 * One node's feed. It says when the node fell silent, by the connection or by the lack of any packet, and
 * keeps trying for ever. It folds nothing and holds no fact.
 */
import { io, type Socket } from 'socket.io-client';
import type {
	EntriesBelow,
	FactBatch,
	JoinRefusal,
	JoinWish,
	NodeSnapshot,
	ProposeAnswer,
	ProposeRequest,
	Recall,
	ServerToWatcher,
	WatcherToServer,
} from '../../shared/feed.ts';
import { token } from './token.ts';

/** The part of a `JoinWish` that is the token of the page. */
function pageToken(): JoinWish {
	return token.value === null ? {} : { token: token.value };
}

export interface NodeListener {
	/** What was before the first snapshot, which follows. It comes once at most. */
	recall(recall: Recall): void;
	snapshot(snapshot: NodeSnapshot): void;
	batch(batch: FactBatch): void;
	/** The node was last heard at `sinceMs`, in milliseconds since 1970. */
	lost(sinceMs: number): void;
	/** The node lets this page watch it only with another token than `pageToken` has. It is asked again then. */
	denied(): void;
	/** The node answers, and lets this page watch it no more than others: why not. It is asked again from time to time. */
	refused(why: string): void;
}

/** The server pings every 500 ms, so a node that is silent for this long does not answer. */
const SILENCE_MS_MAX = 1100;
const LISTEN_EVERY_MS = 150;
const RECONNECT_MS_MIN = 200;
/** With the handshake, a node that is back is heard within a second. */
const RECONNECT_MS_MAX = 500;
const CONNECT_TIMEOUT_MS = 2000;
/** A place may become free where all were taken. */
const FULL_RETRY_MS = 3000;
/** This is longer than a node itself waits before it answers `unknown`. */
const ANSWER_TIMEOUT_MS = 30_000;

export class NodeConnection {
	readonly #socket: Socket<ServerToWatcher, WatcherToServer>;
	readonly #listener: NodeListener;
	/** By a clock that nobody sets. */
	#heardMs = performance.now();
	#silent = false;
	/** No snapshot has come yet. Later the page itself remembers what the node does. */
	#isNew = true;
	#isRetired = false;
	#isDenied = false;
	readonly #listening: ReturnType<typeof setInterval>;

	constructor(url: string, listener: NodeListener) {
		this.#listener = listener;
		// Only WebSocket is used, because another node's server would have to allow polling requests first.
		this.#socket = io(url, {
			forceNew: true,
			transports: ['websocket'],
			reconnectionDelay: RECONNECT_MS_MIN,
			reconnectionDelayMax: RECONNECT_MS_MAX,
			timeout: CONNECT_TIMEOUT_MS,
			auth: (say) => say({ recall: this.#isNew, ...pageToken() } satisfies JoinWish),
		});
		this.#socket.on('recall', (recall) => {
			this.#heard();
			listener.recall(recall);
		});
		this.#socket.on('snapshot', (snapshot) => {
			this.#silent = false;
			this.#isNew = false;
			this.#heard();
			listener.snapshot(snapshot);
		});
		this.#socket.on('batch', (batch) => {
			this.#heard();
			listener.batch(batch);
		});
		this.#socket.io.on('ping', () => this.#heard());
		this.#socket.on('connect_error', (error) => {
			if (url.startsWith('https:')) letBrowserDecide(url);
			this.#failed(error);
		});
		this.#socket.on('disconnect', () => this.#lost());
		this.#listening = setInterval(() => this.#listen(), LISTEN_EVERY_MS);
	}

	/** Nothing is heard any more. */
	close(): void {
		this.#isRetired = true;
		clearInterval(this.#listening);
		this.#socket.off().disconnect();
	}

	/** The node is no member any more and will stop: it is heard until then, and not looked for again. */
	retire(): void {
		this.#isRetired = true;
		this.#socket.io.reconnection(false);
		if (!this.#socket.connected) this.close();
	}

	/** The page has another token. A node that has let it in needs none. */
	hasToken(): void {
		if (!this.#isDenied) return;
		this.#isDenied = false;
		this.#socket.connect();
	}

	resync(): void {
		if (this.#socket.connected) this.#socket.emit('resync');
	}

	async list(prefix: string): Promise<EntriesBelow | null> {
		if (!this.#socket.connected) return null;
		return this.#socket
			.timeout(ANSWER_TIMEOUT_MS)
			.emitWithAck('list', prefix)
			.catch(() => null);
	}

	async propose(request: ProposeRequest): Promise<ProposeAnswer> {
		if (!this.#socket.connected) return { outcome: 'refused', why: 'this node does not answer', attempts: [] };
		try {
			return await this.#socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck('propose', request);
		} catch {
			return { outcome: 'unknown', why: 'the node went silent before it answered', attempts: [] };
		}
	}

	#heard(): void {
		// The node was silent and is heard again on the same connection. A snapshot tells at once where it stands.
		if (this.#silent) this.#socket.emit('resync');
		this.#heardMs = performance.now();
		this.#silent = false;
	}

	get #silenceMs(): number {
		return performance.now() - this.#heardMs;
	}

	#listen(): void {
		if (this.#socket.connected && this.#silenceMs > SILENCE_MS_MAX) this.#lost();
	}

	#failed({ data }: Error & { readonly data?: unknown }): void {
		if (!isJoinRefusal(data)) return this.#lost();
		this.#silent = true;
		if (data.reason === 'denied') {
			this.#isDenied = true;
			return this.#listener.denied();
		}
		this.#connectAfter(FULL_RETRY_MS);
		this.#listener.refused(`${data.watchersMax} pages watch it already`);
	}

	#lost(): void {
		// The library does not try again after the server itself refused.
		if (!this.#socket.active) this.#connectAfter(RECONNECT_MS_MAX);
		if (this.#isRetired && !this.#socket.connected) this.close();
		if (this.#silent) return;
		this.#silent = true;
		this.#listener.lost(Date.now() - this.#silenceMs);
	}

	#connectAfter(ms: number): void {
		setTimeout(() => {
			if (!this.#isRetired) this.#socket.connect();
		}, ms);
	}
}

/**
 * A node that speaks TLS asks for a certificate. Browsers decide by a request which one they show there, or that they show
 * none, and cancel a WebSocket that comes before. The WebSocket is tried again, and finds what was decided.
 */
function letBrowserDecide(url: string): void {
	// What becomes of it is told by the WebSocket.
	fetch(new URL('/livez', url), { cache: 'no-store' }).catch(() => undefined);
}

function isJoinRefusal(data: unknown): data is JoinRefusal {
	return (
		typeof data === 'object' &&
		data !== null &&
		'reason' in data &&
		(data.reason === 'full' || data.reason === 'denied')
	);
}
