/**
 * The reads of one client. The reads of one turn form a batch for each mode, and a page of a list is one by itself. A
 * batch is sent until it is answered or its deadline is over: again on each new connection, and again after a refusal.
 * Batches that the node has no room for wait in line, in order.
 *
 * Sending a read again is always safe: a node answers it from a state at least as new as the moment it was asked, which
 * is after the call was made.
 */
import { Writer } from '../bytes/bytes.ts';
import { abortable, isAborted, type Settle } from './abort.ts';
import { Again, NEVER, type Refusable } from './again.ts';
import { Batches, type Numbered } from './batches.ts';
import { writeList, writeRead } from './client-frame.ts';
import { RefusedError } from './errors.ts';
import type { CallLimits } from './limits.ts';
import type { NodeSection } from './node-frame.ts';
import type { Page, ReadEntry, ReadMode, Refusal } from './protocol.ts';
import { AFTER_REFUSAL } from './refusals.ts';
import type { ClientRuntime } from './runtime.ts';

export interface ReadsOwner {
	readonly runtime: ClientRuntime;
	readonly limits: CallLimits;
	/** The deadline of a call that is made now. It is asked for once for each batch, because the clock is read for it. */
	deadlineMs(): number;
	/** @returns false while there is no node */
	send(frame: Uint8Array): boolean;
	/** Why there is no node, as the end of a sentence; '' where there is one. */
	failure(): string;
	/** Asks for a call of `endTurn`. */
	soon(): void;
}

class ReadBatch implements Numbered, Refusable {
	readonly first: number;
	readonly mode: ReadMode;
	readonly keys: readonly string[];
	/** For a page: the key behind which it begins, with the prefix as the only one of `keys`. null for a read of keys. */
	readonly after: string | null;
	/** The call of each key; null for one that is answered. */
	readonly calls: (Settle<unknown> | null)[];
	/** Whether some of its calls have a signal. */
	readonly hasSignals: boolean;
	readonly deadlineMs: number;
	left: number;
	isOver = false;
	/** Whether the present node has it, and has not answered all of it. */
	isOut = false;
	refusals = 0;
	againMs = NEVER;
	/** The reason of its last refusal. */
	why: Refusal | null = null;

	constructor(first: number, mode: ReadMode, after: string | null, { keys, calls, hasSignals, deadlineMs }: Open) {
		this.first = first;
		this.mode = mode;
		this.keys = keys;
		this.after = after;
		this.calls = calls;
		this.hasSignals = hasSignals;
		this.deadlineMs = deadlineMs;
		this.left = calls.length;
	}

	get count(): number {
		return this.calls.length;
	}

	/** Whether signals have ended all calls that are not answered. */
	get isAborted(): boolean {
		return this.hasSignals && this.calls.every((call) => call === null || isAborted(call));
	}
}

/** The reads of this turn, of one mode. */
interface Open {
	readonly keys: string[];
	readonly calls: Settle<unknown>[];
	hasSignals: boolean;
	readonly deadlineMs: number;
}

export class Reads {
	readonly #owner: ReadsOwner;
	readonly #writer = new Writer(1024);
	readonly #open: { [mode in ReadMode]: Open | null } = { linearizable: null, stale: null };
	readonly #batches = new Batches<ReadBatch>();
	/** Batches that wait until the present node has room for them. */
	#line: ReadBatch[] = [];
	readonly #again: Again;
	#nextId = 1;
	/** The number of reads without an answer, and of the characters of their keys. */
	#calls = 0;
	#chars = 0;
	/** The number of keys of the batches that are out. */
	#out = 0;

	constructor(owner: ReadsOwner) {
		this.#owner = owner;
		this.#again = new Again(owner.runtime, (nowMs) => this.#sendRefused(nowMs));
	}

	get(key: string, mode: ReadMode, signal: AbortSignal | undefined, settle: Settle<ReadEntry | null>): void {
		if (!this.#hasRoom(key.length)) return settle.reject(this.#overloaded());
		const { readKeysMax } = this.#owner.limits;
		if (this.#open[mode]?.keys.length === readKeysMax) this.#endBatch(mode);
		let open = this.#open[mode];
		if (!open) {
			open = { keys: [], calls: [], hasSignals: false, deadlineMs: this.#owner.deadlineMs() };
			this.#open[mode] = open;
			this.#owner.soon();
		}
		open.keys.push(key);
		open.calls.push(abortable(signal, settle));
		if (signal) open.hasSignals = true;
		this.#calls++;
		this.#chars += key.length;
	}

	list(prefix: string, after: string, mode: ReadMode, signal: AbortSignal | undefined, settle: Settle<Page>): void {
		if (!this.#hasRoom(prefix.length)) return settle.reject(this.#overloaded());
		const calls = [abortable(signal, settle)];
		const deadlineMs = this.#owner.deadlineMs();
		this.#add(mode, after, { keys: [prefix], calls, hasSignals: signal !== undefined, deadlineMs });
		this.#calls++;
		this.#chars += prefix.length;
		this.#owner.soon();
	}

	/** The number of reads without an answer. */
	get count(): number {
		return this.#calls;
	}

	/** Sends the reads of this turn. */
	endTurn(): void {
		this.#endBatch('linearizable');
		this.#endBatch('stale');
		this.#sendLine();
	}

	/** Sends all unanswered reads on a new connection, in order. */
	sendAgain(): void {
		this.#out = 0;
		this.#line = [...this.#batches];
		for (const batch of this.#line) {
			batch.isOut = false;
			batch.againMs = NEVER;
		}
		this.#sendLine();
	}

	/** Takes values, which may be those of a part of a batch. */
	values(first: number, entries: readonly (ReadEntry | null)[]): void {
		for (const batch of this.#batches.within(first, first + entries.length)) {
			const from = Math.max(first, batch.first);
			const end = Math.min(first + entries.length, batch.first + batch.count);
			for (let id = from; id < end; id++) {
				const call = batch.calls[id - batch.first];
				if (!call) continue;
				batch.calls[id - batch.first] = null;
				batch.left--;
				call.resolve(entries[id - first] as ReadEntry | null);
			}
			if (batch.left === 0) this.#remove(batch);
		}
		this.#sendLine();
	}

	page({ first, entries, isLast }: NodeSection & { kind: 'page' }): void {
		for (const batch of this.#batches.within(first, first + 1)) {
			this.#remove(batch);
			batch.calls[0]?.resolve({ entries, isLast });
		}
		this.#sendLine();
	}

	refused({ first, count, why }: NodeSection & { kind: 'refused' }): void {
		for (const batch of this.#batches.within(first, first + count)) {
			if (!batch.isOut) continue;
			this.#isOutNoMore(batch);
			batch.why = why;
			if (AFTER_REFUSAL[why].isPassing) this.#again.refused(batch);
			else if (batch.count > 1) this.#sendApart(batch);
			else this.#giveUp(batch, AFTER_REFUSAL[why].error);
		}
		this.#sendLine();
	}

	/** Fails batches whose deadline is over. @returns the next deadline, `NEVER` for none */
	sweep(nowMs: number): number {
		let nextMs = NEVER;
		for (const batch of this.#batches) {
			if (batch.deadlineMs <= nowMs) this.#giveUp(batch, () => this.#tooLate(batch));
			else nextMs = Math.min(nextMs, batch.deadlineMs);
		}
		this.#sendLine();
		return nextMs;
	}

	close(): void {
		this.#again.stop();
		this.#endBatch('linearizable');
		this.#endBatch('stale');
		for (const batch of this.#batches) {
			this.#giveUp(batch, () => new RefusedError('closed', 'the client was closed before it was answered'));
		}
		this.#line = [];
	}

	#endBatch(mode: ReadMode): void {
		const open = this.#open[mode];
		if (!open) return;
		this.#open[mode] = null;
		this.#add(mode, null, open);
	}

	#hasRoom(chars: number): boolean {
		const { callsMax, bytesMax } = this.#owner.limits;
		return this.#calls < callsMax && this.#chars + chars <= bytesMax;
	}

	#overloaded(): RefusedError {
		return new RefusedError('overloaded', `${this.#calls} reads wait already`);
	}

	/** One of its keys was denied, and others may be let in. */
	#sendApart(batch: ReadBatch): void {
		const { mode, keys, calls, hasSignals, deadlineMs } = batch;
		this.#remove(batch);
		for (const [at, key] of keys.entries()) {
			const call = calls[at];
			if (!call || isAborted(call)) continue;
			this.#add(mode, null, { keys: [key], calls: [call], hasSignals, deadlineMs });
			this.#calls++;
			this.#chars += key.length;
		}
	}

	#add(mode: ReadMode, after: string | null, open: Open): void {
		const batch = new ReadBatch(this.#nextId, mode, after, open);
		this.#nextId += batch.count;
		this.#batches.add(batch);
		this.#line.push(batch);
	}

	/** Sends as many batches of the line as the node has room for. */
	#sendLine(): void {
		let sent = 0;
		for (const batch of this.#line) {
			if (!batch.isOver) {
				if (batch.isAborted) this.#remove(batch);
				else if (this.#out + batch.count > this.#owner.limits.inFlightMax || !this.#send(batch)) break;
			}
			sent++;
		}
		if (sent > 0) this.#line = this.#line.slice(sent);
	}

	#send(batch: ReadBatch): boolean {
		const { mode, first, keys, after } = batch;
		if (after === null) writeRead(this.#writer, mode, first, keys);
		else writeList(this.#writer, mode, first, keys[0] as string, after);
		// The link would copy a part of an array, and slower.
		const frame = new Uint8Array(this.#writer.take());
		this.#writer.reuse();
		const isSent = this.#owner.send(frame);
		batch.isOut = isSent;
		batch.againMs = NEVER;
		if (isSent) this.#out += batch.count;
		return isSent;
	}

	#sendRefused(nowMs: number): void {
		for (const batch of this.#batches) {
			if (batch.againMs > nowMs) {
				if (batch.againMs < NEVER) this.#again.wait(batch.againMs, nowMs);
				continue;
			}
			batch.againMs = NEVER;
			this.#line.push(batch);
		}
		this.#sendLine();
	}

	#tooLate({ why }: ReadBatch): Error {
		if (why !== null) return AFTER_REFUSAL[why].error();
		return new RefusedError('timeout', `the read was not answered in time${this.#owner.failure()}`);
	}

	#giveUp(batch: ReadBatch, why: () => Error): void {
		this.#remove(batch);
		for (const call of batch.calls) call?.reject(why());
	}

	#remove(batch: ReadBatch): void {
		if (!this.#batches.remove(batch)) return;
		if (batch.isOut) this.#isOutNoMore(batch);
		this.#calls -= batch.count;
		for (const key of batch.keys) this.#chars -= key.length;
	}

	#isOutNoMore(batch: ReadBatch): void {
		batch.isOut = false;
		this.#out -= batch.count;
	}
}
