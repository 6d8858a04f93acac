/** The batch of writes that is being written, and the calls that its commands are for. */
import { BatchWriter } from '../store/batch-writer.ts';
import type { Operation } from '../store/command.ts';
import { isAborted } from './abort.ts';
import { WRITE } from './protocol.ts';
import { WriteBatch, type WriteCall } from './write-batch.ts';

export class Draft {
	deadlineMs = 0;
	/** It opens its client. */
	opens = false;
	/** Its commands get their identities when they leave the line. */
	isForLine = false;
	readonly #writer = new BatchWriter();
	#clientId = '';
	#calls: (WriteCall | null)[] = [];
	#hasSignals = false;

	/** Commands in it. */
	get count(): number {
		return this.#calls.length;
	}

	get bytes(): number {
		return this.#writer.length;
	}

	/** Begins one. What was there before is taken. */
	begin(clientId: string, first: number, receivedThrough: number, deadlineMs: number, isForLine: boolean): void {
		this.#clientId = clientId;
		this.deadlineMs = deadlineMs;
		this.isForLine = isForLine;
		this.opens = false;
		this.#hasSignals = false;
		this.#writer.begin(clientId, first, receivedThrough);
	}

	/** Its first command is to open its client. */
	open(): void {
		this.opens = true;
		this.#writer.add({ kind: 'registerClient', client: this.#clientId });
		this.#calls.push(null);
	}

	/** @throws RangeError for what has no encoding; nothing is written then, and no call belongs to it */
	put(key: string, value: Uint8Array, flags: bigint, cas: number | null): void {
		this.#writer.put(key, value, flags, cas);
	}

	/** @throws RangeError as `put` */
	delete(key: string, cas: number | null): void {
		this.#writer.delete(key, cas);
	}

	/** The call that the command which was just written is for. */
	call(call: WriteCall, hasSignal: boolean): void {
		this.#calls.push(call);
		if (hasSignal) this.#hasSignals = true;
	}

	/** A command that was written before, with its call. */
	add(operation: Operation, call: WriteCall): void {
		this.#writer.add(operation);
		this.call(call, true);
	}

	/** Whether signals have ended calls of it. */
	get hasAborted(): boolean {
		return this.#hasSignals && this.#calls.some((call) => call !== null && isAborted(call));
	}

	take(first: number): WriteBatch {
		const batch = this.#writer.take();
		const frame = new Uint8Array(1 + batch.length);
		frame[0] = WRITE;
		frame.set(batch, 1);
		const calls = this.#calls;
		this.#calls = [];
		const { deadlineMs, opens } = this;
		return new WriteBatch({ clientId: this.#clientId, first, frame, calls, deadlineMs, opens });
	}
}
