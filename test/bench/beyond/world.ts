/** Simulated time: what happens, in the order of its moments. */
import { Heap } from '../../../shared/store/heap.ts';

interface Planned {
	readonly atUs: number;
	/** Of two that happen in one moment, the one that was planned first comes first. */
	readonly order: number;
	readonly act: () => void;
}

export class World {
	#nowUs = 0;
	#planned = 0;
	readonly #plan = new Heap<Planned>((a, b) => a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order));

	/** Microseconds since the beginning. */
	get nowUs(): number {
		return this.#nowUs;
	}

	/** Plans `act` for the moment in so many microseconds. */
	after(us: number, act: () => void): void {
		this.#plan.add({ atUs: this.#nowUs + us, order: this.#planned++, act });
	}

	/** Lets everything happen that is planned for the next so many microseconds. */
	run(us: number): void {
		const endUs = this.#nowUs + us;
		for (let next = this.#plan.first; next && next.atUs <= endUs; next = this.#plan.first) {
			this.#plan.removeFirst();
			this.#nowUs = next.atUs;
			next.act();
		}
		this.#nowUs = endUs;
	}
}
