/**
 * The life of one connection: opening, proving, up, ended. It carries frames as bytes; what waits to be sent,
 * and when to connect again, is the business of `peer.ts` and `mesh.ts`.
 *
 * It ends once, and says so once. Whatever arrives before the proof or after the end counts for nothing.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { MalformedError } from '../../shared/bytes/bytes.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { FRAME_BYTES_MAX, type Frame, readFrame } from './frame.ts';
import { HANDSHAKE_BYTES_MAX, type Handshake, type Proven, type Step } from './handshake.ts';
import { REFUSALS, type Refusal, refusalText } from './refusal.ts';

/** What both ends' WebSockets are made with. ws itself sets TCP_NODELAY. */
export const SOCKET_OPTIONS = {
	perMessageDeflate: false,
	maxPayload: FRAME_BYTES_MAX,
	/** The only text there is are close reasons, and those are not read. */
	skipUTF8Validation: true,
} as const;

/** A connection that does not complete its closing handshake is cut. Milliseconds. */
const CLOSE_GRACE_MS = 500;

/** Called from socket events and timers, and from inside `refuse`, `cut` and `replace`; never from inside the others. */
export interface LinkOwner {
	/** May `write` from now on. */
	proven(link: Link, peer: Proven): void;
	frame(link: Link, frame: Frame): void;
	/** One of the two ends refused the other, or what it sent. `ended` follows. */
	refused(link: Link, why: string): void;
	ended(link: Link, why: string): void;
	/** The socket is closed: nothing of this link is left. */
	gone(link: Link): void;
}

/** The status of a node that cannot serve anybody at the moment. */
const UNAVAILABLE = 503;

export class Link {
	readonly dialed: boolean;
	/** `127.0.0.1:7103`. */
	readonly address: string;
	/** When anything last came, by `performance.now()`; -Infinity for never. */
	heardAtMs = -Infinity;
	/** Of the newest ping that was answered. */
	roundTripMs: number | undefined;

	readonly #ws: WebSocket;
	readonly #handshake: Handshake;
	readonly #owner: LinkOwner;
	readonly #handshakeTimer: NodeJS.Timeout;
	#closeTimer: NodeJS.Timeout | undefined;
	#state: 'proving' | 'up' | 'cut' | 'ended' = 'proving';
	#unprovenBytes = 0;
	#provenAtMs: number | undefined;
	#pingSentAtMs: number | undefined;

	/** @param ws connecting, from a dialer, or else open, with its `socket` */
	constructor(
		ws: WebSocket,
		socket: Duplex | null,
		options: { readonly address: string; readonly handshakeMs: number },
		handshake: Handshake,
		owner: LinkOwner,
	) {
		this.dialed = socket === null;
		this.address = options.address;
		this.#ws = ws;
		this.#handshake = handshake;
		this.#owner = owner;
		this.#handshakeTimer = setTimeout(() => this.refuse('tooSlow'), options.handshakeMs);
		ws.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
		ws.on('pong', () => this.#pong());
		ws.on('unexpected-response', (_, { statusCode }) => {
			this.#notUpgraded(statusCode);
			ws.terminate();
		});
		ws.on('error', (error) => this.#failed(error));
		ws.on('close', (code) => this.#closed(code));
		if (socket) this.#watch(socket);
		else this.#openWith(handshake.opening);
	}

	/** Whom we dialed, or whom the other end says to be: to be believed once it is proven. */
	get claimed(): NodeId {
		return this.#handshake.claimed;
	}

	/** For people. */
	get name(): string {
		return this.claimed === '' ? this.address : `${this.claimed} (${this.address})`;
	}

	get isUp(): boolean {
		return this.#state === 'up';
	}

	/** Handed to the socket, not yet taken by the kernel. */
	get bufferedBytes(): number {
		return this.#ws.bufferedAmount;
	}

	/**
	 * Sends a frame; only while up.
	 *
	 * @param taken called once the kernel has taken it, later than this call returns; not if the link ends first
	 */
	write(frame: Uint8Array, taken?: () => void): void {
		if (taken === undefined) this.#ws.send(frame);
		else
			this.#ws.send(frame, (error) => {
				if (!error && this.#state === 'up') taken();
			});
	}

	/** How long ago it was proven, by `performance.now()`; 0 for never. */
	stoodMs(nowMs: number): number {
		return this.#provenAtMs === undefined ? 0 : nowMs - this.#provenAtMs;
	}

	/** How long the newest ping has waited for its answer, by `performance.now()`; 0 when none does. */
	unansweredMs(nowMs: number): number {
		return this.#pingSentAtMs === undefined ? 0 : nowMs - this.#pingSentAtMs;
	}

	/** Asks for a sign of life, unless the last ask is still unanswered. */
	ping(): void {
		if (this.#state !== 'up' || this.#pingSentAtMs !== undefined) return;
		this.#pingSentAtMs = performance.now();
		this.#ws.ping();
	}

	/** Ends it with a code that the other end understands. */
	refuse(refusal: Refusal): void {
		this.#refuse(refusal, '');
	}

	/** Ends it without a word: the other end does not listen. */
	cut(why: string): void {
		this.#ws.terminate();
		this.#end(why);
	}

	/** As `cut`, but the owner hears of it only after the caller is done. */
	cutSoon(why: string): void {
		this.#state = 'cut';
		this.#ws.terminate();
		queueMicrotask(() => this.#end(why));
	}

	/** Says goodbye, and tells the owner no more than `gone`. Resolves when the socket is closed. */
	stop(): Promise<void> {
		this.#state = 'ended';
		clearTimeout(this.#handshakeTimer);
		this.#close(REFUSALS.stopping);
		return new Promise((resolve) => this.#ws.once('close', () => resolve()));
	}

	/** Ends it because the same node has connected anew. */
	replace(): void {
		this.#close(REFUSALS.replaced);
		this.#end(REFUSALS.replaced.text);
	}

	#openWith(opening: Uint8Array | null): void {
		let socket: Duplex | null = null;
		this.#ws.once('upgrade', (response: IncomingMessage) => {
			socket = response.socket;
		});
		this.#ws.once('open', () => {
			if (socket) this.#watch(socket);
			if (opening) this.#ws.send(opening);
		});
	}

	/** Behind ws's own listener: what proves the other end is not counted against it. */
	#watch(socket: Duplex): void {
		socket.on('data', (chunk: Uint8Array) => {
			this.heardAtMs = performance.now();
			if (this.#state !== 'proving') return;
			this.#unprovenBytes += chunk.length;
			if (this.#unprovenBytes > HANDSHAKE_BYTES_MAX) this.refuse('malformedHandshake');
		});
	}

	#receive(data: Buffer, isBinary: boolean): void {
		if (this.#state === 'cut' || this.#state === 'ended') return;
		if (!isBinary) return this.refuse('textFrame');
		const bytes = keepable(data);
		if (this.#state === 'proving') return this.#prove(bytes);
		let frame: Frame;
		try {
			frame = readFrame(bytes);
		} catch (error) {
			return this.#refuseMalformed('malformedFrame', error);
		}
		this.#owner.frame(this, frame);
	}

	#prove(bytes: Uint8Array): void {
		let step: Step;
		try {
			step = this.#handshake.receive(bytes);
		} catch (error) {
			return this.#refuseMalformed('malformedHandshake', error);
		}
		switch (step.kind) {
			case 'send':
				return this.#ws.send(step.bytes);
			case 'refuse':
				return this.refuse(step.refusal);
			case 'proven':
				if (step.bytes) this.#ws.send(step.bytes);
				clearTimeout(this.#handshakeTimer);
				this.#state = 'up';
				this.#provenAtMs = performance.now();
				this.ping();
				return this.#owner.proven(this, step.peer);
		}
	}

	#refuseMalformed(refusal: 'malformedHandshake' | 'malformedFrame', error: unknown): void {
		if (!(error instanceof MalformedError)) throw error;
		this.#refuse(refusal, `: ${error.message}`);
	}

	#refuse(refusal: Refusal, detail: string): void {
		if (this.#state === 'ended') return;
		const { text } = REFUSALS[refusal];
		this.#close(REFUSALS[refusal]);
		this.#owner.refused(this, `refused: ${text}${detail}`);
		this.#end(text);
	}

	#pong(): void {
		if (this.#pingSentAtMs === undefined) return;
		this.roundTripMs = performance.now() - this.#pingSentAtMs;
		this.#pingSentAtMs = undefined;
	}

	/** A network that fails is ordinary; anything else was wrong with what was said, or with the address. */
	/** A node that is starting, stopping or full answers 503, and it is dialed again. No other answer is expected. */
	#notUpgraded(status: number | undefined): void {
		if (this.#state === 'ended') return;
		const why = `the node answered with HTTP status ${status}`;
		if (status !== UNAVAILABLE) this.#owner.refused(this, why);
		this.#end(why);
	}

	#failed(error: Error): void {
		if (this.#state === 'ended') return;
		const code = 'code' in error ? String(error.code) : '';
		if (code.startsWith('E') && code !== 'ENOTFOUND') return this.#end(`connection lost (${code})`);
		this.#owner.refused(this, error.message);
		this.#end(error.message);
	}

	#closed(code: number): void {
		clearTimeout(this.#closeTimer);
		if (this.#state !== 'ended') {
			const text = refusalText(code);
			if (text !== undefined && code !== REFUSALS.stopping.code && code !== REFUSALS.replaced.code) {
				this.#owner.refused(this, `it refused us: ${text}`);
			}
			this.#end(text ?? (code === 1006 ? 'connection lost' : `closed with code ${code}`));
		}
		this.#owner.gone(this);
	}

	#close({ code, text }: { readonly code: number; readonly text: string }): void {
		this.#ws.close(code, text);
		this.#closeTimer ??= setTimeout(() => this.#ws.terminate(), CLOSE_GRACE_MS);
	}

	#end(why: string): void {
		clearTimeout(this.#handshakeTimer);
		if (this.#state === 'ended') return;
		this.#state = 'ended';
		this.#owner.ended(this, why);
	}
}

/**
 * Values are views into this and may be kept for years: a small frame must not keep the whole of what the
 * socket read with it. A plain Uint8Array, because `slice` of a Buffer would not copy.
 */
function keepable(data: Buffer): Uint8Array {
	const isSmallPart = data.length * 2 < data.buffer.byteLength;
	return isSmallPart ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.length);
}
