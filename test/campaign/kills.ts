/**
 * Kills nodes again and again while clients write, and afterwards looks for all acknowledged writes at each node and on
 * each disk: none may be missing, no command may have been applied twice, and every counter must be exact. It waits for
 * events only: a round ends once writes are acknowledged again and every node is ready.
 */
import { WebSocket } from 'ws';
import { listing } from '../process/client.ts';
import { chosenValues, readDisk, replay } from '../process/disk-log.ts';
import { Swarm, type TestNode, until } from '../process/swarm.ts';
import { type Told, Writers } from './writers.ts';

export interface KillOptions {
	/** Rounds in which one node, drawn at random, is killed. */
	readonly rounds: number;
	/** Rounds in which all nodes are killed at once. */
	readonly all: number;
	readonly nodes: number;
	readonly putters: number;
	readonly counters: number;
	/** `logMiB` of the swarm. */
	readonly logMib: number;
}

/** So many puts are acknowledged between one kill and the next event. */
const PUTS_BETWEEN = 40;
/** A round that takes longer has hung. */
const ROUND_MAX_MS = 60_000;
/** The time limit for each node to have applied all writes once the writers have stopped. */
const CATCH_UP_MAX_MS = 60_000;

/** @returns the faults, one sentence each; none where all is well */
export async function kills(options: KillOptions, say: (line: string) => void): Promise<readonly string[]> {
	const swarm = await Swarm.create({ size: options.nodes, logMiB: options.logMib });
	const startedMs = performance.now();
	try {
		await swarm.start();
		const nodes = swarm.nodes.map(({ url }) => url);
		const writers = new Writers(nodes, (url) => new WebSocket(url), options.putters, options.counters);
		const rounds = drawRounds(options);
		for (const [index, round] of rounds.entries()) {
			await within(ROUND_MAX_MS, `round ${index + 1} (${round})`, swarm, () => play(swarm, writers, round));
			if ((index + 1) % 10 === 0) say(`${index + 1} of ${rounds.length} rounds, ${counts(writers.told)}`);
		}
		await writers.stop();
		const problems = [...(await checkNodes(swarm, writers.told)), ...(await checkDisks(swarm, writers.told))];
		const seconds = Math.round((performance.now() - startedMs) / 1000);
		say(
			`${options.rounds} kills of one node and ${options.all} of all ${options.nodes} in ${seconds} s, ${counts(writers.told)}`,
		);
		return problems;
	} finally {
		await swarm.dispose();
	}
}

type Round = 'one' | 'all';

function drawRounds({ rounds, all }: KillOptions): Round[] {
	const drawn: Round[] = [...new Array(rounds).fill('one'), ...new Array(all).fill('all')];
	return drawn
		.map((round) => ({ round, place: Math.random() }))
		.sort((a, b) => a.place - b.place)
		.map(({ round }) => round);
}

async function play(swarm: Swarm, writers: Writers, round: Round): Promise<void> {
	await writers.acknowledged(PUTS_BETWEEN);
	const killed =
		round === 'all' ? swarm.nodes : [swarm.nodes[Math.floor(Math.random() * swarm.nodes.length)] as TestNode];
	await Promise.all(killed.map((node) => node.kill()));
	if (round === 'one') await writers.acknowledged(PUTS_BETWEEN);
	await Promise.all(killed.map((node) => node.start()));
}

/** Checks the state of each node, once it has applied all writes. */
async function checkNodes(swarm: Swarm, told: Told): Promise<string[]> {
	const [first] = swarm.nodes as readonly [TestNode, ...TestNode[]];
	const last = await first.fetch('/v1/kv/last', { method: 'PUT', body: 'of all' });
	if (!last.ok) return [`the last put was refused with ${last.status}`];
	const problems: string[] = [];
	for (const node of swarm.nodes) {
		const { entries } = await until(
			`${node.id} has everything`,
			async () => {
				const state = await listing(node);
				return state.entries.some(({ Key }) => Key === 'last') ? state : undefined;
			},
			CATCH_UP_MAX_MS,
		);
		const values = new Map(entries.map(({ Key, Value }) => [Key, Buffer.from(Value ?? '', 'base64').toString()]));
		problems.push(...wrongWith(node.id, values, told));
	}
	return problems;
}

/** Checks the logs behind the newest snapshot, read without the nodes: each command was applied at most once. */
async function checkDisks(swarm: Swarm, told: Told): Promise<string[]> {
	await Promise.all(swarm.nodes.map((node) => node.stop()));
	const { store, commands } = replay(chosenValues(swarm.nodes.map(readDisk)));
	const twice = [...commands].filter(([, { revisions }]) => revisions.length > 1);
	const values = new Map(store.list('').map(({ key, value }) => [key, new TextDecoder().decode(value)]));
	return [
		...twice.map(([command, { revisions }]) => `${command} was applied at ${revisions.join(' and ')}`),
		...wrongWith('the log', values, told),
	];
}

function wrongWith(where: string, values: ReadonlyMap<string, string>, told: Told): string[] {
	const problems: string[] = [];
	for (const [key, value] of told.acknowledged) {
		if (values.get(key) !== value)
			problems.push(`${where}: ${key} was acknowledged and is ${values.get(key) ?? 'missing'}`);
	}
	for (const key of told.refused.keys()) {
		if (values.has(key)) problems.push(`${where}: ${key} was refused and is there`);
	}
	for (const [counter, raised] of told.raised) {
		const [key, name] = counter.split(' ') as [string, string];
		const counted = (JSON.parse(values.get(key) ?? '{}') as Record<string, number>)[name] ?? 0;
		// A writer that was stopped does not know whether its last write happened.
		if (counted !== raised && counted !== raised + 1) {
			problems.push(`${where}: ${key} was raised ${raised} times by ${name} and says ${counted}`);
		}
	}
	return problems;
}

function counts({ acknowledged, unknown, refused, raised }: Told): string {
	const raises = [...raised.values()].reduce((sum, count) => sum + count, 0);
	return `${acknowledged.size} puts acknowledged, ${unknown.size} unknown, ${refused.size} refused, counters raised ${raises} times`;
}

async function within(maxMs: number, what: string, swarm: Swarm, act: () => Promise<void>): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		const hung = () => reject(new Error(`${what} did not end within ${maxMs} ms:\n${swarm.transcript()}`));
		timer = setTimeout(hung, maxMs);
	});
	try {
		await Promise.race([act(), late]);
	} finally {
		clearTimeout(timer);
	}
}
