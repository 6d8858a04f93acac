/**
 * The one table of commands on their way from this node, for all doors. A door submits a batch, which carries its
 * client's identity in its bytes. The batches of one turn go into as few proposals as they fit; the agent keeps each
 * proposal until its deadline, and each batch gets its results or one end.
 *
 * What it must never do: call a batch refused when a copy of it may have left this node; keep memory for a batch that
 * has its results or its end; take in more than its bounds.
 */
import { type Ballot, NO_BALLOT } from '../paxos/ballot.ts';
import type { ProposalOutcome } from '../paxos/effects.ts';
import type { Proposal, ProposalId } from '../paxos/event.ts';
import type { Slot } from '../paxos/message.ts';
import { BATCH_AT, commandsOf, VALUE_KIND } from '../paxos/value.ts';
import type { Machine } from '../store/machine.ts';
import { type Result, UNKNOWN_CLIENT } from '../store/result.ts';
import { type Batch, type BatchEnd, Proposed, type Refusal, type Submitter } from './batch.ts';
import type { Deadlines } from './deadlines.ts';
import { REPLICA_LIMITS, type ReplicaLimits } from './limits.ts';

/** A client that a door of this node speaks for, or whose batches are on their way. */
interface Client {
	/**
	 * The doors that speak for the client. It has two for a while when it connects again to a node that it takes for silent;
	 * which one it keeps, only the client knows.
	 */
	readonly submitters: Submitter[];
	/** Batches on their way, by the sequence of their last command. */
	readonly batches: Map<number, Batch>;
}

/** The part of the loop that the table uses. */
export interface Proposer {
	propose(proposal: Omit<Proposal, 'id'>): ProposalId;
	withdraw(id: ProposalId): void;
}

export interface SubmissionsRuntime {
	/** Asks for a call of `endTurn` once all input that is ready was handed in. */
	soon(): void;
	/** Why this node takes no batch in now; null where it does. */
	refusal(): Refusal | null;
}

/**
 * The memory that a batch costs beside its bytes. It is charged so that a million batches of one command are bounded
 * too.
 */
const BATCH_OVERHEAD_BYTES = 512;

const NO_BYTES = new Uint8Array(0);
const NONE_SETTLED: readonly ProposalId[] = [];
const SKIPPED: BatchEnd = { kind: 'unknown', why: 'timeout', detail: 'its slot may be one that the node has skipped' };
const TIMED_OUT: BatchEnd = { kind: 'unknown', why: 'timeout', detail: 'it was proposed and not chosen in time' };
export const STOPPING: Refusal = { why: 'stopping', detail: 'the node is stopping' };

export class Submissions {
	readonly limits: ReplicaLimits;
	readonly #proposer: Proposer;
	readonly #deadlines: Deadlines;
	readonly #runtime: SubmissionsRuntime;
	readonly #clients = new Map<string, Client>();
	readonly #proposed = new Map<ProposalId, Proposed>();
	/** The members of `#proposed` with route `self`. */
	readonly #selfRouted = new Set<Proposed>();
	/** Batches that came in this turn. */
	#waiting: Batch[] = [];
	#bytes = 0;
	/** Proposals settled since `takeSettled` was last called. */
	#settled: ProposalId[] = [];
	/** The client of the last result, kept because results of one client come in runs. */
	#resultId = '';
	#resultClient: Client | undefined;
	#failedCount = 0;
	#stopped = false;

	constructor(proposer: Proposer, deadlines: Deadlines, runtime: SubmissionsRuntime, limits = REPLICA_LIMITS) {
		this.limits = limits;
		this.#proposer = proposer;
		this.#deadlines = deadlines;
		this.#runtime = runtime;
	}

	/** The number of proposals without an outcome. */
	get proposedCount(): number {
		return this.#proposed.size;
	}

	/** The number of proposals that ended without results. */
	get failedCount(): number {
		return this.#failedCount;
	}

	/** The number of clients that a door speaks for or that have a batch on its way. */
	get clientsCount(): number {
		return this.#clients.size;
	}

	/** Bytes of all batches without results or an end, as charged to `submittedBytesMax`. */
	get bytes(): number {
		return this.#bytes;
	}

	// For the doors

	/** From now on `submitter` is told the client's results, and so is every other one that listens. */
	listen(client: string, submitter: Submitter): void {
		this.#clientOf(client).submitters.push(submitter);
	}

	/** Ends `listen`. */
	unlisten(client: string, submitter: Submitter): void {
		const entry = this.#clients.get(client);
		const place = entry?.submitters.indexOf(submitter) ?? -1;
		if (!entry || place < 0) return;
		entry.submitters.splice(place, 1);
		this.#dropIfEmpty(client, entry);
	}

	/** @returns null where the batch was taken in, and will be settled or ended; else the reason why it was not */
	submit(batch: Batch): Refusal | null {
		const refusal = this.refusal(batch.bytes.length);
		if (refusal !== null) return refusal;
		this.#bytes += chargeOf(batch.bytes);
		this.#waiting.push(batch);
		this.#runtime.soon();
		return null;
	}

	/** Why a batch of so many bytes would not be taken in; null where it would be. */
	refusal(bytes: number): Refusal | null {
		if (this.#stopped) return STOPPING;
		const { submittedBytesMax } = this.limits;
		if (this.#bytes + bytes + BATCH_OVERHEAD_BYTES > submittedBytesMax) {
			return { why: 'overloaded', detail: `writes of ${submittedBytesMax} bytes wait already` };
		}
		return this.#runtime.refusal();
	}

	/** Ends all batches. Those that were proposed may yet be chosen, and those that were not are refused. */
	stop(): void {
		if (this.#stopped) return;
		this.#stopped = true;
		const waiting = this.#waiting;
		this.#waiting = [];
		for (const batch of waiting) {
			this.#bytes -= chargeOf(batch.bytes);
			batch.submitter.ended(batch, { kind: 'refused', ...STOPPING });
		}
		for (const id of [...this.#proposed.keys()]) {
			this.#end(id, { kind: 'unknown', why: 'stopping', detail: STOPPING.detail });
		}
		this.#clients.clear();
	}

	// For the turn

	/** Proposes the batches of this turn, in one proposal or in several where they are too large for one. */
	endTurn(): void {
		if (this.#waiting.length === 0) return;
		const waiting = this.#waiting;
		this.#waiting = [];
		let together: Batch[] = [];
		let bytes = 0;
		for (const batch of waiting) {
			if (batch.options.route === 'self') {
				this.#propose([batch], batch.bytes.length);
				continue;
			}
			if (together.length > 0 && bytes + batch.bytes.length > this.limits.proposalBytesMax) {
				this.#propose(together, bytes);
				together = [];
				bytes = 0;
			}
			together.push(batch);
			bytes += batch.bytes.length;
		}
		if (together.length > 0) this.#propose(together, bytes);
	}

	#propose(batches: readonly Batch[], bytes: number): void {
		const value = new Uint8Array(BATCH_AT + bytes);
		value[0] = VALUE_KIND.batch;
		let at = BATCH_AT;
		let timeoutMs = 0;
		for (const batch of batches) {
			value.set(batch.bytes, at);
			at += batch.bytes.length;
			batch.bytes = NO_BYTES;
			if (batch.options.timeoutMs > timeoutMs) timeoutMs = batch.options.timeoutMs;
		}
		const proposed = new Proposed(this, batches, bytes + batches.length * BATCH_OVERHEAD_BYTES);
		for (const batch of batches) this.#list(batch, proposed);
		const { route, contest } = (batches[0] as Batch).options;
		proposed.id = this.#proposer.propose({ value, route, contest });
		this.#proposed.set(proposed.id, proposed);
		if (proposed.attempts !== null) this.#selfRouted.add(proposed);
		this.#deadlines.add(proposed, timeoutMs);
	}

	/** A proposal calls this when its deadline is over. The agent's outcome then ends it. */
	withdraw(proposed: Proposed): void {
		this.#proposer.withdraw(proposed.id);
	}

	// For the loop

	outcome(outcome: ProposalOutcome): void {
		switch (outcome.kind) {
			case 'placed':
				for (const id of outcome.proposals) {
					const proposed = this.#proposed.get(id);
					if (!proposed) continue;
					proposed.placedUnder = outcome.ballot;
					proposed.attempts?.began(outcome.ballot);
				}
				return;
			case 'attempt':
				for (const { attempts } of this.#selfRouted) attempts?.began(outcome.ballot);
				return;
			case 'halted':
				for (const { attempts } of this.#selfRouted) attempts?.ended(outcome.ballot, outcome.by);
				return;
			case 'givenUp':
				for (const { attempts } of this.#selfRouted) attempts?.ended(outcome.ballot, null);
				return;
			case 'refused':
				return this.#end(outcome.proposal, { kind: 'refused', why: 'slotNotOpen', detail: refusalDetail(outcome) });
			case 'abandoned': {
				const detail = `it was proposed before, and ${refusalDetail(outcome)}`;
				return this.#end(outcome.proposal, { kind: 'unknown', why: 'timeout', detail });
			}
			case 'kept': {
				const { proposal, slot, ballot, value } = outcome;
				return this.#end(proposal, { kind: 'kept', slot, ballot, value: commandsOf(value) });
			}
			case 'withdrawn':
				return this.#end(outcome.proposal, outcome.left ? TIMED_OUT : this.#notTaken(outcome.proposal));
		}
	}

	/** See `LoopListener.result`. */
	result(id: string, sequence: number, result: Result, slot: Slot, chosenAt: Ballot): void {
		if (id !== this.#resultId) {
			this.#resultId = id;
			this.#resultClient = this.#clients.get(id);
		}
		const client = this.#resultClient;
		if (client === undefined) return;
		const { submitters } = client;
		// One that is told its last result listens no more, and the next one takes its place.
		for (let i = submitters.length - 1; i >= 0; i--) submitters[i]?.result(sequence, result, slot, chosenAt);
		const batch = client.batches.get(sequence);
		if (batch !== undefined) this.#settleAll(id, client, batch);
	}

	/**
	 * The machine has taken over a snapshot, which holds every slot up to `through`. Commands of this table that were applied
	 * in slots which this node never saw have their results in it. Those may have been applied too of which the machine has
	 * dropped the outcomes, or the client.
	 */
	installed(machine: Pick<Machine, 'outcomeOf' | 'registrationOf'>, through: Slot): void {
		for (const [id, client] of [...this.#clients]) {
			for (const batch of [...client.batches.values()]) {
				const results = resultsOf(batch, machine);
				const isDropped = results.some((result) => result !== undefined && !('ok' in result));
				if (isDropped) this.#settleAll(id, client, batch, SKIPPED);
				else this.#tell(batch, results, through);
			}
		}
	}

	#tell({ client, first }: Batch, results: readonly (Result | undefined)[], through: Slot): void {
		for (const [index, result] of results.entries()) {
			if (result) this.result(client, first + index, result, through, NO_BALLOT);
		}
	}

	/** @returns the proposals that were settled since the last call */
	takeSettled(): readonly ProposalId[] {
		// The kept client may go away before the next call.
		this.#resultId = '';
		this.#resultClient = undefined;
		if (this.#settled.length === 0) return NONE_SETTLED;
		const settled = this.#settled;
		this.#settled = [];
		return settled;
	}

	/** The batch and every copy of it have their results, or this end where there is one. */
	#settleAll(id: string, client: Client, batch: Batch, end: BatchEnd | null = null): void {
		client.batches.delete(batch.last);
		this.#dropIfEmpty(id, client);
		for (let copy: Batch | null = batch; copy !== null; copy = copy.copy) {
			const proposed = copy.proposed as Proposed;
			if (--proposed.open === 0) {
				this.#settled.push(proposed.id);
				this.#drop(proposed);
			}
			copy.isListed = false;
			if (end === null) copy.submitter.settled(copy);
			else copy.submitter.ended(copy, end);
		}
	}

	/** Gives this end to every batch of the proposal that has no results yet. */
	#end(id: ProposalId, end: BatchEnd): void {
		const proposed = this.#proposed.get(id);
		if (!proposed) return;
		this.#failedCount++;
		this.#drop(proposed);
		for (const batch of proposed.batches) if (this.#unlist(batch)) batch.submitter.ended(batch, end);
	}

	#notTaken(id: ProposalId): BatchEnd {
		const detail = this.#proposed.get(id)?.attempts ? 'no quorum promised in time' : 'no leader took it in time';
		return { kind: 'refused', why: 'noLeader', detail };
	}

	#drop(proposed: Proposed): void {
		this.#proposed.delete(proposed.id);
		this.#selfRouted.delete(proposed);
		this.#deadlines.remove(proposed);
		this.#bytes -= proposed.bytes;
	}

	#list(batch: Batch, proposed: Proposed): void {
		batch.proposed = proposed;
		const { batches } = this.#clientOf(batch.client);
		batch.copy = batches.get(batch.last) ?? null;
		if (batch.copy !== null) batch.copy.laterCopy = batch;
		batch.isListed = true;
		batches.set(batch.last, batch);
	}

	/** @returns false where the batch was not in the table any more */
	#unlist(batch: Batch): boolean {
		if (!batch.isListed) return false;
		batch.isListed = false;
		const { copy, laterCopy } = batch;
		if (copy !== null) copy.laterCopy = laterCopy;
		if (laterCopy !== null) {
			laterCopy.copy = copy;
			return true;
		}
		const client = this.#clientOf(batch.client);
		if (copy === null) client.batches.delete(batch.last);
		else client.batches.set(batch.last, copy);
		this.#dropIfEmpty(batch.client, client);
		return true;
	}

	#clientOf(id: string): Client {
		let client = this.#clients.get(id);
		if (client === undefined) {
			client = { submitters: [], batches: new Map() };
			this.#clients.set(id, client);
		}
		return client;
	}

	#dropIfEmpty(id: string, client: Client): void {
		if (client.submitters.length > 0 || client.batches.size > 0) return;
		this.#clients.delete(id);
	}
}

/** @returns for each command of the batch the result that the machine knows; undefined where it may still be applied */
function resultsOf(
	{ client, first, count, registers }: Batch,
	machine: Pick<Machine, 'outcomeOf' | 'registrationOf'>,
): (Result | undefined)[] {
	return Array.from({ length: count }, (_, index) => {
		const isRegistration = registers && index === 0;
		if (isRegistration) return machine.registrationOf(client) ?? UNKNOWN_CLIENT;
		return machine.outcomeOf(client, first + index);
	});
}

/** Why the agent refused a proposal, in a few words for people. */
function refusalDetail({ reason, nextSlot }: ProposalOutcome & { readonly kind: 'refused' | 'abandoned' }): string {
	switch (reason) {
		case 'slotNotOpen':
			return `the next free slot is ${nextSlot}`;
		case 'slotTrimmed':
			return 'no node keeps this slot any more';
		case 'notAVoter':
			return 'this node has no vote, so it cannot run both phases';
		case 'notABatch':
		case 'tooLarge':
			return 'no slot can hold this value';
	}
}

function chargeOf(bytes: Uint8Array): number {
	return bytes.length + BATCH_OVERHEAD_BYTES;
}
