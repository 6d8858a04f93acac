/**
 * One TCP connection to this node, as its front sees it: what came of it, what it asked last, and whether it may be
 * closed without harm. It decides nothing: `admission.ts` does.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import type { WebSocket } from 'ws';

/**
 * `arriving` until its first request is whole; then `http`, or the door whose WebSocket it has become. `closed` once
 * nothing of it counts any more.
 */
export type ConnectionKind = 'arriving' | 'http' | 'client' | 'feed' | 'mesh' | 'closed';

/** GET, HEAD and OPTIONS change nothing, so any number of them may be served at once. */
const SAFE_METHODS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** WebSocket's close code for "try again later". */
const TRY_AGAIN_LATER = 1013;

export class Connection {
	readonly socket: Socket;
	/** Whose it is, for limits: see `addressKey`. */
	readonly address: string;
	kind: ConnectionKind = 'arriving';
	/** Requests that came before the answers to earlier ones had left. */
	pipelined = 0;
	/** What came cannot be parsed: nothing that follows on it means anything. */
	isBroken = false;
	/** Its WebSocket, once it has one. */
	ws: WebSocket | null = null;
	/** Its WebSocket's client has said hello. */
	isGreeted = false;
	greetingTimer: NodeJS.Timeout | undefined;
	/** Rounds of pings since its WebSocket's client answered one, and since it last asked for something. */
	roundsUnanswered = 0;
	roundsIdle = 0;
	/** Its WebSocket's client has asked for something in this round. */
	isUsed = false;
	#last: ServerResponse | null = null;
	#lastUnsafe: ServerResponse | null = null;

	constructor(socket: Socket) {
		this.socket = socket;
		this.address = addressKey(socket.remoteAddress);
	}

	/** Takes note of a request. Returns whether it has to wait until every earlier one on this connection is answered. */
	begin(request: IncomingMessage, response: ServerResponse): boolean {
		this.#last = response;
		const isSafe = SAFE_METHODS.has(request.method);
		const before = this.#lastUnsafe;
		if (!isSafe) this.#lastUnsafe = response;
		// Node.js gives a response its socket when all before it have left.
		if (response.socket !== null) return false;
		return !isSafe || (before !== null && !before.writableFinished);
	}

	/** The answer that will leave last of those under way; null where every request is answered. */
	get unanswered(): ServerResponse | null {
		return this.#last === null || this.#last.writableFinished ? null : this.#last;
	}

	/** Nothing that is asked on it would be lost with it: each request is answered, or has not wholly arrived. */
	get isIdle(): boolean {
		const last = this.unanswered;
		return last === null || (last.socket !== null && !last.req.complete);
	}

	/** Calls `done` at once where every request is answered, else when the last answer has left; not if the client leaves. */
	whenAnswered(done: () => void): void {
		const last = this.unanswered;
		if (last === null) return done();
		last.once('close', () => {
			if (!this.socket.destroyed) this.whenAnswered(done);
		});
	}

	/** Frees its descriptor. A WebSocket's client is told to come again later, unless it has stopped reading. */
	cut(): void {
		this.ws?.close(TRY_AGAIN_LATER, 'too many connections');
		if (this.ws !== null && this.socket.writableLength === 0) this.socket.destroySoon();
		else this.socket.destroy();
	}
}

/**
 * An IPv4 address, also where it is written as IPv6, or the first 64 bits of an IPv6 one: one site is given so many
 * that it must count as one.
 */
export function addressKey(address: string | undefined): string {
	if (address === undefined) return 'unknown';
	const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
	if (mapped !== undefined) return mapped;
	if (!isIPv6(address)) return address;
	const [head = '', tail] = (address.split('%')[0] as string).split('::');
	const groups = head === '' ? [] : head.split(':');
	const behind = tail === undefined || tail === '' ? [] : tail.split(':');
	const missing = tail === undefined ? 0 : 8 - groups.length - behind.length;
	const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...behind];
	return `${all.slice(0, 4).join(':')}::/64`;
}
