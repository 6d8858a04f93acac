/**
 * The poll: does a quorum hear no leader? A node asks before it campaigns, so that one that lost a single link does not
 * depose a leader that the others follow.
 *
 * @source Raft thesis (Ongaro 2014) 9.6 (pre-vote); Ng, Haridi and Carbone 2023, Omni-Paxos, 5 (quorum-connected servers)
 */

import { type Ballot, NO_BALLOT, type NodeId, sameBallot } from './ballot.ts';
import { LAG_SLOTS_MAX, YIELDS_MAX } from './bounds.ts';
import type { Context } from './config.ts';
import type { PollReply, Slot } from './message.ts';
import { isQuorumOf, quorumSize } from './quorum.ts';

export interface PollState {
	/** The ballot that the poll under way asks with; null when none is under way. */
	asking: Ballot | null;
	/** The nodes that hear no leader, this one included. */
	silent: Set<NodeId>;
	/** The nodes that hear a leader. */
	hearing: Set<NodeId>;
	/** How far the furthest of those that answered knows the slots to be chosen. */
	furthest: Slot;
	/** In how many polls in a row this node did not stand, because it lags far behind. */
	yields: number;
}

export class Poll {
	readonly state: PollState;
	readonly #context: Context;

	constructor(context: Context, state?: PollState) {
		this.#context = context;
		this.state = state ?? { asking: null, silent: new Set(), hearing: new Set(), furthest: 0, yields: 0 };
	}

	/**
	 * Asks every other voter whether it hears a leader.
	 *
	 * @returns true where no answer is needed: this node is a quorum by itself, and is to campaign
	 */
	begin(): boolean {
		const { out, config, members, nowMs: timeMs } = this.#context;
		const ballot = this.#context.promised();
		this.state.asking = ballot;
		this.state.silent = new Set([config.id]);
		this.state.hearing = new Set();
		this.state.furthest = 0;
		const poll = { kind: 'poll', ballot, timeMs } as const;
		for (const voter of members.voters) if (voter !== config.id) out.now(voter, poll);
		return this.#decide();
	}

	/**
	 * A peer that names a ballot of this node hears no leader: this node leads no more, though the peer has not noticed.
	 *
	 * @returns true where a quorum hears no leader, and this node is to campaign
	 */
	replied(from: NodeId, { ballot, leader, chosenThrough }: PollReply): boolean {
		if (this.state.asking === null || !sameBallot(this.state.asking, ballot)) return false;
		const { id } = this.#context.config;
		this.state.furthest = Math.max(this.state.furthest, chosenThrough);
		const isSilent = sameBallot(leader, NO_BALLOT) || leader.node === id;
		(isSilent ? this.state.silent : this.state.hearing).add(from);
		return this.#decide();
	}

	/** The answers that are still to come do not matter any more. */
	stop(): void {
		this.state.asking = null;
	}

	/** A leader is heard: this node has yielded long enough. */
	heardLeader(): void {
		this.state.asking = null;
		this.state.yields = 0;
	}

	/** A node that has no vote stands for nothing, whatever it hears. */
	#decide(): boolean {
		const { out, config, members } = this.#context;
		const { silent, hearing } = this.state;
		if (members.isQuorum(silent) && members.isVoter(config.id)) {
			this.state.asking = null;
			return !this.#yieldsToOther();
		}
		const { voters } = members.sets[0];
		if (isQuorumOf(hearing, voters)) {
			this.state.asking = null;
			const among = (nodes: ReadonlySet<NodeId>): NodeId[] => voters.filter((voter) => nodes.has(voter));
			out.fact({ kind: 'pollHeld', silent: among(silent), hearing: among(hearing), needed: quorumSize(voters) });
		}
		return false;
	}

	/**
	 * The swarm would wait for a leader that has to learn first, and a node without room for values learns nothing. A node
	 * yields a few times only: perhaps no other can stand.
	 */
	#yieldsToOther(): boolean {
		const { room } = this.#context;
		const lagMax = room === 'everything' ? LAG_SLOTS_MAX : 0;
		if (this.state.furthest <= this.#context.chosenThrough() + lagMax || this.state.yields >= YIELDS_MAX) {
			this.state.yields = 0;
			return false;
		}
		this.state.yields++;
		return true;
	}
}
