/**
 * One WebSocket to one node, from dialing to its end. It says hello, hands on what the node says, and ends
 * once, for whatever reason. It never dials again: that is its owner's business.
 */
import { MalformedError, Writer } from '../bytes/bytes.ts';
import { CLIENT_PATH, type NodeSection, PROTOCOL_VERSION, readNodeFrame, writeHello } from './protocol.ts';
import type { ClientRuntime } from './runtime.ts';
import type { ClientSocket, Connect } from './socket.ts';

export type Welcome = NodeSection & { kind: 'welcome' };

export interface LinkHandlers {
	welcome(link: Link, welcome: Welcome): void;
	section(link: Link, section: Exclude<NodeSection, Welcome>): void;
	/** Nothing comes of it any more. Called once, never from inside the constructor. */
	ended(link: Link, why: string): void;
}

export class Link {
	/** `http://host:port`, as it was dialed. */
	readonly url: string;
	readonly #socket: ClientSocket;
	readonly #handlers: LinkHandlers;
	readonly #cancelTimer: () => void;
	#state: 'dialing' | 'up' | 'ended' = 'dialing';

	/** @param welcomeMaxMs from dialing to the node's welcome */
	constructor(
		url: string,
		connect: Connect,
		runtime: ClientRuntime,
		clientId: string,
		welcomeMaxMs: number,
		handlers: LinkHandlers,
	) {
		this.url = url;
		this.#handlers = handlers;
		this.#socket = connect(`${url.replace(/^http/, 'ws').replace(/\/$/, '')}${CLIENT_PATH}`);
		this.#cancelTimer = runtime.after(welcomeMaxMs, () => this.end('the node did not answer in time'));
		this.#socket.binaryType = 'arraybuffer';
		this.#socket.onopen = () => this.hello(clientId);
		this.#socket.onmessage = ({ data }: { readonly data: unknown }) => this.#receive(data);
		this.#socket.onclose = () => this.end('the connection was lost');
		this.#socket.onerror = () => this.end('the node cannot be reached');
	}

	get isUp(): boolean {
		return this.#state === 'up';
	}

	/** Names one more client, whose results are to come here. */
	hello(clientId: string): void {
		const out = new Writer(64);
		writeHello(out, clientId);
		this.send(out.take());
	}

	send(frame: Uint8Array): void {
		if (this.#state !== 'ended') this.#socket.send(frame);
	}

	/** Ends it, and tells the owner. */
	end(why: string): void {
		if (this.#state === 'ended') return;
		this.close();
		this.#handlers.ended(this, why);
	}

	/** Ends it without a word to the owner. */
	close(): void {
		this.#state = 'ended';
		this.#cancelTimer();
		this.#socket.onopen = null;
		this.#socket.onmessage = null;
		this.#socket.onclose = null;
		// A socket that is closed while it dials says so, to whoever listens or to the whole process.
		this.#socket.onerror = () => undefined;
		this.#socket.close();
	}

	#receive(data: unknown): void {
		try {
			if (!(data instanceof ArrayBuffer)) throw new MalformedError('a frame of text');
			for (const section of readNodeFrame(new Uint8Array(data))) {
				if (this.#state === 'ended') return;
				if (section.kind === 'welcome') this.#welcome(section);
				else if (this.#state === 'up') this.#handlers.section(this, section);
			}
		} catch (error) {
			if (!(error instanceof MalformedError)) throw error;
			this.end(`the node sent what no node sends: ${error.message}`);
		}
	}

	#welcome(welcome: Welcome): void {
		if (welcome.version !== PROTOCOL_VERSION) return this.end(`the node speaks version ${welcome.version}`);
		if (this.#state !== 'dialing') return;
		this.#state = 'up';
		this.#cancelTimer();
		this.#handlers.welcome(this, welcome);
	}
}
