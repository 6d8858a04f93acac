/**
 * The part of every state machine that takes in the commands: it reads the batches of a slot, gives each command its
 * revision, applies it at most once, and keeps the table of clients, the log's time and the digest. What a command does
 * is up to the machine, which extends this.
 *
 * It must give the same results on every node that applies the same values in the same order, so it depends on those
 * values alone.
 */
import { KIND_REGISTER_CLIENT } from './batch-format.ts';
import { BatchReader } from './batch-reader.ts';
import type { ClientEntry, ClientTable } from './client-table.ts';
import { digestOf, digestOfBytes } from './digest.ts';
import { FORGOTTEN, type OnResult, type Result, UNKNOWN_CLIENT } from './result.ts';

/** What every machine keeps. */
export interface AppliedState {
	revision: number;
	timeMs: number;
	digest: number;
	readonly clients: ClientTable;
}

export abstract class AppliedOnce<State extends AppliedState> {
	protected state: State;

	constructor(state: State) {
		this.state = state;
	}

	/**
	 * The revision of the last applied command; 0 before the first. A client's registration takes one, so a write's is 2
	 * or more.
	 */
	get revision(): number {
		return this.state.revision;
	}

	/** The log's time, in milliseconds that leaders have measured. It lags behind where little is written. */
	get timeMs(): number {
		return this.state.timeMs;
	}

	/**
	 * The digest of all that was applied (`digest.ts`), a signed integer of 32 bits. It is a part of the state, so a store
	 * that was restored from a cut goes on with the digest of the cut.
	 */
	get digest(): number {
		return this.state.digest;
	}

	get clientsCount(): number {
		return this.state.clients.size;
	}

	/** The number of outcomes that are kept because their clients have not acknowledged them. */
	get outcomesCount(): number {
		return this.state.clients.outcomesCount;
	}

	/** Moves the log's time ahead by what the next slot says, before its commands are applied. */
	passTime(ms: number): void {
		this.state.timeMs += ms;
		this.state.digest = digestOf(this.state.digest, ms);
	}

	/**
	 * Applies the chosen value of one slot. A malformed batch has no effect, on every node alike, because a part of it must
	 * not stand for the whole. No node that keeps the rules proposes one.
	 *
	 * @returns false where a batch was malformed
	 */
	apply(value: Uint8Array, onResult?: OnResult): boolean {
		const command = new BatchReader(value);
		this.state.digest = digestOfBytes(this.state.digest, value);
		while (command.nextBatch()) {
			const held = command.isTransaction ? this.#foresee(command) : null;
			if (held !== null) this.together(this.state.revision + held.length);
			for (let at = 0; command.nextCommand(); at++) {
				const result = held === null ? this.#applyOnce(command) : this.#applyPart(command, held, at);
				this.#noteResult(result);
				onResult?.(command.client, command.sequence, result);
			}
		}
		return command.fault === null;
	}

	/**
	 * The result that a second copy of a client's command would get. A node asks for it that has taken over a state, and so
	 * has not seen the results that led there.
	 *
	 * @returns undefined where the command was not applied, and still may be
	 */
	outcomeOf(client: string, sequence: number): Result | undefined {
		const entry = this.state.clients.get(client);
		if (!entry) return UNKNOWN_CLIENT;
		if (sequence <= entry.receivedThrough) return FORGOTTEN;
		const outcome = entry.outcomeOf(sequence);
		return outcome && { kind: 'duplicate', revision: outcome.revision, ok: outcome.ok };
	}

	/** As `outcomeOf`, for the registration of a client, whose sequence is not kept. @returns undefined where it is not open */
	registrationOf(client: string): Result | undefined {
		const entry = this.state.clients.get(client);
		return entry && { kind: 'duplicate', revision: entry.openedRevision, ok: true };
	}

	/** Whether an outcome is kept of any command of the client. */
	keepsOutcomesOf(client: string): boolean {
		return (this.state.clients.get(client)?.outcomesCount ?? 0) > 0;
	}

	/** The next command has a revision of its own, which is one more than the present one. */
	protected abstract begins(): void;

	/** Carries out a command, whose revision is that of the state already. @returns whether its condition holds */
	protected abstract carryOut(command: BatchReader): boolean;

	/** Reads the rest of a transaction. @returns for each of its commands whether its condition holds */
	protected abstract conditionsOf(command: BatchReader): readonly boolean[];

	/** The commands up to this revision, which come next, are one transaction. */
	protected abstract together(through: number): void;

	#applyOnce(command: BatchReader): Result {
		if (command.kind === KIND_REGISTER_CLIENT) return this.#registerClient(command.client);
		const client = this.state.clients.get(command.client);
		if (!client) return UNKNOWN_CLIENT;
		this.state.clients.receive(client, command.receivedThrough);
		if (command.sequence <= client.receivedThrough) return FORGOTTEN;
		const before = client.outcomeOf(command.sequence);
		if (before) return { kind: 'duplicate', revision: before.revision, ok: before.ok };
		// Of a transaction either all commands are new or none is, where the client keeps the rules.
		if (command.isTransaction || client.isSpent) return FORGOTTEN;
		const revision = this.#nextRevision();
		const ok = this.carryOut(command);
		this.state.clients.applied(client, command.sequence, revision, ok);
		return { kind: 'applied', revision, ok };
	}

	/**
	 * Whether the conditions of the commands of a transaction hold, one for each; null where the transaction is not new,
	 * and so must not have any effect. The batch is at its beginning before and afterwards.
	 */
	#foresee(command: BatchReader): readonly boolean[] | null {
		const client = this.state.clients.get(command.client);
		if (!client || client.isSpent) return null;
		const { first, count, receivedThrough } = command;
		if (first <= Math.max(client.receivedThrough, receivedThrough)) return null;
		for (let sequence = first; sequence < first + count; sequence++) if (client.outcomeOf(sequence)) return null;
		this.state.clients.receive(client, receivedThrough);
		const held = this.conditionsOf(command);
		command.rewind();
		return held;
	}

	/**
	 * Applies one command of a new transaction, which has its effect only where all conditions hold. Its result says
	 * whether its own one does.
	 */
	#applyPart(command: BatchReader, held: readonly boolean[], at: number): Result {
		const client = this.state.clients.get(command.client) as ClientEntry;
		const revision = this.#nextRevision();
		const ok = held.includes(false) ? (held[at] as boolean) : this.carryOut(command);
		// An outcome before it may have taken the last room, and then this one is forgotten at once.
		if (command.sequence > client.receivedThrough) this.state.clients.applied(client, command.sequence, revision, ok);
		return { kind: 'applied', revision, ok };
	}

	#registerClient(id: string): Result {
		const openedRevision = this.state.clients.get(id)?.openedRevision;
		if (openedRevision !== undefined) return { kind: 'duplicate', revision: openedRevision, ok: true };
		if (this.state.clients.wasEvicted(id)) return { kind: 'unknownClient' };
		const revision = this.#nextRevision();
		this.state.clients.open(id, revision);
		return { kind: 'applied', revision, ok: true };
	}

	#nextRevision(): number {
		this.begins();
		return ++this.state.revision;
	}

	/** What became of a command is in the digest, so that a store that makes something else of it is found. */
	#noteResult(result: Result): void {
		const isKnown = result.kind === 'applied' || result.kind === 'duplicate';
		this.state.digest = digestOf(this.state.digest, isKnown ? 2 * result.revision + (result.ok ? 1 : 0) : 0);
	}
}
