/**
 * Who should campaign, and when not to. A node that hears no leader polls first, and campaigns only if a
 * quorum hears none either; a leader that no quorum answers steps down. So a node that lost one link neither
 * deposes a leader that others follow, nor does a leader that lost its quorum hold on. It decides about
 * liveness only: whatever it says, no slot can have two values.
 *
 * @source Raft thesis 9.6 (pre-vote) and OmniPaxos 5 (quorum-connectedness)
 */

import type { Reader, Writer } from '../bytes/bytes.ts';
import { type Ballot, compareBallots, NO_BALLOT, type NodeId, readBallot, sameBallot, writeBallot } from './ballot.ts';
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

export class Election {
	readonly #context: Context;
	/** The leader that this node hears, or is itself; NO_BALLOT for none. */
	#leader: Ballot = NO_BALLOT;
	/** A leader, or a candidate that may become one, was heard in this period. */
	#heard = false;
	#silent: Voters = NO_VOTERS;
	#hearing: Voters = NO_VOTERS;
	/** The ballot that the poll under way asks with; null when none is. */
	#polling: Ballot | null = null;
	/** A quorum hears no leader: a campaign was asked for. */
	#campaignDue = false;
	/** The slot that the furthest of those that answered the poll knows to be chosen through. */
	#furthest: Slot = 0;
	/** Polls in a row after which this node did not stand because it lags far behind. */
	#yields = 0;
	/** While no leader is heard: a neighbour that hears one, and how far that one's ballot has recovered. */
	#relay: (Route & { readonly recoveredThrough: Slot }) | null = null;
	/** The neighbours for which this node passes on, and those of them that have polled it in this period. */
	#relaysFor: Voters = NO_VOTERS;
	#polledBy: Voters = NO_VOTERS;

	constructor(context: Context) {
		this.#context = context;
	}

	get leader(): Ballot {
		return this.#leader;
	}

	/** The leader, where it is another node and is heard by this one. */
	get otherLeader(): NodeId | null {
		const { node } = this.#leader;
		return node === '' || node === this.#context.config.id ? null : node;
	}

	/** The way to the leader, which may be this node; null where none is known. */
	get route(): Route | null {
		return this.#leader.node === '' ? this.#relay : { ballot: this.#leader, to: this.#leader.node };
	}

	/** The slots up to here may have been chosen before the leader's ballot, where it is known through a neighbour. */
	get relayedRecoveredThrough(): Slot | null {
		return this.#leader.node === '' && this.#relay ? this.#relay.recoveredThrough : null;
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
		this.#heard = true;
		this.#polling = null;
		this.#campaignDue = false;
		if (sameBallot(this.#leader, ballot)) return false;
		this.#leader = ballot;
		this.#relay = null;
		this.#yields = 0;
		this.#tellRole('heardLeader', [ballot.node]);
		return true;
	}

	/** A promise was given, to another node or this one: its candidate has a period to become the leader. */
	promisedTo(ballot: Ballot): void {
		this.#heard = true;
		this.#polling = null;
		this.#campaignDue = false;
		if (compareBallots(ballot, this.#leader) > 0) this.#leader = NO_BALLOT;
		if (this.#relay && compareBallots(ballot, this.#relay.ballot) > 0) this.#relay = null;
	}

	leads(ballot: Ballot, promisers: readonly NodeId[]): void {
		this.#leader = ballot;
		this.#relay = null;
		this.#polling = null;
		this.#campaignDue = false;
		const { out } = this.#context;
		out.fact({ kind: 'role', role: 'leader', ballot, leader: ballot, why: 'promisedByQuorum', by: promisers });
	}

	/** This node's campaign or leadership is over. Whoever ended it has some time to lead. */
	ended(why: 'higherBallot' | 'lostQuorum', by: readonly NodeId[]): void {
		this.#leader = NO_BALLOT;
		this.#heard = false;
		this.#campaignDue = false;
		this.#tellRole(why, by);
		this.#armPollSoon();
	}

	/** This node may not wait for others to miss it as a leader: it asks for a campaign itself. */
	campaignAnew(): void {
		this.#campaignDue = true;
		this.#context.out.timer('campaign', 0, 0);
	}

	linkDown(peer: NodeId): void {
		if (peer === this.#relay?.to) this.#relay = null;
		this.#relaysFor = withoutVote(this.#relaysFor, peer, this.#context.config.members);
		if (peer !== this.#leader.node) return;
		this.#loseLeader('leaderLinkDown', peer);
		this.#armPoll(0, this.#context.config.timings.pollMaxMs);
	}

	/** A follower's period is over. */
	periodEnded(): void {
		this.#relaysFor &= this.#polledBy;
		this.#polledBy = NO_VOTERS;
		if (this.#heard) {
			this.#heard = false;
			return;
		}
		if (!sameBallot(this.#leader, NO_BALLOT)) this.#loseLeader('leaderSilent', this.#leader.node);
		this.poll();
	}

	/** Asks everyone whether they hear a leader, unless this node does, or a candidate. */
	poll(): void {
		if (this.#heard || !sameBallot(this.#leader, NO_BALLOT)) return;
		const { out, config, nowMs: timeMs } = this.#context;
		this.#polling = this.#context.promised();
		this.#silent = withVote(NO_VOTERS, config.id, config.members);
		this.#hearing = NO_VOTERS;
		this.#furthest = 0;
		const poll = { kind: 'poll', ballot: this.#polling, timeMs } as const;
		for (const member of config.members) if (member !== config.id) out.now(member, poll);
		this.#decide();
		if (!this.#campaignDue) this.#armPollSoon();
	}

	reply(to: NodeId, { ballot }: Poll, hearing: Hearing): void {
		const { out, config, nowMs: timeMs } = this.#context;
		this.#polledBy = withVote(this.#polledBy, to, config.members);
		out.now(to, { kind: 'pollReply', ballot, ...hearing, timeMs });
	}

	/** A candidate that was promised in this period stands for the leader that it may become. */
	hearing(chosenThrough: Slot, recoveredThrough: Slot): Hearing {
		const relays = this.otherLeader !== null;
		const hasCandidate = this.#heard && sameBallot(this.#leader, NO_BALLOT);
		const leader = hasCandidate ? this.#context.promised() : this.#leader;
		return { leader, relays, recoveredThrough: relays ? recoveredThrough : 0, chosenThrough };
	}

	/**
	 * A neighbour tells what it hears.
	 *
	 * @returns true where it is now the way to a leader, or to another one than before
	 */
	neighbourHears(from: NodeId, { leader, relays, recoveredThrough }: Hearing): boolean {
		const before = this.#relay;
		if (!relays || leader.node === this.#context.config.id) {
			if (before?.to === from) this.#relay = null;
			return false;
		}
		if (this.#leader.node !== '') return false;
		if (before && before.to !== from && compareBallots(leader, before.ballot) <= 0) return false;
		this.#relay = { ballot: leader, to: from, recoveredThrough };
		return !(before?.to === from && sameBallot(before.ballot, leader));
	}

	/** This node passes on for a neighbour, which is told from now on what this node hears. */
	relayFor(neighbour: NodeId): void {
		const { members } = this.#context.config;
		this.#relaysFor = withVote(this.#relaysFor, neighbour, members);
		this.#polledBy = withVote(this.#polledBy, neighbour, members);
	}

	get relaysFor(): readonly NodeId[] {
		return this.#relaysFor === NO_VOTERS ? [] : votersOf(this.#relaysFor, this.#context.config.members);
	}

	/** A peer that names a ballot of this node hears nobody: this node leads no more, though the peer has not noticed yet. */
	replied(from: NodeId, { ballot, leader, chosenThrough }: PollReply): void {
		if (this.#polling === null || !sameBallot(this.#polling, ballot)) return;
		const { id, members } = this.#context.config;
		this.#furthest = Math.max(this.#furthest, chosenThrough);
		if (sameBallot(leader, NO_BALLOT) || leader.node === id) this.#silent = withVote(this.#silent, from, members);
		else this.#hearing = withVote(this.#hearing, from, members);
		this.#decide();
	}

	/** Whether the campaign that a poll asked for is still wanted; asked once. */
	takeCampaignDue(): boolean {
		const due = this.#campaignDue && sameBallot(this.#leader, NO_BALLOT);
		this.#campaignDue = false;
		return due;
	}

	save(to: Writer): void {
		writeBallot(to, this.#leader);
		to.bool(this.#heard);
		to.int(this.#silent);
		to.int(this.#hearing);
		to.maybe(this.#polling, (ballot) => writeBallot(to, ballot));
		to.bool(this.#campaignDue);
		to.maybe(this.#relay, (relay) => {
			writeBallot(to, relay.ballot);
			to.id(relay.to);
			to.int(relay.recoveredThrough);
		});
		to.int(this.#furthest);
		to.int(this.#yields);
		to.int(this.#relaysFor);
		to.int(this.#polledBy);
	}

	load(from: Reader): void {
		this.#leader = readBallot(from);
		this.#heard = from.bool();
		this.#silent = from.int();
		this.#hearing = from.int();
		this.#polling = from.maybe(() => readBallot(from));
		this.#campaignDue = from.bool();
		this.#relay = from.maybe(() => ({ ballot: readBallot(from), to: from.id(), recoveredThrough: from.int() }));
		this.#furthest = from.int();
		this.#yields = from.int();
		this.#relaysFor = from.int();
		this.#polledBy = from.int();
	}

	#decide(): void {
		const { out, config } = this.#context;
		if (isQuorum(this.#silent, config.members)) {
			this.#polling = null;
			if (this.#yieldsToOther()) return;
			this.#campaignDue = true;
			out.timer('campaign', 0, 0);
		} else if (isQuorum(this.#hearing, config.members)) {
			this.#polling = null;
			out.fact({
				kind: 'pollHeld',
				silent: votersOf(this.#silent, config.members),
				hearing: votersOf(this.#hearing, config.members),
				needed: quorumSize(config.members),
			});
		}
	}

	/** The swarm would wait for a leader that has to learn first. Nobody waits for long: perhaps no other one can stand. */
	#yieldsToOther(): boolean {
		if (this.#furthest <= this.#context.chosenThrough() + LAG_SLOTS_MAX || this.#yields >= YIELDS_MAX) {
			this.#yields = 0;
			return false;
		}
		this.#yields++;
		return true;
	}

	#loseLeader(why: Why, peer: NodeId): void {
		this.#leader = NO_BALLOT;
		this.#heard = false;
		this.#tellRole(why, [peer]);
	}

	#tellRole(why: Why, by: readonly NodeId[]): void {
		const { out } = this.#context;
		out.fact({ kind: 'role', role: 'follower', ballot: NO_BALLOT, leader: this.#leader, why, by });
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
