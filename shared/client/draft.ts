/** The batch of writes that is being written, and the calls that its commands are for. */
import { BatchWriter } from '../store/batch-writer.ts';
import type { Operation } from '../store/command.ts';
import { isAborted } from './abort.ts';
import { TRACES_PER_BATCH_MAX, WRITE } from './protocol.ts';
import type { Transaction } from './transaction.ts';
import { WriteBatch, type WriteCall } from './write-batch.ts';

export class Draft {
	deadlineMs = 0;
	/** Whether its first command registers its client. */
	opens = false;
	/** Whether it goes into the line, where commands get their identities when they leave it. */
	isForLine = false;
	readonly #writer = new BatchWriter();
	#clientId = '';
	#calls: (WriteCall | null)[] = [];
	#hasSignals = false;
	#transaction: Transaction | null = null;
	#traceparents: string[] | null = null;

	/** The number of commands in it. */
	get count(): number {
		return this.#calls.length;
	}

	get bytes(): number {
		return this.#writer.length;
	}

	/**
	 * Begins a batch. The one before must have been taken.
	 *
	 * @param transaction which the batch is to be, and then `addTransaction` follows; null for any other batch
	 */
	begin(
		clientId: string,
		first: number,
		receivedThrough: number,
		deadlineMs: number,
		isForLine: boolean,
		transaction: Transaction | null = null,
	): void {
		this.#clientId = clientId;
		this.deadlineMs = deadlineMs;
		this.isForLine = isForLine;
		this.opens = false;
		this.#hasSignals = false;
		this.#transaction = transaction;
		this.#traceparents = null;
		this.#writer.begin(clientId, first, receivedThrough, transaction !== null);
	}

	/** Adds the command that registers its client, as the first one. */
	open(): void {
		this.opens = true;
		this.#writer.add({ kind: 'registerClient', client: this.#clientId });
		this.#calls.push(null);
	}

	/**
	 * Writes a command, to be followed by `call`. @throws RangeError where it has no encoding, and then nothing is
	 * written
	 */
	put(key: string, value: Uint8Array, flags: bigint, cas: number | null): void {
		this.#writer.put(key, value, flags, cas);
	}

	/** @throws RangeError as `put` */
	delete(key: string, cas: number | null): void {
		this.#writer.delete(key, cas);
	}

	/** Adds the call of the command that was written last. */
	call(call: WriteCall, hasSignal: boolean): void {
		this.#calls.push(call);
		if (hasSignal) this.#hasSignals = true;
	}

	/** The batch belongs to one more trace. Beyond a bound it is forgotten. */
	trace(traceparent: string): void {
		this.#traceparents ??= [];
		if (this.#traceparents.length < TRACES_PER_BATCH_MAX) this.#traceparents.push(traceparent);
	}

	/** Writes a command of an earlier batch, with its call. */
	add(operation: Operation, call: WriteCall): void {
		this.#writer.add(operation);
		this.call(call, true);
	}

	/** Writes all operations of the transaction. @throws RangeError as `put`, and then the batch is to be begun anew */
	addTransaction({ operations }: Transaction): void {
		for (const operation of operations) this.#writer.add(operation);
		this.#calls = operations.map(() => null);
	}

	/** Whether a signal has ended one of its calls. */
	get hasAborted(): boolean {
		return this.#hasSignals && this.#calls.some((call) => call !== null && isAborted(call));
	}

	/** Ends the batch. @param first the sequence of its first command; for the line, its place there */
	take(first: number): WriteBatch {
		const frame = this.#writer.take(1);
		frame[0] = WRITE;
		const calls = this.#calls;
		this.#calls = [];
		const { deadlineMs, opens } = this;
		const [clientId, transaction, traceparents] = [this.#clientId, this.#transaction, this.#traceparents];
		return new WriteBatch({ clientId, first, frame, calls, transaction, traceparents, deadlineMs, opens });
	}
}
