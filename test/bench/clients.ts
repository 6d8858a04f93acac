/** The clients of benchmarks: each worker has one request outstanding, and workers share connections. */
import { type ClientOptions, WebSocket } from 'ws';
import { SwarmClient, type SwarmClientOptions } from '../../shared/client/client.ts';
import type { ClientSocket } from '../../shared/client/socket.ts';

/** The time limit of a call. The largest values take seconds when hundreds of clients write them. */
const CALL_MAX_MS = 120_000;

/** Makes a client, of this version or of another. */
export type MakeClient = (options: SwarmClientOptions) => SwarmClient;

/** Makes clients that show the certificates of `tls`. */
export function makeSecure(tls: ClientOptions): MakeClient {
	return (options) => new SwarmClient({ ...options, connect: (url) => connect(url, tls) });
}

/** Clients, each with a connection of its own. @param nodes the addresses `http://host:port` of the nodes */
export function connected(
	nodes: readonly string[],
	connections: number,
	make: MakeClient = (options) => new SwarmClient(options),
): SwarmClient[] {
	return Array.from({ length: connections }, () =>
		make({ nodes, connect: (url) => connect(url), timeoutMs: CALL_MAX_MS }),
	);
}

/** Puts keys in turn, each with another value than the last. */
export function putter(keys: number, size: number): (client: SwarmClient, i: number) => Promise<unknown> {
	const values = new Values(size);
	return (client, i) => client.put(keyOf(i % keys), values.next());
}

/** Runs `workers` workers, each with one request outstanding, until `total` requests were made. */
export async function run(
	all: readonly SwarmClient[],
	workers: number,
	total: number,
	one: (client: SwarmClient, i: number) => Promise<unknown>,
): Promise<void> {
	let next = 0;
	const worker = async (client: SwarmClient): Promise<void> => {
		for (let i = next++; i < total; i = next++) await one(client, i);
	};
	await Promise.all(Array.from({ length: workers }, (_, at) => worker(all[at % all.length] as SwarmClient)));
}

/**
 * A mask of zeros saves a pass over every byte. Masks protect proxies from bytes that pages choose, and this is no
 * page.
 */
function connect(url: string, tls: ClientOptions = {}): ClientSocket {
	const generateMask = (mask: Buffer): void => void mask.fill(0);
	return new WebSocket(url, { ...tls, perMessageDeflate: false, skipUTF8Validation: true, generateMask });
}

/** Makes values each of which differs from the last one, because a write of the same value would change nothing. */
class Values {
	readonly #bytes: Uint8Array;
	#count = 0;

	constructor(size: number) {
		this.#bytes = new Uint8Array(size).fill('x'.charCodeAt(0));
	}

	/** The next value. It is overwritten by the next call. */
	next(): Uint8Array {
		let rest = ++this.#count;
		for (let i = 0; i < this.#bytes.length && rest > 0; i++) {
			this.#bytes[i] = rest;
			rest >>>= 8;
		}
		return this.#bytes;
	}
}

export function keyOf(number: number): string {
	return `key${String(number).padStart(7, '0')}`;
}
