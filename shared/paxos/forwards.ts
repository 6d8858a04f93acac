/**
 * Which proposals of other nodes a leader has: queued, placed or chosen. A proposal is known by its origin, the life of
 * the origin, and its id, so that one that is forwarded again, because a link was lost, is not proposed twice. Each
 * origin says how far its proposals are settled: those are forgotten.
 */

import type { Reader, Writer } from '../bytes/bytes.ts';
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

export class Forwards {
	/** By origin; of its newest life only. */
	readonly #known = new Map<NodeId, Known>();

	/** Whether the leader has it already. */
	has({ origin, epoch, id }: Forward): boolean {
		const known = this.#known.get(origin);
		return known?.epoch === epoch && known.ids.has(id);
	}

	/** @returns false where the origin has as many unsettled proposals here as are remembered */
	add({ origin, epoch, id, settledThrough }: Forward): boolean {
		let known = this.#known.get(origin);
		if (known?.epoch !== epoch) {
			known = { epoch, ids: new Set(), sweepAt: SWEEP_MIN };
			this.#known.set(origin, known);
		}
		if (known.ids.size >= known.sweepAt) {
			for (const other of known.ids) if (other <= settledThrough) known.ids.delete(other);
			known.sweepAt = Math.max(SWEEP_MIN, 2 * known.ids.size);
		}
		if (known.ids.size >= FORWARDS_MAX) return false;
		known.ids.add(id);
		return true;
	}

	save(to: Writer): void {
		to.list([...this.#known.keys()].sort(), (origin) => {
			const { epoch, ids, sweepAt } = this.#known.get(origin) as Known;
			to.id(origin);
			to.int(epoch);
			to.list(ids, (id) => to.int(id));
			to.int(sweepAt);
		});
	}

	load(from: Reader): void {
		from.list(() => {
			const origin = from.id();
			const known = { epoch: from.int(), ids: new Set(from.list(() => from.int())), sweepAt: from.int() };
			this.#known.set(origin, known);
		});
	}
}
