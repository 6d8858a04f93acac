/**
 * The writes of one client: gives each its identity, puts those of one turn into one batch, keeps the batch
 * until all of it is answered and sends the very same bytes again where a connection is lost.
 *
 * What it must never do: call a write refused that may have happened, or give a command a second identity
 * after it may have been applied under its first.
 */
import { BatchReader } from '../store/batch-reader.ts';
import { BatchWriter } from '../store/batch-writer.ts';
import { whenAborted } from './abort.ts';
import type { Settle, WriteResult } from './core.ts';
import { BadKeyError, BadValueError, RefusedError, UnknownOutcomeError } from './errors.ts';
import { FRAME_BYTES_FULL, IN_FLIGHT_MAX, type NodeSection, type Status, WRITE } from './protocol.ts';
import type { ClientRuntime } from './runtime.ts';

export interface WritesOwner {
	readonly runtime: ClientRuntime;
	/** The present client's name. */
	clientId(): string;
	/** The client was dropped: the next one is to be another. */
	renew(dropped: string): void;
	/** @returns false while there is no node */
	send(frame: Uint8Array): boolean;
	/** Why there is no node, to end a sentence with; '' where there is one. */
	failure(): string;
	/** `endTurn` is to be called. */
	soon(): void;
}

interface Call {
	readonly settle: Settle<WriteResult>;
	/** Stops listening to the signal; null for no signal. */
	readonly release: (() => void) | null;
}

interface Batch {
	readonly clientId: string;
	/** The sequence of the first command. */
	readonly first: number;
	/** The frame: one byte, then the batch. */
	readonly frame: Uint8Array;
	/** By command; null for one that is answered, or that nobody asked for. */
	readonly calls: (Call | null)[];
	/** Commands without a result. */
	left: number;
	readonly deadlineMs: number;
	/** Its first command registers the client. */
	readonly opens: boolean;
	sends: number;
	/** Sends that the node surely did nothing about. */
	refusals: number;
}

/** Numbers given out from the first unanswered one on: the state machine keeps outcomes of twice as many. */
const SEQUENCES_AHEAD_MAX = 2 * IN_FLIGHT_MAX;

export class Writes {
	readonly #owner: WritesOwner;
	readonly #writer = new BatchWriter();
	/** Of the batch that is being written. */
	#calls: (Call | null)[] = [];
	#callsClientId = '';
	#opens = false;
	#deadlineMs = 0;
	/** Unanswered, by first sequence, in order. */
	readonly #batches = new Map<number, Batch>();
	#nextSequence = 1;
	#inFlight = 0;
	#cancelAgain: (() => void) | undefined;
	/** The client that a batch is to open, or has opened. */
	#registering = '';
	/** The client that is known to be open: before, only the batch that opens it may go. */
	#registered = '';

	constructor(owner: WritesOwner) {
		this.#owner = owner;
	}

	put(
		key: string,
		value: Uint8Array,
		flags: bigint,
		cas: number | null,
		signal: AbortSignal | undefined,
		deadlineMs: number,
		settle: Settle<WriteResult>,
	): void {
		if (this.#isFull) return settle.reject(overloaded());
		this.#begin(toUtf8Bound(key) + value.length, deadlineMs);
		try {
			this.#writer.put(key, value, flags, cas);
		} catch (error) {
			return settle.reject(badValue(error));
		}
		this.#call(signal, settle);
	}

	delete(
		key: string,
		cas: number | null,
		signal: AbortSignal | undefined,
		deadlineMs: number,
		settle: Settle<WriteResult>,
	): void {
		if (this.#isFull) return settle.reject(overloaded());
		this.#begin(toUtf8Bound(key), deadlineMs);
		try {
			this.#writer.delete(key, cas);
		} catch (error) {
			return settle.reject(badValue(error));
		}
		this.#call(signal, settle);
	}

	/** Sends what this turn has brought. */
	endTurn(): void {
		if (this.#calls.length === 0) return;
		const batch = this.#writer.take();
		const frame = new Uint8Array(1 + batch.length);
		frame[0] = WRITE;
		frame.set(batch, 1);
		const calls = this.#calls;
		this.#calls = [];
		const first = this.#nextSequence;
		this.#nextSequence += calls.length;
		const clientId = this.#callsClientId;
		const kept = {
			clientId,
			first,
			frame,
			calls,
			left: calls.length,
			deadlineMs: this.#deadlineMs,
			opens: this.#opens,
			sends: 0,
			refusals: 0,
		};
		this.#batches.set(first, kept);
		this.#opens = false;
		this.#transmit(kept);
	}

	/** On a new link: everything that is unanswered, as it was. */
	sendAgain(): void {
		for (const batch of this.#batches.values()) this.#transmit(batch);
	}

	results({ first, count, status, revision }: NodeSection & { kind: 'results' }): void {
		for (const [batch, from, to] of this.#covered(first, count)) {
			if (status === 'unknownClient') this.#unknownClient(batch);
			else {
				this.#answer(batch, from, to, status, revision + batch.first + from - first);
				if (batch.opens && batch.clientId !== this.#registered) this.#opened(batch.clientId);
			}
		}
	}

	refused({ first, count, why, mayHaveLeft }: NodeSection & { kind: 'refused' }): void {
		for (const [batch] of this.#covered(first, count)) {
			if (!mayHaveLeft) batch.refusals++;
			if (why === 'overloaded') {
				this.#cancelAgain ??= this.#owner.runtime.after(AGAIN_AFTER_MS, () => this.#sendRefused());
				continue;
			}
			this.#giveUp(batch, () => {
				if (batch.refusals < batch.sends) return new UnknownOutcomeError(`the node gave up on it: ${why}`);
				if (why === 'badKey') return new BadKeyError('the node takes no such key');
				if (why === 'badValue') return new BadValueError('the node takes no such value');
				return new RefusedError(why, `the node refused it: ${why}`);
			});
			if (batch.opens && why === 'noLeader') this.#giveUpUnsent(batch.clientId);
		}
	}

	/** Gives up what is too late. Returns how many commands are still without an answer. */
	sweep(nowMs: number): number {
		for (const batch of this.#batches.values()) {
			if (batch.deadlineMs > nowMs) break;
			this.#giveUp(batch, () =>
				batch.sends > batch.refusals
					? new UnknownOutcomeError('it was sent, and not answered in time')
					: batch.sends > 0
						? new RefusedError('overloaded', 'the node had no room for it in time')
						: new RefusedError('timeout', `no node could be reached in time${this.#owner.failure()}`),
			);
		}
		return this.#inFlight + this.#calls.length;
	}

	close(): void {
		this.#cancelAgain?.();
		for (const call of this.#calls.splice(0)) {
			call?.release?.();
			call?.settle.reject(new RefusedError('closed', 'the client was closed before it was sent'));
		}
		for (const batch of this.#batches.values()) {
			this.#giveUp(batch, () =>
				batch.sends > batch.refusals
					? new UnknownOutcomeError('the client was closed before it was answered')
					: new RefusedError('closed', 'the client was closed before it was sent'),
			);
		}
	}

	get #isFull(): boolean {
		if (this.#inFlight >= IN_FLIGHT_MAX) return true;
		const oldest = this.#batches.keys().next().value ?? this.#nextSequence;
		return this.#nextSequence + this.#calls.length - oldest >= SEQUENCES_AHEAD_MAX;
	}

	/** Makes sure that there is a batch with room for so many bytes. */
	#begin(bytes: number, deadlineMs: number): void {
		if (this.#calls.length > 0 && this.#writer.length + bytes > FRAME_BYTES_FULL) this.endTurn();
		if (this.#calls.length > 0) return;
		const clientId = this.#owner.clientId();
		const oldest = this.#batches.keys().next().value ?? this.#nextSequence;
		this.#writer.begin(clientId, this.#nextSequence, oldest - 1);
		this.#callsClientId = clientId;
		this.#deadlineMs = deadlineMs;
		if (this.#registering !== clientId) {
			this.#registering = clientId;
			this.#opens = true;
			this.#writer.add({ kind: 'registerClient', client: clientId });
			this.#add(null);
		}
		this.#owner.soon();
	}

	#add(call: Call | null): void {
		this.#calls.push(call);
		this.#inFlight++;
	}

	/** The command that was just written. */
	#call(signal: AbortSignal | undefined, settle: Settle<WriteResult>): void {
		this.#add({ settle, release: whenAborted(signal, settle) });
	}

	/** The batches, each with the range of its commands, that the sequences from `first` on belong to. */
	#covered(first: number, count: number): [Batch, number, number][] {
		const end = first + count;
		const exact = this.#batches.get(first);
		if (exact && first + exact.calls.length >= end) return [[exact, 0, count]];
		const covered: [Batch, number, number][] = [];
		for (const batch of this.#batches.values()) {
			if (batch.first >= end) break;
			const from = Math.max(0, first - batch.first);
			const to = Math.min(batch.calls.length, end - batch.first);
			if (from < to) covered.push([batch, from, to]);
		}
		return covered;
	}

	/** @param revision of the command at `from` */
	#answer(batch: Batch, from: number, to: number, status: Status, revision: number): void {
		const { calls } = batch;
		for (let i = from; i < to; i++) {
			const call = calls[i];
			calls[i] = null;
			if (!call) continue;
			call.release?.();
			if (status === 'forgotten') call.settle.reject(new UnknownOutcomeError('its outcome is not known any more'));
			else call.settle.resolve({ ok: status === 'ok', revision: revision + i - from });
		}
		batch.left -= to - from;
		if (batch.left <= 0) this.#remove(batch);
	}

	/** Nothing of it was applied now. It goes again, under a new client, unless an earlier copy was sent. */
	#unknownClient(batch: Batch): void {
		this.#owner.renew(batch.clientId);
		if (batch.sends - batch.refusals > 1) {
			return this.#giveUp(batch, () => new UnknownOutcomeError('the swarm has forgotten this client'));
		}
		this.#goAgain(batch);
		for (const waiting of this.#batches.values()) {
			if (waiting.clientId === batch.clientId && waiting.sends === waiting.refusals) this.#goAgain(waiting);
		}
	}

	/** Its commands, of which surely nothing was applied, get new identities. */
	#goAgain(batch: Batch): void {
		this.#remove(batch);
		const command = new BatchReader(batch.frame.subarray(1));
		command.nextBatch();
		for (let i = 0; command.nextCommand(); i++) {
			const call = batch.calls[i];
			if (!call) continue;
			const operation = command.operation();
			this.#begin(toUtf8Bound(command.key) + command.value.length, batch.deadlineMs);
			this.#writer.add(operation);
			this.#add(call);
		}
	}

	#opened(clientId: string): void {
		this.#registered = clientId;
		for (const batch of this.#batches.values()) if (batch.sends === 0) this.#transmit(batch);
	}

	#transmit(batch: Batch): void {
		const mayGo = batch.opens || batch.sends > 0 || batch.clientId === this.#registered;
		if (mayGo && this.#owner.send(batch.frame)) batch.sends++;
	}

	/** A node that had no room may have some now. */
	#sendRefused(): void {
		this.#cancelAgain = undefined;
		for (const batch of this.#batches.values()) {
			if (batch.sends > 0 && batch.sends === batch.refusals) this.#transmit(batch);
		}
	}

	#giveUp(batch: Batch, why: () => Error): void {
		this.#remove(batch);
		// Somebody else has to open it.
		if (batch.opens && batch.clientId === this.#registering) this.#registering = '';
		for (const call of batch.calls) {
			call?.release?.();
			call?.settle.reject(why());
		}
	}

	/** What waited for its client to be opened has not left, and will not. */
	#giveUpUnsent(clientId: string): void {
		for (const batch of this.#batches.values()) {
			if (batch.clientId !== clientId || batch.sends > 0) continue;
			this.#giveUp(batch, () => new RefusedError('noLeader', 'the client could not be opened'));
		}
	}

	#remove(batch: Batch): void {
		if (this.#batches.delete(batch.first)) this.#inFlight -= batch.calls.length;
	}
}

/** At least as many bytes as a key takes, with what is written around it. */
function toUtf8Bound(key: string): number {
	return 3 * key.length + COMMAND_BYTES_MAX;
}

const COMMAND_BYTES_MAX = 40;
/** What a node had no room for is sent again, until its time is over. */
const AGAIN_AFTER_MS = 20;

function overloaded(): RefusedError {
	return new RefusedError('overloaded', `${IN_FLIGHT_MAX} writes wait already`);
}

function badValue(error: unknown): unknown {
	return error instanceof RangeError ? new BadValueError(error.message) : error;
}
