/**
 * The operations of clients, drawn from the seed before the run begins. Some clients keep a connection to a node's door
 * and pipeline their calls (`users.ts`); others send one request to a node, as over HTTP (`requests.ts`).
 */
import type { Random } from './random.ts';

/** One operation of the plan. The revision that it compares with is known only when it is made. */
export interface PlannedOperation {
	readonly atMs: number;
	readonly client: number;
	readonly kind: 'put' | 'get' | 'delete' | 'cas' | 'staleGet' | 'deletePrefix' | 'list';
	readonly key: number;
	/** The value that it writes. No two operations write the same, except values from `SAME_VALUES_FROM` on. */
	readonly value: number;
	readonly valueBytes: number;
	/** The node that a request is sent to. */
	readonly node: number;
	/** `contest` asks for one slot, near the last that is chosen; `contestOld` for one that was chosen long before. */
	readonly route: 'leader' | 'self' | 'contest' | 'contestOld';
	/** Whether it goes over the client's connection or as a request of its own. In older plans the route tells it. */
	readonly by?: 'connection' | 'request';
	/** A delete under the condition that the key is as the client has last seen it. */
	readonly conditional?: boolean;
}

export interface LoadOptions {
	readonly clients: number;
	readonly keys: number;
	readonly operationsPerSecond: number;
}

/** A contest is of one of so many slots, from the last chosen one on. The proposed value decides which. */
export const CONTESTED_SLOTS = 3;
/** Values from here on belong to a key, and all operations that write one write the same. */
export const SAME_VALUES_FROM = 1_000_000_000;

/**
 * Every second compare-and-set by the leader is a transaction: another key is written first, without a condition, and must
 * keep its value where the compare-and-set fails. The value for the other key is so much higher.
 */
const TWIN_VALUES_FROM = 500_000_000;

export function isTransaction({ kind, route, value }: PlannedOperation): boolean {
	return kind === 'cas' && route === 'leader' && value % 2 === 0;
}

/** The write of the other key. */
export function twinOf(planned: PlannedOperation, keys: number): PlannedOperation {
	return { ...planned, kind: 'put', key: (planned.key + 1) % keys, value: TWIN_VALUES_FROM + planned.value };
}

/** The share of requests that go to one node, in seeds in which clients prefer a node. */
const FAVOURED = 0.8;
/** Shares of all operations. */
const DELETES_OF_ALL = 0.01;
const LISTS = 0.03;
const STALE = 0.15;
const SAME_VALUES = 0.05;
const CONDITIONAL = 0.5;
/** The share of turns in which a client makes several calls, and the most calls of a turn. */
const BURSTS = 0.04;
const BURST_MAX = 12;

export function drawOperations(random: Random, nodes: number, load: LoadOptions, untilMs: number): PlannedOperation[] {
	const operations: PlannedOperation[] = [];
	// Each seed has its own weights.
	const selfRouted = random.chance(0.5) ? 0 : random.fraction() * 0.3;
	const large = random.chance(0.5) ? 0 : 0.15;
	const reads = random.pick([0.2, 0.35, 0.7]);
	const requests = random.pick([0.1, 0.3, 0.5]);
	const favourite = random.chance(0.6) ? null : random.integer(0, nodes - 1);
	const together = random.chance(0.4) ? 0 : random.between(0.1, 0.7);
	let burst = 0;
	let client = 0;
	for (let atMs = 0; ; ) {
		if (burst > 0) burst--;
		else {
			if (!random.chance(together)) atMs += random.between(0, 2_000 / load.operationsPerSecond / (1 - together));
			client = random.integer(0, load.clients - 1);
			if (random.chance(BURSTS)) burst = random.integer(1, BURST_MAX);
		}
		if (atMs >= untilMs) return operations;
		const route = random.chance(selfRouted)
			? random.pick(['self', 'self', 'contest', 'contestOld'] as const)
			: 'leader';
		const by = route !== 'leader' || random.chance(requests) ? 'request' : 'connection';
		const kind = drawKind(random, reads, by);
		const key = random.integer(0, load.keys - 1);
		operations.push({
			atMs: Math.round(atMs),
			client,
			kind,
			key,
			value: kind === 'put' && random.chance(SAME_VALUES) ? SAME_VALUES_FROM + key : operations.length + 1,
			valueBytes: random.chance(large) ? random.integer(1_000, 5_000) : random.integer(8, 40),
			node: favourite !== null && random.chance(FAVOURED) ? favourite : random.integer(0, nodes - 1),
			route,
			by,
			conditional: kind === 'delete' && random.chance(CONDITIONAL),
		});
	}
}

function drawKind(random: Random, reads: number, by: 'connection' | 'request'): PlannedOperation['kind'] {
	if (by === 'request') {
		if (random.chance(DELETES_OF_ALL)) return 'deletePrefix';
		if (random.chance(LISTS)) return 'list';
	}
	if (random.chance(reads)) return by === 'connection' && random.chance(STALE) ? 'staleGet' : 'get';
	const chance = random.fraction();
	return chance < 0.55 ? 'put' : chance < 0.85 ? 'cas' : 'delete';
}
