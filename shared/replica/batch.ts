/**
 * The entries of the table in `submissions.ts`: the batches that doors submit, and the proposals that carry them. The
 * answers that a door gets for its batches are defined here too.
 */
import { type Ballot, NO_BALLOT } from '../paxos/ballot.ts';
import type { ProposalId } from '../paxos/event.ts';
import type { Slot } from '../paxos/message.ts';
import type { Result } from '../store/store.ts';
import { Attempts } from './attempts.ts';
import { Limited } from './deadlines.ts';

/** A door's end of the table: it hears what becomes of its clients' commands and of the batches it submitted. */
export interface Submitter {
	/** A command of a client that it speaks for has its result, whichever node proposed it. In the order of application. */
	result(sequence: number, result: Result, slot: Slot, chosenAt: Ballot): void;
	/** Its last command has its result, and so has every other. */
	settled(batch: Batch): void;
	/** It comes to its end without results. */
	ended(batch: Batch, end: BatchEnd): void;
}

export type BatchEnd =
	/** It surely was not and will not be chosen. */
	| { readonly kind: 'refused'; readonly why: RefusedWhy; readonly detail: string }
	/** It was proposed: it may have been chosen, or may yet be. */
	| { readonly kind: 'unknown'; readonly why: 'timeout' | 'stopping'; readonly detail: string }
	/** The slot that it contested keeps what it had; the batch surely was not and will not be chosen. */
	| { readonly kind: 'kept'; readonly slot: Slot; readonly ballot: Ballot; readonly value: Uint8Array };

export type RefusedWhy = 'noLeader' | 'slotNotOpen' | 'stopping' | 'overloaded' | 'diskFull' | 'diskBehind';

/** Why nothing new is taken in. */
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
	/** How long it is cared for, at least. Milliseconds. */
	readonly timeoutMs: number;
}

/** Commands of one client that follow each other, and are chosen together. */
export class Batch {
	readonly submitter: Submitter;
	readonly client: string;
	/** The sequence of its first command. */
	readonly first: number;
	readonly count: number;
	readonly options: SubmitOptions;
	/** As `BatchWriter` wrote it; a view, perhaps. Nothing, once it was copied into a proposal. */
	bytes: Uint8Array;
	/** Null before it is proposed. */
	proposed: Proposed | null = null;
	/** Another copy on its way: a client sends the same batch again when it comes back. */
	copy: Batch | null = null;

	constructor(
		submitter: Submitter,
		client: string,
		first: number,
		count: number,
		options: SubmitOptions,
		bytes: Uint8Array,
	) {
		this.submitter = submitter;
		this.client = client;
		this.first = first;
		this.count = count;
		this.options = options;
		this.bytes = bytes;
	}

	get last(): number {
		return this.first + this.count - 1;
	}
}

/** One proposal on its way: the batches of several clients, or of one. */
export class Proposed extends Limited {
	readonly batches: readonly Batch[];
	/** As charged to the bound. */
	readonly bytes: number;
	/** Batches that have neither results nor an end. */
	open: number;
	id: ProposalId = 0;
	/** The ballot under which this node placed it; NO_BALLOT for none, as where another node leads. */
	placedUnder: Ballot = NO_BALLOT;
	/** The campaigns that were run for it; null where it goes by the leader. */
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
