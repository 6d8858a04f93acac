/**
 * Overwrites a large state while the nodes write snapshots of it: the pace of the writes meanwhile beside that of the
 * other moments of the same run, and the longest step of each node's event loop.
 */
import type { LoopFigures } from '../../server/process/loop-watch.ts';
import { Swarm, type TestNode } from '../process/swarm.ts';
import { connected, putter, run } from './clients.ts';

export interface SnapshotOptions {
	readonly clients: number;
	readonly connections: number;
	readonly nodes: number;
	/** The bytes of a value. */
	readonly size: number;
	/** The number of different keys, which are all there before anything is measured. */
	readonly keys: number;
	/** The number of puts that are measured. */
	readonly total: number;
	readonly json?: true;
}

const LOOK_EVERY_MS = 10;

/** The puts and the time of all moments of one kind. */
interface Span {
	puts: number;
	ms: number;
}

export async function snapshot(options: SnapshotOptions): Promise<void> {
	const { clients, connections, keys, size, total, json } = options;
	// A log of more than 1 MiB, and than the last snapshot, makes the next one due.
	const swarm = await Swarm.create({ size: options.nodes, logMiB: 1 });
	try {
		await swarm.start();
		const all = connected(
			swarm.nodes.map(({ url }) => url),
			connections,
		);
		const put = putter(keys, size);
		await run(all, clients, keys, put);
		const before = await Promise.all(swarm.nodes.map(figuresOf));
		const spans = { writing: { puts: 0, ms: 0 }, other: { puts: 0, ms: 0 } };
		let puts = 0;
		let lookedMs = performance.now();
		let looked = 0;
		const timer = setInterval(() => {
			const nowMs = performance.now();
			const span: Span = swarm.nodes.some(isWriting) ? spans.writing : spans.other;
			span.puts += puts - looked;
			span.ms += nowMs - lookedMs;
			[lookedMs, looked] = [nowMs, puts];
		}, LOOK_EVERY_MS);
		await run(all, clients, total, async (client, i) => {
			await put(client, i);
			puts++;
		});
		clearInterval(timer);
		for (const client of all) client.close();
		const after = await Promise.all(swarm.nodes.map(figuresOf));
		const figures = {
			writingPerSecond: perSecond(spans.writing),
			otherPerSecond: perSecond(spans.other),
			writingSeconds: Math.round(spans.writing.ms / 1000),
			otherSeconds: Math.round(spans.other.ms / 1000),
			longestMs: Math.round(Math.max(...after.map(({ longestMs }) => longestMs))),
			over20Ms: sumOf(after, 'over20Ms') - sumOf(before, 'over20Ms'),
			over50Ms: sumOf(after, 'over50Ms') - sumOf(before, 'over50Ms'),
		};
		process.stdout.write(json ? `${JSON.stringify({ bench: 'snapshot', ...figures })}\n` : describe(figures));
	} finally {
		await swarm.dispose();
	}
}

/** Whether the node's last line about snapshots says that one is being written. */
function isWriting({ output }: TestNode): boolean {
	return output.lastIndexOf('writes a snapshot of its state') > output.lastIndexOf('has a snapshot of its state');
}

async function figuresOf(node: TestNode): Promise<LoopFigures> {
	const status = (await (await node.fetch('/v1/swarm')).json()) as { loop: LoopFigures };
	return status.loop;
}

function sumOf(figures: readonly LoopFigures[], name: 'over20Ms' | 'over50Ms'): number {
	return figures.reduce((sum, figure) => sum + figure[name], 0);
}

function perSecond({ puts, ms }: Span): number {
	return ms === 0 ? 0 : Math.round((puts * 1000) / ms);
}

function describe(figures: {
	writingPerSecond: number;
	otherPerSecond: number;
	writingSeconds: number;
	otherSeconds: number;
	longestMs: number;
	over20Ms: number;
	over50Ms: number;
}): string {
	const { writingPerSecond, otherPerSecond, writingSeconds, otherSeconds, longestMs, over20Ms, over50Ms } = figures;
	return (
		`${writingPerSecond} puts/s while a node wrote a snapshot (${writingSeconds} s), ${otherPerSecond}/s otherwise (${otherSeconds} s)\n` +
		`steps of the nodes' event loops: the longest ${longestMs} ms, ${over20Ms} above 20 ms, ${over50Ms} above 50 ms\n`
	);
}
