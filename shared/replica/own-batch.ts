/** What is on its way for the node's own client: commands, each with the one who waits for its answer, and their batches. */
import type { Operation } from '../store/command.ts';
import { Batch, type SubmitOptions, type Submitter } from './batch.ts';
import { Limited } from './deadlines.ts';
import type { SubmitAnswer } from './submit-answer.ts';

/** Told once, perhaps from inside the call that submitted. */
export type OnAnswer = (answer: SubmitAnswer) => void;

/** One operation, from when it is submitted to its answer. It has a deadline of its own only while it waits here. */
export class Command extends Limited {
	readonly operation: Operation;
	readonly options: SubmitOptions;
	readonly answer: OnAnswer;
	/** When its time is over. */
	readonly endsMs: number;
	readonly #owner: { overdue(command: Command): void };

	constructor(
		owner: { overdue(command: Command): void },
		operation: Operation,
		options: SubmitOptions,
		endsMs: number,
		answer: OnAnswer,
	) {
		super();
		this.#owner = owner;
		this.operation = operation;
		this.options = options;
		this.endsMs = endsMs;
		this.answer = answer;
	}

	override overdue(): void {
		this.#owner.overdue(this);
	}
}

/** A batch of the node's own, with the commands in it. */
export class OwnBatch extends Batch {
	readonly commands: readonly Command[];
	/** Its first command registers the client; it is none of `commands`. */
	readonly registers: boolean;

	constructor(
		submitter: Submitter,
		client: string,
		first: number,
		commands: readonly Command[],
		registers: boolean,
		options: SubmitOptions,
		bytes: Uint8Array,
	) {
		super(submitter, client, first, commands.length + (registers ? 1 : 0), options, bytes);
		this.commands = commands;
		this.registers = registers;
	}

	has(sequence: number): boolean {
		return sequence >= this.first && sequence <= this.last;
	}
}
