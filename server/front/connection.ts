/**
 * One TCP connection to this node, as its front sees it: its kind, its last request, and whether it may be closed
 * without harm. `admission.ts` decides which connections are closed.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Refusal } from './doors.ts';

/**
 * `arriving` until its first request is admitted; then `http`, or the door whose WebSocket it has become. `closed` once
 * it has no place any more.
 */
export type ConnectionKind = 'arriving' | 'http' | 'client' | 'feed' | 'mesh' | 'closed';

/** GET, HEAD and OPTIONS change nothing, so any number of them may be served at once. */
const SAFE_METHODS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What the callback for a request gives to the parser so that it ends. */
const PARSER_ERROR = -1;

/** WebSocket's close code for "try again later". */
const TRY_AGAIN_LATER = 1013;

export class Connection {
	/** By which its requests come. With TLS it is another one after the handshake than before. */
	socket: Socket;
	/** Why nothing but a probe is answered on it, such as for want of a certificate; null for nothing. */
	refusal: Refusal | null = null;
	/** The address by which it is counted: see `addressKey`. */
	readonly address: string;
	kind: ConnectionKind = 'arriving';
	/** The number of requests that wait for the answers to earlier ones. */
	pipelined = 0;
	/** Whether nothing more that comes on it is served. See `breakOff`. */
	isBroken = false;
	/** Its WebSocket, once it has one. */
	ws: WebSocket | null = null;
	/** Whether its WebSocket's client has said hello. */
	isGreeted = false;
	greetingTimer: NodeJS.Timeout | undefined;
	/** Rounds of pings since its WebSocket's client last answered one, and since it last sent a message. */
	roundsUnanswered = 0;
	roundsIdle = 0;
	/** Whether its WebSocket's client has sent a message in this round. */
	isUsed = false;
	#last: ServerResponse | null = null;
	#lastUnsafe: ServerResponse | null = null;
	/** The number of bytes that came after it was broken off. */
	#ignored = 0;
	/** Set while nothing more is read in this turn of the event loop. */
	#resting: NodeJS.Immediate | null = null;

	constructor(socket: Socket) {
		this.socket = socket;
		this.address = addressKey(socket.remoteAddress);
	}

	/** Notes a request. @returns whether it has to wait until every earlier one on this connection is answered */
	begin(request: IncomingMessage, response: ServerResponse): boolean {
		this.#last = response;
		const isSafe = SAFE_METHODS.has(request.method);
		const before = this.#lastUnsafe;
		if (!isSafe) this.#lastUnsafe = response;
		// Node.js gives a response its socket when all earlier ones were sent.
		if (response.socket !== null) return false;
		return !isSafe || (before !== null && !before.writableFinished);
	}

	/** The answer to the last request; null where it was sent, and so every request is answered. */
	get unanswered(): ServerResponse | null {
		return this.#last === null || this.#last.writableFinished ? null : this.#last;
	}

	/** Whether it may be closed without losing a request: each one is answered, or has not wholly arrived. */
	get isIdle(): boolean {
		const last = this.unanswered;
		return last === null || (last.socket !== null && !last.req.complete);
	}

	/**
	 * Calls `done` when every request is answered and Node.js is done with the answers, perhaps at once; never if the
	 * connection is lost before.
	 */
	whenAnswered(done: () => void): void {
		const last = this.#last;
		// An answer that was sent keeps its socket for a moment, in which Node.js would put the next one behind it.
		if (last === null || (last.writableFinished && last.socket === null)) return done();
		last.once('close', () => {
			if (!this.socket.destroyed) this.whenAnswered(done);
		});
	}

	/**
	 * No request behind the present one is served: the connection has sent something that is not HTTP, or too many requests
	 * ahead, or it ends with the present answer. What comes is read and ignored, because a connection that is closed with
	 * unread bytes may lose its last answers.
	 *
	 * One read may hold 3,600 requests. Node.js parses all of them and makes two objects for each, whatever becomes of the
	 * connection meanwhile. So its parser is told of an error at the next one.
	 *
	 * @source Node.js, parserOnHeadersComplete in lib/_http_common.js and on_headers_complete in src/node_http_parser.cc
	 */
	breakOff(): void {
		this.isBroken = true;
		const parser = this.#parser;
		if (parser) parser.onIncoming = () => PARSER_ERROR;
	}

	/** So many bytes came after it was broken off. It is ended where there are more than `max` of them. */
	ignore(bytes: number, max: number): void {
		this.#ignored += bytes;
		if (this.#ignored > max) this.socket.destroy();
	}

	/**
	 * Reads no more in this turn of the event loop. A read that fills its buffer is followed by up to 31 others in the same
	 * turn, and each may hold thousands of small requests.
	 *
	 * @source libuv, uv__read in src/unix/stream.c
	 */
	readInNextTurn(): void {
		if (this.#resting !== null) return;
		this.#resting = setImmediate(() => {
			this.#resting = null;
			this.socket.resume();
		});
		// Node.js goes on reading behind each request, so reading ends behind the last one that it has read.
		process.nextTick(() => {
			if (this.#resting !== null) this.socket.pause();
		});
	}

	/**
	 * The same because of what others have sent. A connection that is being read for a body, or waits until its answers are
	 * taken, is left as it is.
	 */
	yieldTurn(): void {
		if (!this.#parser || this.socket.isPaused() || this.#last?.req.complete === false) return;
		this.readInNextTurn();
	}

	/** The parser of Node.js; there is none before a handshake of TLS, and none of a WebSocket. */
	get #parser(): { onIncoming: () => number } | null | undefined {
		return (this.socket as Socket & { readonly parser?: { onIncoming: () => number } | null }).parser;
	}

	/** The connection is not read as HTTP any more. */
	leaveReading(): void {
		if (this.#resting !== null) clearImmediate(this.#resting);
		this.#resting = null;
	}

	/** Closes the connection. A WebSocket's client is told to try again later, unless it has stopped reading. */
	cut(): void {
		this.ws?.close(TRY_AGAIN_LATER, 'too many connections');
		if (this.ws !== null && this.socket.writableLength === 0) this.socket.destroySoon();
		else this.socket.destroy();
	}
}

/**
 * An IPv4 address, also where it is mapped to IPv6, or the first 64 bits of an IPv6 address, because one site has all
 * addresses with these bits.
 */
export function addressKey(address: string | undefined): string {
	if (address === undefined) return 'unknown';
	if (!address.includes(':')) return address;
	const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
	if (mapped !== undefined) return mapped;
	const [head = '', tail] = (address.split('%')[0] as string).split('::');
	const groups = head === '' ? [] : head.split(':');
	const behind = tail === undefined || tail === '' ? [] : tail.split(':');
	const missing = tail === undefined ? 0 : 8 - groups.length - behind.length;
	const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...behind];
	return `${all.slice(0, 4).join(':')}::/64`;
}
