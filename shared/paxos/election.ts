/**
 * Who should campaign, and when not to. A node that hears no leader polls first, and campaigns only if a
 * quorum hears none either; a leader that no quorum answers steps down. So a node that lost one link neither
 * deposes a leader that others follow, nor does a leader that lost its quorum hold on. It decides about
 * liveness only: whatever it says, no slot can have two values.
 *
 * @source Raft thesis 9.6 (pre-vote) and OmniPaxos 5 (quorum-connectedness)
 */

import { type Ballot, compareBallots, NO_BALLOT, type NodeId, sameBallot } from './ballot.ts';
import { LAG_SLOTS_MAX, YIELDS_MAX } from './bounds.ts';
import type { Context } from './config.ts';
import type { AgentFact } from './fact.ts';
import type { Hearing, Poll, PollReply, Slot } from './message.ts';
import { isQuorum, NO_VOTERS, quorumSize, type Voters, votersOf, withoutVote, withVote } from './quorum.ts';

type Why = (AgentFact & { kind: 'role' })['why'];

/** The way to a leader: the leader itself, or a neighbour that hears it. */
export interface Route {
	/** The leader's ballot. */
	readonly ballot: Ballot;
	readonly to: NodeId;
}

export interface ElectionState {
	/** The leader that this node hears, or is itself; NO_BALLOT for none. */
	leader: Ballot;
	/** A leader, or a candidate that may become one, was heard in this period. */
	heard: boolean;
	silent: Voters;
	hearing: Voters;
	/** The ballot that the poll under way asks with; null when none is. */
	polling: Ballot | null;
	/** A quorum hears no leader: a campaign was asked for. */
	campaignDue: boolean;
	/** The slot that the furthest of those that answered the poll knows to be chosen through. */
	furthest: Slot;
	/** Polls in a row after which this node did not stand because it lags far behind. */
	yields: number;
	/** While no leader is heard: a neighbour that hears one, and how far that one's ballot has recovered. */
	relay: (Route & { readonly recoveredThrough: Slot }) | null;
	/** The neighbours for which this node passes on, and those of them that have polled it in this period. */
	relaysFor: Voters;
	polledBy: Voters;
}

export class Election {
	readonly state: ElectionState;
	readonly #context: Context;

	constructor(context: Context, state?: ElectionState) {
		this.#context = context;
		this.state = state ?? {
			leader: NO_BALLOT,
			heard: false,
			silent: NO_VOTERS,
			hearing: NO_VOTERS,
			polling: null,
			campaignDue: false,
			furthest: 0,
			yields: 0,
			relay: null,
			relaysFor: NO_VOTERS,
			polledBy: NO_VOTERS,
		};
	}

	get leader(): Ballot {
		return this.state.leader;
	}

	/** The leader, where it is another node and is heard by this one. */
	get otherLeader(): NodeId | null {
		const { node } = this.state.leader;
		return node === '' || node === this.#context.config.id ? null : node;
	}

	/** The way to the leader, which may be this node; null where none is known. */
	get route(): Route | null {
		return this.state.leader.node === '' ? this.state.relay : { ballot: this.state.leader, to: this.state.leader.node };
	}

	/** The slots up to here may have been chosen before the leader's ballot, where it is known through a neighbour. */
	get relayedRecoveredThrough(): Slot | null {
		return this.state.leader.node === '' && this.state.relay ? this.state.relay.recoveredThrough : null;
	}

	start(): void {
		this.armElection();
		this.#armPoll(0, this.#context.config.timings.pollMaxMs);
	}

	armElection(): void {
		const { electionMinMs, electionMaxMs } = this.#context.config.timings;
		this.#context.out.timer('election', electionMinMs, electionMaxMs, true);
	}

	/** @returns true when this leader is new to the node */
	heardLeader(ballot: Ballot): boolean {
		this.state.heard = true;
		this.state.polling = null;
		this.state.campaignDue = false;
		if (sameBallot(this.state.leader, ballot)) return false;
		this.state.leader = ballot;
		this.state.relay = null;
		this.state.yields = 0;
		this.#tellRole('heardLeader', [ballot.node]);
		return true;
	}

	/** A promise was given, to another node or this one: its candidate has a period to become the leader. */
	promisedTo(ballot: Ballot): void {
		this.state.heard = true;
		this.state.polling = null;
		this.state.campaignDue = false;
		if (compareBallots(ballot, this.state.leader) > 0) this.state.leader = NO_BALLOT;
		if (this.state.relay && compareBallots(ballot, this.state.relay.ballot) > 0) this.state.relay = null;
	}

	leads(ballot: Ballot, promisers: readonly NodeId[]): void {
		this.state.leader = ballot;
		this.state.relay = null;
		this.state.polling = null;
		this.state.campaignDue = false;
		const { out } = this.#context;
		out.fact({ kind: 'role', role: 'leader', ballot, leader: ballot, why: 'promisedByQuorum', by: promisers });
	}

	/** This node's campaign or leadership is over. Whoever ended it has some time to lead. */
	ended(why: 'higherBallot' | 'lostQuorum', by: readonly NodeId[]): void {
		this.state.leader = NO_BALLOT;
		this.state.heard = false;
		this.state.campaignDue = false;
		this.#tellRole(why, by);
		this.#armPollSoon();
	}

	/** This node may not wait for others to miss it as a leader: it asks for a campaign itself. */
	campaignAnew(): void {
		this.state.campaignDue = true;
		this.#context.out.timer('campaign', 0, 0);
	}

	linkDown(peer: NodeId): void {
		if (peer === this.state.relay?.to) this.state.relay = null;
		this.state.relaysFor = withoutVote(this.state.relaysFor, peer, this.#context.config.members);
		if (peer !== this.state.leader.node) return;
		this.#loseLeader('leaderLinkDown', peer);
		this.#armPoll(0, this.#context.config.timings.pollMaxMs);
	}

	/** A follower's period is over. */
	periodEnded(): void {
		this.state.relaysFor &= this.state.polledBy;
		this.state.polledBy = NO_VOTERS;
		if (this.state.heard) {
			this.state.heard = false;
			return;
		}
		if (!sameBallot(this.state.leader, NO_BALLOT)) this.#loseLeader('leaderSilent', this.state.leader.node);
		this.poll();
	}

	/** Asks everyone whether they hear a leader, unless this node does, or a candidate. */
	poll(): void {
		if (this.state.heard || !sameBallot(this.state.leader, NO_BALLOT)) return;
		const { out, config, nowMs: timeMs } = this.#context;
		this.state.polling = this.#context.promised();
		this.state.silent = withVote(NO_VOTERS, config.id, config.members);
		this.state.hearing = NO_VOTERS;
		this.state.furthest = 0;
		const poll = { kind: 'poll', ballot: this.state.polling, timeMs } as const;
		for (const member of config.members) if (member !== config.id) out.now(member, poll);
		this.#decide();
		if (!this.state.campaignDue) this.#armPollSoon();
	}

	reply(to: NodeId, { ballot }: Poll, hearing: Hearing): void {
		const { out, config, nowMs: timeMs } = this.#context;
		this.state.polledBy = withVote(this.state.polledBy, to, config.members);
		out.now(to, { kind: 'pollReply', ballot, ...hearing, timeMs });
	}

	/** A candidate that was promised in this period stands for the leader that it may become. */
	hearing(chosenThrough: Slot, recoveredThrough: Slot): Hearing {
		const relays = this.otherLeader !== null;
		const hasCandidate = this.state.heard && sameBallot(this.state.leader, NO_BALLOT);
		const leader = hasCandidate ? this.#context.promised() : this.state.leader;
		return { leader, relays, recoveredThrough: relays ? recoveredThrough : 0, chosenThrough };
	}

	/**
	 * A neighbour tells what it hears.
	 *
	 * @returns true where it is now the way to a leader, or to another one than before
	 */
	neighbourHears(from: NodeId, { leader, relays, recoveredThrough }: Hearing): boolean {
		const before = this.state.relay;
		if (!relays || leader.node === this.#context.config.id) {
			if (before?.to === from) this.state.relay = null;
			return false;
		}
		if (this.state.leader.node !== '') return false;
		if (before && before.to !== from && compareBallots(leader, before.ballot) <= 0) return false;
		this.state.relay = { ballot: leader, to: from, recoveredThrough };
		return !(before?.to === from && sameBallot(before.ballot, leader));
	}

	/** This node passes on for a neighbour, which is told from now on what this node hears. */
	relayFor(neighbour: NodeId): void {
		const { members } = this.#context.config;
		this.state.relaysFor = withVote(this.state.relaysFor, neighbour, members);
		this.state.polledBy = withVote(this.state.polledBy, neighbour, members);
	}

	get relaysFor(): readonly NodeId[] {
		return this.state.relaysFor === NO_VOTERS ? [] : votersOf(this.state.relaysFor, this.#context.config.members);
	}

	/** A peer that names a ballot of this node hears nobody: this node leads no more, though the peer has not noticed yet. */
	replied(from: NodeId, { ballot, leader, chosenThrough }: PollReply): void {
		if (this.state.polling === null || !sameBallot(this.state.polling, ballot)) return;
		const { id, members } = this.#context.config;
		this.state.furthest = Math.max(this.state.furthest, chosenThrough);
		if (sameBallot(leader, NO_BALLOT) || leader.node === id)
			this.state.silent = withVote(this.state.silent, from, members);
		else this.state.hearing = withVote(this.state.hearing, from, members);
		this.#decide();
	}

	/** Whether the campaign that a poll asked for is still wanted; asked once. */
	takeCampaignDue(): boolean {
		const due = this.state.campaignDue && sameBallot(this.state.leader, NO_BALLOT);
		this.state.campaignDue = false;
		return due;
	}

	#decide(): void {
		const { out, config } = this.#context;
		if (isQuorum(this.state.silent, config.members)) {
			this.state.polling = null;
			if (this.#yieldsToOther()) return;
			this.state.campaignDue = true;
			out.timer('campaign', 0, 0);
		} else if (isQuorum(this.state.hearing, config.members)) {
			this.state.polling = null;
			out.fact({
				kind: 'pollHeld',
				silent: votersOf(this.state.silent, config.members),
				hearing: votersOf(this.state.hearing, config.members),
				needed: quorumSize(config.members),
			});
		}
	}

	/** The swarm would wait for a leader that has to learn first. Nobody waits for long: perhaps no other one can stand. */
	#yieldsToOther(): boolean {
		if (this.state.furthest <= this.#context.chosenThrough() + LAG_SLOTS_MAX || this.state.yields >= YIELDS_MAX) {
			this.state.yields = 0;
			return false;
		}
		this.state.yields++;
		return true;
	}

	#loseLeader(why: Why, peer: NodeId): void {
		this.state.leader = NO_BALLOT;
		this.state.heard = false;
		this.#tellRole(why, [peer]);
	}

	#tellRole(why: Why, by: readonly NodeId[]): void {
		const { out } = this.#context;
		out.fact({ kind: 'role', role: 'follower', ballot: NO_BALLOT, leader: this.state.leader, why, by });
	}

	/** Soon again: the others may only just have noticed. */
	#armPollSoon(): void {
		const { heartbeatMs } = this.#context.config.timings;
		this.#armPoll(heartbeatMs, 2 * heartbeatMs);
	}

	#armPoll(minMs: number, maxMs: number): void {
		this.#context.out.timer('poll', minMs, maxMs);
	}
}
