/** What a real swarm on this machine costs its processors, and the costs of the simulation that follow from it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeCommand } from '../../../shared/store/command.ts';
import { Store } from '../../../shared/store/store.ts';
import { Swarm } from '../../process/swarm.ts';
import { connected, keyOf, putter, run } from '../clients.ts';
import { flushRounds } from '../floor.ts';
import { quantilesOf } from '../quantiles.ts';
import { type Spent, spending } from '../spent.ts';
import type { Hardware } from './computer.ts';
import { type Cost, type Costs, costOf } from './costs.ts';
import { play, type Scene, type Seen } from './scene.ts';

/** A load of a real swarm, and the processor time that each request takes. */
export interface Load extends Spent {
	readonly perSecond: number;
}

export interface Measured {
	/** This computer, with all nodes and clients on it. */
	readonly hardware: Hardware;
	readonly one: Load;
	readonly many: Load;
	readonly reads: Load;
	/** A put in the store alone. */
	readonly applyUs: number;
}

export const MANY = 256;
const REQUESTS = { one: 4000, many: 200_000 };
const KEYS = 10_000;
const SIZE = 128;
const WARM_UP = 300_000;
const FLUSHES = 2000;
/** A message to another process of this computer. What it costs the processors is part of a turn. */
const LOOPBACK_US = 15;

export async function measureHere(): Promise<Measured> {
	const swarm = await Swarm.create({ size: 3 });
	try {
		await swarm.start();
		const put = putter(KEYS, SIZE);
		await load(swarm, MANY, WARM_UP, put);
		const many = await load(swarm, MANY, REQUESTS.many, put);
		const one = await load(swarm, 1, REQUESTS.one, put);
		const reads = await load(swarm, MANY, REQUESTS.many, (client, i) => client.get(keyOf(i % KEYS)));
		const hardware = { cores: cpus().length, flushUs: flushUs(), linkUs: LOOPBACK_US };
		return { hardware, one, many, reads, applyUs: applyUs() };
	} finally {
		await swarm.dispose();
	}
}

/**
 * The costs with which the simulation spends the processor time that was measured. They depend on its turns, which
 * depend on them.
 */
export function costsOf({ hardware, one, many, reads, applyUs }: Measured): Costs {
	const guess: Cost = { turnUs: 40, commandUs: 5 };
	let costs: Costs = { leader: guess, follower: guess, applyUs, readUs: 5 };
	for (let round = 0; round < 8; round++) {
		const withOne = play(here(hardware, 1, 0, one.clientUs), costs);
		const withMany = play(here(hardware, MANY, 0, many.clientUs), costs);
		const withReads = play(here(hardware, MANY, 1, reads.clientUs), costs);
		const leader = costOf(
			{ putUs: one.leaderUs, turns: withOne.leaderTurns },
			{ putUs: many.leaderUs, turns: withMany.leaderTurns },
		);
		const follower = costOf(
			{ putUs: one.followerUs, turns: withOne.followerTurns },
			{ putUs: many.followerUs, turns: withMany.followerTurns },
		);
		const readUs = Math.max(0, reads.leaderUs - leader.turnUs * withReads.leaderTurns);
		costs = { leader, follower, applyUs: Math.min(applyUs, follower.commandUs), readUs };
	}
	return costs;
}

/** What was measured, as a scene: three nodes and their clients share this computer. */
export function here(hardware: Hardware, clients: number, reads: number, clientUs: number, nodes = 3): Scene {
	const followers = Array.from({ length: nodes - 1 }, () => 'follower' as const);
	const parts = ['first leader' as const, ...followers];
	return { hardware, computers: 1, groups: 1, parts, clients, reads, readsAt: 'leader', clientUs };
}

export type { Seen };

async function load(swarm: Swarm, clients: number, total: number, one: Parameters<typeof run>[3]): Promise<Load> {
	const leader = await swarm.leader();
	const all = connected([leader.url], Math.min(clients, 16));
	try {
		await run(all, clients, Math.min(total, 5000), one);
		const spent = await spending(swarm);
		const startedMs = performance.now();
		await run(all, clients, total, one);
		const seconds = (performance.now() - startedMs) / 1000;
		return { perSecond: Math.round(total / seconds), ...spent(total) };
	} finally {
		for (const client of all) client.close();
	}
}

function flushUs(): number {
	const folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-beyond-'));
	try {
		return quantilesOf(flushRounds(join(folder, 'file'), FLUSHES)).p50Ms * 1000;
	} finally {
		rmSync(folder, { recursive: true });
	}
}

function applyUs(): number {
	const store = new Store();
	const client = 'beyond';
	store.apply(encodeCommand({ client, sequence: 1, receivedThrough: 0 }, { kind: 'registerClient', client }));
	const value = new Uint8Array(SIZE);
	const puts = Array.from({ length: REQUESTS.many }, (_, i) =>
		encodeCommand(
			{ client, sequence: i + 2, receivedThrough: i },
			{ kind: 'put', key: keyOf(i % KEYS), value, flags: 0n, cas: null },
		),
	);
	const startedMs = performance.now();
	for (const put of puts) store.apply(put);
	return ((performance.now() - startedMs) * 1000) / puts.length;
}
