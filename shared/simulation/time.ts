/**
 * The time of the state machine is real: what a leader writes into its values has passed since the one before, and what
 * the slots add up to has passed in the world.
 */
import { sameBytes } from '../bytes/bytes.ts';
import { type Ballot, ballotToText } from '../paxos/ballot.ts';
import { ELAPSED_MS_MAX } from '../paxos/bounds.ts';
import type { Accept, Slot } from '../paxos/message.ts';
import { elapsedMsOf, type Value } from '../paxos/value.ts';
import { type BallotId, BallotIds } from './ballots.ts';
import { STEADY_ERROR_MAX } from './clock.ts';
import { Violation } from './ledger.ts';
import { type Instant, US_PER_MS } from './schedule.ts';

/** What one ballot has made of proposals. */
interface Measured {
	readonly since: Instant;
	through: Slot;
	sumMs: number;
}

export class TimeRules {
	/** By ballot. */
	readonly #measured = new Map<BallotId, Measured>();
	readonly #ballots = new BallotIds();
	/** By slot: each value that was proposed for it. */
	readonly #proposed = new Map<Slot, Value[]>();
	/** By slot: by how much its value moves the time. */
	readonly #carriedMs: number[] = [];
	/** By slot: the time of the state machine once it is applied. */
	readonly #appliedMs: number[] = [];

	/** A node campaigns. Its time begins here, because the first accept that leaves may not be the first that it made. */
	campaigned(ballot: Ballot, now: Instant): void {
		const id = this.#ballots.of(ballot);
		if (!this.#measured.has(id)) this.#measured.set(id, { since: now, through: 0, sumMs: 0 });
	}

	/** A leader proposes. What it has found, or proposes once more, carries what was written before. */
	proposed({ ballot, slot, value }: Accept, now: Instant): void {
		const measured = this.#measured.get(this.#ballots.of(ballot));
		if (!measured) throw new Violation('TimeIsMeasured', `${ballotToText(ballot)} proposes before it campaigns`);
		if (slot <= measured.through) return;
		measured.through = slot;
		if (this.#isKnown(slot, value)) return;
		measured.sumMs += elapsedMsOf(value);
		if (measured.sumMs <= passedMs(now - measured.since) + 1) return;
		throw new Violation(
			'TimeIsMeasured',
			`${ballotToText(ballot)} moves the time by ${measured.sumMs} ms, which have not passed`,
		);
	}

	/** Whether an earlier ballot has made the value, and measured its time. */
	#isKnown(slot: Slot, value: Value): boolean {
		const before = this.#proposed.get(slot);
		if (!before) this.#proposed.set(slot, [value]);
		else if (before.some((other) => sameBytes(other, value))) return true;
		else before.push(value);
		return false;
	}

	/** The value is chosen for the slot, and about to be applied. */
	chosen(slot: Slot, value: Value): void {
		this.#carriedMs[slot] ??= elapsedMsOf(value);
	}

	/**
	 * A node has applied the slot.
	 *
	 * @param leaders how many there were so far, of all nodes
	 */
	applied(slot: Slot, timeMs: number, leaders: number, now: Instant): void {
		const before = this.#appliedMs[slot - 1] ?? 0;
		const first = this.#appliedMs[slot] ?? timeMs;
		this.#appliedMs[slot] = first;
		if (first !== timeMs) throw new Violation('TimeIsReal', `slot ${slot} is at ${first} ms, and at ${timeMs} ms`);
		const carriedMs = this.#carriedMs[slot] ?? 0;
		if (timeMs !== before + carriedMs) {
			throw new Violation(
				'TimeIsReal',
				`slot ${slot} carries ${carriedMs} ms, and moves the time by ${timeMs - before} ms`,
			);
		}
		if (timeMs <= passedMs(now) + leaders * ELAPSED_MS_MAX) return;
		throw new Violation('TimeIsReal', `slot ${slot} is at ${timeMs} ms, which have not passed`);
	}
}

/** The most that a monotonic clock shows after that long. */
function passedMs(us: number): number {
	return (us / US_PER_MS) * (1 + STEADY_ERROR_MAX);
}
