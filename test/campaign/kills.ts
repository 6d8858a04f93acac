/**
 * Kills nodes again and again while clients write, and afterwards looks for all acknowledged writes at each node and on
 * each disk: none may be missing, no command may have been applied twice, and every counter must be exact. It waits for
 * events only: a round ends once writes are acknowledged again and every node is ready.
 */
import { WebSocket } from 'ws';
import { chosenValues, readDisk, replay } from '../process/disk-log.ts';
import { Swarm, type TestNode } from '../process/swarm.ts';
import { checkNodes, counts, within, wrongWith } from './checks.ts';
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
			await within(`round ${index + 1} (${round})`, swarm, () => play(swarm, writers, round));
			if ((index + 1) % 10 === 0) say(`${index + 1} of ${rounds.length} rounds, ${counts(writers.told)}`);
		}
		await writers.stop();
		const problems = [...(await checkNodes(swarm.nodes, writers.told)), ...(await checkDisks(swarm, writers.told))];
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
