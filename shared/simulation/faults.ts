/**
 * What goes wrong and when: a list drawn from the seed before the run begins, so that a failure can be shrunk
 * by leaving items out. This room only draws the list; `world.ts` makes it happen.
 *
 * Three regimes. `survivable`: every fault ends, all of them at `PLAN.healMs` at the latest, and at most a minority
 * is lost for good; so the swarm must not only be safe but go on. `unbounded`: anything, for as long as it
 * likes, also to all at once; the swarm must be safe. And `partial`: a part of the links is gone for good, but
 * not all, and somebody still reaches a quorum (`scenarios.ts`).
 */
import { type Cut, type CutShape, drawCuts } from './cuts.ts';
import { DAMAGES, type Damage } from './damage.ts';
import { WRITE_KINDS, type WriteKind } from './disk.ts';
import type { Random } from './random.ts';

export type Regime = 'survivable' | 'unbounded' | 'partial';

/** Faults of a disk, and those that depend on its data. `disk-trouble.ts` makes them happen. */
type DiskFaultBody =
	/** The process ends while the next write of this kind to its disk is on its way. */
	| { readonly kind: 'crashInFlush'; readonly node: number; readonly of: WriteKind; readonly downMs: number }
	| { readonly kind: 'flushFails'; readonly node: number; readonly of: WriteKind; readonly downMs: number }
	| { readonly kind: 'diskFull'; readonly node: number; readonly ms: number }
	| { readonly kind: 'slowDisk'; readonly node: number; readonly flushMs: number; readonly ms: number }
	/** The disk answers nothing for so long, and its log takes no values once so many records wait for it. */
	| {
			readonly kind: 'hungDisk';
			readonly node: number;
			readonly waitingRecordsMax: number;
			readonly ms: number;
	  }
	/** The process stops and closes its log, as after a fault that it has noticed, and is started again. */
	| { readonly kind: 'stop'; readonly node: number; readonly downMs: number }
	/** The node's files are damaged. It must refuse to start until they are put back, or for good. */
	| {
			readonly kind: 'damage';
			readonly node: number;
			readonly how: Damage;
			readonly isForGood: boolean;
			readonly downMs: number;
	  }
	/** The node's files are all as they were before. It must stop as soon as it hears of it, until they are put back. */
	| { readonly kind: 'putBack'; readonly node: number; readonly isForGood: boolean; readonly downMs: number };
export type DiskFault = { readonly atMs: number } & DiskFaultBody;

/** `process-trouble.ts` makes them happen. */
type ProcessFaultBody =
	| { readonly kind: 'crash'; readonly node: number; readonly downMs: number }
	/** The process ends in the middle of carrying out a step, after so many messages have left. */
	| { readonly kind: 'crashWithin'; readonly node: number; readonly sends: number; readonly downMs: number }
	| { readonly kind: 'crashAll'; readonly downMs: number }
	/** Two nodes crash at the same moment, and start again at the same moment. */
	| { readonly kind: 'crashTwins'; readonly nodes: readonly [number, number]; readonly downMs: number }
	/** The node that the next new leader would learn chosen slots from dies as soon as its promise is counted. */
	| { readonly kind: 'crashReporter'; readonly downMs: number }
	| { readonly kind: 'pause'; readonly node: number; readonly ms: number }
	/** The present leader stands still for a part of each period, again and again. */
	| { readonly kind: 'rhythm'; readonly stopMs: number; readonly everyMs: number; readonly times: number };
export type ProcessFault = { readonly atMs: number } & ProcessFaultBody;

/** `link-trouble.ts` makes them happen. */
type LinkFaultBody =
	| {
			readonly kind: 'cuts';
			readonly shape: CutShape;
			readonly cuts: readonly Cut[];
			readonly ms: number;
			/** The node of `cuts` that changes places with the node that leads at that moment. */
			readonly leader?: number;
	  }
	| { readonly kind: 'clog'; readonly from: number; readonly to: number; readonly ms: number }
	| {
			readonly kind: 'lossy';
			readonly from: number;
			readonly to: number;
			readonly loss: number;
			readonly ms: number;
			/** See `cuts`. */
			readonly leader?: number;
	  }
	/**
	 * Half of the messages to the node are late by up to this time, so that answers may come to its next life or
	 * leadership.
	 */
	| {
			readonly kind: 'late';
			readonly node: number;
			readonly byMs: number;
			readonly ms: number;
	  }
	/** The node is cut off while the others choose, and is then the only one that can lead. */
	| { readonly kind: 'laggard'; readonly node: number; readonly ms: number; readonly hubMs: number }
	/**
	 * The node that leads now, with slow timers, hears only `witness`; what it says to the witness comes late. The
	 * witness, cut off at first, is back with the others after a part of the time, so that it learns of their leader
	 * before it hears of this one again.
	 */
	| { readonly kind: 'staleLeader'; readonly witness: number; readonly awayMs: number; readonly ms: number }
	/**
	 * For a while each new leader is cut off for `cutMs`, at the moment when it begins to lead. It hears nobody, and only some
	 * hear it: what it proposes is accepted by these, and the next leader has to find it. Half of all messages are late by
	 * up to `byMs` meanwhile, so that accepts overtake prepares, and come after those of later ballots.
	 */
	| { readonly kind: 'rivals'; readonly cutMs: number; readonly byMs: number; readonly ms: number };
export type LinkFault = { readonly atMs: number } & LinkFaultBody;

/** `clock-trouble.ts` makes them happen. */
type ClockFaultBody =
	| { readonly kind: 'clockStep'; readonly node: number; readonly byMs: number }
	/** The wall clock is wrong by decades for some time. */
	| { readonly kind: 'clockYears'; readonly node: number; readonly years: number; readonly ms: number }
	| { readonly kind: 'clockFreeze'; readonly node: number; readonly ms: number }
	| { readonly kind: 'clockDrift'; readonly node: number; readonly drift: number }
	| { readonly kind: 'pace'; readonly node: number; readonly pace: number; readonly ms: number };
export type ClockFault = { readonly atMs: number } & ClockFaultBody;

export type Fault = { readonly atMs: number } & (
	| DiskFaultBody
	| ProcessFaultBody
	| LinkFaultBody
	| ClockFaultBody
	/** The present leader is asked for a change of members. `which` picks the one that is meant. */
	| {
			readonly kind: 'changeMembers';
			readonly what: 'add' | 'replace' | 'remove' | 'removeLeader';
			readonly which: number;
			readonly timeoutMs: number;
	  }
	/**
	 * The node, or the one that leads then, is told to stop. It serves on for `serveMs`, then takes nothing more from
	 * clients, and stops when all have their answers, or after `answersMs`.
	 */
	| {
			readonly kind: 'leave';
			readonly node: number;
			readonly isLeader: boolean;
			readonly serveMs: number;
			readonly answersMs: number;
			readonly downMs: number;
	  }
	/** People ask the present leader to let `node` lead, or the follower that suits best where `isNamed` is false. */
	| {
			readonly kind: 'handOver';
			readonly node: number;
			readonly isNamed: boolean;
			readonly timeoutMs: number;
	  }
	/**
	 * The next snapshot that goes from node to node is interrupted soon after this share of it has left: the sender crashes,
	 * or the receiver, or the sender stands still, or the link between the two is lost.
	 */
	| {
			readonly kind: 'breakTransfer';
			readonly how: 'sender' | 'receiver' | 'pause' | 'link';
			readonly share: number;
			readonly afterMs: number;
			readonly downMs: number;
	  }
	/** People ask the node for its whole state, and read a part of it every `partMs`. */
	| { readonly kind: 'save'; readonly node: number; readonly partMs: number }
	/** A message of `from` arrives that no honest node would send: its numbers are at the bounds of their kinds. */
	| { readonly kind: 'absurd'; readonly from: number; readonly to: number; readonly which: number }
);

export type FaultKind = Fault['kind'];
/** The others are planned for apart. */
type DrawnKind = Exclude<
	FaultKind,
	'hungDisk' | 'leave' | 'handOver' | 'changeMembers' | 'save' | 'rivals' | 'breakTransfer'
>;

export interface PlanTimes {
	/** Faults begin after this time, when there is a leader. */
	readonly calmMs: number;
	/** From this time on nothing goes wrong. */
	readonly healMs: number;
	readonly endMs: number;
}

export const PLAN: PlanTimes = { calmMs: 500, healMs: 25_000, endMs: 30_000 };

/** The mean time between faults, milliseconds. */
const FAULT_EVERY_MS = 2_500;

const RELAPSES_MAX = 8;

/** The share of seeds of the regime `unbounded` in which a disk hangs. */
const HANGS = 0.4;
/** The share of seeds in which all disks are full for a while. */
const ALL_FULL = 0.2;
/** The share of seeds in which each of several leaders in turn has its values accepted by too few. */
const RIVALS = 0.4;

/** The share of damaged files that are never put back. */
const FOR_GOOD = 0.3;

/** The share of late links that come together with a node that crashes again and again. */
const LATE_WITH_CRASHES = 0.5;

/** One in so many absurd messages comes to a process that has just begun. */
const ABSURD_AT_START = 4;

/** For how long a leader stops, and how often. Each stop is shorter than most election timeouts. */
const RHYTHMS = [
	{ stopMs: 400, everyMs: 800 },
	{ stopMs: 300, everyMs: 600 },
] as const;

const KINDS: readonly DrawnKind[] = [
	'crash',
	'crashWithin',
	'crashInFlush',
	'crashAll',
	'crashTwins',
	'crashReporter',
	'pause',
	'rhythm',
	'laggard',
	'staleLeader',
	'cuts',
	'clog',
	'lossy',
	'late',
	'clockStep',
	'clockYears',
	'clockFreeze',
	'clockDrift',
	'pace',
	'flushFails',
	'diskFull',
	'slowDisk',
	'absurd',
	'stop',
	'damage',
	'putBack',
];

/** Each seed has its own weights: it has some kinds of faults often and some never. */
export function drawFaults(random: Random, nodes: number, regime: Regime): Fault[] {
	const weights = KINDS.map((kind) => (random.chance(0.35) ? 0 : random.fraction() * usualWeight(kind)));
	const total = weights.reduce((sum, weight) => sum + weight, 0);
	const crashesAgain = random.chance(0.75) ? 0 : 0.8;
	const faults: Fault[] = [];
	let mayBeLost = regime === 'unbounded' ? nodes : Math.floor((nodes - 1) / 2);
	let atMs = PLAN.calmMs;
	for (;;) {
		atMs += Math.round(random.between(0.1, 1.9) * FAULT_EVERY_MS);
		if (atMs >= PLAN.healMs) {
			if (regime === 'unbounded' && random.chance(HANGS)) faults.push(drawHungDisk(random, nodes));
			return faults;
		}
		let kind: DrawnKind = 'crash';
		let left = random.fraction() * total;
		for (const [index, weight] of weights.entries()) {
			left -= weight;
			if (left >= 0) continue;
			kind = KINDS[index] as DrawnKind;
			break;
		}
		const drawn = drawFault(random, kind, atMs, nodes, regime);
		const isLost = 'isForGood' in drawn && drawn.isForGood && mayBeLost-- > 0;
		faults.push('isForGood' in drawn ? { ...drawn, isForGood: isLost } : drawn);
		const last = faults.at(-1) as Fault;
		if (last.kind === 'crash') faults.push(...drawRelapses(random, last, crashesAgain));
		if (last.kind === 'absurd' && last.which % ABSURD_AT_START === 0) faults.push(newLife(last));
		if (last.kind === 'late' && random.chance(LATE_WITH_CRASHES)) faults.push(...drawShortLives(random, last));
		// Several faults come at the same time.
		if (random.chance(0.3)) atMs -= Math.round(FAULT_EVERY_MS * 0.9);
		atMs = Math.max(atMs, PLAN.calmMs);
	}
}

/**
 * It hangs for longer than a node waits until it calls its disk silent. That is rare where it has to come together by
 * itself, so it is planned for, and it is in no list of kinds.
 */
function drawHungDisk(random: Random, nodes: number): Fault {
	return {
		atMs: random.integer(2_000, 15_000),
		kind: 'hungDisk',
		node: random.integer(0, nodes - 1),
		waitingRecordsMax: random.pick([4, 12, 100]),
		ms: random.integer(3_000, 10_000),
	};
}

/**
 * The disks of all nodes are full at the same time. That is rare where it has to come together by itself, so it is planned
 * for.
 */
export function drawFullDisks(random: Random, nodes: number): Fault[] {
	if (!random.chance(ALL_FULL)) return [];
	const atMs = random.integer(2_000, 10_000);
	const ms = random.integer(3_000, 12_000);
	return Array.from({ length: nodes }, (_, node) => ({ atMs, kind: 'diskFull', node, ms }));
}

/**
 * Leaders of whom each leaves other values behind in the same slots. That is rare where it has to come together by itself,
 * so it is planned for.
 */
export function drawRivals(random: Random): Fault[] {
	if (!random.chance(RIVALS)) return [];
	const cutMs = random.integer(200, 1_000);
	const byMs = random.pick([0, 20, 1_000]);
	return [{ atMs: random.integer(1_000, 8_000), kind: 'rivals', cutMs, byMs, ms: random.integer(5_000, 15_000) }];
}

type Crash = Extract<Fault, { kind: 'crash' }>;

/** A node that crashes again, and again, soon after it is back. */
function drawRelapses(random: Random, first: Crash, crashesAgain: number): Crash[] {
	const relapses: Crash[] = [];
	let { atMs, downMs } = first;
	while (relapses.length < RELAPSES_MAX && random.chance(crashesAgain)) {
		atMs += downMs + Math.round(random.magnitude(10, 400));
		downMs = Math.round(random.magnitude(5, 50));
		if (atMs >= PLAN.healMs) break;
		relapses.push({ ...first, atMs, downMs });
	}
	return relapses;
}

/** The receiver of an absurd message has just begun, so that it has nothing to compare the numbers with. */
function newLife({ atMs, to }: Extract<Fault, { kind: 'absurd' }>): Crash {
	const downMs = 5;
	return { kind: 'crash', node: to, atMs: atMs - downMs - 1, downMs };
}

/** A node that lives just long enough to ask for something, again and again, while answers to it are late. */
function drawShortLives(random: Random, { node, ...late }: Extract<Fault, { kind: 'late' }>): Crash[] {
	const lives: Crash[] = [];
	const endMs = Math.min(late.atMs + late.ms, PLAN.healMs);
	for (let atMs = late.atMs; atMs < endMs; atMs += Math.round(random.between(100, 600))) {
		lives.push({ kind: 'crash', node, atMs, downMs: Math.round(random.magnitude(5, 50)) });
	}
	return lives;
}

function usualWeight(kind: FaultKind): number {
	switch (kind) {
		case 'cuts':
			return 4;
		case 'crash':
		case 'crashWithin':
		case 'crashInFlush':
		case 'flushFails':
			return 3;
		case 'pause':
			return 2;
		case 'laggard':
		case 'rhythm':
			return 0.5;
		default:
			return 1;
	}
}

function drawFault(random: Random, kind: DrawnKind, atMs: number, nodes: number, regime: Regime): Fault {
	const node = random.integer(0, nodes - 1);
	const to = (node + random.integer(1, Math.max(1, nodes - 1))) % nodes;
	const wild = regime === 'unbounded' ? 3 : 1;
	const ms = Math.round(random.magnitude(20, 4_000) * wild);
	const downMs = Math.round(random.magnitude(5, 3_000) * wild);
	switch (kind) {
		case 'crash':
		case 'stop':
			return { atMs, kind, node, downMs };
		case 'crashInFlush':
		case 'flushFails':
			return { atMs, kind, node, of: random.pick(WRITE_KINDS), downMs };
		case 'damage':
			return { atMs, kind, node, how: random.pick(DAMAGES), isForGood: random.chance(FOR_GOOD), downMs };
		case 'putBack':
			return { atMs, kind, node, isForGood: random.chance(FOR_GOOD), downMs };
		case 'crashWithin':
			return { atMs, kind, node, downMs, sends: random.integer(0, 6) };
		case 'crashAll':
		case 'crashReporter':
			return { atMs, kind, downMs };
		case 'crashTwins':
			return { atMs, kind, nodes: [node, to], downMs };
		case 'rhythm':
			return { atMs, kind, ...random.pick(RHYTHMS), times: random.integer(2, 16) };
		case 'laggard':
			return { atMs, kind, node, ms: random.integer(1_000, 8_000), hubMs: random.integer(500, 3_000) };
		case 'staleLeader': {
			const awayMs = random.integer(500, 1_500);
			return { atMs, kind, witness: node, awayMs, ms: awayMs + random.integer(5, 400) };
		}
		case 'pause':
		case 'clockFreeze':
		case 'diskFull':
			return { atMs, kind, node, ms };
		case 'cuts':
			return { atMs, kind, ms, ...drawCuts(random, nodes) };
		case 'clog':
			return { atMs, kind, from: node, to, ms };
		case 'absurd':
			return { atMs, kind, from: node, to, which: random.bits() };
		case 'lossy':
			return { atMs, kind, from: node, to, loss: random.magnitude(0.01, 1), ms };
		case 'late':
			return { atMs, kind, node, byMs: random.integer(200, 1_000), ms: random.integer(1_000, 4_000) };
		case 'clockStep':
			return { atMs, kind, node, byMs: Math.round(random.magnitude(1, 100_000)) * (random.chance(0.6) ? -1 : 1) };
		case 'clockYears':
			return { atMs, kind, node, years: random.pick([-55, -20, -1, 1, 20, 80, 175]), ms };
		case 'clockDrift':
			return { atMs, kind, node, drift: random.between(-0.2, 0.2) };
		case 'pace':
			return { atMs, kind, node, pace: random.magnitude(1 / (2 * wild), 2 * wild), ms };
		case 'slowDisk':
			return {
				atMs,
				kind,
				node,
				// In the regime `unbounded` there is enough time for a disk that hangs.
				flushMs:
					wild > 1 && random.chance(0.3) ? random.integer(2_500, 9_000) : Math.round(random.magnitude(5, 500) * wild),
				ms,
			};
	}
}
