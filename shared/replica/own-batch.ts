/**
 * The commands of the node's own client, each with the callback that waits for its answer, and the batches they go in.
 */
import type { Operation } from '../store/command.ts';
import { Batch, type SubmitOptions, type Submitter } from './batch.ts';
import { Limited } from './deadlines.ts';
import type { SubmitAnswer } from './submit-answer.ts';

/** Called once, perhaps from inside the call that submits. */
export type OnAnswer = (answer: SubmitAnswer) => void;

/** One operation until it is answered. It has a deadline of its own only while it waits for a batch. */
export class Command extends Limited {
	readonly operation: Operation;
	/** At least as many as the operation takes when it is written. */
	readonly bytes: number;
	readonly options: SubmitOptions;
	readonly answer: OnAnswer;
	/** The monotonic time at which its time limit is over, milliseconds. */
	readonly endsMs: number;
	readonly #owner: { overdue(command: Command): void };

	constructor(
		owner: { overdue(command: Command): void },
		operation: Operation,
		bytes: number,
		options: SubmitOptions,
		endsMs: number,
		answer: OnAnswer,
	) {
		super();
		this.#owner = owner;
		this.operation = operation;
		this.bytes = bytes;
		this.options = options;
		this.endsMs = endsMs;
		this.answer = answer;
	}

	override overdue(): void {
		this.#owner.overdue(this);
	}
}

/** A batch of the node's own client, with the commands in it. */
export class OwnBatch extends Batch {
	/** Without the registration, where the batch begins with it. */
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
		super(submitter, client, first, commands.length + (registers ? 1 : 0), options, bytes, registers);
		this.commands = commands;
	}

	has(sequence: number): boolean {
		return sequence >= this.first && sequence <= this.last;
	}
}
