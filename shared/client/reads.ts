/**
 * The reads of one client. Those of one turn go together. A batch of them is asked until it is answered or its time
 * is over: again on each new connection, and again where a node refused it. What the node has no room for waits in
 * line, in order.
 *
 * Asking again is always right: a node answers a read from a state that is as new as the moment it was asked at, and
 * it is never asked before the call was made.
 */
import { Writer } from '../bytes/bytes.ts';
import { abortable, isAborted, type Settle } from './abort.ts';
import { Again, NEVER, type Refusable } from './again.ts';
import { Batches, type Numbered } from './batches.ts';
import { RefusedError } from './errors.ts';
import type { CallLimits } from './limits.ts';
import { type NodeSection, type ReadEntry, type ReadMode, writeRead } from './protocol.ts';
import type { ClientRuntime } from './runtime.ts';

export interface ReadsOwner {
	readonly runtime: ClientRuntime;
	readonly limits: CallLimits;
	/** @returns false while there is no node */
	send(frame: Uint8Array): boolean;
	/** Why there is no node, to end a sentence with; '' where there is one. */
	failure(): string;
	/** `endTurn` is to be called. */
	soon(): void;
}

type Call = Settle<ReadEntry | null>;

class ReadBatch implements Numbered, Refusable {
	readonly first: number;
	readonly mode: ReadMode;
	readonly keys: readonly string[];
	/** By key; null for one that is answered. */
	readonly calls: (Call | null)[];
	/** Some may end by a signal. */
	readonly hasSignals: boolean;
	readonly deadlineMs: number;
	left: number;
	isOver = false;
	/** The node that the client talks to has it, and has not answered all of it. */
	isOut = false;
	refusals = 0;
	againMs = NEVER;
	/** Why it was refused the last time. */
	why: RefusedError['why'] = 'timeout';

	constructor(first: number, mode: ReadMode, { keys, calls, hasSignals, deadlineMs }: Open) {
		this.first = first;
		this.mode = mode;
		this.keys = keys;
		this.calls = calls;
		this.hasSignals = hasSignals;
		this.deadlineMs = deadlineMs;
		this.left = calls.length;
	}

	get count(): number {
		return this.calls.length;
	}

	/** Nobody waits for any of it. */
	get isAborted(): boolean {
		return this.hasSignals && this.calls.every((call) => call === null || isAborted(call));
	}
}

/** What this turn has brought, of one mode. */
interface Open {
	readonly keys: string[];
	readonly calls: Call[];
	hasSignals: boolean;
	readonly deadlineMs: number;
}

export class Reads {
	readonly #owner: ReadsOwner;
	readonly #writer = new Writer(1024);
	readonly #open: { [mode in ReadMode]: Open | null } = { linearizable: null, stale: null };
	readonly #batches = new Batches<ReadBatch>();
	/** In line: they were never sent to the node that the client talks to. */
	#line: ReadBatch[] = [];
	readonly #again: Again;
	#nextId = 1;
	/** Reads without an answer, and the characters of their keys. */
	#calls = 0;
	#chars = 0;
	/** Keys of the batches that are out. */
	#out = 0;

	constructor(owner: ReadsOwner) {
		this.#owner = owner;
		this.#again = new Again(owner.runtime, (nowMs) => this.#sendRefused(nowMs));
	}

	get(key: string, mode: ReadMode, signal: AbortSignal | undefined, deadlineMs: number, settle: Call): void {
		const { callsMax, bytesMax, readKeysMax } = this.#owner.limits;
		if (this.#calls >= callsMax || this.#chars + key.length > bytesMax) {
			return settle.reject(new RefusedError('overloaded', `${this.#calls} reads wait already`));
		}
		if (this.#open[mode]?.keys.length === readKeysMax) this.#endBatch(mode);
		let open = this.#open[mode];
		if (!open) {
			open = { keys: [], calls: [], hasSignals: false, deadlineMs };
			this.#open[mode] = open;
			this.#owner.soon();
		}
		open.keys.push(key);
		open.calls.push(abortable(signal, settle));
		if (signal) open.hasSignals = true;
		this.#calls++;
		this.#chars += key.length;
	}

	/** How many have no answer. */
	get count(): number {
		return this.#calls;
	}

	/** Sends what this turn has brought. */
	endTurn(): void {
		this.#endBatch('linearizable');
		this.#endBatch('stale');
		this.#sendLine();
	}

	/** On a new connection: everything that is unanswered, in order. */
	sendAgain(): void {
		this.#out = 0;
		this.#line = [...this.#batches];
		for (const batch of this.#line) {
			batch.isOut = false;
			batch.againMs = NEVER;
		}
		this.#sendLine();
	}

	/** Values may come in pieces. */
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

	refused({ first, count, why }: NodeSection & { kind: 'refused' }): void {
		for (const batch of this.#batches.within(first, first + count)) {
			if (!batch.isOut) continue;
			this.#isOutNoMore(batch);
			batch.why = why === 'overloaded' ? why : 'noLeader';
			this.#again.refused(batch);
		}
		this.#sendLine();
	}

	/** Gives up what is too late. Returns when the next ones are. */
	sweep(nowMs: number): number {
		let nextMs = NEVER;
		for (const batch of this.#batches) {
			if (batch.deadlineMs <= nowMs) this.#giveUp(batch, batch.why);
			else nextMs = Math.min(nextMs, batch.deadlineMs);
		}
		this.#sendLine();
		return nextMs;
	}

	close(): void {
		this.#again.stop();
		this.#endBatch('linearizable');
		this.#endBatch('stale');
		for (const batch of this.#batches) this.#giveUp(batch, 'closed');
		this.#line = [];
	}

	#endBatch(mode: ReadMode): void {
		const open = this.#open[mode];
		if (!open) return;
		this.#open[mode] = null;
		const batch = new ReadBatch(this.#nextId, mode, open);
		this.#nextId += batch.count;
		this.#batches.add(batch);
		this.#line.push(batch);
	}

	/** As many of those in line as the node has room for. */
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
		writeRead(this.#writer, batch.mode, batch.first, batch.keys);
		const isSent = this.#owner.send(this.#writer.take());
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

	#giveUp(batch: ReadBatch, why: RefusedError['why']): void {
		this.#remove(batch);
		const failure = this.#owner.failure();
		for (const call of batch.calls) {
			call?.reject(new RefusedError(why, `the read was not answered: ${why}${failure}`));
		}
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
