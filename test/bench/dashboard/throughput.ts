/**
 * What one dashboard costs the store: puts with and without it, in turn. The browser runs on the same machine as the nodes,
 * so puts are measured with mere readers of the feeds too, and the time of the nodes' own processors for each put.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Swarm } from '../../process/swarm.ts';
import { measure } from '../load.ts';
import type { Bar } from './bar.ts';
import { FeedReader } from './feed-reader.ts';
import { median } from './spread.ts';
import { staged } from './stage.ts';

const LOSS_MAX = 0.05;
const READERS = 10;
const LOSS_OF_READERS_MAX = 0.15;
/** A node remembers what it told for 30 s after its last watcher has left. */
const FORGETS_AFTER_MS = 31_000;
const LOAD = { clients: 256, connections: 16, nodes: 3, size: 128, keys: 10_000, json: true } as const;
/** A round takes some seconds. At the beginning of a load nodes tell everything, and then some decisions only. */
const PUTS = 150_000;
const WARM_UP = 150_000;
/** The clock ticks of a second in `/proc/PID/stat`. */
const TICKS = 100;

interface Round {
	readonly putsPerSecond: number;
	/** Of all nodes, microseconds for each put. */
	readonly cpuUs: number;
}

export const throughput: Bar = {
	name: 'throughput',
	measure: ({ rounds }) =>
		staged({ nodes: LOAD.nodes }, async (stage) => {
			const { swarm } = stage;
			const nodes = swarm.nodes.map(({ url }) => url);
			const round = async (): Promise<Round> => {
				const before = await cpuSeconds(swarm);
				const { opsPerSecond } = await measure(nodes, { ...LOAD, total: PUTS, warmUp: 0 });
				return { putsPerSecond: opsPerSecond, cpuUs: (((await cpuSeconds(swarm)) - before) / PUTS) * 1e6 };
			};
			const whileRead = async (readers: number): Promise<Round> => {
				const reader = await FeedReader.start(nodes, readers);
				const measured = await round();
				await reader.stop();
				return measured;
			};
			await measure(nodes, { ...LOAD, total: PUTS, warmUp: WARM_UP });
			const never: Round[] = [];
			for (let i = 0; i < rounds; i++) never.push(await round());
			const without: Round[] = [];
			const read: Round[] = [];
			const readTenfold: Round[] = [];
			const attached: Round[] = [];
			for (let i = 0; i < rounds; i++) {
				if (i % 2 === 0) without.push(await round());
				read.push(await whileRead(1));
				readTenfold.push(await whileRead(READERS));
				const page = await stage.open();
				attached.push(await round());
				await page.context().close();
				await delay(FORGETS_AFTER_MS);
				if (i % 2 === 1) without.push(await round());
			}
			const lost = lostOf(attached, without);
			const lostToReader = lostOf(read, without);
			const lostToReaders = lostOf(readTenfold, without);
			const noise = spreadOf(never);
			const left = median(without.map(({ putsPerSecond }) => putsPerSecond));
			const lostWithNone = 1 - left / median(never.map(({ putsPerSecond }) => putsPerSecond));
			return [
				{
					bar: 'store throughput lost with one dashboard attached',
					target: `${percent(LOSS_MAX)} or less`,
					measured: costOf(lost, attached, without),
					isMet: lost <= LOSS_MAX,
					note: 'The browser takes its time from the same processors as the nodes, which saturate them.',
				},
				{
					bar: 'the same with a mere reader of the feeds in the place of the browser',
					target: `${percent(LOSS_MAX)} or less`,
					measured: costOf(lostToReader, read, without),
					isMet: lostToReader <= LOSS_MAX,
				},
				{
					bar: `the same with ${READERS} readers`,
					target: `${percent(LOSS_OF_READERS_MAX)} or less`,
					measured: costOf(lostToReaders, readTenfold, without),
					isMet: lostToReaders <= LOSS_OF_READERS_MAX,
				},
				{
					bar: 'store throughput lost with no dashboard, after one was there',
					target: 'within noise',
					measured: `${percent(lostWithNone)}; the rounds before any was there differ by ${percent(noise)}: ${puts(never)} puts/s`,
					isMet: lostWithNone <= noise,
				},
			];
		}),
};

/** The median part of the puts that is lost. */
function lostOf(rounds: readonly Round[], without: readonly Round[]): number {
	return 1 - median(rounds.map(({ putsPerSecond }, i) => putsPerSecond / of(without, i).putsPerSecond));
}

function costOf(lost: number, rounds: readonly Round[], without: readonly Round[]): string {
	const cpu = median(rounds.map(({ cpuUs }, i) => cpuUs / of(without, i).cpuUs)) - 1;
	const medianOf = `median of ${rounds.length} rounds: ${puts(rounds)} puts/s, ${puts(without)} without`;
	return `${percent(lost)} of the puts, ${medianOf}; the nodes' processors work ${percent(cpu)} longer for a put`;
}

function of(rounds: readonly Round[], at: number): Round {
	return rounds[at] as Round;
}

/** How much the slowest round is behind the fastest one, as a share. */
function spreadOf(rounds: readonly Round[]): number {
	const all = rounds.map(({ putsPerSecond }) => putsPerSecond);
	return 1 - Math.min(...all) / Math.max(...all);
}

function puts(rounds: readonly Round[]): string {
	return rounds.map(({ putsPerSecond }) => putsPerSecond).join(' ');
}

function percent(share: number): string {
	return `${Math.round(share * 1000) / 10} %`;
}

/** What all nodes have used of the processors, seconds. */
async function cpuSeconds(swarm: Swarm): Promise<number> {
	const processes = await swarm.processes();
	return processes.reduce((sum, { pid }) => {
		const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
		return sum + (Number(fields[11]) + Number(fields[12])) / TICKS;
	}, 0);
}
