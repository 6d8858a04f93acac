/**
 * Counts the fdatasync calls of a node's process, with their times: by strace where it can be installed, else by Node's
 * trace of its file system calls, which works on every platform and without rights. Both see the calls and not the disk,
 * and do not change the node's behaviour. Times are of the wall clock, milliseconds.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Swarm, type TestNode, until } from './swarm.ts';

/** The times at which a flush was called and returned. */
export interface Flush {
	readonly beganMs: number;
	readonly doneMs: number;
}

export interface FlushTracer {
	readonly name: 'strace' | 'node';
	/** Starts the node under the tracer. */
	start(swarm: Swarm, node: TestNode): Promise<void>;
	/** The flushes of a node that has ended. */
	flushesOf(swarm: Swarm, node: TestNode): Promise<Flush[]>;
}

const INSTALL_MAX_MS = 60_000;

/** strace where it runs, or where root can install the distribution's package; else Node's own tracer. */
export async function flushTracer(): Promise<FlushTracer> {
	if (process.platform !== 'linux') return nodeTracer;
	if (await runs('strace', ['-f', '-e', 'trace=fdatasync', 'true'])) return straceTracer;
	const isRoot = process.getuid?.() === 0;
	if (isRoot && (await runs('apt-get', ['install', '--yes', '--no-install-recommends', 'strace']))) {
		if (await runs('strace', ['-f', '-e', 'trace=fdatasync', 'true'])) return straceTracer;
	}
	return nodeTracer;
}

export const straceTracer: FlushTracer = {
	name: 'strace',
	async start(swarm, node) {
		// With -D the started process is the node itself, so that signals reach it.
		const args = [
			'-D',
			'-f',
			'-y',
			'-ttt',
			'-T',
			'-e',
			'trace=fdatasync',
			'-o',
			straceFile(swarm, node),
			process.execPath,
		];
		node.launchUnder('strace', args);
		await node.ready();
	},
	async flushesOf(swarm, node) {
		// The tracer ends after the process that it traces.
		const isWhole = new RegExp(`^${node.pid} .*\\+\\+\\+ exited`, 'm');
		const text = await until('the trace is whole', async () => {
			const written = readFileSync(straceFile(swarm, node), 'utf8');
			return isWhole.test(written) ? written : undefined;
		});
		return parseStrace(text, join(node.folder, 'log'));
	},
};

export const nodeTracer: FlushTracer = {
	name: 'node',
	async start(swarm, node) {
		const pattern = join(swarm.folder, `${node.id}.trace.json`);
		node.launchUnder(process.execPath, [
			'--trace-event-categories=node.fs.async',
			`--trace-event-file-pattern=${pattern}`,
		]);
		await node.ready();
	},
	async flushesOf(swarm, node) {
		const file = join(swarm.folder, `${node.id}.trace.json`);
		if (!existsSync(file)) throw new Error(`${file}: Node wrote no trace`);
		return parseNodeTrace(readFileSync(file, 'utf8'));
	},
};

function straceFile(swarm: Swarm, node: TestNode): string {
	return join(swarm.folder, `${node.id}.strace`);
}

/** A line is `PID SECONDS.MICROS fdatasync(21</path>) = 0 <0.000123>`, or two halves of it where threads overlap. */
function parseStrace(text: string, folder: string): Flush[] {
	const flushes: Flush[] = [];
	const unfinished = new Map<string, number>();
	for (const line of text.split('\n')) {
		const begun = /^(\d+)\s+(\d+\.\d+) fdatasync\(\d+<([^>]*)>(.*)$/.exec(line);
		if (begun) {
			const [, thread = '', seconds, path = '', rest = ''] = begun;
			if (!path.startsWith(folder)) continue;
			const beganMs = Number(seconds) * 1_000;
			const took = /\) = 0 <(\d+\.\d+)>/.exec(rest);
			if (took) flushes.push({ beganMs, doneMs: beganMs + Number(took[1]) * 1_000 });
			else if (rest.includes('unfinished')) unfinished.set(thread, beganMs);
			continue;
		}
		const resumed = /^(\d+)\s+(\d+\.\d+) <\.\.\. fdatasync resumed>.*= 0/.exec(line);
		const beganMs = unfinished.get(resumed?.[1] ?? '');
		if (!resumed || beganMs === undefined) continue;
		unfinished.delete(resumed[1] ?? '');
		flushes.push({ beganMs, doneMs: Number(resumed[2]) * 1_000 });
	}
	return flushes;
}

/** The trace has the machine's monotonic clock, microseconds. Only the log flushes with fdatasync. */
function parseNodeTrace(text: string): Flush[] {
	const { traceEvents } = JSON.parse(text) as {
		traceEvents: { name: string; ph: string; ts: number; id?: string; id2?: { local?: string } }[];
	};
	const wallLessMonotonicMs = Date.now() - Number(process.hrtime.bigint() / 1_000n) / 1_000;
	const begun = new Map<string, number>();
	const flushes: Flush[] = [];
	for (const { name, ph, ts, id, id2 } of traceEvents) {
		if (name !== 'fdatasync') continue;
		const key = id ?? id2?.local ?? '';
		const atMs = ts / 1_000 + wallLessMonotonicMs;
		if (ph === 'b') begun.set(key, atMs);
		else if (ph === 'e') flushes.push({ beganMs: begun.get(key) ?? atMs, doneMs: atMs });
	}
	return flushes;
}

async function runs(command: string, args: readonly string[]): Promise<boolean> {
	try {
		await promisify(execFile)(command, args, { timeout: INSTALL_MAX_MS });
		return true;
	} catch {
		return false;
	}
}
