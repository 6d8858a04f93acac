/**
 * Which proposals of other nodes a leader has: queued, placed or chosen. A proposal is known by its origin, the life of
 * the origin, and its id, so that one that is forwarded again, because a link was lost, is not proposed twice. Each
 * origin says how far its proposals are settled: those are forgotten.
 */

import type { NodeId } from './ballot.ts';
import { FORWARDS_MAX } from './bounds.ts';
import type { ProposalId } from './event.ts';
import type { Forward } from './message.ts';

interface Known {
	readonly epoch: number;
	readonly ids: Set<ProposalId>;
	/** Settled ones are forgotten when so many are known, so that to forget costs little for each. */
	sweepAt: number;
}

const SWEEP_MIN = 64;

export interface ForwardsState {
	/** By origin; of its newest life only. */
	readonly known: Map<NodeId, Known>;
}

export class Forwards {
	readonly state: ForwardsState;

	constructor(state: ForwardsState = { known: new Map() }) {
		this.state = state;
	}

	/** Whether the leader has it already. */
	has({ origin, epoch, id }: Forward): boolean {
		const known = this.state.known.get(origin);
		return known?.epoch === epoch && known.ids.has(id);
	}

	/** @returns false where the origin has as many unsettled proposals here as are remembered */
	add({ origin, epoch, id, settledThrough }: Forward): boolean {
		let known = this.state.known.get(origin);
		if (known?.epoch !== epoch) {
			known = { epoch, ids: new Set(), sweepAt: SWEEP_MIN };
			this.state.known.set(origin, known);
		}
		if (known.ids.size >= known.sweepAt) {
			for (const other of known.ids) if (other <= settledThrough) known.ids.delete(other);
			known.sweepAt = Math.max(SWEEP_MIN, 2 * known.ids.size);
		}
		if (known.ids.size >= FORWARDS_MAX) return false;
		known.ids.add(id);
		return true;
	}
}
