/**
 * The applied commands, by the values that they wrote. Each command has a value of its own, by which it is known here and
 * not by its identity. So a client that gives one command two identities is found.
 */
import { Reader } from '../bytes/bytes.ts';
import type { Slot } from '../paxos/message.ts';
import { KIND_PUT, KIND_REGISTER_CLIENT } from '../store/batch-format.ts';
import { BatchReader } from '../store/batch-reader.ts';
import type { Result } from '../store/result.ts';
import { Violation } from './ledger.ts';
import { SAME_VALUES_FROM } from './operations.ts';

export interface AppliedCommand {
	readonly command: string;
	readonly slot: Slot;
	readonly revision: number;
	readonly ok: boolean;
}

export class AppliedCommands {
	/** The applied commands by the number that they write. */
	readonly #applied = new Map<number, AppliedCommand>();
	readonly #neverApplied = new Set<number>();
	/** How many clients were registered. */
	registered = 0;
	#through: Slot = 0;

	/**
	 * A node applies the value of the slot.
	 *
	 * @returns the results of the commands, in order; null where another node has applied the slot before
	 */
	begin(slot: Slot, commands: Uint8Array): { note(result: Result): void } | null {
		if (slot <= this.#through) return null;
		this.#through = slot;
		const command = new BatchReader(commands);
		return {
			note: (result) => {
				while (!command.nextCommand()) command.nextBatch();
				if (result.kind === 'applied' && command.kind === KIND_REGISTER_CLIENT) this.registered++;
				if (result.kind !== 'applied' || command.kind !== KIND_PUT) return;
				const { revision, ok } = result;
				const name = `${command.client}/${command.sequence}`;
				this.#note(new Reader(command.value).int(), { command: name, slot, revision, ok });
			},
		};
	}

	/** The result of a command; undefined where it was not applied. */
	of(value: number): AppliedCommand | undefined {
		return this.#applied.get(value);
	}

	/** The client was told that the command surely did not and will not happen. */
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
