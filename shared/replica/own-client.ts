/**
 * Commands that come without an identity, by HTTP, the feed and the command line, are submitted by this node's own
 * client, which is one more client of `submissions.ts`. It gives each command its identity, puts the commands of one
 * turn into one batch, and turns each result or end into one answer. The client is registered through the log before
 * its first command, usually once in a life of the process.
 *
 * What it must never do: give a command a second identity after it may have been applied under its first; propose
 * anything more under a client whose registration has an unknown outcome.
 */
import type { Attempt } from '../feed.ts';
import type { Ballot } from '../paxos/ballot.ts';
import type { Slot } from '../paxos/message.ts';
import { BatchWriter } from '../store/batch-writer.ts';
import type { Operation, PartOfTransaction } from '../store/command.ts';
import { KEY_BYTES_MAX } from '../store/key.ts';
import type { Result } from '../store/result.ts';
import type { Batch, BatchEnd, Proposed, Refusal, SubmitOptions, Submitter } from './batch.ts';
import type { Deadlines } from './deadlines.ts';
import { Command, type OnAnswer, type OnPart, OwnBatch } from './own-batch.ts';
import { STOPPING, type Submissions } from './submissions.ts';
import type { SubmitAnswer } from './submit-answer.ts';

export interface OwnClientRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** A unique name, of 1 to 64 ASCII characters. */
	newId(): string;
	/** Asks for a call of `endTurn` once all input that is ready was handed in. */
	soon(): void;
	/** As of `Follower`; it is left out where nobody follows commands. */
	readonly batched?: ((batch: OwnBatch) => void) | undefined;
}

/**
 * An operation takes at most so many bytes beside its value: a key of the largest size, and 64 for its other fields.
 */
const OPERATION_BYTES_MAX = KEY_BYTES_MAX + 64;

const NOT_REMEMBERED: Refusal = { why: 'overloaded', detail: 'the swarm has no room for its outcome' };
const NOT_REGISTERED: Refusal = { why: 'noLeader', detail: 'the client could not be registered in time' };

export class OwnClient implements Submitter {
	readonly #submissions: Submissions;
	readonly #deadlines: Deadlines;
	readonly #runtime: OwnClientRuntime;
	readonly #writer = new BatchWriter();
	#client = '';
	#state: 'unregistered' | 'registering' | 'registered' = 'unregistered';
	/** The last sequence that was given to a command, over all clients of this life of the process. */
	#sequence = 0;
	/** Commands that came in this turn, or that wait until the client is registered. */
	readonly #waiting = new Set<Command>();
	#waitingBytes = 0;
	#waitingOperations = 0;
	/** Batches without results or an end, in the order of their sequences. */
	readonly #batches = new Set<OwnBatch>();
	/** The batch that the last result belonged to. */
	#current: OwnBatch | undefined;
	#stopped = false;

	constructor(submissions: Submissions, deadlines: Deadlines, runtime: OwnClientRuntime) {
		this.#submissions = submissions;
		this.#deadlines = deadlines;
		this.#runtime = runtime;
	}

	/** The number of commands without an answer. */
	get count(): number {
		let count = this.#waiting.size;
		for (const batch of this.#batches) count += batch.commands.length;
		return count;
	}

	submit(operation: Operation, options: SubmitOptions, answer: OnAnswer): void {
		this.#accept([operation], null, options, answer);
	}

	/**
	 * Submits a transaction: all operations have their effect, or none has. It goes through the leader.
	 *
	 * @param timeoutMs as of `SubmitOptions`
	 */
	transact(operations: readonly PartOfTransaction[], timeoutMs: number, onPart: OnPart, answer: OnAnswer): void {
		this.#accept(operations, onPart, { route: 'leader', contest: 0, timeoutMs }, answer);
	}

	#accept(operations: readonly Operation[], onPart: OnPart | null, options: SubmitOptions, answer: OnAnswer): void {
		const bytes = operations.reduce((sum, operation) => sum + sizeOf(operation), 0);
		const refusal = this.#refusal(bytes);
		if (refusal !== null) return answer({ outcome: 'refused', ...refusal, attempts: [] });
		const endsMs = this.#runtime.nowMs() + options.timeoutMs;
		this.#wait(new Command(this, operations, onPart, bytes, options, endsMs, answer));
	}

	/**
	 * Refuses the commands that wait, because no copy of them has left. `Submissions.stop` ends those that were proposed.
	 */
	stop(): void {
		this.#stopped = true;
		this.#refuseWaiting(STOPPING);
	}

	/** Submits the commands of this turn, in one batch or in several where they are too large for one proposal. */
	endTurn(): void {
		if (this.#waiting.size === 0) return;
		if (this.#state === 'registered') return this.#submitWaiting();
		if (this.#state === 'unregistered') this.#register();
		const nowMs = this.#runtime.nowMs();
		for (const command of this.#waiting) {
			if (!command.isListed) this.#deadlines.add(command, command.endsMs - nowMs);
		}
	}

	// For the table of submissions

	result(sequence: number, result: Result, slot: Slot, chosenAt: Ballot): void {
		const batch = this.#batchOf(sequence);
		// The batch has ended before, and its commands were answered then.
		if (batch === undefined) return;
		const index = sequence - batch.first - (batch.registers ? 1 : 0);
		const { transaction } = batch;
		if (transaction && 'ok' in result) {
			transaction.ok &&= result.ok;
			transaction.onPart?.(index, result);
		}
		// A transaction is answered with its last result.
		if (transaction && sequence !== batch.last) return;
		const command = transaction ?? batch.commands[index];
		switch (result.kind) {
			case 'applied':
			case 'duplicate': {
				if (command === undefined) return this.#registered();
				const { placedUnder, attempts } = batch.proposed as Proposed;
				return command.answer({
					outcome: 'chosen',
					ok: transaction ? transaction.ok : result.ok,
					revision: result.revision,
					slot,
					ballot: placedUnder.node === '' ? chosenAt : placedUnder,
					chosenAt,
					attempts: attempts?.all ?? [],
				});
			}
			case 'forgotten':
				// It was not applied before either: this process would have seen the result, and answered.
				return command?.answer({ outcome: 'refused', ...NOT_REMEMBERED, attempts: [] });
			case 'unknownClient':
				this.#renew(batch.client);
				if (command !== undefined) this.#submitAgain(command);
		}
	}

	settled(batch: Batch): void {
		this.#leave(batch as OwnBatch);
	}

	ended(batch: Batch, end: BatchEnd): void {
		const { commands, registers, client, proposed } = batch as OwnBatch;
		// The registration may yet be chosen, but no more commands go out under a client that was given up.
		if (registers) this.#renew(client);
		this.#leave(batch as OwnBatch);
		const attempts = proposed?.attempts?.all ?? [];
		for (const { answer } of commands) answer(answerOf(end, attempts));
	}

	/** A command that waits calls this when its time limit is over. */
	overdue(command: Command): void {
		this.#take(command);
		command.answer({ outcome: 'refused', ...NOT_REGISTERED, attempts: [] });
	}

	#refusal(bytes: number): Refusal | null {
		if (this.#stopped) return STOPPING;
		const [oldest] = this.#batches;
		const ahead = oldest === undefined ? 0 : this.#sequence + 1 - oldest.first;
		const { commandsMax } = this.#submissions.limits;
		if (ahead + this.#waitingOperations >= commandsMax) {
			return { why: 'overloaded', detail: `${commandsMax} commands wait already` };
		}
		return this.#submissions.refusal(this.#waitingBytes + bytes);
	}

	#wait(command: Command): void {
		this.#waiting.add(command);
		this.#waitingBytes += command.bytes;
		this.#waitingOperations += command.operations.length;
		this.#runtime.soon();
	}

	#take(command: Command): void {
		this.#waiting.delete(command);
		this.#waitingBytes -= command.bytes;
		this.#waitingOperations -= command.operations.length;
		this.#deadlines.remove(command);
	}

	#refuseWaiting(refusal: Refusal): void {
		for (const command of [...this.#waiting]) {
			this.#take(command);
			command.answer({ outcome: 'refused', ...refusal, attempts: [] });
		}
	}

	/**
	 * Registers the client with the first command of a batch. Other commands wait until the registration has its result,
	 * except that a first command with route `self` goes into the same batch, so that people see its campaign even where
	 * there is no leader.
	 */
	#register(): void {
		this.#client = this.#runtime.newId();
		this.#submissions.listen(this.#client, this);
		this.#state = 'registering';
		const [first] = this.#waiting;
		const isAlone = first?.options.route === 'self';
		const commands = isAlone ? [first] : [];
		const options = optionsOf(isAlone ? commands : [...this.#waiting], this.#runtime.nowMs());
		for (const command of commands) this.#take(command);
		this.#writer.begin(this.#client, this.#sequence + 1, this.#receivedThrough);
		this.#writer.add({ kind: 'registerClient', client: this.#client });
		for (const { operations } of commands) for (const operation of operations) this.#writer.add(operation);
		const refusal = this.#submit(commands, true, options);
		if (refusal !== null) this.#refuseWaiting(refusal);
	}

	#registered(): void {
		this.#state = 'registered';
		if (this.#waiting.size > 0) this.#runtime.soon();
	}

	/** Gives the present client up. Commands that wait or come later go under a new one. */
	#renew(client: string): void {
		if (client !== this.#client) return;
		this.#state = 'unregistered';
		this.#client = '';
		if (this.#waiting.size > 0 && !this.#stopped) this.#runtime.soon();
	}

	/**
	 * The state machine had dropped the client, so it surely did not apply the command, which goes under the next client.
	 */
	#submitAgain(command: Command): void {
		command.ok = true;
		if (command.endsMs > this.#runtime.nowMs()) return this.#wait(command);
		command.answer({ outcome: 'refused', ...NOT_REGISTERED, attempts: [] });
	}

	#submitWaiting(): void {
		let together: Command[] = [];
		for (const command of [...this.#waiting]) {
			this.#take(command);
			const isTransaction = command.onPart !== null;
			const isAlone = isTransaction || command.options.route === 'self';
			const isTooMuch = this.#writer.length + command.bytes > this.#submissions.limits.proposalBytesMax;
			if (together.length > 0 && (isAlone || isTooMuch)) {
				this.#submitTogether(together);
				together = [];
			}
			if (together.length === 0) {
				this.#writer.begin(this.#client, this.#sequence + 1, this.#receivedThrough, isTransaction);
			}
			for (const operation of command.operations) this.#writer.add(operation);
			together.push(command);
			if (!isAlone) continue;
			this.#submitTogether(together);
			together = [];
		}
		if (together.length > 0) this.#submitTogether(together);
	}

	#submitTogether(commands: readonly Command[]): void {
		this.#submit(commands, false, optionsOf(commands, this.#runtime.nowMs()));
	}

	/**
	 * Submits the batch that the writer holds. `commands` are those in it.
	 *
	 * @returns why the commands were refused, which they have been told; null where they are on their way
	 */
	#submit(commands: readonly Command[], registers: boolean, options: SubmitOptions): Refusal | null {
		const first = this.#sequence + 1;
		const batch = new OwnBatch(this, this.#client, first, commands, registers, options, this.#writer.take());
		this.#sequence += batch.count;
		this.#batches.add(batch);
		this.#runtime.batched?.(batch);
		const refusal = this.#submissions.submit(batch);
		if (refusal !== null) this.ended(batch, { kind: 'refused', ...refusal });
		return refusal;
	}

	/** Every command of the present client up to this sequence has its answer. See `Writes` of `shared/client`. */
	get #receivedThrough(): number {
		for (const { client, first } of this.#batches) if (client === this.#client) return first - 1;
		return this.#sequence;
	}

	#batchOf(sequence: number): OwnBatch | undefined {
		if (this.#current?.has(sequence)) return this.#current;
		for (const batch of this.#batches) {
			if (!batch.has(sequence)) continue;
			this.#current = batch;
			return batch;
		}
		return undefined;
	}

	#leave(batch: OwnBatch): void {
		this.#batches.delete(batch);
		this.#current = undefined;
		if (batch.client === this.#client) return;
		for (const { client } of this.#batches) if (client === batch.client) return;
		this.#submissions.unlisten(batch.client, this);
	}
}

/** Options of a batch of commands with the same route. The latest of their deadlines holds for all of them. */
function optionsOf(commands: readonly Command[], nowMs: number): SubmitOptions {
	const { route, contest } = (commands[0] as Command).options;
	let endsMs = nowMs;
	for (const command of commands) if (command.endsMs > endsMs) endsMs = command.endsMs;
	return { route, contest, timeoutMs: endsMs - nowMs };
}

/** Bytes: at least as many as the operation takes when it is written. */
function sizeOf(operation: Operation): number {
	if ('value' in operation) return operation.value.length + OPERATION_BYTES_MAX;
	return operation.kind === 'command' ? operation.bytes.length + OPERATION_BYTES_MAX : OPERATION_BYTES_MAX;
}

function answerOf(end: BatchEnd, attempts: readonly Attempt[]): SubmitAnswer {
	switch (end.kind) {
		case 'refused':
			return { outcome: 'refused', why: end.why, detail: end.detail, attempts };
		case 'unknown':
			return { outcome: 'unknown', why: end.why, detail: end.detail, attempts };
		case 'kept':
			return { outcome: 'kept', slot: end.slot, ballot: end.ballot, value: end.value, attempts };
	}
}
