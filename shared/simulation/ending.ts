/**
 * Checks after every fault has ended and every client has its answer: nothing waits, and no campaign disturbs another.
 */
import type { Clients } from './clients.ts';
import { Violation } from './ledger.ts';
import type { SimulatedNode } from './node.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

/** A time longer than any run. */
const PATIENCE_MS = 600_000;
/**
 * The bound on campaigns since everything healed, for each slot chosen since then and each node. In a duel every
 * proposal asks for a campaign of its own, and each campaign halts some other.
 */
const CAMPAIGNS_PER_DECISION_MAX = 3;
/**
 * After the end of all faults each client that keeps a connection is served within this time. It is longer than a client
 * whose patience has grown stays with a node that says nothing.
 */
const SERVED_MAX_MS = 40_000;
const LOOK_EVERY_MS = 1_000;

/** A leader that is told to stop, while nothing goes wrong, is followed by another one within this time. */
const HANDOVER_MAX_MS = 1_000;

/** The interval at which a patient reader asks a node. */
const PATIENT_EVERY_MS = 500;

/**
 * Readers that never give up: what each asks of a process is answered, unless that process ends. Clients that time out
 * and ask elsewhere would hide a read that was dropped.
 */
export class PatientReaders {
	readonly #waiting = new Map<Process, number>();

	constructor(world: World, random: Random, untilMs: number) {
		for (let ms = 0; ms < untilMs; ms += PATIENT_EVERY_MS) {
			const node = random.pick(world.nodes);
			world.at(ms * US_PER_MS, () => this.#ask(node));
		}
	}

	#ask({ process }: SimulatedNode): void {
		if (!process) return;
		this.#waiting.set(process, (this.#waiting.get(process) ?? 0) + 1);
		process.replica.whenConfirmed(PATIENCE_MS, () =>
			this.#waiting.set(process, (this.#waiting.get(process) as number) - 1),
		);
	}

	/**
	 * A node that was started to come in, and never did, may hear none of those that are members now.
	 *
	 * @throws Violation where the process of a member is still there and has not answered
	 */
	mustHaveAnswers(members: readonly SimulatedNode[]): void {
		for (const [process, count] of this.#waiting) {
			const { node } = process;
			if (count === 0 || node.process !== process || !members.includes(node)) continue;
			throw new Violation('EveryReadIsAnswered', `${node.id} has left ${count} reads without an answer`);
		}
	}
}

/** @throws Violation where a client that asks gets no answers any more, though nothing goes wrong */
export function mustServe(world: World, clients: Clients): void {
	if (clients.unserved.length === 0) return;
	const endAt = world.now + SERVED_MAX_MS * US_PER_MS;
	while (clients.unserved.length > 0) {
		const [first] = clients.unserved;
		if (world.now >= endAt) throw new Violation('EveryClientIsServed', `${first} gets no answers any more`);
		world.run(world.now + LOOK_EVERY_MS * US_PER_MS);
	}
	// What its last call has left behind is settled.
	world.run(world.now + LOOK_EVERY_MS * US_PER_MS);
}

/** @throws Violation where a watch is not told any more what it has to be told, though nothing goes wrong */
export function mustTellWatches(world: World, clients: Clients): void {
	const endAt = world.now + SERVED_MAX_MS * US_PER_MS;
	for (;;) {
		const [first] = clients.watchesBehind;
		if (first === undefined) return;
		if (world.now >= endAt) throw new Violation('WatchesGoOn', `the watch of ${first} is told nothing any more`);
		world.run(world.now + LOOK_EVERY_MS * US_PER_MS);
	}
}

/** @throws Violation where campaigns end each other rather than choose */
export function mustBound(campaigns: number, decisions: number): void {
	if (campaigns <= CAMPAIGNS_PER_DECISION_MAX * decisions) return;
	throw new Violation(
		'CampaignsAreBounded',
		`${campaigns} campaigns since everything healed, for ${decisions} decisions`,
	);
}

/**
 * The leader is told to stop, and serves on.
 *
 * @throws Violation where no other node leads soon
 */
export function mustHandOver(world: World): void {
	const leading = () => world.nodes.filter(({ process }) => process?.agent.view().role === 'leader');
	const leaders = leading();
	if (leaders.length === 0) throw new Violation('Progress', 'no node leads at the end');
	const isVoter = ({ index }: SimulatedNode): boolean => (world.ledger.electorates.last.voters & (1 << index)) !== 0;
	if (world.nodes.filter((node) => node.process && isVoter(node)).length < 2) return;
	for (const { process } of leaders) process?.leave();
	world.run(world.now + HANDOVER_MAX_MS * US_PER_MS);
	if (leading().some((node) => !leaders.includes(node))) return;
	const names = leaders.map(({ id }) => id).join(' and ');
	throw new Violation(
		'LeaversHandOver',
		`${names} was told to stop, and no other node leads after ${HANDOVER_MAX_MS} ms`,
	);
}

/** @throws Violation where a node runs on that was removed */
export function mustHaveLeft({ nodes, ledger }: World): void {
	for (const { id, index, process } of nodes) {
		if (!process || !ledger.electorates.wasMember(index)) continue;
		throw new Violation('RemovedLeave', `${id} is no member any more, and runs on`);
	}
}

/** The longest time-out of a session in the world, the lock delay behind it, and the ticks in which a leader sees both. */
const SESSIONS_MS_MAX = 5_000;

/**
 * Sessions that nobody renews end, and no key waits for ever for the end of one. It runs the world as long as that takes. A
 * leader whose room for commands is small ends one session after another.
 *
 * @throws Violation where nothing ends for longer than a session may last
 */
export function mustEndSessions(world: World): void {
	for (let before = leftOver(world); before > 0; ) {
		world.run(world.now + SESSIONS_MS_MAX * US_PER_MS);
		const now = leftOver(world);
		if (now >= before) throw new Violation('SessionsEnd', 'there are sessions that nobody renews, or keys that wait');
		before = now;
	}
}

/**
 * How much has to end at all members. The end of a session counts, though it lets a key wait. A node that was started to
 * come in, and never did, learns no more of the log, so that sessions in its store may stay.
 */
function leftOver({ nodes, ledger }: World): number {
	let count = 0;
	for (const { process, index } of nodes) {
		const store = process?.store;
		if (store !== undefined && ledger.isMember(index)) count += 2 * store.sessionsCount + (store.hasLockDelays ? 1 : 0);
	}
	return count;
}

/** The longest wait for a moment of rest. A command that a node proposes by itself is chosen long before. */
const REST_MAX_MS = 1_000;

/**
 * Everyone who asked has an answer. So there is a moment soon at which no node has anything on its way, and all have applied
 * every chosen slot.
 *
 * @throws Violation where there is none
 */
export function mustComeToRest(world: World, nodes: readonly SimulatedNode[]): void {
	// The world's own time stands still while nothing happens.
	const from = world.now;
	for (let ms = 1; ms <= REST_MAX_MS; ms++) {
		if (nodes.every((node) => unrestOf(world, node) === null)) return;
		world.run(from + ms * US_PER_MS);
	}
	for (const node of nodes) {
		const unrest = unrestOf(world, node);
		if (unrest !== null) throw unrest;
	}
}

/** @returns why this is no moment of rest; null where it is one */
function unrestOf({ ledger }: World, { id, index, process }: SimulatedNode): Violation | null {
	if (ledger.waitingCount(index) > 0) return new Violation('Progress', `${id} has still not flushed what it wrote`);
	if (!process) return new Violation('Progress', `${id} does not run at the end`);
	const { pendingCount, openSlotsCount, queuedCount, readsCount } = process.agent.view();
	const counts = {
		'proposals without an outcome': pendingCount,
		'open slots': openSlotsCount,
		'proposals in its queue': queuedCount,
		'reads without an answer': readsCount,
		...process.replica.unfinished,
	};
	const left = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
	if (left.length > 0) return new Violation('NothingIsLeft', `${id} still has ${left.join(', ')}`);
	const { appliedThrough } = process.replica;
	const { chosenThrough } = ledger;
	if (appliedThrough === chosenThrough) return null;
	return new Violation('Progress', `${id} has applied ${appliedThrough} of ${chosenThrough} at the end`);
}
