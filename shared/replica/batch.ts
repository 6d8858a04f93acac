/**
 * The entries of the table in `submissions.ts`: the batches that doors submit, the proposals that carry them, and the
 * answers that a door gets for its batches.
 */
import { type Ballot, NO_BALLOT } from '../paxos/ballot.ts';
import type { ProposalId } from '../paxos/event.ts';
import type { Slot } from '../paxos/message.ts';
import type { Result } from '../store/result.ts';
import { Attempts } from './attempts.ts';
import { Limited } from './deadlines.ts';

/** A door, as the table sees it: it is told the results of its clients' commands and the ends of its batches. */
export interface Submitter {
	/**
	 * The result of a command of a client that this door speaks for, in the order of application. Any node may have
	 * proposed it.
	 */
	result(sequence: number, result: Result, slot: Slot, chosenAt: Ballot): void;
	/** Every command of the batch has its result. */
	settled(batch: Batch): void;
	/** The batch ends without results. */
	ended(batch: Batch, end: BatchEnd): void;
}

export type BatchEnd =
	/** The batch surely was not and will not be chosen. */
	| { readonly kind: 'refused'; readonly why: RefusedWhy; readonly detail: string }
	/** The batch was proposed, and may have been or may yet be chosen. */
	| { readonly kind: 'unknown'; readonly why: 'timeout' | 'stopping'; readonly detail: string }
	/** The contested slot keeps the value it had; the batch surely was not and will not be chosen. */
	| { readonly kind: 'kept'; readonly slot: Slot; readonly ballot: Ballot; readonly value: Uint8Array };

export type RefusedWhy = 'noLeader' | 'slotNotOpen' | 'stopping' | 'overloaded' | 'diskFull' | 'diskBehind';

/** Why a node takes in no new batch. */
export interface Refusal {
	readonly why: RefusedWhy;
	readonly detail: string;
}

/** How a batch is to be proposed. */
export interface SubmitOptions {
	/** `self`: both phases from this node, under a fresh ballot, and alone in its proposal. */
	readonly route: 'leader' | 'self';
	/** With route `self`: the slot to contest; 0 for none. */
	readonly contest: Slot;
	/** The batch is proposed again as needed for at least this long, milliseconds. */
	readonly timeoutMs: number;
}

/** Commands of one client with consecutive sequences, which are chosen together. */
export class Batch {
	readonly submitter: Submitter;
	readonly client: string;
	/** The sequence of the batch's first command. */
	readonly first: number;
	readonly count: number;
	readonly options: SubmitOptions;
	/** Whether the batch begins with the registration of its client. */
	readonly registers: boolean;
	/**
	 * The batch as `BatchWriter` wrote it, perhaps a view of a larger buffer. Empty once it was copied into a proposal.
	 */
	bytes: Uint8Array;
	/** The proposal that carries the batch; null before there is one. */
	proposed: Proposed | null = null;
	/** Whether it is on its way: it has neither its results nor an end. */
	isListed = false;
	/**
	 * The copies before and behind it that are on their way too: a client sends the same batch again when it connects again.
	 */
	copy: Batch | null = null;
	laterCopy: Batch | null = null;

	constructor(
		submitter: Submitter,
		client: string,
		first: number,
		count: number,
		options: SubmitOptions,
		bytes: Uint8Array,
		registers: boolean,
	) {
		this.submitter = submitter;
		this.client = client;
		this.first = first;
		this.count = count;
		this.options = options;
		this.bytes = bytes;
		this.registers = registers;
	}

	get last(): number {
		return this.first + this.count - 1;
	}
}

/** One proposal on its way, with the batches of one or more clients. */
export class Proposed extends Limited {
	readonly batches: readonly Batch[];
	/** Bytes charged to `submittedBytesMax`, with the overhead of each batch. */
	readonly bytes: number;
	/** The number of batches that have neither results nor an end. */
	open: number;
	id: ProposalId = 0;
	/** The ballot under which this node placed the proposal; NO_BALLOT where it did not, as when another node leads. */
	placedUnder: Ballot = NO_BALLOT;
	/** The campaigns that were run for the proposal; null where it goes through the leader. */
	readonly attempts: Attempts | null;
	readonly #table: { withdraw(proposed: Proposed): void };

	constructor(table: { withdraw(proposed: Proposed): void }, batches: readonly Batch[], bytes: number) {
		super();
		this.#table = table;
		this.batches = batches;
		this.bytes = bytes;
		this.open = batches.length;
		this.attempts = batches[0]?.options.route === 'self' ? new Attempts() : null;
	}

	override overdue(): void {
		this.#table.withdraw(this);
	}
}
