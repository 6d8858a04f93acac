/**
 * Single requests to one node, as over HTTP. A command gets its identity at the node, is sent once, and its answer is lost
 * with the node's process. These requests include those that a client's connection does not offer: both phases from one
 * node, the contest of a slot, deletes of a prefix and lists of keys.
 */
import type { SubmitOptions } from '../replica/batch.ts';
import type { SubmitAnswer } from '../replica/submit-answer.ts';
import type { PartOfTransaction, Put } from '../store/command.ts';
import { type Call, type Calls, keyOf, operationOf } from './calls.ts';
import { Violation } from './ledger.ts';
import type { SimulatedNode } from './node.ts';
import { CONTESTED_SLOTS, isTransaction, type PlannedOperation, twinOf } from './operations.ts';
import { PartsTold } from './parts.ts';
import type { Process } from './process.ts';
import type { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

const TIMEOUT_MIN_MS = 200;
const TIMEOUT_MAX_MS = 2_500;
/** The time from the end of a request's limit to its answer. */
const ANSWER_MS = 100;
/** No operation of a plan is of this key. */
export const OWN_KEY = 'served';
/** A call that was not answered is made again after so long. */
export const AGAIN_US = 10 * US_PER_MS;

export class Requests {
	readonly #world: World;
	readonly #random: Random;
	readonly #calls: Calls;
	/** The process that has it. */
	readonly #askedOf = new Map<Call, Process>();
	/** The last revision that was seen, by key. */
	readonly #seen = new Map<number, number>();

	constructor(world: World, random: Random, calls: Calls) {
		this.#world = world;
		this.#random = random;
		this.#calls = calls;
	}

	ask(planned: PlannedOperation, node: SimulatedNode): void {
		const { process } = node;
		if (!process || !node.letsClientsIn) return;
		const operation = operationOf(planned, this.#seen.get(planned.key) ?? 0);
		const twin = isTransaction(planned) ? twinOf(planned, this.#calls.keys) : null;
		const call = this.#calls.begin(planned, operation, twin);
		this.#askedOf.set(call, process);
		const timeoutMs = this.#random.between(TIMEOUT_MIN_MS, TIMEOUT_MAX_MS);
		if (this.#world.isWatchedByPeople) {
			this.#world.note(node.id, `request: ${planned.kind} ${planned.key} ${planned.value} by ${planned.route}`);
		}
		this.#world.later(node, this.#world.now, 'frame', () => {
			this.#mustEnd(call, node);
			if (operation === null) return this.#read(call, process, timeoutMs);
			const options = { ...this.#routeOf(planned, process), timeoutMs };
			if (process.agent.view().leader.node !== '') this.#world.counters.writesAsked++;
			if (twin === null) {
				return process.replica.submit(operation, options, (answer) => this.#answer(call, answer));
			}
			const operations = transactionOf(twin, operation as Put);
			const parts = new PartsTold(operations, process.store);
			process.replica.transact(operations, timeoutMs, parts.take, (answer) => {
				if (answer.outcome === 'chosen') parts.mustBeAll(answer.ok);
				this.#answer(call, answer);
			});
		});
	}

	/** Sends a request to the node, again and again until it is answered. */
	askUntilServed(node: SimulatedNode, served: () => void): void {
		this.#world.later(node, this.#world.now + AGAIN_US, 'frame', () => {
			const options = { route: 'leader', contest: 0, timeoutMs: TIMEOUT_MAX_MS } as const;
			node.process?.replica.submit({ kind: 'delete', key: OWN_KEY, cas: null }, options, ({ outcome }) => {
				if (outcome === 'chosen') served();
				else this.askUntilServed(node, served);
			});
		});
	}

	/** The requests to a process that has ended are never answered. */
	giveUpLost(): void {
		for (const [call, process] of this.#askedOf) {
			if (call.isSettled) this.#askedOf.delete(call);
			else if (process.node.process !== process) {
				this.#askedOf.delete(call);
				this.#calls.unknown(call);
			}
		}
	}

	/**
	 * The node answers the request, or refuses it, unless its process has ended. The time limit is twice the longest of
	 * any request: a command may wait for its client to be registered for as long as its own, and then goes with commands
	 * that came later, whose latest limit holds for all.
	 */
	#mustEnd(call: Call, node: SimulatedNode): void {
		const { pauses, clock } = node;
		const { paceMax, paceChanges } = clock;
		const limitMs = paceMax * 2 * TIMEOUT_MAX_MS + ANSWER_MS;
		const at = this.#world.now + Math.ceil(limitMs * US_PER_MS);
		this.#world.later(node, at, 'frame', () => {
			if (call.isSettled || node.process?.isEnded) return;
			// A process that stood still, or whose timers became slower, has the whole time once more.
			if (node.pauses !== pauses || clock.paceChanges !== paceChanges) return this.#mustEnd(call, node);
			const { kind, value } = call.planned;
			throw new Violation('RequestsEnd', `${node.id} has not answered the ${kind} of ${value} in ${limitMs} ms`);
		});
	}

	#routeOf({ route, value }: PlannedOperation, { agent }: Process): Pick<SubmitOptions, 'route' | 'contest'> {
		const { chosenThrough } = agent.view();
		switch (route) {
			case 'leader':
				return { route: 'leader', contest: 0 };
			case 'self':
				return { route: 'self', contest: 0 };
			case 'contest':
				return { route: 'self', contest: chosenThrough + (value % CONTESTED_SLOTS) };
			case 'contestOld':
				return { route: 'self', contest: chosenThrough === 0 ? 1 : this.#random.integer(1, chosenThrough) };
		}
	}

	#answer(call: Call, answer: SubmitAnswer): void {
		const { counters, invariants } = this.#world;
		this.#askedOf.delete(call);
		switch (answer.outcome) {
			case 'chosen': {
				invariants.acknowledged(answer.slot);
				if (answer.ok) {
					this.#seen.set(call.planned.key, call.operation?.kind === 'put' ? answer.revision : 0);
				}
				return this.#calls.written(call, answer.ok, answer.revision);
			}
			case 'kept':
				counters.contestedSlotsKept++;
				return this.#calls.refused(call);
			case 'refused':
				if (answer.why === 'slotNotOpen') counters.proposalsRefused++;
				if (answer.why === 'diskFull' || answer.why === 'overloaded') counters.writesRefusedForRoom++;
				return this.#calls.refused(call);
			case 'unknown':
				return this.#calls.unknown(call);
		}
	}

	#read(call: Call, process: Process, timeoutMs: number): void {
		const { planned } = call;
		const { acknowledgedThrough } = this.#world.invariants;
		process.replica.whenConfirmed(timeoutMs, (confirmed) => {
			this.#askedOf.delete(call);
			if (!confirmed) {
				this.#world.counters.clientTimeouts++;
				return this.#calls.refused(call);
			}
			const { store, replica } = process;
			if (replica.appliedThrough < acknowledgedThrough) {
				const detail = `${process.node.id} reads at ${replica.appliedThrough}, not ${acknowledgedThrough}`;
				throw new Violation('ReadsSeeAcknowledged', detail);
			}
			if (planned.kind === 'list') {
				const found = new Map(store.list('key ').map((entry) => [entry.key, entry]));
				const keys = [...Array(this.#calls.keys).keys()];
				this.#world.counters.prefixesRead++;
				return this.#calls.readValues(
					call,
					keys,
					keys.map((key) => found.get(keyOf(key)) ?? null),
				);
			}
			if (replica.submissions.refusal(0)?.why === 'diskFull') this.#world.counters.readsWhileFull++;
			const entry = store.get(keyOf(planned.key)) ?? null;
			this.#seen.set(planned.key, entry?.modifyRevision ?? 0);
			this.#calls.readValues(call, [planned.key], [entry]);
		});
	}
}

/** The first command has no condition. The others have the same one, so that all hold or only the first one does. */
export function transactionOf(twin: PlannedOperation, write: Put): PartOfTransaction[] {
	const { key, cas } = write;
	return [operationOf(twin, 0) as Put, { kind: 'check', key, cas }, { kind: 'read', key }, write];
}
