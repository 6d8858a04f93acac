/**
 * What was applied, by what it wrote. A command is known here by its value, which no other command has, and not by
 * its identity: a client that gives one command two identities is found.
 */
import { Reader } from '../bytes/bytes.ts';
import type { Slot } from '../paxos/message.ts';
import { KIND_PUT } from '../store/batch-format.ts';
import { BatchReader } from '../store/batch-reader.ts';
import type { Result } from '../store/store.ts';
import { Violation } from './ledger.ts';
import { SAME_VALUES_FROM } from './operations.ts';

export interface AppliedCommand {
	readonly command: string;
	readonly slot: Slot;
	readonly revision: number;
	readonly ok: boolean;
}

export class AppliedCommands {
	/** By the number that the command writes. */
	readonly #applied = new Map<number, AppliedCommand>();
	readonly #neverApplied = new Set<number>();
	#through: Slot = 0;

	/**
	 * A node applies what the slot holds.
	 *
	 * @returns what is to be told of each command's result, in order; null where another node has told before
	 */
	begin(slot: Slot, commands: Uint8Array): { note(result: Result): void } | null {
		if (slot <= this.#through) return null;
		this.#through = slot;
		const command = new BatchReader(commands);
		return {
			note: (result) => {
				while (!command.nextCommand()) command.nextBatch();
				if (result.kind !== 'applied' || command.kind !== KIND_PUT) return;
				const { revision, ok } = result;
				const name = `${command.client}/${command.sequence}`;
				this.#note(new Reader(command.value).int(), { command: name, slot, revision, ok });
			},
		};
	}

	/** undefined where it was not applied. */
	of(value: number): AppliedCommand | undefined {
		return this.#applied.get(value);
	}

	/** Its client was told that it surely did not happen, and will not. */
	refused(value: number): void {
		if (value >= SAME_VALUES_FROM) return;
		this.#neverApplied.add(value);
		const applied = this.#applied.get(value);
		if (applied) throw new Violation('RefusedNeverHappens', `value ${value} was applied as ${applied.command}`);
	}

	#note(value: number, applied: AppliedCommand): void {
		if (value >= SAME_VALUES_FROM) return;
		const before = this.#applied.get(value);
		if (before) {
			throw new Violation('AppliedOnce', `value ${value} as ${before.command} and as ${applied.command}`);
		}
		this.#applied.set(value, applied);
		if (this.#neverApplied.has(value)) {
			throw new Violation('RefusedNeverHappens', `value ${value} is applied as ${applied.command}`);
		}
	}
}
