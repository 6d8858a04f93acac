/**
 * When this node campaigns, and how long it stays a candidate. Two nodes that campaign against each other halt each
 * other, so each halt in a row makes a node wait longer before its next campaign, and longer for the one after to end.
 *
 * @source Paxos Made Simple 2.4 (two proposers that never let each other finish)
 */

import { type Ballot, compareBallots } from './ballot.ts';
import type { Context } from './config.ts';
import { armCampaign, armCampaignAfterHalts } from './timers.ts';

/** Back-off and patience grow up to this many halts. */
const HALTS_MAX = 6;

export interface CandidacyState {
	/** A quorum hears no leader, and this node has asked for the time to campaign. */
	due: boolean;
	/** The leader that has asked this node to take its place, and this node has asked for the time to campaign; null for none. */
	handedOver: Ballot | null;
	/** A proposal wants a campaign, and this node has asked for the time to begin it. */
	asked: boolean;
	/** How many election periods the campaign has lasted. */
	periods: number;
	/** How many campaigns and leaderships were halted since a slot was last chosen under a ballot of this node. */
	halts: number;
}

export class Candidacy {
	readonly state: CandidacyState;
	readonly #context: Context;

	constructor(context: Context, state: CandidacyState) {
		this.#context = context;
		this.state = state;
	}

	/** No leader is heard by a quorum: asks for a campaign at once. */
	due(): void {
		this.state.due = true;
		armCampaign(this.#context);
	}

	/**
	 * The leader of `ballot` asks this node to take its place. It leads on, and may be heard, meanwhile.
	 *
	 * @param leader the ballot of the leader that this node hears; NO_BALLOT for none
	 */
	handedOver(ballot: Ballot, leader: Ballot): void {
		if (!this.#isLatest(ballot, leader)) return;
		this.state.handedOver = ballot;
		armCampaign(this.#context);
	}

	/** A leader, or a candidate, is there: this node need not stand. */
	forgo(): void {
		this.state.due = false;
	}

	/** A proposal wants a campaign: asks for one, once, after a back-off that grows with the halts. */
	wanted(): void {
		if (this.state.asked) return;
		this.state.asked = true;
		armCampaignAfterHalts(this.#context, this.state.halts);
	}

	/**
	 * The time to campaign has come.
	 *
	 * @param leader the ballot of the leader that this node hears; NO_BALLOT for none
	 * @returns why the campaign is due, whatever is proposed here; null where it is not
	 */
	take(leader: Ballot): 'noLeader' | 'handedOver' | null {
		const { due, handedOver } = this.state;
		this.state.due = false;
		this.state.handedOver = null;
		this.state.asked = false;
		if (handedOver !== null && this.#isLatest(handedOver, leader)) return 'handedOver';
		return due && leader.node === '' ? 'noLeader' : null;
	}

	/** Another role begins: nothing is left of what this one waited for. */
	begin(): void {
		this.state.due = false;
		this.state.handedOver = null;
		this.state.periods = 0;
	}

	/** A higher ballot has ended a campaign or leadership of this node. */
	halted(): void {
		this.state.halts = Math.min(this.state.halts + 1, HALTS_MAX);
	}

	/** This node or another one leads undisputed. */
	undisputed(): void {
		this.state.halts = 0;
	}

	/**
	 * An election period of the campaign is over.
	 *
	 * @returns true where the campaign is to be given up, since no quorum has promised
	 */
	periodEnded(): boolean {
		if (++this.state.periods <= this.state.halts) return false;
		this.halted();
		return true;
	}

	/** Neither is a higher ballot promised here, nor another leader heard. */
	#isLatest(ballot: Ballot, leader: Ballot): boolean {
		return compareBallots(leader, ballot) <= 0 && compareBallots(this.#context.promised(), ballot) <= 0;
	}
}
