/** The production store of a simulated node, with everything that it applies looked at. */
import type { Slot } from '../paxos/message.ts';
import { type OnResult, Store } from '../store/store.ts';
import type { Bounds } from './bounds.ts';
import type { Invariants } from './invariants.ts';

export class WatchedStore extends Store {
	readonly #node: number;
	readonly #invariants: Invariants;
	#slot: Slot = 0;

	constructor(node: number, invariants: Invariants, bounds: Bounds) {
		super(bounds.store);
		this.#node = node;
		this.#invariants = invariants;
	}

	override apply(commands: Uint8Array, onResult?: OnResult): boolean {
		this.#slot++;
		const command = this.#invariants.commands.begin(this.#slot, commands);
		const whole = super.apply(commands, (client, sequence, result) => {
			this.#invariants.result(this.#node, client, sequence, result);
			command?.note(result);
			onResult?.(client, sequence, result);
		});
		this.#invariants.applied(this.#node, this.#slot, this.revision);
		return whole;
	}
}
