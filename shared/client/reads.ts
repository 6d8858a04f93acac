/** The reads of one client: those of one turn go together, and again where a connection is lost. */
import { Writer } from '../bytes/bytes.ts';
import { whenAborted } from './abort.ts';
import type { Settle } from './core.ts';
import { RefusedError } from './errors.ts';
import {
	IN_FLIGHT_MAX,
	type NodeSection,
	READ_KEYS_MAX,
	type ReadEntry,
	type ReadMode,
	writeRead,
} from './protocol.ts';

export interface ReadsOwner {
	/** @returns false while there is no node */
	send(frame: Uint8Array): boolean;
	/** Why there is no node, to end a sentence with; '' where there is one. */
	failure(): string;
	/** `endTurn` is to be called. */
	soon(): void;
}

interface Call {
	readonly settle: Settle<ReadEntry | null>;
	/** Stops listening to the signal; null for no signal. */
	readonly release: (() => void) | null;
}

interface Batch {
	readonly mode: ReadMode;
	first: number;
	readonly keys: string[];
	/** By key; null for one that is answered. */
	readonly calls: (Call | null)[];
	left: number;
	readonly deadlineMs: number;
}

export class Reads {
	readonly #owner: ReadsOwner;
	readonly #writer = new Writer(1024);
	/** Of this turn. */
	readonly #open: { [mode in ReadMode]: Batch | null } = { linearizable: null, stale: null };
	/** Unanswered, by first id, in order. */
	readonly #batches = new Map<number, Batch>();
	#nextId = 1;
	#inFlight = 0;

	constructor(owner: ReadsOwner) {
		this.#owner = owner;
	}

	get(
		key: string,
		mode: ReadMode,
		signal: AbortSignal | undefined,
		deadlineMs: number,
		settle: Settle<ReadEntry | null>,
	): void {
		if (this.#inFlight >= IN_FLIGHT_MAX) {
			return settle.reject(new RefusedError('overloaded', `${IN_FLIGHT_MAX} reads wait already`));
		}
		const batch = this.#batch(mode, deadlineMs);
		batch.keys.push(key);
		batch.calls.push({ settle, release: whenAborted(signal, settle) });
		this.#inFlight++;
	}

	/** Sends what this turn has brought. */
	endTurn(): void {
		this.#endBatch('linearizable');
		this.#endBatch('stale');
	}

	/** On a new link: everything that is unanswered. */
	sendAgain(): void {
		for (const batch of this.#batches.values()) this.#send(batch);
	}

	values(first: number, entries: readonly (ReadEntry | null)[]): void {
		const batch = this.#batchWith(first);
		if (!batch) return;
		for (const [index, entry] of entries.entries()) {
			const at = first - batch.first + index;
			const call = batch.calls[at];
			if (!call) continue;
			batch.calls[at] = null;
			batch.left--;
			call.release?.();
			call.settle.resolve(entry);
		}
		if (batch.left === 0) this.#remove(batch);
	}

	refused({ first, why }: NodeSection & { kind: 'refused' }): void {
		const batch = this.#batchWith(first);
		if (batch) this.#giveUp(batch, why === 'overloaded' ? why : 'noLeader');
	}

	/** Gives up what is too late. Returns how many reads are still without an answer. */
	sweep(nowMs: number): number {
		for (const batch of this.#batches.values()) {
			if (batch.deadlineMs > nowMs) break;
			this.#giveUp(batch, 'timeout');
		}
		return this.#inFlight;
	}

	close(): void {
		for (const batch of [this.#open.linearizable, this.#open.stale, ...this.#batches.values()]) {
			if (batch) this.#giveUp(batch, 'closed');
		}
	}

	#batch(mode: ReadMode, deadlineMs: number): Batch {
		if (this.#open[mode]?.keys.length === READ_KEYS_MAX) this.#endBatch(mode);
		const open = this.#open[mode];
		if (open) return open;
		const batch: Batch = { mode, first: 0, keys: [], calls: [], left: 0, deadlineMs };
		this.#open[mode] = batch;
		this.#owner.soon();
		return batch;
	}

	#endBatch(mode: ReadMode): void {
		const batch = this.#open[mode];
		if (!batch) return;
		this.#open[mode] = null;
		batch.first = this.#nextId;
		batch.left = batch.calls.length;
		this.#nextId += batch.left;
		this.#batches.set(batch.first, batch);
		this.#send(batch);
	}

	#send({ mode, first, keys }: Batch): void {
		writeRead(this.#writer, mode, first, keys);
		this.#owner.send(this.#writer.take());
	}

	#batchWith(id: number): Batch | undefined {
		const exact = this.#batches.get(id);
		if (exact) return exact;
		for (const batch of this.#batches.values()) {
			if (batch.first <= id && id < batch.first + batch.calls.length) return batch;
		}
		return undefined;
	}

	#giveUp(batch: Batch, why: RefusedError['why']): void {
		this.#remove(batch);
		const failure = this.#owner.failure();
		for (const call of batch.calls) {
			call?.release?.();
			call?.settle.reject(new RefusedError(why, `the read was not answered: ${why}${failure}`));
		}
	}

	#remove(batch: Batch): void {
		this.#batches.delete(batch.first);
		this.#inFlight -= batch.calls.length;
	}
}
