/**
 * A state machine that has no keys, under the faults of the simulator: a queue. The order in which its commands were
 * applied is a witness, so each history is checked as a whole: every node makes the same of each command, the results are
 * those of a queue, and a command that was answered comes before every one that began after that.
 */
import { OwnDoors } from '../../shared/replica/own-doors.ts';
import { SNAPSHOT_LIMITS } from '../../shared/replica/snapshots.ts';
import type { Host } from '../../shared/simulation/hosted.ts';
import { Violation } from '../../shared/simulation/ledger.ts';
import type { SimulatedNode, Surroundings } from '../../shared/simulation/node.ts';
import { drawPlan } from '../../shared/simulation/plan.ts';
import { Random } from '../../shared/simulation/random.ts';
import { US_PER_MS } from '../../shared/simulation/schedule.ts';
import { USUAL_TIMINGS } from '../../shared/simulation/timings.ts';
import { Trouble } from '../../shared/simulation/trouble.ts';
import { World } from '../../shared/simulation/world.ts';
import type { BatchReader } from '../../shared/store/batch-reader.ts';
import { OwnMachine, ownKind } from '../../shared/store/own-machine.ts';
import type { OnResult } from '../../shared/store/result.ts';
import { jsonCodec, type StateMachine } from '../../shared/store/state-machine.ts';

export interface Command {
	/** Which call it is; those that add something add this number. */
	readonly id: number;
	readonly does: 'add' | 'take';
}

/** The number that was taken, null where there was none; or how many wait, where one was added. */
export type Result = { readonly taken: number | null } | { readonly length: number };

const codec = jsonCodec<Command>();

export const queue: StateMachine<number[], Command, Result> = {
	name: 'queue',
	version: 1,
	command: codec,
	result: jsonCodec<Result>(),
	initial: () => [],
	apply: (waiting, { id, does }) =>
		does === 'add' ? { length: waiting.push(id) } : { taken: waiting.shift() ?? null },
	snapshot: (waiting) => waiting.map((id) => new TextEncoder().encode(`${id}`)),
	restore: (parts) => parts.map((part) => Number(new TextDecoder().decode(part))),
};

interface Applied {
	readonly command: Command;
	readonly result: Result;
	readonly digest: number;
}

/** What the nodes have applied, by revision: the first one to apply a command says what came of it. */
export class History {
	readonly applied = new Map<number, Applied>();

	note(revision: number, applied: Applied): void {
		const first = this.applied.get(revision);
		if (first === undefined) this.applied.set(revision, applied);
		else if (JSON.stringify(first) !== JSON.stringify(applied)) {
			throw new Violation('EqualAtEqualRevision', `${JSON.stringify(first)}, and ${JSON.stringify(applied)}`);
		}
	}

	/** @throws Violation where the results are not those of a queue, or a command was applied twice */
	check(): void {
		const waiting = queue.initial();
		const seen = new Set<number>();
		for (const [revision, { command, result }] of [...this.applied].toSorted(([a], [b]) => a - b)) {
			const expected = queue.apply(waiting, command, { slot: 0, timeMs: 0, random: () => 0 });
			if (JSON.stringify(expected) !== JSON.stringify(result)) {
				throw new Violation('ResultsAreOfAQueue', `${revision}: ${JSON.stringify({ command, result, expected })}`);
			}
			if (seen.has(command.id)) throw new Violation('AppliedOnce', `${command.id} is applied twice`);
			seen.add(command.id);
		}
	}
}

/** The queue of one node, whose results pass the invariants as those of keys do. */
class WatchedQueue extends OwnMachine<number[], Command, Result> {
	readonly #history: History;
	readonly #node: number;
	readonly #world: Surroundings;
	#slot = 0;

	constructor(history: History, node: number, world: Surroundings) {
		super(queue, world.bounds.store);
		this.#history = history;
		this.#node = node;
		this.#world = world;
	}

	/** As `WatchedStore.holds`. */
	holds(through: number): boolean {
		if (through === this.#slot) return false;
		this.#slot = through;
		this.#world.invariants.installed(this.#node, through, this);
		return true;
	}

	override apply(commands: Uint8Array, onResult?: OnResult): boolean {
		const { invariants, now } = this.#world;
		this.#slot++;
		const whole = super.apply(commands, (client, sequence, result) => {
			invariants.result(this.#node, client, sequence, result);
			onResult?.(client, sequence, result);
		});
		invariants.applied(this.#node, this.#slot, this, now);
		return whole;
	}

	protected override carryOut(command: BatchReader): boolean {
		if (!super.carryOut(command)) return false;
		const { digest } = this;
		const { revision, result } = this.last as NonNullable<typeof this.last>;
		this.#history.note(revision, { command: codec.decode(command.value), result, digest });
		return true;
	}
}

export interface Outcome {
	readonly hash: number;
	/** Commands that were answered, and those of them without a result, because their node took over a snapshot. */
	readonly answered: number;
	readonly lost: number;
	readonly crashes: number;
	readonly takenOver: number;
}

const NODES = 3;
const CALLS_PER_SECOND = 40;
const CALL_MS = 1_000;
const AGAIN_MS = 50;
const HEAL_MS = 6_000;
const END_MS = 14_000;

/** @throws Violation, or what the code under test throws */
export function runQueue(seed: number): Outcome {
	const plan = drawPlan(seed, NODES);
	const history = new History();
	const drawn = plan.bounds as NonNullable<typeof plan.bounds>;
	// The commands are small, and so are the logs behind which snapshots are taken.
	const bounds = { ...drawn, snapshots: { ...SNAPSHOT_LIMITS, ...drawn.snapshots, logBytesMin: 8_000, keptFactor: 1 } };
	const host: Host = (node, surroundings) => {
		const machine = new WatchedQueue(history, node, surroundings);
		const { restore } = ownKind(queue, bounds.store);
		return {
			machine,
			holds: (through) => machine.holds(through),
			restore,
			doors: (parts) => new OwnDoors(machine, parts),
		};
	};
	const { openSlotsMax, messageBytesMax, links } = plan;
	const world = new World({
		seed,
		nodes: NODES,
		spares: plan.spares,
		links,
		config: {
			openSlotsMax,
			slotsAheadMax: 4 * openSlotsMax,
			valueBytesMax: 16 * 1024,
			messageBytesMax,
			timings: USUAL_TIMINGS,
		},
		watched: plan.watched,
		canary: false,
		clocks: plan.clocks as NonNullable<typeof plan.clocks>,
		sockets: plan.sockets as NonNullable<typeof plan.sockets>,
		bounds,
		host,
	});
	const trouble = new Trouble(world, new Random(seed, 1), links);
	const random = new Random(seed, 2);
	const counts = { answered: 0, lost: 0 };
	let ids = 0;
	/** Every command up to this revision was answered before now. */
	let answeredThrough = 0;
	const call = (index: number, done: (isAnswered: boolean) => void = () => undefined): void => {
		const { process } = world.node(index);
		if (!process) return;
		const command: Command = { id: ++ids, does: random.chance(0.6) ? 'add' : 'take' };
		const before = answeredThrough;
		const machine = process.replica.machine as WatchedQueue;
		const options = { route: 'leader', contest: 0, timeoutMs: CALL_MS } as const;
		process.replica.submit({ kind: 'command', bytes: codec.encode(command) }, options, (answer) => {
			if (answer.outcome !== 'chosen') return done(false);
			const { revision } = answer;
			const applied = history.applied.get(revision);
			counts.answered++;
			if (applied?.command.id !== command.id)
				throw new Violation('AnswersAreTrue', `${command.id} is not at ${revision}`);
			if (revision <= before)
				throw new Violation('RealTime', `${command.id} is before what was answered before it began`);
			answeredThrough = Math.max(answeredThrough, revision);
			if (machine.last?.revision !== revision) counts.lost++;
			done(true);
		});
	};
	world.start();
	trouble.schedule(plan.faults.filter(({ kind, atMs }) => kind !== 'save' && atMs < HEAL_MS));
	for (let ms = 0; ms < HEAL_MS; ms += 1000 / CALLS_PER_SECOND)
		world.at(ms * US_PER_MS, () => call(random.integer(0, NODES - 1)));
	world.run(HEAL_MS * US_PER_MS);
	trouble.heal();
	world.run((HEAL_MS + 4_000) * US_PER_MS);
	const alive = world.nodes.filter(({ process }) => process);
	const silent = new Set(alive);
	const ask = (node: SimulatedNode): void =>
		call(node.index, (isAnswered) => {
			if (isAnswered) silent.delete(node);
			else world.at(world.now + AGAIN_MS * US_PER_MS, () => ask(node));
		});
	for (const node of alive) ask(node);
	world.run(END_MS * US_PER_MS);
	for (const { id } of silent) throw new Violation('Progress', `${id} answers nothing after all faults`);
	history.check();
	const digests = new Set(alive.map(({ process }) => process?.replica.machine.digest));
	if (digests.size !== 1) throw new Violation('EqualStates', [...digests].join());
	const { crashes, snapshotsTakenOver: takenOver } = world.counters;
	return { hash: world.hash, ...counts, crashes, takenOver };
}
