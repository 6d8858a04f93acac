/**
 * A node is away while the others write, and comes back under the same load: how long it takes to catch up, and how many
 * writes the others keep meanwhile. Once what it lacks is still in their logs, and once it needs their snapshot.
 */
import { Swarm } from '../process/swarm.ts';
import { connected, putter, run } from './clients.ts';

export interface CatchUpOptions {
	readonly clients: number;
	readonly connections: number;
	readonly nodes: number;
	/** The bytes of a value. */
	readonly size: number;
	readonly keys: number;
	/** The puts that the node misses. */
	readonly missed: number;
	readonly json?: true;
}

interface Figures {
	readonly by: 'log' | 'snapshot';
	/** While the node is away: the others have its share of the machine too. */
	readonly beforePerSecond: number;
	readonly meanwhilePerSecond: number;
	/** When it has caught up, and only takes part. */
	readonly afterPerSecond: number;
	/** From the start of its process until it is ready, at most two seconds behind. */
	readonly readyMs: number;
}

/** So much that nothing is trimmed. */
const LARGE_LOG_MIB = 4096;
/** The load alone is measured for so long, before and after. */
const ALONE_MS = 5000;

export async function catchUp(options: CatchUpOptions): Promise<void> {
	for (const by of ['log', 'snapshot'] as const) {
		const figures = await measure(by, options);
		const { beforePerSecond, meanwhilePerSecond, afterPerSecond, readyMs } = figures;
		const ofAfter = Math.round((100 * meanwhilePerSecond) / afterPerSecond);
		const ofBefore = Math.round((100 * meanwhilePerSecond) / beforePerSecond);
		process.stdout.write(
			options.json
				? `${JSON.stringify({ bench: 'catchup', ...figures })}\n`
				: `by ${by}: ${options.missed} missed puts, ready after ${readyMs} ms; ` +
						`${beforePerSecond} puts/s without it, ${meanwhilePerSecond}/s meanwhile (${ofBefore} %), ` +
						`${afterPerSecond}/s with it (${ofAfter} %)\n`,
		);
	}
}

async function measure(by: Figures['by'], options: CatchUpOptions): Promise<Figures> {
	const { clients, connections, size, keys, missed } = options;
	const swarm = await Swarm.create({ size: options.nodes, logMiB: by === 'log' ? LARGE_LOG_MIB : 1 });
	try {
		await swarm.start();
		const away = swarm.nodes.at(-1) as (typeof swarm.nodes)[number];
		const others = swarm.nodes.filter((node) => node !== away);
		const all = connected(
			others.map(({ url }) => url),
			connections,
		);
		const put = putter(keys, size);
		await run(all, clients, keys, put);
		await away.kill();
		await run(all, clients, missed, put);
		let puts = 0;
		let isOver = false;
		const load = run(all, clients, Number.POSITIVE_INFINITY, async (client, i) => {
			if (isOver) throw new Error('the measurement is over');
			await put(client, i);
			puts++;
		}).catch((error: unknown) => {
			if (!isOver) throw error;
		});
		const perSecond = async (act: () => Promise<unknown>): Promise<{ perSecond: number; ms: number }> => {
			const [startedMs, putsBefore] = [performance.now(), puts];
			await act();
			const ms = performance.now() - startedMs;
			return { perSecond: Math.round(((puts - putsBefore) * 1000) / ms), ms: Math.round(ms) };
		};
		const alone = () => perSecond(() => new Promise((resolve) => setTimeout(resolve, ALONE_MS)));
		const before = await alone();
		const meanwhile = await perSecond(() => away.start());
		const after = await alone();
		isOver = true;
		await load;
		for (const client of all) client.close();
		return {
			by,
			beforePerSecond: before.perSecond,
			meanwhilePerSecond: meanwhile.perSecond,
			afterPerSecond: after.perSecond,
			readyMs: meanwhile.ms,
		};
	} finally {
		await swarm.dispose();
	}
}
