/** One batch of a client's writes, from when it is whole until each of its commands is settled or given up. */
import type { Settle } from './abort.ts';
import { NEVER, type Refusable } from './again.ts';
import type { Numbered } from './batches.ts';
import type { WriteResult } from './core.ts';
import { RefusedError, UnknownOutcomeError } from './errors.ts';
import type { Refusal, Status } from './protocol.ts';
import { AFTER_REFUSAL } from './refusals.ts';
import type { Transaction } from './transaction.ts';

export type WriteCall = Settle<WriteResult>;

export interface Written {
	/** The client in the identities of its commands. */
	readonly clientId: string;
	/** The sequence of its first command; the others have those after it. In line, its place there. */
	readonly first: number;
	/** The frame: the byte WRITE, then the batch. */
	readonly frame: Uint8Array;
	/** The call of each command; null for one that is settled, for the registration, and for all of a transaction. */
	readonly calls: (WriteCall | null)[];
	/** The transaction that the batch is; null for any other batch. */
	readonly transaction: Transaction | null;
	/** The traces that it belongs to; null for none. */
	readonly traceparents: readonly string[] | null;
	readonly deadlineMs: number;
	/** Whether its first command registers the client. */
	readonly opens: boolean;
}

export class WriteBatch implements Numbered, Refusable {
	readonly clientId: string;
	readonly first: number;
	readonly frame: Uint8Array;
	readonly calls: (WriteCall | null)[];
	readonly transaction: Transaction | null;
	readonly traceparents: readonly string[] | null;
	readonly deadlineMs: number;
	readonly opens: boolean;
	isOver = false;
	/** Whether it waits in line, and its commands have no identity yet. */
	isInLine = false;
	/** Whether it was sent at least once. */
	wasSent = false;
	/** Whether it was sent, on this or an earlier connection, and no answer to the last copy has come. */
	isOut = false;
	/** Whether an earlier copy may have been proposed without an answer to come. */
	mayHaveLeft = false;
	refusals = 0;
	againMs = NEVER;
	/** The reason of its last refusal. */
	why: Refusal | null = null;
	/** For each command 1 where it has its result; null while none or all have theirs. */
	#answered: Uint8Array | null = null;
	#left: number;

	constructor({ clientId, first, frame, calls, transaction, traceparents, deadlineMs, opens }: Written) {
		this.clientId = clientId;
		this.first = first;
		this.frame = frame;
		this.calls = calls;
		this.transaction = transaction;
		this.traceparents = traceparents;
		this.deadlineMs = deadlineMs;
		this.opens = opens;
		this.#left = calls.length;
	}

	get count(): number {
		return this.calls.length;
	}

	/** Whether some of its commands may have been applied, or may yet be. */
	get mayHaveHappened(): boolean {
		return this.isOut || this.mayHaveLeft;
	}

	/** Whether it is the registration of a client, with no call behind it. */
	get isRegistrationAlone(): boolean {
		return this.opens && this.count === 1;
	}

	/** Whether it holds commands of more than one call. */
	get hasSeveralCalls(): boolean {
		return this.calls.filter((call) => call !== null).length > 1;
	}

	/** Whether it was refused for want of a leader, and waits to be sent again. */
	get waitsForLeader(): boolean {
		return this.why === 'noLeader' && this.againMs < NEVER;
	}

	/** It was sent to a node. If a copy is still unanswered, what was done with that one will not be known. */
	sent(): void {
		if (this.isOut) this.mayHaveLeft = true;
		this.isOut = true;
		this.wasSent = true;
		this.againMs = NEVER;
	}

	/** @returns false where it is not out, and so the refusal is of an earlier copy */
	refused(why: Refusal, mayHaveLeft: boolean): boolean {
		if (!this.isOut) return false;
		this.isOut = false;
		this.why = why;
		if (mayHaveLeft) this.mayHaveLeft = true;
		return true;
	}

	/**
	 * The commands from `from` to before `to` have their results.
	 *
	 * @param revision that of the command at `from`; the others' follow by ones
	 * @returns whether all commands have their results now
	 */
	answer(from: number, to: number, status: Status, revision: number): boolean {
		if (this.transaction !== null) {
			// It may not be settled yet, but has happened, so it must not get another identity.
			this.mayHaveLeft = true;
			return this.transaction.answer(from, to, status, revision);
		}
		for (let i = from; i < to; i++) {
			const call = this.calls[i];
			if (!call) continue;
			this.calls[i] = null;
			if (status === 'forgotten') call.reject(new UnknownOutcomeError('its outcome is not known any more'));
			else call.resolve({ ok: status === 'ok', revision: revision + i - from });
		}
		if (to - from === this.count) return true;
		this.#answered ??= new Uint8Array(this.count);
		for (let i = from; i < to; i++) {
			if (this.#answered[i] === 0) this.#left--;
			this.#answered[i] = 1;
		}
		return this.#left === 0;
	}

	/** Fails all calls that are not settled. */
	fail(why: () => Error): void {
		for (const [i, call] of this.calls.entries()) {
			this.calls[i] = null;
			call?.reject(why());
		}
		this.transaction?.reject(why());
	}

	// The errors of its calls

	/** @param failure why there is no node, as the end of a sentence; '' where there is one */
	tooLate(failure: string): Error {
		if (this.mayHaveHappened) return new UnknownOutcomeError('it was sent, and not answered in time');
		if (this.why !== null) return AFTER_REFUSAL[this.why].error();
		if (failure !== '') return new RefusedError('timeout', `no node could be reached in time${failure}`);
		return new RefusedError('timeout', 'it waited in line, and was not sent in time');
	}

	/** The client is closed. */
	closed(): Error {
		return this.mayHaveHappened
			? new UnknownOutcomeError('the client was closed before it was answered')
			: new RefusedError('closed', 'the client was closed before it was sent');
	}

	/** The node takes it neither now nor later. */
	refusedForGood(why: Refusal): Error {
		if (this.mayHaveHappened) return new UnknownOutcomeError(`a copy of it was refused: ${why}`);
		return AFTER_REFUSAL[why].error();
	}
}
