/**
 * Remembers what this node's watchers were told of late, so that a page which is opened or loaded again tells the same
 * story. It is a few stretches of facts, each behind a snapshot of the state before it. Heartbeats are left out. A fact
 * that was not held for the watchers ends the memory, because what is behind it would not follow from what is before
 * it.
 */
import { type Fact, isBeat } from '../../shared/fact.ts';
import type { NodeSnapshot, Recall } from '../../shared/feed.ts';

interface Stretch {
	readonly snapshot: NodeSnapshot;
	readonly facts: Fact[];
	weight: number;
}

/** A stretch of this weight is followed by another one, and so many are kept. */
export const STRETCH_WEIGHT_MIN = 800;
export const STRETCHES_MAX = 3;
/** The bound on the weight of one stretch: where no snapshot could follow in time, all is forgotten. */
const STRETCH_WEIGHT_MAX = 3_000;

export class Recent {
	#stretches: Stretch[] = [];

	/** Whether a snapshot is wanted, behind which the next stretch begins. */
	get wantsSnapshot(): boolean {
		const last = this.#stretches.at(-1);
		return last === undefined || last.weight >= STRETCH_WEIGHT_MIN;
	}

	/** @param snapshot the state after the last fact that was added */
	begin(snapshot: NodeSnapshot): void {
		this.#stretches.push({ snapshot, facts: [], weight: 0 });
		if (this.#stretches.length > STRETCHES_MAX) this.#stretches.shift();
	}

	/** @param weight as of `weightOf` */
	add(fact: Fact, weight: number): void {
		const last = this.#stretches.at(-1);
		if (last === undefined || isBeat(fact)) return;
		last.facts.push(fact);
		last.weight += weight;
		if (last.weight > STRETCH_WEIGHT_MAX) this.forget();
	}

	forget(): void {
		this.#stretches = [];
	}

	/** Everything that is kept; null where that is nothing. */
	recall(): Recall | null {
		const facts = this.#stretches.flatMap((stretch) => stretch.facts);
		const [first] = this.#stretches;
		return first === undefined || facts.length === 0 ? null : { snapshot: first.snapshot, facts };
	}
}
