/**
 * The plan of one run, drawn from its seed before the run begins: everything that the run depends on. It holds a list of
 * all faults and all operations of clients, so that a failure can be shrunk by leaving items out.
 */

import { type Bounds, drawBounds } from './bounds.ts';
import { drawChanges, sparesFor } from './changes.ts';
import type { ClockTaste } from './clock.ts';
import { drawFaults, drawFullDisks, drawRivals, type Fault, PLAN, type Regime } from './faults.ts';
import { drawHandOvers } from './handing-over.ts';
import { drawBreaks } from './interrupting.ts';
import { drawLeaves } from './leaving.ts';
import type { LinkQuality } from './network.ts';
import { CONTESTED_SLOTS, drawOperations, type PlannedOperation } from './operations.ts';
import { Random } from './random.ts';
import { drawSaves } from './saving.ts';
import { drawScenarioFaults, PARTIAL_TIMES, SCENARIOS, type Scenario } from './scenarios.ts';
import { drawSockets, type SocketTaste } from './socket-taste.ts';

/** Everything that a run depends on. */
export interface Plan {
	readonly seed: number;
	readonly nodes: number;
	/** The nodes that may come in later; none in older plans. */
	readonly spares?: number;
	readonly regime: Regime;
	/** The partial partition, in the regime `partial`. */
	readonly scenario?: Scenario;
	readonly links: LinkQuality;
	/** Older plans lack this, and have the usual ones. */
	readonly clocks?: ClockTaste;
	readonly sockets?: SocketTaste;
	readonly bounds?: Bounds;
	/** Of 1: how often what one turn sends to one node travels as one frame. */
	readonly frames?: number;
	readonly openSlotsMax: number;
	readonly messageBytesMax: number;
	readonly watched: boolean;
	/** A deliberate bug, which some check must find: records are taken for durable before they are. */
	readonly canary?: boolean;
	readonly faults: readonly Fault[];
	readonly operations: readonly PlannedOperation[];
	/** Users of sessions and locks; none in older plans. */
	readonly lockUsers?: number;
	/** Users of requests with a name; none in older plans. */
	readonly requestUsers?: number;
}

/** The nodes duel so long after the end of all faults, with so many proposals each. */
const DUEL_AFTER_MS = 500;
const DUEL_ROUNDS = 3;
/** Clients make calls for so long after the end of all faults, because the healed swarm must carry a load. */
const LOAD_AFTER_MS = 2_000;
/** Values from here on make their proposals contest the next slot. */
const DUEL_VALUES_FROM = CONTESTED_SLOTS * 1_000_000 + 1;
export const LOAD = { clients: 5, keys: 5, operationsPerSecond: 24 };

/** The share of seeds with a partial partition, and the share of the others with unbounded faults. */
const PARTIAL = 0.06;
const UNBOUNDED = 0.25;

/** @param nodesWanted the number of nodes; undefined where the seed draws it */
export function drawPlan(seed: number, nodesWanted?: number): Plan {
	const random = new Random(seed, 0x706c616e);
	const nodes = nodesWanted ?? drawNodes(seed);
	if (random.chance(PARTIAL)) return drawScenario(seed, random.pick(SCENARIOS), nodes);
	const regime = random.chance(UNBOUNDED) ? 'unbounded' : 'survivable';
	const changes = drawChanges(new Random(seed, 0x6d656d62));
	const spares = sparesFor(changes);
	// Nodes that come in later meet the same faults.
	const everyone = nodes + spares;
	const untilMs = regime === 'survivable' ? PLAN.healMs + LOAD_AFTER_MS : PLAN.endMs;
	return {
		seed,
		nodes,
		spares,
		regime,
		links: drawLinks(random),
		clocks: { spreadMs: random.pick([0, 1, 2_000]), resolutionUs: random.pick([1, 1, 1_000, 16_000, 1_000_000]) },
		bounds: drawBounds(new Random(seed, 0x626f756e), nodes),
		sockets: drawSockets(new Random(seed, 0x736f636b)),
		frames: new Random(seed, 0x6672616d).pick([0, 0.5, 1, 1]),
		openSlotsMax: random.pick([1, 2, 8, 64]),
		messageBytesMax: random.pick([64, 512, 64 * 1024]),
		watched: random.chance(0.125),
		faults: [
			...drawFaults(random, everyone, regime).map((fault) => (changes.length > 0 ? mended(fault) : fault)),
			...drawLeaves(new Random(seed, 0x6c656176), everyone),
			...drawHandOvers(new Random(seed, 0x68616e64), everyone),
			...changes,
			...drawSaves(new Random(seed, 0x73617665), everyone),
			...drawFullDisks(new Random(seed, 0x66756c6c), everyone),
			...drawRivals(new Random(seed, 0x72697661)),
			...drawBreaks(new Random(seed, 0x62726561)),
		],
		lockUsers: new Random(seed, 0x6c6f636b).pick([0, 0, 3, 5]),
		requestUsers: new Random(seed, 0x6e616d65).pick([0, 0, 2, 4]),
		operations: [
			...drawOperations(random, everyone, LOAD, untilMs),
			...(regime === 'survivable' && random.chance(0.5) ? drawDuel(random, nodes) : []),
		],
	};
}

/** Where voters are removed, those that are left may all be needed: what was lost for good comes back in the end. */
function mended(fault: Fault): Fault {
	return 'isForGood' in fault ? { ...fault, isForGood: false } : fault;
}

/** After everything has healed, every node wants both phases from itself, or even the same slot, at the same moment. */
function drawDuel(random: Random, nodes: number): PlannedOperation[] {
	const route = random.pick(['self', 'contest'] as const);
	return Array.from({ length: nodes * DUEL_ROUNDS }, (_, index) => ({
		atMs: PLAN.healMs + DUEL_AFTER_MS,
		client: index % LOAD.clients,
		kind: 'put',
		key: random.integer(0, LOAD.keys - 1),
		value: DUEL_VALUES_FROM + CONTESTED_SLOTS * index,
		valueBytes: 16,
		node: index % nodes,
		route,
	}));
}

/** A quorum of three is all but one; seven hold more minorities and rivals at once. */
function drawNodes(seed: number): number {
	return new Random(seed, 0x73697a65).pick([3, 5, 5, 7]);
}

/**
 * One of the partial partitions, under load.
 *
 * @param nodesWanted as of `drawPlan`
 */
export function drawScenario(seed: number, scenario: Scenario, nodesWanted?: number): Plan {
	const random = new Random(seed, 0x7363656e);
	const nodes = nodesWanted ?? drawNodes(seed);
	return {
		seed,
		nodes,
		regime: 'partial',
		scenario,
		links: { ...drawLinks(random), loss: 0, duplication: 0, tail: 0 },
		openSlotsMax: 64,
		messageBytesMax: 64 * 1024,
		watched: false,
		faults: drawScenarioFaults(random, nodes, scenario),
		// A proposal with route `self` rightly takes the leadership.
		operations: drawOperations(random, nodes, LOAD, PARTIAL_TIMES.endMs).map((each) => ({ ...each, route: 'leader' })),
	};
}

function drawLinks(random: Random): LinkQuality {
	return {
		loss: random.chance(0.4) ? 0 : random.magnitude(0.0003, 0.03),
		duplication: random.chance(0.4) ? 0 : random.magnitude(0.001, 0.2),
		delayMinMs: random.magnitude(0.05, 2),
		delaySpreadMs: random.magnitude(0.05, 10),
		tail: random.chance(0.5) ? 0 : random.magnitude(0.001, 0.05),
		delayTailMs: random.magnitude(10, 1_000),
	};
}
