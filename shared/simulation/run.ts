/**
 * One seed, from its plan to its verdict. The plan is drawn first: a list of all faults and all operations of clients. A
 * failure is shrunk by leaving items out of the list, which gives a smaller run of the same seed.
 */

import { sameBytes } from '../bytes/bytes.ts';
import { PaxosAgent } from '../paxos/agent.ts';
import { Store } from '../store/store.ts';
import { type Bounds, drawBounds, USUAL_BOUNDS } from './bounds.ts';
import { CALL_MS_MAX, Clients } from './clients.ts';
import { type ClockTaste, USUAL_CLOCKS } from './clock.ts';
import type { Counters } from './counters.ts';
import { mustBound, mustHaveNothingLeft, mustServe, PatientReaders } from './ending.ts';
import { drawFaults, type Fault, PLAN, type Regime } from './faults.ts';
import { Violation } from './ledger.ts';
import { checkHistory } from './linearizability.ts';
import type { LinkQuality } from './network.ts';
import type { SimulatedNode } from './node.ts';
import { CONTESTED_SLOTS, drawOperations, type PlannedOperation } from './operations.ts';
import { Random } from './random.ts';
import { drawScenarioFaults, PARTIAL_TIMES, SCENARIOS, type Scenario, stableFromMs } from './scenarios.ts';
import { US_PER_MS } from './schedule.ts';
import { canonical, copyOf } from './snapshot.ts';
import { drawSockets, type SocketTaste, USUAL_SOCKETS } from './sockets.ts';
import { Trouble } from './trouble.ts';
import { type Onlooker, World } from './world.ts';

/** Everything that a run depends on. */
export interface Plan {
	readonly seed: number;
	readonly nodes: number;
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
}

export interface Outcome {
	readonly seed: number;
	readonly hash: number;
	readonly events: number;
	readonly steps: number;
	readonly simulatedMs: number;
	/** From a partial partition to the leader that stays, milliseconds; 0 where the leader stayed, or there was none. */
	readonly settledMs: number;
	readonly counters: Counters;
	readonly violation: { readonly rule: string; readonly detail: string } | null;
}

/** The default timings of swarm.json. */
const TIMINGS = {
	electionMinMs: 300,
	electionMaxMs: 500,
	heartbeatMs: 75,
	pollMaxMs: 40,
	retryMs: 250,
	backoffMinMs: 5,
	backoffMaxMs: 500,
};

/** After the end of all faults every node must answer a read within this time. */
const PROGRESS_MAX_MS = 4_000;
/** Unless it has more to learn: it asks for the next slots when it has those before, and so many bytes are one. */
const SLOT_BYTES = 512;
/** After the end of all faults there is a leader within this time. */
const SETTLE_MS = 1_000;
/** The time of a turn and its flush, of a node that gathers its input. */
const FLUSH_MS = 1;
/** Under load a slot is chosen within this time, milliseconds. */
const PROGRESS_EVERY_MS = 1_000;
/** The nodes duel so long after the end of all faults, with so many proposals each. */
const DUEL_AFTER_MS = 500;
const DUEL_ROUNDS = 3;
/** Clients make calls for so long after the end of all faults, because the healed swarm must carry a load. */
const LOAD_AFTER_MS = 2_000;
/** Values from here on make their proposals contest the next slot. */
const DUEL_VALUES_FROM = CONTESTED_SLOTS * 1_000_000 + 1;
const LOAD = { clients: 5, keys: 5, operationsPerSecond: 24 };

/** So little that a node that lags has to learn before it can accept. */
const SLOTS_AHEAD_FACTOR = 4;

/** The share of seeds with a partial partition, and the share of the others with unbounded faults. */
const PARTIAL = 0.06;
const UNBOUNDED = 0.25;

/** @param nodesWanted the number of nodes; undefined where the seed draws it */
export function drawPlan(seed: number, nodesWanted?: number): Plan {
	const random = new Random(seed, 0x706c616e);
	const nodes = nodesWanted ?? drawNodes(seed);
	if (random.chance(PARTIAL)) return drawScenario(seed, random.pick(SCENARIOS), nodes);
	const regime = random.chance(UNBOUNDED) ? 'unbounded' : 'survivable';
	const untilMs = regime === 'survivable' ? PLAN.healMs + LOAD_AFTER_MS : PLAN.endMs;
	return {
		seed,
		nodes,
		regime,
		links: drawLinks(random),
		clocks: { spreadMs: random.pick([0, 1, 2_000]), resolutionUs: random.pick([1, 1, 1_000, 16_000, 1_000_000]) },
		bounds: drawBounds(new Random(seed, 0x626f756e)),
		sockets: drawSockets(new Random(seed, 0x736f636b)),
		frames: new Random(seed, 0x6672616d).pick([0, 0.5, 1, 1]),
		openSlotsMax: random.pick([1, 2, 8, 64]),
		messageBytesMax: random.pick([64, 512, 64 * 1024]),
		watched: random.chance(0.125),
		faults: drawFaults(random, nodes, regime),
		operations: [
			...drawOperations(random, nodes, LOAD, untilMs),
			...(regime === 'survivable' && random.chance(0.5) ? drawDuel(random, nodes) : []),
		],
	};
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

export function runPlan(plan: Plan, onlooker?: Onlooker): Outcome {
	const { seed, nodes, links, openSlotsMax, messageBytesMax, watched } = plan;
	const slotsAheadMax = SLOTS_AHEAD_FACTOR * openSlotsMax;
	const config = { openSlotsMax, slotsAheadMax, valueBytesMax: 16 * 1024, messageBytesMax, timings: TIMINGS };
	const bounds = plan.bounds ?? USUAL_BOUNDS;
	const world = new World({
		seed,
		nodes,
		links,
		config,
		watched,
		canary: plan.canary ?? false,
		clocks: plan.clocks ?? USUAL_CLOCKS,
		sockets: plan.sockets ?? USUAL_SOCKETS,
		bounds,
		frames: plan.frames ?? 0,
		onlooker,
	});
	const trouble = new Trouble(world, new Random(seed, 0x74726f75), links);
	const clients = new Clients(world, { seed, clients: LOAD.clients, keys: LOAD.keys, limits: bounds.calls });
	let violation: Outcome['violation'] = null;
	try {
		world.start();
		trouble.schedule(plan.faults);
		clients.schedule(plan.operations);
		if (plan.regime === 'survivable') runUntilProgress(world, trouble, clients, plan);
		else if (plan.scenario) runWithStableLeader(world, plan.scenario);
		else world.run(PLAN.endMs * US_PER_MS);
		clients.finish();
		checkStates(world);
		checkLinearizable(clients);
	} catch (error) {
		violation = violationOf(error);
		world.note('', `VIOLATION ${violation.rule}: ${violation.detail}`);
	}
	return {
		seed,
		hash: world.hash,
		events: world.events,
		steps: world.invariants.steps,
		simulatedMs: Math.round(world.now / US_PER_MS),
		settledMs: plan.scenario ? Math.max(0, Math.round(world.lastLedAt / US_PER_MS) - PARTIAL_TIMES.cutMs) : 0,
		counters: world.counters,
		violation,
	};
}

/** Once faults stop, the swarm goes on: within a bound every node answers, and all of them agree. */
function runUntilProgress(world: World, trouble: Trouble, clients: Clients, plan: Plan): void {
	const readers = new PatientReaders(world, new Random(plan.seed, 0x70617469), PLAN.healMs);
	world.run(PLAN.healMs * US_PER_MS);
	trouble.heal();
	const before = { campaigns: world.counters.campaigns, chosen: world.ledger.chosenThrough };
	const alive = world.nodes.filter((node) => node.process);
	const progressMs = Math.max(PROGRESS_MAX_MS, SETTLE_MS + learningMs(world, alive, plan));
	const silent = new Set<SimulatedNode>();
	world.run((PLAN.healMs + SETTLE_MS) * US_PER_MS);
	for (const node of alive) {
		silent.add(node);
		node.process?.replica.whenConfirmed(PROGRESS_MAX_MS, (confirmed) => confirmed && silent.delete(node));
	}
	world.run((PLAN.healMs + progressMs) * US_PER_MS);
	const [first] = silent;
	if (first) throw new Violation('Progress', `${first.id} answers nothing ${progressMs} ms after all faults ended`);
	if (alive.length * world.bounds.replica.connectionsMax >= LOAD.clients) clients.askUntilServed(alive);
	world.run(Math.max(PLAN.endMs, PLAN.healMs + progressMs + SETTLE_MS) * US_PER_MS);
	if (clients.waitingCount > 0) world.run(world.now + CALL_MS_MAX * US_PER_MS);
	if (clients.waitingCount > 0)
		throw new Violation('Progress', `${clients.waitingCount} operations still have no answer`);
	mustServe(world, clients);
	clients.mustHaveNothingLeft();
	readers.mustHaveAnswers();
	const { chosenThrough } = world.ledger;
	const campaigns = world.counters.campaigns - before.campaigns;
	mustBound(campaigns, chosenThrough - before.chosen + alive.length);
	for (const node of alive) {
		if (world.ledger.waitingCount(node.index) > 0) {
			throw new Violation('Progress', `${node.id} has still not flushed what it wrote`);
		}
		mustHaveNothingLeft(node);
		const applied = node.process?.replica.appliedThrough;
		if (applied === chosenThrough) continue;
		throw new Violation('Progress', `${node.id} has applied ${applied} of ${chosenThrough} at the end`);
	}
}

/**
 * The longest time until the node that is furthest behind has learned all chosen slots, one message after the other.
 */
function learningMs(world: World, alive: readonly SimulatedNode[], { links, messageBytesMax }: Plan): number {
	const applied = alive.map((node) => node.process?.replica.appliedThrough ?? 0);
	const slots = world.ledger.chosenThrough - Math.min(...applied);
	const slotsAtOnce = Math.max(1, Math.floor(messageBytesMax / SLOT_BYTES));
	const roundMs = 2 * (links.delayMinMs + links.delaySpreadMs) + FLUSH_MS;
	return Math.ceil((slots / slotsAtOnce) * roundMs);
}

/** Some time after the cut one leader stays, and proposals are chosen. */
function runWithStableLeader(world: World, scenario: Scenario): void {
	const stableMs = stableFromMs(scenario);
	world.run(stableMs * US_PER_MS);
	const beganMs = storeMs(world);
	let before = world.ledger.chosenThrough;
	let underLoadMs = 0;
	for (let ms = stableMs + PROGRESS_EVERY_MS; ms <= PARTIAL_TIMES.endMs; ms += PROGRESS_EVERY_MS) {
		const { writesAsked } = world.counters;
		world.run((ms - PROGRESS_EVERY_MS / 2) * US_PER_MS);
		const wasAsked = world.counters.writesAsked > writesAsked;
		world.run(ms * US_PER_MS);
		if (wasAsked && world.ledger.chosenThrough === before) {
			throw new Violation('Progress', `nothing is chosen before ${ms} ms`);
		}
		if (world.lastLedAt > stableMs * US_PER_MS) throw new Violation('StableLeader', `another leader before ${ms} ms`);
		if (wasAsked) underLoadMs += PROGRESS_EVERY_MS;
		before = world.ledger.chosenThrough;
	}
	const passedMs = storeMs(world) - beganMs;
	if (2 * passedMs >= underLoadMs) return;
	throw new Violation('TimePasses', `${passedMs} ms of ${underLoadMs} under load`);
}

/** The time of the state machine, at the node that has applied most. */
function storeMs(world: World): number {
	return Math.max(0, ...world.nodes.map(({ process }) => process?.replica.store.timeMs ?? 0));
}

/**
 * Nodes that have applied the same slots have the same bytes of state, and a copy of an agent's state has all of it.
 */
function checkStates(world: World): void {
	const states = new Map<number, { readonly node: SimulatedNode; readonly bytes: Uint8Array }>();
	for (const node of world.nodes) {
		if (!node.process) continue;
		const { state } = node.process.agent;
		if (!sameBytes(canonical(state), canonical(PaxosAgent.from(node.config, copyOf(state)).state))) {
			throw new Violation('SavedIsWhole', `${node.id} is another one after a copy of its state`);
		}
		// By slot, not by revision: a command that was applied before takes none, and may yet acknowledge outcomes.
		const { store, appliedThrough } = node.process.replica;
		const bytes = store.save();
		if (!sameBytes(bytes, Store.restore(bytes, world.bounds.store).save())) {
			throw new Violation('SavedIsWhole', `the store of ${node.id} is another one after save and restore`);
		}
		world.counters.storesRestored++;
		const other = states.get(appliedThrough);
		if (!other) states.set(appliedThrough, { node, bytes });
		else if (!sameBytes(other.bytes, bytes)) {
			throw new Violation(
				'EqualStateAtEqualRevision',
				`${node.id} and ${other.node.id} differ at slot ${appliedThrough}`,
			);
		}
	}
}

function checkLinearizable(clients: Clients): void {
	const verdict = checkHistory(clients.history);
	if (verdict.kind === 'linearizable') return;
	throw new Violation(
		'Linearizable',
		`${verdict.key}: ${verdict.kind === 'gaveUp' ? 'the checker gave up' : 'no order'}`,
	);
}

function violationOf(error: unknown): { readonly rule: string; readonly detail: string } {
	if (error instanceof Violation) return { rule: error.rule, detail: error.message };
	if (error instanceof Error) return { rule: error.name, detail: error.stack ?? error.message };
	return { rule: 'Thrown', detail: String(error) };
}
