/** One seed, from its plan to its verdict. */

import { sameBytes } from '../bytes/bytes.ts';
import { PaxosAgent } from '../paxos/agent.ts';
import { restoredStore } from '../store/restore.ts';
import { replicaLimits, USUAL_BOUNDS } from './bounds.ts';
import { CALL_MS_MAX, Clients } from './clients.ts';
import { USUAL_CLOCKS } from './clock.ts';
import type { Counters } from './counters.ts';
import {
	mustBound,
	mustComeToRest,
	mustEndSessions,
	mustHandOver,
	mustHaveLeft,
	mustServe,
	mustTellWatches,
	PatientReaders,
} from './ending.ts';
import { PLAN } from './faults.ts';
import { Violation } from './ledger.ts';
import { checkHistory } from './linearizability.ts';
import { LockUsers } from './lock-users.ts';
import type { SimulatedNode } from './node.ts';
import { LOAD, type Plan } from './plan.ts';
import { Random } from './random.ts';
import { RequestUsers } from './request-users.ts';
import { PARTIAL_TIMES, type Scenario, stableFromMs } from './scenarios.ts';
import { US_PER_MS } from './schedule.ts';
import { canonical, copyOf } from './snapshot.ts';
import { USUAL_SOCKETS } from './socket-taste.ts';
import { USUAL_TIMINGS } from './timings.ts';
import { Trouble } from './trouble.ts';
import { type Onlooker, World } from './world.ts';

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

/** So little that a node that lags has to learn before it can accept. */
const SLOTS_AHEAD_FACTOR = 4;

export function runPlan(plan: Plan, onlooker?: Onlooker): Outcome {
	const { seed, nodes, links, openSlotsMax, messageBytesMax, watched } = plan;
	const slotsAheadMax = SLOTS_AHEAD_FACTOR * openSlotsMax;
	const config = { openSlotsMax, slotsAheadMax, valueBytesMax: 16 * 1024, messageBytesMax, timings: USUAL_TIMINGS };
	const bounds = plan.bounds ?? USUAL_BOUNDS;
	const world = new World({
		seed,
		nodes,
		spares: plan.spares ?? 0,
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
		new LockUsers(world, seed, plan.lockUsers ?? 0).begin();
		new RequestUsers(world, seed, plan.requestUsers ?? 0).begin();
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
	const alive = world.nodes.filter((node) => node.process && world.ledger.isMember(node.index));
	const progressMs = Math.max(PROGRESS_MAX_MS, SETTLE_MS + learningMs(world, alive, plan));
	const silent = new Set<SimulatedNode>();
	world.run((PLAN.healMs + SETTLE_MS) * US_PER_MS);
	for (const node of alive) {
		silent.add(node);
		node.process?.replica.whenConfirmed(progressMs, (confirmed) => confirmed && silent.delete(node));
	}
	world.run((PLAN.healMs + progressMs) * US_PER_MS);
	const first = [...silent].find(({ isAway }) => !isAway);
	if (first) throw new Violation('Progress', `${first.id} answers nothing ${progressMs} ms after all faults ended`);
	const serving = alive.filter(({ isAway }) => !isAway);
	const places = serving.map(({ index }) => replicaLimits(world.bounds, index).connectionsMax);
	if (places.reduce((sum, each) => sum + each, 0) >= LOAD.clients) clients.askUntilServed(alive);
	world.run(Math.max(PLAN.endMs, PLAN.healMs + progressMs + SETTLE_MS) * US_PER_MS);
	mustEndSessions(world);
	if (clients.waitingCount > 0) world.run(world.now + CALL_MS_MAX * US_PER_MS);
	if (clients.waitingCount > 0)
		throw new Violation('Progress', `${clients.waitingCount} operations still have no answer`);
	mustServe(world, clients);
	mustTellWatches(world, clients);
	// A call that was aborted waits inside its client until it is answered, or until its time is over.
	if (clients.haveCallsLeft) world.run(world.now + CALL_MS_MAX * US_PER_MS);
	clients.mustHaveNothingLeft();
	readers.mustHaveAnswers(alive);
	mustComeToRest(
		world,
		alive.filter(({ isAway }) => !isAway),
	);
	const campaigns = world.counters.campaigns - before.campaigns;
	mustBound(campaigns, world.ledger.chosenThrough - before.chosen + alive.length);
	mustHaveLeft(world);
	mustHandOver(world);
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
	return Math.max(0, ...world.nodes.map(({ process }) => process?.store.timeMs ?? 0));
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
		const { store, replica } = node.process;
		const { appliedThrough } = replica;
		world.invariants.changedKeys.mustMakeUp(node.id, appliedThrough, store);
		const bytes = store.save();
		if (!sameBytes(bytes, restoredStore(bytes, world.bounds.store).save())) {
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
	const answers = checkHistory(clients.history);
	const verdict = answers.kind === 'gaveUp' ? checkHistory(clients.historyAsApplied()) : answers;
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
