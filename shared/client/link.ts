/**
 * One WebSocket to one node, from dialing to its end. It says hello, passes the node's sections on, measures for how
 * long the node has owed an answer, and ends once. It never dials again: its owner makes a new link.
 */

import { MalformedError, Writer } from '../bytes/bytes.ts';
import { socketUrl } from './address.ts';
import { writeAuth, writeHello, writePing } from './client-frame.ts';
import { type NodeSection, readNodeFrame } from './node-frame.ts';
import { CLIENTS_PER_CONNECTION_MAX, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from './protocol.ts';
import type { ClientRuntime } from './runtime.ts';
import type { ClientSocket, Connect } from './socket.ts';

export type Welcome = NodeSection & { kind: 'welcome' };

export interface LinkHandlers {
	welcome(link: Link, welcome: Welcome): void;
	section(link: Link, section: Exclude<NodeSection, Welcome>): void;
	/** A frame came from the node. @param afterMs for how long the node had owed it, milliseconds */
	heard(afterMs: number): void;
	/** The link has ended. Called once, never from inside the constructor. */
	ended(link: Link, why: string): void;
}

/** A node that does not answer the closing frame is cut after this time. A socket of `ws` would keep the process for 30 s. */
const CLOSE_MS = 1000;
/** Two calls of `silence` are usually closer together than this. Where they are not, this process stood still. */
const LOOK_MS_MAX = 150;

export class Link {
	/** `http://host:port`, as it was dialed. */
	readonly url: string;
	readonly #runtime: ClientRuntime;
	/** The version of the protocol that it says. */
	readonly #version: number;
	readonly #socket: ClientSocket | undefined;
	readonly #handlers: LinkHandlers;
	/** The names of the clients that the node was told of. */
	readonly #greeted = new Set<string>();
	#cancelTimer: () => void;
	#state: 'dialing' | 'up' | 'ended' = 'dialing';
	/** Whether the socket is closed. */
	#isGone = false;
	#heardMs = 0;
	/** Whether a frame was sent since the last one came. */
	#owes = false;
	#isPinged = false;
	/** For how long the node had owed an answer at the last call of `silence`. */
	#silentMs = 0;
	#lookedMs = 0;
	#sentBytes = 0;
	/** At the last call of `silence`: the bytes that waited for the network, and those that it had taken. */
	#unsentBytes = 0;
	#takenBytes = 0;

	/**
	 * @param token by which the node lets the client in; null for none
	 * @param traces whether it may tell traces to the node
	 * @param welcomeMaxMs the time limit from dialing to the node's welcome, milliseconds
	 */
	constructor(
		url: string,
		connect: Connect,
		runtime: ClientRuntime,
		clientId: string,
		token: string | null,
		traces: boolean,
		welcomeMaxMs: number,
		handlers: LinkHandlers,
	) {
		this.url = url;
		this.#runtime = runtime;
		this.#version = traces ? PROTOCOL_VERSION : PROTOCOL_VERSION_MIN;
		this.#handlers = handlers;
		try {
			this.#socket = connect(socketUrl(url));
			this.#socket.binaryType = 'arraybuffer';
			this.#socket.onopen = () => {
				if (token !== null) this.#authenticate(token);
				this.greet(clientId);
			};
			this.#socket.onmessage = ({ data }: { readonly data: unknown }) => this.#receive(data);
			this.#socket.onclose = () => {
				this.#isGone = true;
				this.end('the connection was lost');
			};
			this.#socket.onerror = () => this.end('the node cannot be reached');
			this.#cancelTimer = runtime.after(welcomeMaxMs, () => this.end('the node did not answer in time'));
		} catch (error) {
			this.#cancelTimer = runtime.after(0, () => this.end(`it cannot be dialed: ${String(error)}`));
		}
	}

	/** The time of the last frame from the node, by the runtime's clock. */
	get heardMs(): number {
		return this.#heardMs;
	}

	/**
	 * For how long the node has owed an answer. It is measured from one call to the next, so it has to be called often.
	 * Time that is not the node's fault does not count: while this process stood still between two calls, or while the
	 * network still took frames that waited.
	 *
	 * @returns milliseconds
	 */
	silence(): number {
		const nowMs = this.#runtime.nowMs();
		const unsentBytes = this.#socket?.bufferedAmount ?? 0;
		const takenBytes = this.#sentBytes - unsentBytes;
		const isTaking = this.#unsentBytes > 0 && takenBytes > this.#takenBytes;
		if (!this.#owes || isTaking) this.#silentMs = 0;
		else this.#silentMs += Math.min(LOOK_MS_MAX, nowMs - this.#lookedMs);
		this.#lookedMs = nowMs;
		this.#unsentBytes = unsentBytes;
		this.#takenBytes = takenBytes;
		return this.#silentMs;
	}

	/** Tells the node a client whose results are to come here. @returns false where the node knows too many of them */
	greet(clientId: string): boolean {
		if (this.#greeted.has(clientId)) return true;
		if (this.#greeted.size >= CLIENTS_PER_CONNECTION_MAX) return false;
		this.#greeted.add(clientId);
		const out = new Writer(64);
		writeHello(out, clientId, this.#version);
		this.send(out.take());
		return true;
	}

	#authenticate(token: string): void {
		const out = new Writer(64);
		writeAuth(out, token);
		this.send(out.take());
	}

	/** Asks the node for a pong, unless it has been asked since its last frame. */
	ping(): void {
		if (this.#isPinged) return;
		this.#isPinged = true;
		const out = new Writer(1);
		writePing(out);
		this.send(out.take());
	}

	send(frame: Uint8Array): void {
		if (this.#state === 'ended') return;
		this.#owes = true;
		this.#sentBytes += frame.length;
		try {
			this.#socket?.send(bufferOf(frame));
		} catch (error) {
			this.end(`nothing can be sent to it: ${String(error)}`);
		}
	}

	/** Ends the link, and tells the owner. */
	end(why: string): void {
		if (this.#state === 'ended') return;
		this.close();
		this.#handlers.ended(this, why);
	}

	/** Ends the link without telling the owner. */
	close(): void {
		this.#state = 'ended';
		this.#cancelTimer();
		const socket = this.#socket;
		if (!socket) return;
		socket.onopen = null;
		socket.onmessage = null;
		const isCut = socket.terminate !== undefined && !this.#isGone;
		socket.onclose = isCut ? this.#runtime.after(CLOSE_MS, () => socket.terminate?.()) : null;
		// A socket that is closed while it dials tells that as an error, which must have a listener.
		socket.onerror = () => undefined;
		socket.close();
	}

	#receive(data: unknown): void {
		this.#heardMs = this.#runtime.nowMs();
		if (this.#state === 'up') this.#handlers.heard(this.#silentMs);
		this.#owes = false;
		this.#isPinged = false;
		this.#silentMs = 0;
		try {
			if (!(data instanceof ArrayBuffer)) throw new MalformedError('a frame of text');
			for (const section of readNodeFrame(new Uint8Array(data))) {
				if (this.#state === 'ended') return;
				if (section.kind === 'welcome') this.#welcome(section);
				else if (this.#state === 'up') this.#handlers.section(this, section);
			}
		} catch (error) {
			if (!(error instanceof MalformedError)) throw error;
			this.end(`the node sent a malformed frame: ${error.message}`);
		}
	}

	#welcome(welcome: Welcome): void {
		if (welcome.version < this.#version) return this.end(`the node speaks version ${welcome.version}`);
		if (this.#state !== 'dialing') return;
		this.#state = 'up';
		this.#cancelTimer();
		this.#handlers.welcome(this, welcome);
	}
}

/** The frame's bytes as an ArrayBuffer, which every kind of WebSocket takes. */
function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
	if (byteLength === buffer.byteLength) return buffer as ArrayBuffer;
	return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
