/**
 * The role of a node: follower, candidate (phase 1 of a ballot of its own) or leader (phase 2). Here is every transition
 * from one role to another, and with each what begins and ends with the role: the campaign, the leadership and its
 * contest, the poll, the way to the leader, the rounds of reads and the timers.
 *
 *     follower -- campaign ----> candidate -- a quorum has promised ----> leader
 *        ^                           |                                      |
 *        +-- a higher ballot is met, or a quorum does not answer -----------+
 *
 * Who leads is about liveness only: whatever is decided here, no slot can have two values.
 *
 * @source Paxos Made Simple 2.4 (progress)
 */

import type { Acceptor } from './acceptor.ts';
import { type Ballot, compareBallots, NO_BALLOT, type NodeId, sameBallot, type WallTime } from './ballot.ts';
import { Campaign, type CampaignState, type Phase1 } from './campaign.ts';
import { Candidacy, type CandidacyState } from './candidacy.ts';
import type { Clocks } from './clocks.ts';
import type { Context } from './config.ts';
import { beginContest, dropContest, endContest } from './contest.ts';
import type { AgentFact, Role } from './fact.ts';
import { HeardLeader, type HeardLeaderState } from './heard-leader.ts';
import { Leadership, type LeadershipState } from './leadership.ts';
import type { Learner } from './learner.ts';
import type { SlotLog } from './log.ts';
import type { Accepted, Hearing, Leading, PollReply, Promised, Slot } from './message.ts';
import type { Neighbours } from './neighbours.ts';
import type { Poll } from './poll.ts';
import type { Proposals } from './proposals.ts';
import type { Reads } from './reads.ts';
import { armHeartbeat, armPeriod, armPoll, armPollInTurn, armPollSoon } from './timers.ts';

type Why = (AgentFact & { kind: 'role' })['why'];
type GivenUpWhy = (AgentFact & { kind: 'givenUp' })['why'];

/** The timer of an election period, by role. */
const PERIOD = { follower: 'election', candidate: 'patience', leader: 'quorum' } as const;

export interface RoleState {
	campaign: CampaignState | null;
	leadership: LeadershipState | null;
	readonly leader: HeardLeaderState;
	readonly candidacy: CandidacyState;
}

/** The rooms in which something begins or ends with the role. */
export interface RoleRooms {
	readonly context: Context;
	readonly log: SlotLog;
	readonly acceptor: Acceptor;
	readonly learner: Learner;
	readonly clocks: Clocks;
	readonly proposals: Proposals;
	readonly poll: Poll;
	readonly neighbours: Neighbours;
	readonly reads: Reads;
}

export class RoleMachine {
	readonly state: RoleState;
	/** The leader that this node hears, or is. */
	readonly leader: HeardLeader;
	readonly candidacy: Candidacy;
	readonly #rooms: RoleRooms;
	readonly #context: Context;
	/** It goes on under the leadership that it has won. */
	#campaign: Campaign | null;
	#leadership: Leadership | null;

	constructor(rooms: RoleRooms, state?: RoleState) {
		this.#rooms = rooms;
		this.#context = rooms.context;
		this.state = state ?? {
			campaign: null,
			leadership: null,
			leader: { ballot: NO_BALLOT, recoveredThrough: 0, inPeriod: false, periodBeganMs: 0 },
			candidacy: { due: false, handedOver: null, asked: false, periods: 0, halts: 0 },
		};
		const { campaign, leadership, leader, candidacy } = this.state;
		this.leader = new HeardLeader(rooms.context, rooms.neighbours, leader);
		this.candidacy = new Candidacy(rooms.context, candidacy);
		this.#campaign = campaign && new Campaign(rooms, campaign);
		this.#leadership = this.#campaign && leadership && new Leadership(rooms, this.#campaign, leadership);
	}

	get role(): Role {
		return this.#leadership ? 'leader' : this.#campaign ? 'candidate' : 'follower';
	}

	/** The ballot of the campaign or leadership under way; NO_BALLOT for a follower. */
	get ballot(): Ballot {
		return this.#campaign?.ballot ?? NO_BALLOT;
	}

	get leadership(): Leadership | null {
		return this.#leadership;
	}

	start(): void {
		this.#armPeriod();
		armPoll(this.#context);
	}

	// A follower

	/** A leader was heard. The message is late, and changes nothing, where a higher ballot is promised or leads. */
	follow(from: NodeId, { ballot, recoveredThrough, chosenThrough }: Leading): void {
		if (compareBallots(ballot, this.#context.promised()) < 0) return;
		if (compareBallots(ballot, this.leader.ballot) < 0) return;
		this.halt(ballot, from);
		// That leader is undisputed, unless a proposal here asks for a campaign.
		if (!this.#rooms.proposals.pending.hasSelfRouted) this.candidacy.undisputed();
		this.candidacy.forgo();
		this.#rooms.poll.heardLeader();
		if (this.leader.heard(ballot, recoveredThrough)) {
			this.#tellRole('heardLeader', [from]);
			this.#newRoute();
		}
		this.#rooms.learner.told(from, ballot, chosenThrough);
	}

	/** This node's acceptor was asked for a promise: if it gave it, the candidate has a period to become the leader. */
	promisedTo(from: NodeId, ballot: Ballot): void {
		if (from === this.#context.config.id || !sameBallot(ballot, this.#context.promised())) return;
		this.halt(ballot, from);
		this.#awaitLeader(ballot);
	}

	/** A neighbour tells what it hears. It may be the way to the leader. */
	neighbourHears(from: NodeId, hearing: Hearing): void {
		const { clocks, neighbours } = this.#rooms;
		if (this.role !== 'follower' || !clocks.believes(hearing.leader)) return;
		if (neighbours.hears(from, hearing, !this.leader.isNone)) this.#newRoute();
	}

	linkDown(peer: NodeId): void {
		this.#campaign?.linkDown(peer);
		this.#rooms.neighbours.linkDown(peer);
		if (peer !== this.leader.ballot.node) return;
		this.#loseLeader('leaderLinkDown');
		armPollInTurn(this.#context, peer);
	}

	pollReplied(from: NodeId, reply: PollReply): void {
		if (this.#rooms.poll.replied(from, reply)) this.candidacy.due();
	}

	// A candidate

	/** Begins a campaign, unless what asked for it is gone or is being cared for. */
	campaign(now: WallTime): void {
		const { clocks, log, proposals } = this.#rooms;
		const { out } = this.#context;
		const due = this.candidacy.take(this.leader.ballot);
		const forProposals = this.#proposalWantsCampaign;
		if (this.role === 'candidate' || !this.#isVoter || !(forProposals || due)) return;
		const ballot = clocks.formBallot(now);
		const contest = proposals.pending.contest();
		const campaign = Campaign.begin(this.#rooms, ballot, contest);
		this.#become(campaign, null);
		const why = contest > 0 ? 'contest' : forProposals || due === null ? 'proposal' : due;
		out.fact({ kind: 'campaign', ballot, why, contest, chosenThrough: log.chosenThrough });
		if (forProposals) out.outcomes.push({ kind: 'attempt', ballot });
		campaign.prepare();
		this.#awaitLeader(ballot);
	}

	/** An acceptor has promised; perhaps a quorum has now. */
	promised(from: NodeId, message: Promised): void {
		const campaign = this.#campaign;
		if (!campaign || !sameBallot(message.ballot, campaign.ballot)) return;
		const isComplete = campaign.add(from, message);
		if (isComplete && !this.#leadership && campaign.coversAll) this.#lead(campaign, campaign.result());
	}

	/** Other members are chosen: those of them that have not promised to this node are asked to. */
	membersChosen(): void {
		if (this.role === 'candidate' && !this.#isVoter) return this.#giveUp('noVote');
		this.#leadership?.unsettle();
		this.#rooms.reads.unsettled();
		this.#campaign?.prepareAgain();
	}

	// A leader

	#lead(campaign: Campaign, phase1: Phase1): void {
		const { ballot, promises, chosenThrough, source, contest } = phase1;
		const { learner, log, proposals, reads } = this.#rooms;
		const leadership = Leadership.begin(this.#rooms, campaign, phase1);
		this.#become(campaign, leadership);
		proposals.pending.under(ballot);
		proposals.pending.campaigned(contest);
		if (chosenThrough > log.chosenThrough) learner.fetchFrom(source, chosenThrough, true);
		leadership.state.contest = beginContest(leadership, proposals);
		leadership.settle();
		this.leader.heard(ballot, leadership.stamp.recoveredThrough);
		reads.waitAgain();
		const by = promises.map(({ from }) => from);
		const why = 'promisedByQuorum';
		this.#context.out.fact({ kind: 'role', role: 'leader', ballot, leader: ballot, why, by, silentMs: 0 });
		armHeartbeat(this.#context);
		reads.beat(leadership);
	}

	/** After each event, before what waits for the fate of earlier proposals is looked at. */
	settle(): void {
		const leadership = this.#leadership;
		if (leadership?.settle()) this.leader.heard(leadership.phase1.ballot, leadership.stamp.recoveredThrough);
	}

	accepted(from: NodeId, { ballot, slot }: Accepted): void {
		const leadership = this.#leadership;
		if (!leadership || !sameBallot(ballot, leadership.phase1.ballot)) return;
		if (!leadership.count(from, slot)) return;
		this.candidacy.undisputed();
		if (leadership.state.contest?.slot === slot) this.#endContest(leadership);
		leadership.chosen(slot);
	}

	/** Some acceptor, perhaps this node's own, keeps no slot up to here and does not vote for them any more. */
	trimmed(through: Slot): void {
		const leadership = this.#leadership;
		const contest = leadership?.state.contest;
		if (!leadership || !contest || contest.slot > through) return;
		leadership.state.contest = { ...contest, isTrimmed: true };
		this.#endTrimmed(leadership);
	}

	/** A contested slot that is known to be chosen keeps what it has, though no quorum may say so again. */
	#endTrimmed(leadership: Leadership): void {
		const { contest } = leadership.state;
		if (!contest?.isTrimmed || contest.slot > this.#rooms.log.chosenThrough) return;
		this.#endContest(leadership);
		leadership.chosen(contest.slot);
	}

	#endContest(leadership: Leadership): void {
		const { contest } = leadership.state;
		if (contest) endContest(this.#context, contest, leadership, this.#rooms.proposals);
		leadership.state.contest = null;
	}

	/** Slots were fetched: a leader may learn from them that another one has taken over. */
	learned(from: NodeId, slots: readonly Slot[]): void {
		const leadership = this.#leadership;
		const by = leadership?.learned(slots);
		if (by && compareBallots(by, this.ballot) > 0) return this.#halted(by, from, from);
		// A node may hold what is chosen under an older ballot, which is the one that it has accepted.
		if (by) return this.#giveUp('overtaken');
		if (leadership) this.#endTrimmed(leadership);
	}

	/** The state machine has taken over a snapshot. A leader that may not say what is chosen any more leads no more. */
	installed(): void {
		const leadership = this.#leadership;
		if (!leadership) return;
		if (!leadership.installed()) return this.#giveUp('behind');
		const { contest } = leadership.state;
		if (!contest || contest.slot > this.#rooms.log.chosenThrough) return;
		dropContest(contest, this.#rooms.log.chosenThrough + 1, this.#rooms.proposals);
		leadership.state.contest = null;
	}

	/** What was on its way to `peer` is lost: a prepare or accept that it has not answered leaves again. */
	resendTo(peer: NodeId): void {
		this.#campaign?.resendTo(peer);
		this.#leadership?.resendTo(peer);
	}

	// The end of a candidate or a leader

	/** A higher promise was met: the campaign or leadership of a lower ballot ends. */
	halt(by: Ballot, from: NodeId): void {
		this.#rooms.clocks.saw(by);
		const { ballot } = this;
		if (sameBallot(ballot, NO_BALLOT) || compareBallots(by, ballot) <= 0) return;
		this.#halted(by, from, by.node);
	}

	#halted(by: Ballot, from: NodeId, leader: NodeId): void {
		const { ballot } = this;
		const { out } = this.#context;
		out.fact({ kind: 'halted', ballot, by, from });
		out.outcomes.push({ kind: 'halted', ballot, by });
		this.candidacy.halted();
		this.#end('higherBallot', [leader]);
	}

	#giveUp(why: GivenUpWhy): void {
		const { ballot } = this;
		this.#context.out.fact({ kind: 'givenUp', ballot, why });
		this.#context.out.outcomes.push({ kind: 'givenUp', ballot });
		this.#end('lostQuorum', []);
	}

	/** The node that ended this one's campaign or leadership has some time to lead. */
	#end(why: 'higherBallot' | 'lostQuorum', by: readonly NodeId[]): void {
		this.#become(null, null);
		this.leader.lost();
		this.#tellRole(why, by);
		armPollSoon(this.#context);
	}

	// What the transitions have in common

	/** Changes the role. What began with the role before ends here, whatever the two are. */
	#become(campaign: Campaign | null, leadership: Leadership | null): void {
		const { state } = this;
		const { proposals, poll, reads } = this.#rooms;
		this.#leadership?.ended();
		this.#campaign = campaign;
		this.#leadership = leadership;
		state.campaign = campaign?.state ?? null;
		state.leadership = leadership?.state ?? null;
		this.candidacy.begin();
		proposals.pending.leadershipEnded();
		poll.stop();
		reads.leadershipEnded();
		this.#armPeriod();
	}

	/** A ballot is promised, to another node or this one: this node does not stand while its candidate may win. */
	#awaitLeader(ballot: Ballot): void {
		this.leader.promised(ballot);
		this.candidacy.forgo();
		this.#rooms.poll.stop();
	}

	/** A follower has another way to a leader than before: what it asked on the old one is asked again. */
	#newRoute(): void {
		const { proposals, reads } = this.#rooms;
		reads.waitAgain();
		const { route } = this.leader;
		if (route) proposals.forwardAgain(route);
	}

	#loseLeader(why: Why, silentMs = 0): void {
		this.#tellRole(why, [this.leader.lost()], silentMs);
	}

	#tellRole(why: Why, by: readonly NodeId[], silentMs = 0): void {
		const leader = this.leader.ballot;
		this.#context.out.fact({ kind: 'role', role: 'follower', ballot: NO_BALLOT, leader, why, by, silentMs });
	}

	// Timers

	/** The period that begins now is the role's own. The timer of another role may still fire, and says nothing then. */
	#armPeriod(): void {
		this.leader.periodBegins();
		armPeriod(this.#context, PERIOD[this.role]);
	}

	/** A follower that has heard no leader for a whole period polls. */
	election(): void {
		if (this.role !== 'follower') return;
		const silentMs = this.leader.periodEnded();
		this.#armPeriod();
		if (silentMs === null) return;
		if (!this.leader.isNone) this.#loseLeader('leaderSilent', silentMs);
		this.poll();
	}

	/** A campaign that reaches no quorum is given up, later each time. */
	patience(): void {
		if (this.role !== 'candidate') return;
		if (this.candidacy.periodEnded()) this.#giveUp('noQuorum');
		else this.#armPeriod();
	}

	/** A leader that no quorum answers, or that learns nothing, leads no more. In the second case it campaigns anew. */
	quorum(): void {
		if (!this.#leadership) return;
		const hasQuorum = this.#leadership.takeHasQuorum();
		const isStuck = this.#leadership.takeIsStuck();
		if (hasQuorum && !isStuck) return this.#armPeriod();
		this.#giveUp(hasQuorum ? 'behind' : 'noQuorum');
		// A node that needs a snapshot first, or has no room for what it would learn, lets one stand that does not.
		const mayLearn = this.#context.room === 'everything' && !this.#rooms.learner.state.lacksSnapshot;
		if (hasQuorum && mayLearn) this.candidacy.due();
	}

	/** Polls, unless a leader or a candidate is heard. */
	poll(): void {
		if (this.role !== 'follower' || !this.leader.isSilent) return;
		if (this.#rooms.poll.begin()) this.candidacy.due();
		else if (!this.candidacy.state.due) armPollSoon(this.#context);
	}

	heartbeat(): void {
		if (!this.#leadership) return;
		this.#rooms.reads.beat(this.#leadership);
		armHeartbeat(this.#context);
	}

	/** At the end of a step. */
	askForCampaign(): void {
		if (!this.#isVoter) this.#rooms.proposals.refuseWanting();
		if (this.#proposalWantsCampaign) this.candidacy.wanted();
	}

	/** Not while phase 2 of an earlier campaign for proposals of this node is under way. */
	get #proposalWantsCampaign(): boolean {
		const { pending } = this.#rooms.proposals;
		if (!pending.wantsCampaign || !this.#isVoter || this.role === 'candidate') return false;
		return !(this.#leadership && pending.hasCampaigned);
	}

	/** The ballot of a node that has no vote would depose a leader for nothing. */
	get #isVoter(): boolean {
		const { config, members } = this.#context;
		return members.isVoter(config.id);
	}
}
