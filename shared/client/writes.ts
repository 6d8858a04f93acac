/**
 * The writes of one client. It gives each its identity, puts those of one turn into one batch, and keeps the batch until
 * all of it is answered. It sends the very same bytes again on each new connection and after a refusal. Writes that the
 * node has no room for wait in line, and get their identities when they leave the line.
 *
 * What it must never do: call a write refused that may have happened; give a command a second identity after it may
 * have been applied under its first; send a command for the first time after its signal was aborted.
 */
import { Writer } from '../bytes/bytes.ts';
import { BatchReader } from '../store/batch-reader.ts';
import type { Operation, PartOfTransaction } from '../store/command.ts';
import { SESSION_NAME_BYTES_MAX } from '../store/sessions.ts';
import { abortable, isAborted, type Settle } from './abort.ts';
import { Again, NEVER } from './again.ts';
import { Batches } from './batches.ts';
import { writeTrace } from './client-frame.ts';
import { Draft } from './draft.ts';
import { BadValueError, RefusedError, UnknownOutcomeError } from './errors.ts';
import { type CallLimits, lineCommandsMax } from './limits.ts';
import type { NodeSection } from './node-frame.ts';
import { CLIENTS_PER_CONNECTION_MAX, type Refusal } from './protocol.ts';
import { AFTER_REFUSAL } from './refusals.ts';
import type { ClientRuntime } from './runtime.ts';
import { Transaction, type TransactionAnswer } from './transaction.ts';
import type { WriteBatch, WriteCall } from './write-batch.ts';

/** The trace of the code that calls it, as of `SwarmClientOptions`. */
export type Traceparent = () => string | null;

export interface WritesOwner {
	readonly runtime: ClientRuntime;
	readonly limits: CallLimits;
	/** The deadline of a call that is made now. It is asked for once for each batch, because the clock is read for it. */
	deadlineMs(): number;
	/** The present name of the client. */
	clientId(): string;
	/** The swarm has dropped the client of this name, which needs a new one. */
	renew(dropped: string): void;
	/** @returns false while there is no node */
	send(frame: Uint8Array, clientId: string): boolean;
	/** The trace of a write that is made now; null where the client tells none. */
	readonly traceparent: Traceparent | null;
	/** Whether the node knows a leader. */
	hasLeader(): boolean;
	/** Why there is no node, as the end of a sentence; '' where there is one. */
	failure(): string;
	/** Asks for a call of `endTurn`. */
	soon(): void;
}

/** A command takes at most so many bytes beside its key and value. */
const COMMAND_BYTES_MAX = 40;
/** What is said of a session takes at most so many bytes: two names, and some numbers. */
const ATTRIBUTES_BYTES_MAX = 2 * SESSION_NAME_BYTES_MAX + 40;
/** One character of UTF-16 takes at most so many bytes of UTF-8. */
const UTF8_BYTES_MAX = 3;

export class Writes {
	readonly #owner: WritesOwner;
	readonly #draft = new Draft();
	/** Batches whose commands have identities, by sequence. */
	readonly #batches = new Batches<WriteBatch>();
	/** Batches whose commands have no identities yet, by their place in line. */
	readonly #line = new Batches<WriteBatch>();
	readonly #again: Again;
	#nextSequence = 1;
	#nextPlace = 1;
	/** The number of commands in `#batches`, which have an identity and no answer. */
	#inFlight = 0;
	/** The highest sequence of a command that was given up, and may have been applied or may yet be; 0 for none. */
	#givenUpThrough = 0;
	#inLine = 0;
	/** The bytes of the frames of all batches. */
	#bytes = 0;
	/** The client that a batch registers or has registered; '' for none. */
	#opening = '';
	/** The client whose registration has its result. Before that, only the batch that registers it is sent. */
	#opened = '';

	constructor(owner: WritesOwner) {
		this.#owner = owner;
		this.#again = new Again(owner.runtime, (nowMs) => this.#sendRefused(nowMs));
	}

	put(
		key: string,
		value: Uint8Array,
		flags: bigint,
		cas: number | null,
		signal: AbortSignal | undefined,
		settle: WriteCall,
	): void {
		if (!this.#begin(boundOf(key, value.length))) return settle.reject(this.#overloaded());
		try {
			this.#draft.put(key, value, flags, cas);
		} catch (error) {
			return settle.reject(badValue(error));
		}
		this.#draft.call(abortable(signal, settle), signal !== undefined);
		this.#trace();
	}

	delete(key: string, cas: number | null, signal: AbortSignal | undefined, settle: WriteCall): void {
		if (!this.#begin(boundOf(key, 0))) return settle.reject(this.#overloaded());
		try {
			this.#draft.delete(key, cas);
		} catch (error) {
			return settle.reject(badValue(error));
		}
		this.#draft.call(abortable(signal, settle), signal !== undefined);
		this.#trace();
	}

	submit(operation: Operation, signal: AbortSignal | undefined, settle: WriteCall): void {
		if (!this.#begin(sizeOf(operation))) return settle.reject(this.#overloaded());
		const call = abortable(signal, settle);
		try {
			this.#draft.add(operation, call);
			this.#trace();
		} catch (error) {
			call.reject(badValue(error));
		}
	}

	/** All operations have their effect, or none has. They are a batch by themselves. */
	transact(
		operations: readonly PartOfTransaction[],
		signal: AbortSignal | undefined,
		settle: Settle<TransactionAnswer>,
	): void {
		const bytes = operations.reduce((sum, operation) => sum + sizeOf(operation), 0);
		const fits = operations.length < this.#owner.limits.inFlightMax;
		if (!fits || !this.#isWithin(bytes)) return settle.reject(this.#overloaded());
		this.#endBatch();
		const transaction = new Transaction(operations, abortable(signal, settle));
		const traceparent = this.#owner.traceparent?.() ?? null;
		const traceparents = traceparent === null ? null : [traceparent];
		this.#beginTransaction(transaction, traceparents, this.#line.oldest !== undefined, this.#owner.deadlineMs());
		this.#owner.soon();
	}

	/** The number of writes without an answer. */
	get count(): number {
		return this.#inFlight + this.#inLine + this.#draft.count;
	}

	/** Sends the writes of this turn. */
	endTurn(): void {
		this.#endBatch();
		this.#drainLine();
	}

	/** Sends all unanswered batches on a new connection, with the same bytes. */
	sendAgain(): void {
		const hasLeader = this.#owner.hasLeader();
		for (const batch of this.#batches) if (hasLeader || !batch.waitsForLeader) this.#transmit(batch);
	}

	results({ first, count, status, revision }: NodeSection & { kind: 'results' }): void {
		for (const batch of this.#batches.within(first, first + count)) {
			// A batch before it in this loop may have ended it.
			if (batch.isOver) continue;
			if (status === 'unknownClient') {
				this.#unknownClient(batch);
				continue;
			}
			const from = Math.max(0, first - batch.first);
			const to = Math.min(batch.count, first + count - batch.first);
			if (batch.answer(from, to, status, revision + batch.first + from - first)) this.#remove(batch);
			if (batch.opens && batch.clientId !== this.#opened) this.#hasOpened(batch.clientId);
		}
		this.#drainLine();
	}

	/** What a transaction has read, which comes in front of its last result. */
	readings({ first, entries }: NodeSection & { kind: 'readings' }): void {
		for (const { transaction } of this.#batches.within(first, first + 1)) transaction?.readings(entries);
	}

	refused({ first, count, why, mayHaveLeft }: NodeSection & { kind: 'refused' }): void {
		for (const batch of this.#batches.within(first, first + count)) {
			if (!batch.refused(why, mayHaveLeft)) continue;
			if (AFTER_REFUSAL[why].isPassing) this.#again.refused(batch);
			else this.#refusedForGood(batch, why);
		}
		this.#drainLine();
	}

	/** The node knows a leader now, so batches that were refused for want of one are sent again. */
	leaderKnown(): void {
		for (const batch of this.#batches) if (batch.waitsForLeader) this.#again.soon(batch);
	}

	/** Fails batches whose deadline is over. @returns the next deadline, `NEVER` for none */
	sweep(nowMs: number): number {
		let nextMs = NEVER;
		for (const batch of [...this.#batches, ...this.#line]) {
			if (batch.deadlineMs <= nowMs) this.#fail(batch, () => batch.tooLate(this.#owner.failure()));
			else nextMs = Math.min(nextMs, batch.deadlineMs);
		}
		this.#reopen();
		this.#drainLine();
		return nextMs;
	}

	close(): void {
		this.#again.stop();
		this.#endBatch();
		for (const batch of [...this.#batches, ...this.#line]) {
			this.#fail(batch, () => batch.closed());
		}
	}

	// Into a batch

	/** Makes room for one more command. @returns false where there are too many already */
	#begin(bytes: number): boolean {
		if (!this.#isWithin(bytes)) return false;
		this.#makeRoom(bytes, this.#line.oldest !== undefined);
		return true;
	}

	/** The command that was written last belongs to the present trace. */
	#trace(): void {
		const traceparent = this.#owner.traceparent === null ? null : this.#owner.traceparent();
		if (traceparent !== null) this.#draft.trace(traceparent);
	}

	/** Whether a call of so many bytes may wait here too. */
	#isWithin(bytes: number): boolean {
		const { callsMax, bytesMax } = this.#owner.limits;
		return this.count < callsMax && this.#bytes + this.#draft.bytes + bytes <= bytesMax;
	}

	/**
	 * Makes the draft ready for one more command, and begins a new batch where it has to.
	 *
	 * @param isForLine whether a new batch goes into the line; it also does where the node has no room for it
	 * @param deadlineMs that of a new batch; by default that of a call that is made now
	 */
	#makeRoom(bytes: number, isForLine: boolean, deadlineMs?: number): void {
		const draft = this.#draft;
		if (draft.count > 0) {
			const { limits } = this.#owner;
			const isTooLarge = draft.bytes + bytes > limits.batchBytesFull;
			const hasRoom = draft.isForLine ? draft.count < lineCommandsMax(limits) : this.#hasRoom(draft.count + 1);
			if (!isTooLarge && hasRoom) return;
			this.#endBatch();
		}
		const clientId = this.#owner.clientId();
		const opens = this.#opening !== clientId;
		const deadline = deadlineMs ?? this.#owner.deadlineMs();
		if (isForLine || !this.#hasRoom(opens ? 2 : 1)) {
			draft.begin(clientId, 1, 0, deadline, true);
		} else {
			draft.begin(clientId, this.#nextSequence, this.#receivedThrough, deadline, false);
			if (opens) draft.open();
			this.#opening = clientId;
		}
		this.#owner.soon();
	}

	/**
	 * Whether the node, and the state machine's table of outcomes, have room for `count` more commands, and these can say
	 * that all which was given up is given up. They cannot while an earlier command is out whose deadline is later, as it
	 * is where commands of a client that was forgotten went behind those of the next one.
	 */
	#hasRoom(count: number): boolean {
		const { inFlightMax } = this.#owner.limits;
		const receivedThrough = this.#receivedThrough;
		if (receivedThrough < this.#givenUpThrough) return false;
		const open = this.#nextSequence - 1 - receivedThrough;
		return this.#inFlight + count <= inFlightMax && open + count <= 2 * inFlightMax;
	}

	/**
	 * Makes a batch of the transaction, where the draft is empty. No transaction begins with a registration, so a batch of
	 * its own goes in front where one is due.
	 */
	#beginTransaction(
		transaction: Transaction,
		traceparents: readonly string[] | null,
		isForLine: boolean,
		deadlineMs: number,
	): void {
		const draft = this.#draft;
		const clientId = this.#owner.clientId();
		const opens = this.#opening !== clientId;
		const waits = isForLine || !this.#hasRoom(transaction.operations.length + (opens ? 1 : 0));
		if (opens && !waits) this.#register(clientId, deadlineMs);
		const first = waits ? 1 : this.#nextSequence;
		draft.begin(clientId, first, waits ? 0 : this.#receivedThrough, deadlineMs, waits, transaction);
		try {
			draft.addTransaction(transaction);
			for (const traceparent of traceparents ?? []) draft.trace(traceparent);
		} catch (error) {
			return transaction.reject(badValue(error));
		}
		this.#endBatch();
	}

	/** Registers the client by a batch that does nothing else, where the draft is empty. */
	#register(clientId: string, deadlineMs: number): void {
		this.#draft.begin(clientId, this.#nextSequence, this.#receivedThrough, deadlineMs, false);
		this.#draft.open();
		this.#opening = clientId;
		this.#endBatch();
	}

	/**
	 * All commands of the present client up to this sequence have their results, or were given up. What is on its way under a
	 * client that the swarm has dropped does not count, or the swarm would take what was given up since.
	 */
	get #receivedThrough(): number {
		const clientId = this.#owner.clientId();
		const { oldest } = this.#batches;
		if (oldest === undefined) return this.#nextSequence - 1;
		if (oldest.clientId === clientId) return oldest.first - 1;
		for (const batch of this.#batches) if (batch.clientId === clientId) return batch.first - 1;
		return this.#nextSequence - 1;
	}

	#endBatch(): void {
		const draft = this.#draft;
		if (draft.count === 0) return;
		const { isForLine, hasAborted } = draft;
		const batch = draft.take(isForLine ? this.#nextPlace : this.#nextSequence);
		if (hasAborted) {
			if (batch.opens) this.#opening = '';
			return this.#encodeAgain(batch, isForLine);
		}
		this.#bytes += batch.frame.length;
		if (isForLine) {
			batch.isInLine = true;
			this.#line.add(batch);
			this.#nextPlace += batch.count;
			this.#inLine += batch.count;
			return;
		}
		this.#batches.add(batch);
		this.#nextSequence += batch.count;
		this.#inFlight += batch.count;
		this.#transmit(batch);
	}

	/** Takes batches out of the line while there is room for them, gives their commands identities, and sends them. */
	#drainLine(): void {
		for (let next = this.#line.oldest; next && this.#hasRoom(next.count + 1); next = this.#line.oldest) {
			this.#endBatch();
			this.#remove(next);
			this.#encodeAgain(next, false);
		}
	}

	/**
	 * Gives the commands of a batch, none of which was applied, new identities or a new place in line.
	 *
	 * @param isApart whether each becomes a batch of its own
	 */
	#encodeAgain(batch: WriteBatch, isForLine: boolean, isApart = false): void {
		const { frame, calls, transaction, traceparents, deadlineMs } = batch;
		this.#endBatch();
		if (transaction !== null) {
			if (!transaction.isAborted) this.#beginTransaction(transaction, traceparents, isForLine, deadlineMs);
			return;
		}
		const command = new BatchReader(frame.subarray(1));
		command.nextBatch();
		for (const call of calls) {
			command.nextCommand();
			if (!call || isAborted(call)) continue;
			this.#makeRoom(boundOf(command.key, command.value.length + command.session.length), isForLine, deadlineMs);
			this.#draft.add(command.operation(), call);
			if (isApart) this.#endTraced(traceparents);
		}
		this.#endTraced(traceparents);
	}

	/** Ends the batch, if there is one, as one of these traces. */
	#endTraced(traceparents: readonly string[] | null): void {
		if (traceparents !== null && this.#draft.count > 0) {
			for (const traceparent of traceparents) this.#draft.trace(traceparent);
		}
		this.#endBatch();
	}

	// To and from the node

	#transmit(batch: WriteBatch): void {
		batch.againMs = NEVER;
		const mayGo = batch.opens || batch.wasSent || batch.clientId === this.#opened;
		if (!mayGo) return;
		if (batch.traceparents !== null) this.#tellTraces(batch.clientId, batch.first, batch.traceparents);
		if (this.#owner.send(batch.frame, batch.clientId)) batch.sent();
	}

	#tellTraces(clientId: string, first: number, traceparents: readonly string[]): void {
		const out = new Writer();
		writeTrace(out, clientId, first, traceparents);
		this.#owner.send(out.take(), clientId);
	}

	#sendRefused(nowMs: number): void {
		const hasLeader = this.#owner.hasLeader();
		for (const batch of this.#batches) {
			if (batch.againMs > nowMs) {
				if (batch.againMs < NEVER) this.#again.wait(batch.againMs, nowMs);
			} else if (!hasLeader && batch.waitsForLeader) {
				// While the batch waits here, it surely is not proposed. Of a copy at a node without a leader that is not known.
				this.#again.refused(batch);
			} else {
				this.#transmit(batch);
			}
		}
	}

	#hasOpened(clientId: string): void {
		this.#opened = clientId;
		for (const batch of this.#batches) if (!batch.wasSent) this.#transmit(batch);
	}

	/**
	 * The batch was not applied now. It is sent again under a new client, unless an earlier copy may have been applied.
	 */
	#unknownClient(batch: WriteBatch): void {
		const { clientId } = batch;
		if (this.#opened === clientId) this.#opened = '';
		this.#endBatch();
		this.#owner.renew(clientId);
		if (batch.mayHaveLeft) this.#fail(batch, () => new UnknownOutcomeError('the swarm has forgotten this client'));
		else this.#goUnderAnother(batch);
		for (const other of this.#batches) {
			if (other.clientId === clientId && !other.mayHaveHappened) this.#goUnderAnother(other);
		}
		this.#boundClients();
	}

	#goUnderAnother(batch: WriteBatch): void {
		this.#remove(batch);
		this.#encodeAgain(batch, this.#line.oldest !== undefined);
	}

	/** Gives up batches of the oldest clients, because a node takes batches of a few clients of a connection only. */
	#boundClients(): void {
		const clients = new Set([...this.#batches].map(({ clientId }) => clientId));
		clients.add(this.#owner.clientId());
		for (const clientId of clients) {
			if (clients.size <= CLIENTS_PER_CONNECTION_MAX) return;
			clients.delete(clientId);
			for (const batch of this.#batches) {
				if (batch.clientId !== clientId) continue;
				this.#fail(batch, () => new UnknownOutcomeError('the swarm has forgotten this client'));
			}
		}
	}

	/**
	 * Where the batch that registers the client was given up, those that waited for it are encoded again, with a
	 * registration.
	 */
	#reopen(): void {
		if (this.#opening !== '') return;
		for (const batch of this.#batches) if (!batch.wasSent) this.#goUnderAnother(batch);
	}

	/** No node takes the batch. Others that wait for its registration get one of their own. */
	#refusedForGood(batch: WriteBatch, why: Refusal): void {
		this.#endBatch();
		if (why === 'denied' && batch.hasSeveralCalls && !batch.mayHaveHappened) return this.#sendApart(batch);
		this.#fail(batch, () => batch.refusedForGood(why));
		if (!batch.isRegistrationAlone) return this.#reopen();
		for (const other of this.#batches) if (!other.wasSent) this.#fail(other, () => other.refusedForGood(why));
	}

	/** One of its commands was denied, and others may be let in. Who may register nothing is let in with none. */
	#sendApart(batch: WriteBatch): void {
		this.#giveUp(batch);
		if (batch.opens && this.#opening === '') this.#register(this.#owner.clientId(), batch.deadlineMs);
		this.#encodeAgain(batch, this.#line.oldest !== undefined, true);
	}

	#fail(batch: WriteBatch, why: () => Error): void {
		this.#giveUp(batch);
		if (batch.mayHaveHappened) {
			this.#givenUpThrough = Math.max(this.#givenUpThrough, batch.first + batch.count - 1);
		}
		batch.fail(why);
	}

	/** Calls that are made from now on are in another batch, which says that this one is given up. */
	#giveUp(batch: WriteBatch): void {
		this.#endBatch();
		this.#remove(batch);
		if (batch.opens && batch.clientId === this.#opening && batch.clientId !== this.#opened) this.#opening = '';
	}

	#remove(batch: WriteBatch): void {
		const batches = batch.isInLine ? this.#line : this.#batches;
		if (!batches.remove(batch)) return;
		this.#bytes -= batch.frame.length;
		if (batch.isInLine) this.#inLine -= batch.count;
		else this.#inFlight -= batch.count;
	}

	#overloaded(): RefusedError {
		return new RefusedError('overloaded', `${this.count} writes wait already`);
	}
}

/** Bytes: at least as many as the command takes. */
function boundOf(key: string, valueBytes: number): number {
	return UTF8_BYTES_MAX * key.length + valueBytes + COMMAND_BYTES_MAX;
}

/** Bytes: at least as many as the operation takes. */
function sizeOf(operation: Operation): number {
	const name = 'key' in operation ? operation.key : 'prefix' in operation ? operation.prefix : '';
	const session = 'session' in operation ? operation.session : '';
	const valueBytes = 'value' in operation ? operation.value.length : 0;
	return boundOf(name, valueBytes + session.length) + ('attributes' in operation ? ATTRIBUTES_BYTES_MAX : 0);
}

function badValue(error: unknown): unknown {
	return error instanceof RangeError ? new BadValueError(error.message) : error;
}
