/** The production store of a simulated node, which also checks everything that it applies. */
import type { Slot } from '../paxos/message.ts';
import type { OnResult } from '../store/result.ts';
import { Store } from '../store/store.ts';
import type { Surroundings } from './node.ts';

export class WatchedStore extends Store {
	readonly #node: number;
	readonly #world: Surroundings;
	/** The last slot that it holds. */
	#slot: Slot = 0;

	constructor(node: number, world: Surroundings) {
		super(world.bounds.store);
		this.#node = node;
		this.#world = world;
	}

	/**
	 * It holds every slot up to `through`.
	 *
	 * @returns whether it has taken over a snapshot, because it has not applied them all
	 */
	holds(through: Slot): boolean {
		if (through === this.#slot) return false;
		this.#slot = through;
		this.#world.invariants.installed(this.#node, through, this);
		return true;
	}

	override apply(commands: Uint8Array, onResult?: OnResult): boolean {
		const { invariants, now, counters, bounds, numbersWrites } = this.#world;
		const roomFor = Math.max(bounds.store.clientsMax, invariants.commands.registered);
		this.#slot++;
		const command = numbersWrites ? invariants.commands.begin(this.#slot, commands, this, now) : null;
		const { listener } = this;
		if (command) this.listener = invariants.changedKeys.begin(this.#slot, listener);
		const whole = super.apply(commands, (client, sequence, result) => {
			invariants.result(this.#node, client, sequence, result);
			command?.note(result);
			onResult?.(client, sequence, result);
		});
		this.listener = listener;
		counters.clientsEvictedByStores += Math.max(0, invariants.commands.registered - roomFor);
		invariants.applied(this.#node, this.#slot, this, now);
		return whole;
	}
}
