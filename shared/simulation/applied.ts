/**
 * The applied commands, by the values that they wrote. Each command has a value of its own, by which it is known here and
 * not by its identity. So a client that gives one command two identities is found. Of a transaction either all commands
 * have taken effect, or none has.
 */
import { Reader } from '../bytes/bytes.ts';
import type { Slot } from '../paxos/message.ts';
import { KIND_PUT, KIND_REGISTER_CLIENT } from '../store/batch-format.ts';
import { BatchReader } from '../store/batch-reader.ts';
import type { Result } from '../store/result.ts';
import type { Store } from '../store/store.ts';
import type { Counters } from './counters.ts';
import { Violation } from './ledger.ts';
import { LockRules } from './lock-rules.ts';
import { SAME_VALUES_FROM } from './operations.ts';
import type { Instant } from './schedule.ts';

export interface AppliedCommand {
	readonly command: string;
	readonly slot: Slot;
	readonly revision: number;
	/** Whether it took effect: for a command of a transaction, whether all conditions held. */
	readonly ok: boolean;
}

/** A command of a transaction that is being applied. */
interface Part {
	/** The number that it writes, and its key; null for what is no write of a value. */
	readonly put: { readonly value: number; readonly key: string } | null;
	readonly applied: AppliedCommand;
}

export class AppliedCommands {
	readonly locks: LockRules;
	/** The applied commands by the number that they write. */
	readonly #applied = new Map<number, AppliedCommand>();
	readonly #neverApplied = new Set<number>();
	/** By value: the revision above which it is never written. */
	readonly #givenUpAt = new Map<number, number>();
	/** How many clients were registered. */
	registered = 0;
	#through: Slot = 0;

	constructor(counters: Counters) {
		this.locks = new LockRules(counters);
	}

	/**
	 * A node applies the value of the slot.
	 *
	 * @param store it has applied the commands whose results are noted, and no other ones
	 * @param now the time of the world
	 * @returns the results of the commands, in order; null where another node has applied the slot before
	 */
	begin(
		slot: Slot,
		commands: Uint8Array,
		store: Pick<Store, 'get' | 'timeMs'>,
		now: Instant,
	): { note(result: Result): void } | null {
		if (slot <= this.#through) return null;
		this.#through = slot;
		const command = new BatchReader(commands);
		let parts: Part[] = [];
		return {
			note: (result) => {
				while (!command.nextCommand()) command.nextBatch();
				if (result.kind === 'applied' && command.kind === KIND_REGISTER_CLIENT) this.registered++;
				if (result.kind !== 'applied') return;
				const { revision, ok } = result;
				this.locks.applied(command, revision, ok, store, now);
				const applied = { command: `${command.client}/${command.sequence}`, slot, revision, ok };
				const value = command.kind === KIND_PUT ? new Reader(command.value).int() : null;
				if (!command.isTransaction) {
					if (value !== null) this.#note(value, applied);
					return;
				}
				parts.push({ put: value === null ? null : { value, key: command.key }, applied });
				if (command.sequence < command.first + command.count - 1) return;
				this.#noteAll(parts, command.count, store);
				parts = [];
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

	/** A client gave up these values, and then made another call, which was applied at that revision. */
	neverAbove(values: readonly number[], revision: number): void {
		for (const value of values) {
			if (!this.#givenUpAt.has(value)) this.#givenUpAt.set(value, revision);
			this.#mustNotComeLate(value);
		}
	}

	#mustNotComeLate(value: number): void {
		const applied = this.#applied.get(value);
		const last = this.#givenUpAt.get(value) ?? Number.POSITIVE_INFINITY;
		if (!applied || applied.revision <= last) return;
		const detail = `value ${value}, which was given up, is applied as ${applied.command} after a later call at ${last}`;
		throw new Violation('GivenUpNeverComesBack', detail);
	}

	#noteAll(parts: readonly Part[], count: number, store: Pick<Store, 'get'>): void {
		const ok = parts.every(({ applied }) => applied.ok);
		for (const { put, applied } of parts) {
			if (parts.length !== count)
				throw new Violation('AllOrNothing', `${applied.command} is applied without the others`);
			if (put === null) continue;
			const isThere = store.get(put.key)?.modifyRevision === applied.revision;
			if (isThere !== ok) {
				throw new Violation(
					'AllOrNothing',
					`${applied.command} took ${isThere ? '' : 'no '}effect, but not the others`,
				);
			}
			this.#note(put.value, { ...applied, ok });
		}
	}

	#note(value: number, applied: AppliedCommand): void {
		if (value >= SAME_VALUES_FROM) return;
		const before = this.#applied.get(value);
		if (before) {
			throw new Violation('AppliedOnce', `value ${value} as ${before.command} and as ${applied.command}`);
		}
		this.#applied.set(value, applied);
		this.#mustNotComeLate(value);
		if (this.#neverApplied.has(value)) {
			throw new Violation('RefusedNeverHappens', `value ${value} is applied as ${applied.command}`);
		}
	}
}
