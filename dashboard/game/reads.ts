/**
 * Whether a read misses what was acknowledged before it was asked for, from what people asked and were answered. Where a
 * write has no answer yet it may have happened, so nothing that is right looks broken.
 *
 * @source Herlihy and Wing 1990, Linearizability: an operation takes effect between its call and its answer
 */
import type { Slot } from '../../shared/paxos/message.ts';
import type { Action, TimedAction } from '../../shared/simulation/action.ts';
import type { Answered } from '../sandbox/sandbox.ts';

type Proposal = Action & { readonly kind: 'propose' };

/** A read that was answered with an old value. */
export interface StaleRead {
	readonly read: Answered;
	/** What was acknowledged before, and the read misses. */
	readonly missed: Proposal;
}

/** A write that was acknowledged. */
interface Write {
	readonly action: Proposal;
	readonly slot: Slot;
	readonly answered: Answered;
}

/** It surely wrote nothing in any slot. */
const NEVER: Slot = -1;

export class ReadRule {
	readonly #writes: Write[] = [];
	/** The slots of the proposals that have their answer. */
	readonly #slots = new Map<TimedAction, Slot>();

	/**
	 * @param asked everything that was asked for so far
	 * @returns the read, where it breaks the rule
	 */
	add(answered: Answered, asked: readonly TimedAction[]): StaleRead | null {
		const { of, answer } = answered;
		const { action } = of;
		if (action.kind === 'propose' && answer.kind === 'propose') {
			if (answer.answer.outcome === 'unknown') return null;
			// A write whose condition does not hold is chosen too, and changes nothing.
			const isWritten = answer.answer.outcome === 'chosen' && answer.answer.ok;
			const slot = isWritten ? answer.answer.slot : NEVER;
			this.#slots.set(of, slot);
			if (isWritten) this.#writes.push({ action, slot, answered });
		}
		if (action.kind !== 'read' || answer.kind !== 'read' || !answer.isConfirmed) return null;
		const before = this.#writes.filter((write) => write.action.key === action.key && write.answered.at <= of.at);
		const [newest] = before.sort((a, b) => b.slot - a.slot);
		if (!newest) return null;
		const isNewer = (timed: TimedAction): boolean =>
			timed.action.kind === 'propose' &&
			timed.action.key === action.key &&
			timed.action.value === answer.value &&
			(this.#slots.get(timed) ?? newest.slot) >= newest.slot;
		return asked.some(isNewer) ? null : { read: answered, missed: newest.action };
	}
}
