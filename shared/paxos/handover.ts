/**
 * A leader asks one of its followers to stand, the steadiest as a rule, and leads on until that one has its majority, so
 * nothing waits meanwhile. It does so for one of these reasons:
 *
 * - `leaving`: it is about to stop, or is no voter any more.
 * - `wanted`: people want another leader.
 * - `noRoom`: its log takes no values, while those of a quorum do.
 * - `unsteady`: it stands still again and again, because its process is stopped or starved in a rhythm, and is heard often
 *   enough to stay the leader for ever.
 *
 * This room decides about liveness only. A leader that goes on must never ask a node that is not much steadier: where all
 * nodes are starved alike, the leader stays.
 *
 * @source Raft thesis (Ongaro 2014) 3.10 (leadership transfer)
 */

import { type Ballot, NO_BALLOT, type NodeId, sameBallot } from './ballot.ts';
import { HANDOVER_EVERY_MS, LAG_SLOTS_MAX, STEADIER_FACTOR, STILL_MS_MAX } from './bounds.ts';
import type { Context } from './config.ts';
import type { AgentFact } from './fact.ts';
import type { Confirm, Slot } from './message.ts';

export interface HandoverState {
	/** The ballot under which this node led last; NO_BALLOT for none. */
	ballot: Ballot;
	/** By follower: what it said to the leader of that ballot in this period. */
	readonly followers: Map<NodeId, Pick<Confirm, 'stillMs' | 'chosenThrough' | 'takesValues'>>;
	/** What the monotonic clock showed when this node last handed over; null for never. */
	handedOverMs: number | null;
	/** This node is about to stop. */
	isLeaving: boolean;
}

export class Handover {
	readonly state: HandoverState;
	readonly #context: Context;

	constructor(context: Context, state?: HandoverState) {
		this.#context = context;
		this.state = state ?? { ballot: NO_BALLOT, followers: new Map(), handedOverMs: null, isLeaving: false };
	}

	/** At the leader of that ballot. */
	confirmed(from: NodeId, { ballot, stillMs, chosenThrough, takesValues }: Confirm): void {
		if (!sameBallot(ballot, this.state.ballot)) this.state.followers.clear();
		this.state.ballot = ballot;
		this.state.followers.set(from, { stillMs, chosenThrough, takesValues });
	}

	/** What followers said in the period before is old. */
	periodEnded(): void {
		this.state.followers.clear();
	}

	/** This node is about to stop. @param ballot as for `beat` */
	leave(ballot: Ballot): void {
		this.state.isLeaving = true;
		this.beat(ballot);
	}

	/**
	 * People want another leader. Where no follower suits, nothing happens, and they have to ask again.
	 *
	 * @param to the follower that is to lead; null for the one that suits best
	 * @param ballot as for `beat`
	 */
	wanted(to: NodeId | null, ballot: Ballot): void {
		if (!sameBallot(ballot, this.state.ballot)) return;
		if (to === null) return this.#ask(this.#steadiest(Number.POSITIVE_INFINITY), 'wanted');
		const follower = this.state.followers.get(to);
		if (follower && this.#mayLead(to, follower.chosenThrough)) this.#ask(to, 'wanted');
	}

	/** A beat. @param ballot this node leads under it; NO_BALLOT or a candidate's where it does not lead */
	beat(ballot: Ballot): void {
		const { stillMs, steadyMs, config, members } = this.#context;
		const { handedOverMs } = this.state;
		const isLeaving = this.state.isLeaving || !members.sets[0].voters.includes(config.id);
		if (!sameBallot(ballot, this.state.ballot)) return;
		if (!isLeaving && this.#othersHaveRoom) return this.#ask(this.#steadiest(Number.POSITIVE_INFINITY, true), 'noRoom');
		if (!isLeaving && stillMs <= STILL_MS_MAX) return;
		if (!isLeaving && handedOverMs !== null && steadyMs - handedOverMs < HANDOVER_EVERY_MS) return;
		const belowMs = isLeaving ? Number.POSITIVE_INFINITY : stillMs / STEADIER_FACTOR;
		this.#ask(this.#steadiest(belowMs), isLeaving ? 'leaving' : 'unsteady');
	}

	#ask(heir: NodeId | null, why: (AgentFact & { kind: 'handsOver' })['why']): void {
		const { steadyMs, out } = this.#context;
		if (heir === null) return;
		this.state.handedOverMs = steadyMs;
		out.now(heir, { kind: 'handOver', ballot: this.state.ballot });
		out.fact({ kind: 'handsOver', ballot: this.state.ballot, to: heir, why });
	}

	/** This node cannot propose what clients write, and a follower can. */
	get #othersHaveRoom(): boolean {
		const { room, members } = this.#context;
		if (room === 'everything') return false;
		const withRoom = [...this.state.followers].filter(([, { takesValues }]) => takesValues);
		return members.isQuorum(new Set(withRoom.map(([follower]) => follower)));
	}

	/**
	 * The follower that stood still least, and for less than `belowMs`, and of such the furthest; not one that lags.
	 *
	 * @param takesValues whether only those come into question that take values
	 */
	#steadiest(belowMs: number, takesValues = false): NodeId | null {
		let heir: NodeId | null = null;
		let least: { readonly stillMs: number; readonly chosenThrough: Slot };
		least = { stillMs: belowMs, chosenThrough: Number.POSITIVE_INFINITY };
		for (const [follower, told] of this.state.followers) {
			if (!this.#mayLead(follower, told.chosenThrough) || told.stillMs > least.stillMs) continue;
			if (takesValues && !told.takesValues) continue;
			if (told.stillMs === least.stillMs && told.chosenThrough <= least.chosenThrough) continue;
			heir = follower;
			least = told;
		}
		return heir;
	}

	/** A swarm must not wait for its leader to learn, and must not have one that is about to go, or has no vote. */
	#mayLead(follower: NodeId, chosenThrough: Slot): boolean {
		const { members } = this.#context;
		const isFarEnough = chosenThrough >= this.#context.chosenThrough() - LAG_SLOTS_MAX;
		return isFarEnough && members.last.voters.includes(follower);
	}
}
