/**
 * Transactions of a client on their way. The results of the operations of one come one by one, and what it reads comes in
 * front of the last of them. It is settled when all of that is there.
 *
 * A node that has not got this transaction when it applies it, because the client has just come from another node, knows
 * no reader. Its results say nothing of what was read, and so are left aside until those of the copy that it then gets.
 */
import type { PartOfTransaction } from '../store/command.ts';
import { isAborted, type Settle } from './abort.ts';
import { ReadingsLostError, UnknownOutcomeError } from './errors.ts';
import type { ReadEntry, Status } from './protocol.ts';

/** What became of one. */
export interface TransactionAnswer {
	/** Whether each operation holds. */
	readonly held: readonly boolean[];
	/** The revision of the last operation; the others have those before it. */
	readonly revision: number;
	/** What the reads have read, in their order; empty where some operation does not hold. */
	readonly entries: readonly (ReadEntry | null)[];
}

/** A transaction that was not answered yet. */
export class Transaction {
	readonly operations: readonly PartOfTransaction[];
	readonly #call: Settle<TransactionAnswer>;
	readonly #reads: boolean;
	/** Whether each operation holds, as far as it is known. */
	#held: boolean[] = [];
	#known = 0;
	/** What was read; `lost` where the node could not tell it; null before it has come. */
	#entries: readonly (ReadEntry | null)[] | 'lost' | null = null;
	/** The revision of its last operation, where it is known to have happened without what it has read. */
	#happened: number | null = null;

	constructor(operations: readonly PartOfTransaction[], call: Settle<TransactionAnswer>) {
		this.operations = operations;
		this.#call = call;
		this.#reads = operations.some(({ kind }) => kind === 'read');
	}

	/** Whether a signal has ended its call. */
	get isAborted(): boolean {
		return isAborted(this.#call);
	}

	/** Comes in front of its last result. @param entries null where the node does not know any more what was read */
	readings(entries: readonly (ReadEntry | null)[] | null): void {
		this.#entries = entries ?? 'lost';
	}

	/**
	 * The operations from `from` to before `to` have this result.
	 *
	 * @param revision that of the operation at `from`; the others' follow by ones
	 * @returns whether the transaction is settled
	 */
	answer(from: number, to: number, status: Status, revision: number): boolean {
		if (status === 'forgotten') {
			this.reject(new UnknownOutcomeError('its outcome is not known any more'));
			return true;
		}
		const count = this.operations.length;
		for (let at = from; at < to; at++) {
			if (this.#held[at] === undefined) this.#known++;
			this.#held[at] = status === 'ok';
		}
		if (this.#known < count) return false;
		const last = revision + count - 1 - from;
		const held = this.#held;
		if (!this.#reads || held.includes(false)) {
			this.#call.resolve({ held, revision: last, entries: [] });
			return true;
		}
		if (this.#entries === null) {
			this.#held = [];
			this.#known = 0;
			this.#happened = last;
			return false;
		}
		if (this.#entries === 'lost') this.#call.reject(new ReadingsLostError(last));
		else this.#call.resolve({ held, revision: last, entries: this.#entries });
		return true;
	}

	reject(reason: unknown): void {
		this.#call.reject(this.#happened === null ? reason : new ReadingsLostError(this.#happened));
	}
}
