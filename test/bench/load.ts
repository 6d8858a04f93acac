/**
 * Clients that put or get without pause, each with one request outstanding, over a number of connections to a
 * fresh swarm of real processes with a real disk. What it prints has the fields of the rivals' load programs,
 * so that one stands beside the other.
 */
import { WebSocket } from 'ws';
import { SwarmClient } from '../../shared/client/client.ts';
import type { ClientSocket } from '../../shared/client/socket.ts';
import { Swarm } from '../process/swarm.ts';
import { Progress } from './progress.ts';

export interface LoadOptions {
	/** Requests outstanding. */
	readonly clients: number;
	readonly connections: number;
	readonly total: number;
	readonly nodes: number;
	/** Bytes of a value. */
	readonly size: number;
	/** Different keys. */
	readonly keys: number;
	/** Linearizable reads instead of puts. */
	readonly get?: true;
	readonly json?: true;
}

export interface LoadResult {
	readonly system: 'paxos-swarm';
	readonly get: boolean;
	readonly clients: number;
	readonly opsPerSecond: number;
	readonly p50Ms: number;
	readonly p99Ms: number;
}

const WARM_UP = 500;

export async function load(options: LoadOptions): Promise<void> {
	const swarm = await Swarm.create({ size: options.nodes });
	try {
		await swarm.start();
		const result = await measure(
			swarm.nodes.map(({ url }) => url),
			options,
		);
		process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : describe(result));
	} finally {
		await swarm.dispose();
	}
}

/** Loads a swarm that runs. @param nodes where they are, `http://host:port` */
export async function measure(nodes: readonly string[], options: LoadOptions): Promise<LoadResult> {
	const { clients, connections, total, keys } = options;
	const all = Array.from({ length: Math.min(connections, clients) }, () => new SwarmClient({ nodes, connect }));
	const progress = new Progress(options.json ? 0 : total);
	try {
		const values = new Values(options.size);
		for (let i = 0; i < WARM_UP; i += all.length) {
			await Promise.all(all.map((client, at) => client.put(keyOf((i + at) % keys), values.next())));
		}
		if (options.get) await fill(all, keys, values);
		const ms = new Float64Array(total);
		let next = 0;
		const worker = async (client: SwarmClient): Promise<void> => {
			for (let i = next++; i < total; i = next++) {
				const startedMs = performance.now();
				if (options.get) await client.get(keyOf(i % keys));
				else await client.put(keyOf(i % keys), values.next());
				ms[i] = performance.now() - startedMs;
				progress.done++;
			}
		};
		const startedMs = performance.now();
		await Promise.all(Array.from({ length: clients }, (_, at) => worker(all[at % all.length] as SwarmClient)));
		const seconds = (performance.now() - startedMs) / 1000;
		ms.sort();
		return {
			system: 'paxos-swarm',
			get: options.get === true,
			clients,
			opsPerSecond: Math.round(total / seconds),
			p50Ms: hundredths(ms[Math.floor(total / 2)] as number),
			p99Ms: hundredths(ms[Math.floor((total * 99) / 100)] as number),
		};
	} finally {
		progress.end();
		for (const client of all) client.close();
	}
}

/** So that every read finds something. */
async function fill(all: readonly SwarmClient[], keys: number, values: Values): Promise<void> {
	const AT_ONCE = 1000;
	for (let from = 0; from < keys; from += AT_ONCE) {
		const puts = Array.from({ length: Math.min(AT_ONCE, keys - from) }, (_, i) =>
			(all[i % all.length] as SwarmClient).put(keyOf(from + i), values.next()),
		);
		await Promise.all(puts);
	}
}

/** Masks hide from proxies what pages have chosen: this is no page, and zeros save a pass over every byte. */
function connect(url: string): ClientSocket {
	const generateMask = (mask: Buffer): void => void mask.fill(0);
	return new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true, generateMask });
}

/** Each differs from the last one: a write of what is there already would change nothing. */
class Values {
	readonly #bytes: Uint8Array;
	#count = 0;

	constructor(size: number) {
		this.#bytes = new Uint8Array(size).fill('x'.charCodeAt(0));
	}

	/** Good until the next call. */
	next(): Uint8Array {
		let rest = ++this.#count;
		for (let i = 0; i < this.#bytes.length && rest > 0; i++) {
			this.#bytes[i] = rest;
			rest >>>= 8;
		}
		return this.#bytes;
	}
}

function keyOf(number: number): string {
	return `key${String(number).padStart(7, '0')}`;
}

function hundredths(value: number): number {
	return Math.round(value * 100) / 100;
}

function describe({ get, clients, opsPerSecond, p50Ms, p99Ms }: LoadResult): string {
	const what = get ? 'linearizable reads' : 'durable puts';
	return `${what}, ${clients} clients: ${opsPerSecond}/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms\n`;
}
