/**
 * The end of a member. A node that is removed may be one of few that know the last slots before the change, so it stays
 * until a quorum of the members that govern the slots from then on know them all. It asks them by its polls.
 *
 * @source Liskov and Cowling 2012, Viewstamped Replication Revisited 7: an old replica serves the new ones until a quorum
 * of them is up to date
 */

import type { NodeId } from './ballot.ts';
import type { Context } from './config.ts';
import type { Slot } from './message.ts';
import { isQuorumOf } from './quorum.ts';

export interface DepartureState {
	/** The voters in force that know every slot before the one from which they are in force. */
	readonly informed: Set<NodeId>;
	/** That slot; 0 where none has told how far it knows the slots. */
	inForceFrom: Slot;
	/** The runtime was told that this node may stop. */
	isOver: boolean;
}

export class Departure {
	readonly state: DepartureState;
	readonly #context: Context;

	constructor(context: Context, state?: DepartureState) {
		this.#context = context;
		this.state = state ?? { informed: new Set(), inForceFrom: 0, isOver: false };
	}

	/** Another node says how far it knows the slots to be chosen. */
	told(from: NodeId, chosenThrough: Slot): void {
		const { config, members, out } = this.#context;
		if (this.state.isOver || !members.past.includes(config.id)) return;
		const { chosenAt, from: inForceFrom, voters } = members.sets[0];
		// What is enough for one set of members is not enough for a later one.
		if (inForceFrom !== this.state.inForceFrom) this.state.informed.clear();
		this.state.inForceFrom = inForceFrom;
		if (chosenThrough < inForceFrom - 1) return;
		this.state.informed.add(from);
		if (!isQuorumOf(this.state.informed, voters)) return;
		this.state.isOver = true;
		out.outcomes.push({ kind: 'removed', chosenAt });
	}
}
