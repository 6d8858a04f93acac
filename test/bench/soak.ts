/**
 * Overwrites the same keys without end, and shows that neither the data folders nor the memory of the nodes grow with the
 * number of writes.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Swarm, type TestNode } from '../process/swarm.ts';
import { connected, putter, run } from './clients.ts';

export interface SoakOptions {
	/** The number of puts. */
	readonly total: number;
	/** Figures are taken after so many puts, again and again. */
	readonly every: number;
	readonly clients: number;
	readonly connections: number;
	readonly nodes: number;
	/** The bytes of a value. */
	readonly size: number;
	/** The number of different keys. */
	readonly keys: number;
	readonly json?: true;
}

interface Figures {
	readonly puts: number;
	readonly putsPerSecond: number;
	/** The largest that any node's folder had since the last figures: a folder shrinks at each snapshot and grows until the next. */
	readonly folderMiB: number;
	/** The same of the processes. */
	readonly memoryMiB: number;
	/** The slots that the node which has trimmed least keeps no more. */
	readonly trimmedThrough: number;
}

const MIB = 1024 * 1024;
const LOOK_MS = 200;

export async function soak(options: SoakOptions): Promise<void> {
	const { total, every, clients, connections, keys, size, json } = options;
	const swarm = await Swarm.create({ size: options.nodes });
	const say = (line: string, figures: object): void => {
		process.stdout.write(json ? `${JSON.stringify({ bench: 'soak', ...figures })}\n` : `${line}\n`);
	};
	try {
		await swarm.start();
		const all = connected(
			swarm.nodes.map(({ url }) => url),
			connections,
		);
		const put = putter(keys, size);
		for (let puts = 0; puts < total; ) {
			const count = Math.min(every, total - puts);
			const startedMs = performance.now();
			const looks = new Looks(swarm.nodes);
			await run(all, clients, count, put);
			puts += count;
			const seconds = (performance.now() - startedMs) / 1000;
			const figures = await figuresOf(swarm.nodes, puts, Math.round(count / seconds), looks.end());
			say(describe(figures), figures);
		}
		for (const client of all) client.close();
	} finally {
		await swarm.dispose();
	}
}

/** Looks at the folders and processes again and again, until it is ended. */
class Looks {
	readonly #nodes: readonly TestNode[];
	readonly #timer: NodeJS.Timeout;
	#folderBytes = 0;
	#memoryBytes = 0;

	constructor(nodes: readonly TestNode[]) {
		this.#nodes = nodes;
		this.#timer = setInterval(() => this.#look(), LOOK_MS);
	}

	#look(): void {
		this.#folderBytes = Math.max(this.#folderBytes, ...this.#nodes.map(folderBytes));
		this.#memoryBytes = Math.max(this.#memoryBytes, ...this.#nodes.map(memoryBytes));
	}

	/** The largest folder and the largest process that it has seen. */
	end(): Pick<Figures, 'folderMiB' | 'memoryMiB'> {
		clearInterval(this.#timer);
		this.#look();
		return { folderMiB: Math.round(this.#folderBytes / MIB), memoryMiB: Math.round(this.#memoryBytes / MIB) };
	}
}

async function figuresOf(
	nodes: readonly TestNode[],
	puts: number,
	putsPerSecond: number,
	largest: Pick<Figures, 'folderMiB' | 'memoryMiB'>,
): Promise<Figures> {
	const trimmed = await Promise.all(
		nodes.map(async (node) => {
			const status = (await (await node.fetch('/v1/swarm')).json()) as { trimmedThrough: number };
			return status.trimmedThrough;
		}),
	);
	return {
		puts,
		putsPerSecond,
		...largest,
		trimmedThrough: Math.min(...trimmed),
	};
}

/** The bytes of all files of the node's folder. A file that goes away meanwhile counts nothing. */
function folderBytes(node: TestNode): number {
	const folder = join(node.folder, 'log');
	return readdirSync(folder).reduce(
		(sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
		0,
	);
}

/** The memory of the process that is in use, as Linux tells it; 0 elsewhere. */
function memoryBytes({ pid }: TestNode): number {
	try {
		const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
		return Number(kib ?? 0) * 1024;
	} catch {
		return 0;
	}
}

function describe({ puts, putsPerSecond, folderMiB, memoryMiB, trimmedThrough }: Figures): string {
	return `${puts} puts, ${putsPerSecond}/s; at most ${folderMiB} MiB of folder and ${memoryMiB} MiB of process; trimmed through slot ${trimmedThrough}`;
}
