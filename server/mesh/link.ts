/**
 * One connection through its life: opening, proving, up, ended. It sends frames as bytes, and receives them. `peer.ts`
 * keeps the messages that wait, and `mesh.ts` connects again.
 *
 * It ends once, and tells so once. Frames that arrive before the proof or after the end are ignored.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { MalformedError } from '../../shared/bytes/bytes.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { readInTurns } from '../front/reading.ts';
import { FRAME_BYTES_MAX, type Frame, isTraces, readFrame, readTraces, type Traces } from './frame.ts';
import { HANDSHAKE_BYTES_MAX, type Handshake, type Proven, type Step } from './handshake.ts';
import { REFUSALS, type Refusal, refusalText } from './refusal.ts';

/** The options of both ends' WebSockets. ws itself sets TCP_NODELAY. */
export const SOCKET_OPTIONS = {
	perMessageDeflate: false,
	maxPayload: FRAME_BYTES_MAX,
	/** The only texts are reasons of closing, and they are not read. */
	skipUTF8Validation: true,
} as const;

/** A connection that does not complete its closing handshake within this time is cut, milliseconds. */
const CLOSE_GRACE_MS = 500;

/** The content of a ping whose time is measured, and of its answer. Other pings are empty. */
const MEASURED = Buffer.of(1);

/** Called from socket events and timers, and from inside `refuse`, `giveWay`, `cut` and `replace`, but no other methods. */
export interface LinkOwner {
	/** The other end is proven, and the link is up. */
	proven(link: Link, peer: Proven): void;
	frame(link: Link, frame: Frame): void;
	traces(link: Link, traces: Traces): void;
	/** One end refused the other or a frame of it. `ended` follows. */
	refused(link: Link, why: string): void;
	/** The other end, which is proven, has a link to another process of this node. `ended` follows. */
	twice(link: Link): void;
	ended(link: Link, why: string): void;
	/** The socket is closed. */
	gone(link: Link): void;
}

/** The codes that say no more than that a link is to be made again. */
const UNTOLD: readonly number[] = [REFUSALS.stopping.code, REFUSALS.replaced.code, REFUSALS.predecessor.code];

/** The HTTP status of a node that is starting, stopping or full. */
const UNAVAILABLE = 503;

export class Link {
	readonly dialed: boolean;
	/** The other end's address, such as `127.0.0.1:7103`. */
	readonly address: string;
	/** The time at which bytes last came, by `performance.now()`; -Infinity for never. */
	heardAtMs = -Infinity;
	/** The round trip of the newest answered ping, milliseconds. */
	roundTripMs: number | undefined;

	readonly #ws: WebSocket;
	readonly #handshake: Handshake;
	readonly #owner: LinkOwner;
	readonly #handshakeTimer: NodeJS.Timeout;
	#closeTimer: NodeJS.Timeout | undefined;
	#state: 'proving' | 'up' | 'cut' | 'ended' = 'proving';
	#unprovenBytes = 0;
	/** Ends the bound on what is read in a turn. */
	#readAtOnce = (): void => undefined;
	#provenAtMs: number | undefined;
	#pingSentAtMs: number | undefined;
	/** When the newest ping that was answered had been sent. */
	#answeredPingAtMs = -Infinity;

	/** @param ws of a dialer, connecting, with `socket` null; of a listener, open, with its `socket` */
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
		ws.on('pong', (data) => this.#pong(data));
		ws.on('unexpected-response', (_, { statusCode }) => {
			this.#notUpgraded(statusCode);
			ws.terminate();
		});
		ws.on('error', (error) => this.#failed(error));
		ws.on('close', (code) => this.#closed(code));
		if (socket) this.#watch(socket);
		else this.#openWith(handshake.opening);
	}

	/** The node that was dialed, or that the other end claims to be. It is true once the link is proven. */
	get claimed(): NodeId {
		return this.#handshake.claimed;
	}

	/** The other end, for people. */
	get name(): string {
		return this.claimed === '' ? this.address : `${this.claimed} (${this.address})`;
	}

	get isUp(): boolean {
		return this.#state === 'up';
	}

	/** Bytes that were handed to the socket and that the kernel has not taken yet. */
	get bufferedBytes(): number {
		return this.#ws.bufferedAmount;
	}

	/**
	 * Sends a frame; only while up.
	 *
	 * @param taken called when the kernel has taken the frame, never from inside this call, nor after the link's end
	 */
	write(frame: Uint8Array, taken?: () => void): void {
		if (taken === undefined) this.#ws.send(frame);
		else
			this.#ws.send(frame, (error) => {
				if (!error && this.#state === 'up') taken();
			});
	}

	/** How long ago the link was proven, milliseconds; 0 for never. @param nowMs by `performance.now()` */
	stoodMs(nowMs: number): number {
		return this.#provenAtMs === undefined ? 0 : nowMs - this.#provenAtMs;
	}

	/** Whether the newest ping is answered. */
	get isAnswered(): boolean {
		return this.#pingSentAtMs === undefined;
	}

	/**
	 * How long nothing has come although a ping is unanswered, milliseconds; 0 where none is. On a slow network the answer
	 * may wait behind much else.
	 *
	 * @param nowMs by `performance.now()`
	 */
	silentMs(nowMs: number): number {
		return this.#pingSentAtMs === undefined ? 0 : nowMs - Math.max(this.#pingSentAtMs, this.heardAtMs);
	}

	/** Whether a ping was answered that was sent at that time or later. @param ms by `performance.now()` */
	hasAnsweredSince(ms: number): boolean {
		return this.#answeredPingAtMs >= ms;
	}

	/** Sends a ping. Its time is measured unless the last one that was measured is still unanswered. */
	ping(): void {
		if (this.#state !== 'up') return;
		// This tells the other end all the same that this one is there.
		if (!this.isAnswered) return this.#ws.ping();
		this.#pingSentAtMs = performance.now();
		this.#ws.ping(MEASURED);
	}

	/** Ends the link with the code of the refusal. */
	refuse(refusal: Refusal): void {
		this.#refuse(refusal, '');
	}

	/** Ends the link, and closes its socket behind the closing frame at once, also where it has ended before. */
	giveWay(): void {
		this.refuse('crowded');
		this.#ws.terminate();
	}

	/** Ends the link without a closing frame, because the other end does not read. */
	cut(why: string): void {
		this.#ws.terminate();
		this.#end(why);
	}

	/** As `cut`, but the owner is told only after the caller has returned. */
	cutSoon(why: string): void {
		this.#state = 'cut';
		this.#ws.terminate();
		queueMicrotask(() => this.#end(why));
	}

	/** Ends the link because this node stops, and tells the owner only `gone`. Resolves when the socket is closed. */
	stop(): Promise<void> {
		this.#state = 'ended';
		clearTimeout(this.#handshakeTimer);
		this.#close(REFUSALS.stopping);
		return new Promise((resolve) => this.#ws.once('close', () => resolve()));
	}

	/** Ends the link because the same node has made a new one. */
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

	/**
	 * Counts unproven bytes, and reads them in turns. It listens behind ws, so the bytes that complete the proof do not
	 * count.
	 */
	#watch(socket: Duplex): void {
		this.#readAtOnce = readInTurns(this.#ws, socket);
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
			if (isTraces(bytes)) return this.#owner.traces(this, readTraces(bytes));
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
				this.#readAtOnce();
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
		if (refusal !== 'predecessor') this.#owner.refused(this, `refused: ${text}${detail}`);
		this.#end(text);
	}

	#pong(data: Buffer): void {
		if (this.#pingSentAtMs === undefined || !data.equals(MEASURED)) return;
		this.roundTripMs = performance.now() - this.#pingSentAtMs;
		this.#answeredPingAtMs = this.#pingSentAtMs;
		this.#pingSentAtMs = undefined;
	}

	/**
	 * A node that is starting, stopping or full answers 503, and is dialed again. Any other answer is told as a refusal.
	 */
	#notUpgraded(status: number | undefined): void {
		if (this.#state === 'ended') return;
		const why = `the node answered with HTTP status ${status}`;
		if (status !== UNAVAILABLE) this.#owner.refused(this, why);
		this.#end(why);
	}

	/**
	 * A failure of the network is not told as a refusal. Other errors are faults of the frames, of the address, or of a
	 * certificate. Those of OpenSSL have a number of their own each time, so their codes are told.
	 */
	#failed(error: Error): void {
		if (this.#state === 'ended') return;
		const code = 'code' in error ? String(error.code) : '';
		const isOfOpenSsl = code === 'EPROTO' || code.startsWith('ERR_SSL_');
		const isOfAddress = code === 'ENOTFOUND' || code === 'ERR_TLS_CERT_ALTNAME_INVALID';
		if (code.startsWith('E') && !isOfAddress && !isOfOpenSsl) return this.#end(`connection lost (${code})`);
		const why = isOfOpenSsl ? `no TLS (${code})` : error.message;
		this.#cutInTime();
		this.#owner.refused(this, why);
		this.#end(why);
	}

	#closed(code: number): void {
		clearTimeout(this.#closeTimer);
		if (this.#state !== 'ended') {
			const text = refusalText(code);
			if (text !== undefined && !UNTOLD.includes(code)) this.#owner.refused(this, `it refused us: ${text}`);
			if (code === REFUSALS.twice.code && this.isUp) this.#owner.twice(this);
			this.#end(text ?? (code === 1006 ? 'connection lost' : `closed with code ${code}`));
		}
		this.#owner.gone(this);
	}

	#close({ code, text }: { readonly code: number; readonly text: string }): void {
		this.#ws.close(code, text);
		this.#cutInTime();
	}

	/** Waits no longer than a bounded time for the other end to close, which ws does for half a minute. */
	#cutInTime(): void {
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
 * The bytes of a frame, as a plain Uint8Array, because `slice` of a Buffer would not copy. Values are views of them and
 * may be kept for years, so a small frame is copied out of the larger buffer that the socket has read.
 */
function keepable(data: Buffer): Uint8Array {
	const isSmallPart = data.length * 2 < data.buffer.byteLength;
	return isSmallPart ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.length);
}
