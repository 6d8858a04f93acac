/** What clients propose at this node: it is kept in `pending.ts`, and sent to where the leader is. */

import type { NodeId } from './ballot.ts';
import { SLOT_VALUE_BYTES_MAX } from './bounds.ts';
import type { Context } from './config.ts';
import type { Outcome } from './effects.ts';
import type { Proposal, ProposalId } from './event.ts';
import type { Leadership } from './leadership.ts';
import type { SlotLog } from './log.ts';
import type { NoRoom, Slot } from './message.ts';
import type { Route } from './neighbours.ts';
import { Pending, type PendingState } from './pending.ts';
import { armForward } from './timers.ts';
import { isBatch } from './value.ts';

type Refused = Outcome & { readonly kind: 'refused' | 'abandoned' };

export class Proposals {
	readonly pending: Pending;
	readonly #context: Context;
	readonly #log: SlotLog;

	constructor(context: Context, log: SlotLog, state?: PendingState) {
		this.#context = context;
		this.#log = log;
		this.pending = new Pending(state);
	}

	propose(proposal: Proposal): void {
		const { id, value } = proposal;
		if (!isBatch(value)) return this.refuse(id, 'notABatch', this.#log.lastSlot + 1);
		if (value.length > SLOT_VALUE_BYTES_MAX) return this.refuse(id, 'tooLarge', this.#log.lastSlot + 1);
		this.pending.add(proposal);
	}

	/** No client waits for the proposal any more. */
	withdraw(id: ProposalId): void {
		const left = this.pending.get(id)?.copies !== 0;
		this.pending.remove(id);
		this.#context.out.outcomes.push({ kind: 'withdrawn', proposal: id, left });
	}

	settled(ids: readonly ProposalId[]): void {
		for (const id of ids) this.pending.remove(id);
	}

	refuse(proposal: ProposalId, reason: Refused['reason'], nextSlot: Slot): void {
		const kind = this.pending.get(proposal)?.copies ? 'abandoned' : 'refused';
		this.pending.remove(proposal);
		this.#context.out.outcomes.push({ kind, proposal, reason, nextSlot });
	}

	/** This node has no vote: it will run no campaign for what asks for one. */
	refuseWanting(): void {
		for (const id of this.pending.wanting()) this.refuse(id, 'notAVoter', this.#log.lastSlot + 1);
	}

	/** The leader has no room for a proposal of this node: it is forwarded again after a while. */
	forwardRefused({ epoch, id }: NoRoom): void {
		if (epoch !== this.#context.epoch) return;
		this.pending.refused(id);
		armForward(this.#context);
	}

	/**
	 * Sends what waits here on its way, under the leadership of a ballot, which is this node's or another's.
	 *
	 * @param fateKnown everything that could have been chosen before that ballot is applied
	 * @param leadership this node's own, where it leads
	 */
	send({ ballot, to }: Route, fateKnown: boolean, leadership: Leadership | null): void {
		this.pending.under(ballot);
		if (fateKnown) this.pending.release();
		if (leadership) this.pending.leaveAll(({ id, value }) => leadership.enqueue(value, id));
		else if (to !== this.#context.config.id) this.pending.leaveAll((proposal) => this.#forward(to, proposal));
	}

	/** What was forwarded to this leader may be lost: it is forwarded again, and the leader knows which it has. */
	forwardAgain({ ballot, to }: Route): void {
		if (to === this.#context.config.id) return;
		this.pending.under(ballot);
		this.pending.allAgain((proposal) => this.#forward(to, proposal));
	}

	#forward(to: NodeId, { id, value }: Proposal): boolean {
		const { out, config, epoch } = this.#context;
		const { settledThrough } = this.pending;
		out.now(to, { kind: 'forward', origin: config.id, epoch, id, settledThrough, value });
		return true;
	}
}
