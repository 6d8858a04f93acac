/** The facts that are held for all watchers, in one list without gaps. Some of them may have been sent to all. */
import type { Fact } from '../../shared/fact.ts';

export class Held {
	#facts: Fact[] = [];
	#weight = 0;

	/** The weight of all that is held. */
	get weight(): number {
		return this.#weight;
	}

	/** @param weight as of `weightOf` */
	add(fact: Fact, weight: number): void {
		this.#facts.push(fact);
		this.#weight += weight;
	}

	/** The facts from the one of that number on; none where it is older than the first of them. */
	from(seq: number): readonly Fact[] {
		const first = this.#facts[0];
		return first === undefined || seq < first.seq ? [] : this.#facts.slice(seq - first.seq);
	}

	letGo(): void {
		this.#facts = [];
		this.#weight = 0;
	}
}
