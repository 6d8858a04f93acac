/** One batch of a client's writes from when it is whole until each of its commands is settled or given up. */
import type { Settle } from './abort.ts';
import { NEVER, type Refusable } from './again.ts';
import type { Numbered } from './batches.ts';
import type { WriteResult } from './core.ts';
import { BadKeyError, BadValueError, RefusedError, UnknownOutcomeError } from './errors.ts';
import type { Refusal, Status } from './protocol.ts';

export type WriteCall = Settle<WriteResult>;

export interface Written {
	/** The client that its commands are named by. */
	readonly clientId: string;
	/** The sequence of its first command; the others follow. In line: its place. */
	readonly first: number;
	/** The frame: one byte, then the batch. */
	readonly frame: Uint8Array;
	/** By command; null for one that is settled, or that nobody asked for. */
	readonly calls: (WriteCall | null)[];
	readonly deadlineMs: number;
	/** Its first command opens the client. */
	readonly opens: boolean;
}

export class WriteBatch implements Numbered, Refusable {
	readonly clientId: string;
	readonly first: number;
	readonly frame: Uint8Array;
	readonly calls: (WriteCall | null)[];
	readonly deadlineMs: number;
	readonly opens: boolean;
	isOver = false;
	/** Its commands have no identity yet. */
	isInLine = false;
	/** It was sent once, at least. */
	wasSent = false;
	/** The node that the client talks to has it, and has said nothing of it. */
	isOut = false;
	/** A copy of it may have been proposed, and nothing will be heard of that one. */
	mayHaveLeft = false;
	refusals = 0;
	againMs = NEVER;
	/** Why a node refused it the last time. */
	why: Refusal | null = null;
	/** Which commands have their result, once some have and others have not. */
	#answered: Uint8Array | null = null;
	#left: number;

	constructor({ clientId, first, frame, calls, deadlineMs, opens }: Written) {
		this.clientId = clientId;
		this.first = first;
		this.frame = frame;
		this.calls = calls;
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

	/** It was refused for want of a leader, and is to go again. */
	get waitsForLeader(): boolean {
		return this.why === 'noLeader' && this.againMs < NEVER;
	}

	/** It was handed to a node. What an earlier one may have done about it is not known. */
	sent(): void {
		if (this.isOut) this.mayHaveLeft = true;
		this.isOut = true;
		this.wasSent = true;
		this.againMs = NEVER;
	}

	/** @returns false where no copy of it is out that could have been refused */
	refused(why: Refusal, mayHaveLeft: boolean): boolean {
		if (!this.isOut) return false;
		this.isOut = false;
		this.why = why;
		if (mayHaveLeft) this.mayHaveLeft = true;
		return true;
	}

	/**
	 * The commands at `from` up to, not including, `to` have their result.
	 *
	 * @param revision of the command at `from`
	 * @returns whether all commands have theirs now
	 */
	answer(from: number, to: number, status: Status, revision: number): boolean {
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

	/** What nobody has settled fails. */
	fail(why: () => Error): void {
		for (const [i, call] of this.calls.entries()) {
			this.calls[i] = null;
			call?.reject(why());
		}
	}

	// What it fails with

	/** @param failure why there is no node, to end a sentence with; '' where there is one */
	tooLate(failure: string): Error {
		if (this.mayHaveHappened) return new UnknownOutcomeError('it was sent, and not answered in time');
		if (this.why === 'noLeader') return new RefusedError('noLeader', 'no leader took it in time');
		if (this.why !== null) return new RefusedError('overloaded', 'the node had no room for it in time');
		if (failure !== '') return new RefusedError('timeout', `no node could be reached in time${failure}`);
		return new RefusedError('timeout', 'it waited in line, and was not sent in time');
	}

	/** The client is closed. */
	closed(): Error {
		return this.mayHaveHappened
			? new UnknownOutcomeError('the client was closed before it was answered')
			: new RefusedError('closed', 'the client was closed before it was sent');
	}

	/** The node takes no such command, as its last refusal says. */
	refusedForGood(): Error {
		if (this.mayHaveHappened) return new UnknownOutcomeError(`a copy of it was refused: ${this.why}`);
		if (this.why === 'badKey') return new BadKeyError('the node takes no such key');
		return new BadValueError('the node takes no such value');
	}
}
