/**
 * The commands of the node's own client, each with the callback that waits for its answer, and the batches they go in.
 */
import type { Operation } from '../store/command.ts';
import type { Result } from '../store/result.ts';
import { Batch, type SubmitOptions, type Submitter } from './batch.ts';
import { Limited } from './deadlines.ts';
import type { SubmitAnswer } from './submit-answer.ts';

/** Called once, perhaps from inside the call that submits. */
export type OnAnswer = (answer: SubmitAnswer) => void;

/**
 * Is told the result of each operation of a transaction, in their order. `store` has applied the operations up to this
 * one then, and no other ones, unless the result is that of a duplicate.
 */
export type OnPart = (index: number, result: Extract<Result, { readonly ok: boolean }>) => void;

/**
 * One operation, or those of a transaction, until they are answered. It has a deadline of its own only while it waits for
 * a batch.
 */
export class Command extends Limited {
	readonly operations: readonly Operation[];
	/** null for a single operation, which is no transaction. */
	readonly onPart: OnPart | null;
	/** Whether all conditions hold, as far as the results say. */
	ok = true;
	/** At least as many as the operations take when they are written. */
	readonly bytes: number;
	readonly options: SubmitOptions;
	readonly answer: OnAnswer;
	/** The monotonic time at which its time limit is over, milliseconds. */
	readonly endsMs: number;
	readonly #owner: { overdue(command: Command): void };

	constructor(
		owner: { overdue(command: Command): void },
		operations: readonly Operation[],
		onPart: OnPart | null,
		bytes: number,
		options: SubmitOptions,
		endsMs: number,
		answer: OnAnswer,
	) {
		super();
		this.#owner = owner;
		this.operations = operations;
		this.onPart = onPart;
		this.bytes = bytes;
		this.options = options;
		this.endsMs = endsMs;
		this.answer = answer;
	}

	override overdue(): void {
		this.#owner.overdue(this);
	}
}

/** A batch of the node's own client, with the commands in it: single operations, or one transaction. */
export class OwnBatch extends Batch {
	/** Its commands, without the registration where the batch begins with one. */
	readonly commands: readonly Command[];

	constructor(
		submitter: Submitter,
		client: string,
		first: number,
		commands: readonly Command[],
		registers: boolean,
		options: SubmitOptions,
		bytes: Uint8Array,
	) {
		const count = commands.reduce((sum, { operations }) => sum + operations.length, registers ? 1 : 0);
		super(submitter, client, first, count, options, bytes, registers);
		this.commands = commands;
	}

	/** The transaction; null where the batch is none. */
	get transaction(): Command | null {
		const [command] = this.commands;
		return command?.onPart ? command : null;
	}

	has(sequence: number): boolean {
		return sequence >= this.first && sequence <= this.last;
	}
}
