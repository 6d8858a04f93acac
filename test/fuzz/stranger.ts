/** A client that sends any bytes that a kind wants, and the sections that it sends. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { Writer } from '../../shared/bytes/bytes.ts';
import { writeHello, writePing, writeRead, writeWatch } from '../../shared/client/client-frame.ts';
import { type NodeSection, readNodeFrame } from '../../shared/client/node-frame.ts';
import { CLIENT_PATH, type ReadMode, WRITE } from '../../shared/client/protocol.ts';
import { encodeCommand, type Operation } from '../../shared/store/command.ts';
import type { Target } from './kind.ts';

export const PROTOCOL_ERROR = 1002;
export const CLIENT = 'a client of the fuzzed swarm';

export class Stranger {
	readonly ws: WebSocket;
	readonly closed: Promise<number>;
	readonly #sections: NodeSection[] = [];
	#waiting: (() => void)[] = [];

	private constructor(ws: WebSocket) {
		this.ws = ws;
		this.closed = new Promise((resolve) => ws.on('close', resolve));
		ws.on('error', () => undefined);
		ws.on('message', (data: Buffer) => {
			this.#sections.push(...readNodeFrame(new Uint8Array(data)));
			this.#wake();
		});
		void this.closed.then(() => this.#wake());
	}

	static async at(target: Target): Promise<Stranger> {
		const stranger = new Stranger(new WebSocket(`${target.node.url.replace('http', 'ws')}${CLIENT_PATH}`));
		target.atEnd(() => stranger.ws.terminate());
		await once(stranger.ws, 'open');
		return stranger;
	}

	send(...parts: readonly Uint8Array[]): this {
		this.ws.send(Buffer.concat(parts));
		return this;
	}

	/** The first section that fits. Rejects where the connection is closed before. */
	async section<K extends NodeSection['kind']>(
		kind: K,
		fits: (section: NodeSection & { kind: K }) => boolean = () => true,
	): Promise<NodeSection & { kind: K }> {
		for (;;) {
			for (const section of this.#sections) {
				if (section.kind === kind && fits(section as NodeSection & { kind: K }))
					return section as NodeSection & { kind: K };
			}
			if (this.ws.readyState >= WebSocket.CLOSING) throw new Error(`closed with ${await this.closed} before ${kind}`);
			await new Promise<void>((resolve) => this.#waiting.push(resolve));
		}
	}

	#wake(): void {
		for (const resolve of this.#waiting.splice(0)) resolve();
	}
}

export function written(write: (out: Writer) => void): Uint8Array {
	const out = new Writer();
	write(out);
	return out.take();
}

export const hello = (client = CLIENT): Uint8Array => written((out) => writeHello(out, client));
export const ping = written(writePing);

export function read(first: number, keys: readonly string[], mode: ReadMode = 'stale'): Uint8Array {
	return written((out) => writeRead(out, mode, first, keys));
}

export function watch(id: number, after: number | null, prefix: string): Uint8Array {
	return written((out) => writeWatch(out, id, after, prefix));
}

/** A batch of one command. */
export function write(operation: Operation, { client = CLIENT, sequence = 2, receivedThrough = 0 } = {}): Uint8Array {
	return Buffer.concat([Uint8Array.of(WRITE), encodeCommand({ client, sequence, receivedThrough }, operation)]);
}

export function put(key: string, value: Uint8Array = Uint8Array.of(1)): Operation {
	return { kind: 'put', key, value, flags: 0n, cas: null };
}

export const register = (client = CLIENT): Uint8Array =>
	write({ kind: 'registerClient', client }, { client, sequence: 1 });
