/**
 * The proposer: idle, preparing (a campaign, phase 1) or leading (phase 2). One campaign of its own at a
 * time, always under a new ballot, for everything that is proposed here; a nack halts it, visibly, and what
 * it had is proposed again once its fate is known.
 *
 * @source Paxos Made Simple 2.2 and 2.4 (progress)
 */

import { sameBytes } from '../bytes/bytes.ts';
import type { Acceptor } from './acceptor.ts';
import { type Ballot, compareBallots, NO_BALLOT, type NodeId, sameBallot, type WallTime } from './ballot.ts';
import { SLOT_VALUE_BYTES_MAX } from './bounds.ts';
import { Campaign, type CampaignState, type Phase1 } from './campaign.ts';
import type { Clocks } from './clocks.ts';
import type { Context } from './config.ts';
import type { Outcome } from './effects.ts';
import type { Route } from './election.ts';
import type { Proposal, ProposalId } from './event.ts';
import type { Role } from './fact.ts';
import { Leadership, type LeadershipState } from './leadership.ts';
import type { Learner } from './learner.ts';
import type { LogEntry, SlotLog } from './log.ts';
import type { Accepted, Forward, NoRoom, Promised, Slot } from './message.ts';
import { Pending, type PendingState } from './pending.ts';
import { hasVoted, quorumSize, votersOf } from './quorum.ts';
import { isBatch, sameCommands, type Value } from './value.ts';

/** Back-off and patience grow with each halt in a row, up to this many doublings. */
const HALTS_MAX = 6;

interface Contested {
	readonly slot: Slot;
	/** The proposals for the slot that lost to what it holds. */
	readonly ids: readonly ProposalId[];
}

export interface ProposerState {
	readonly pending: PendingState;
	readonly campaign: CampaignState | null;
	readonly leadership: LeadershipState | null;
	readonly highestSeen: Ballot;
	readonly halts: number;
	readonly campaignPeriods: number;
	readonly contested: Contested | null;
	readonly campaignAsked: boolean;
}

export class Proposer {
	readonly #context: Context;
	readonly #log: SlotLog;
	readonly #acceptor: Acceptor;
	readonly #learner: Learner;
	readonly #clocks: Clocks;
	readonly #pending: Pending;
	#campaign: Campaign | null = null;
	#leadership: Leadership | null = null;
	/** The highest ballot met, from anyone: the next one of ours is above it. */
	#highestSeen: Ballot;
	/** Campaigns and leaderships that were halted since something was last chosen under a ballot of ours. */
	#halts = 0;
	/** Election periods that the campaign has lasted. */
	#campaignPeriods = 0;
	/** The slot that this leadership contests. */
	#contested: Contested | null = null;
	#campaignAsked = false;

	constructor(
		context: Context,
		log: SlotLog,
		acceptor: Acceptor,
		learner: Learner,
		clocks: Clocks,
		state?: ProposerState,
	) {
		this.#context = context;
		this.#clocks = clocks;
		this.#log = log;
		this.#acceptor = acceptor;
		this.#learner = learner;
		this.#highestSeen = acceptor.promised;
		this.#pending = new Pending(state?.pending);
		if (!state) return;
		const { members } = context.config;
		this.#campaign = state.campaign && new Campaign(members, state.campaign);
		this.#leadership = state.leadership && new Leadership(context, log, acceptor, state.leadership);
		this.#highestSeen = state.highestSeen;
		this.#halts = state.halts;
		this.#campaignPeriods = state.campaignPeriods;
		this.#contested = state.contested;
		this.#campaignAsked = state.campaignAsked;
	}

	get state(): ProposerState {
		return {
			pending: this.#pending.state,
			campaign: this.#campaign?.state ?? null,
			leadership: this.#leadership?.state ?? null,
			highestSeen: this.#highestSeen,
			halts: this.#halts,
			campaignPeriods: this.#campaignPeriods,
			contested: this.#contested,
			campaignAsked: this.#campaignAsked,
		};
	}

	get role(): Role {
		return this.#leadership ? 'leader' : this.#campaign ? 'candidate' : 'follower';
	}

	/** Of the campaign or leadership under way; NO_BALLOT when idle. */
	get ballot(): Ballot {
		return this.#leadership?.phase1.ballot ?? this.#campaign?.ballot ?? NO_BALLOT;
	}

	get leadership(): Leadership | null {
		return this.#leadership;
	}

	get pendingCount(): number {
		return this.#pending.size;
	}

	get hasWaiting(): boolean {
		return this.#pending.hasWaiting;
	}

	/** One that is not believed is not remembered: it may still end what is under way here. */
	saw(ballot: Ballot): void {
		if (!this.#clocks.believes(ballot)) return;
		if (compareBallots(ballot, this.#highestSeen) > 0) this.#highestSeen = ballot;
	}

	// What clients want

	propose(proposal: Proposal): void {
		const { id, value } = proposal;
		if (!isBatch(value)) return this.#refuse(id, 'notABatch', this.#log.lastSlot + 1);
		if (value.length > SLOT_VALUE_BYTES_MAX) return this.#refuse(id, 'tooLarge', this.#log.lastSlot + 1);
		this.#pending.add(proposal);
	}

	/** Nobody waits for it any more. */
	withdraw(id: ProposalId): void {
		const pending = this.#pending.get(id);
		this.#pending.remove(id);
		this.#context.out.outcomes.push({ kind: 'withdrawn', proposal: id, left: pending?.mayBeChosen ?? true });
	}

	settled(ids: readonly ProposalId[]): void {
		for (const id of ids) this.#pending.remove(id);
	}

	/** A follower's proposal, at the leader, which has it, or says that it has no room. */
	forwarded(from: NodeId, forward: Forward): void {
		if (!this.#leadership || this.#leadership.takeForward(forward)) return;
		const { origin, epoch, id } = forward;
		this.#context.out.now(from, { kind: 'noRoom', origin, epoch, id });
	}

	/** The leader has no room for a proposal of this node: it is forwarded again after a while. */
	forwardRefused({ epoch, id }: NoRoom): void {
		if (epoch !== this.#context.epoch) return;
		this.#pending.refused(id);
		const { retryMs } = this.#context.config.timings;
		this.#context.out.timer('forward', retryMs, 2 * retryMs, true);
	}

	retryForwards(): void {
		this.#pending.retryRefused();
	}

	/**
	 * Sends on its way whatever waits here, under the leadership of a ballot, which is this node's or another's.
	 *
	 * @param fateKnown everything that could have been chosen before that ballot is applied
	 */
	dispatch({ ballot, to }: Route, fateKnown: boolean): void {
		this.#pending.under(ballot);
		if (fateKnown) this.#pending.release();
		const leadership = this.#leadership;
		if (leadership) this.#pending.leaveAll(({ id, value }) => leadership.enqueue(value, id));
		else if (to !== this.#context.config.id) this.#pending.leaveAll((proposal) => this.#forward(to, proposal));
	}

	/** What was forwarded to this leader may be lost: it is forwarded again, and the leader knows what it has. */
	forwardAgain({ ballot, to }: Route): void {
		if (to === this.#context.config.id) return;
		this.#pending.under(ballot);
		for (const { proposal } of this.#pending.allLeft()) this.#forward(to, proposal);
	}

	#forward(to: NodeId, { id, value }: Proposal): boolean {
		const { out, config, epoch } = this.#context;
		const { settledThrough } = this.#pending;
		out.now(to, { kind: 'forward', origin: config.id, epoch, id, settledThrough, value });
		return true;
	}

	// Phase 1

	/**
	 * Begins a campaign, unless what it was asked for is gone or is being cared for.
	 *
	 * @returns whether it did
	 */
	campaign(now: WallTime, noLeader: boolean): boolean {
		this.#campaignAsked = false;
		const forProposals = this.#pending.wantsCampaign && this.#mayCampaignForProposals();
		if (this.#campaign || !(forProposals || (noLeader && !this.#leadership))) return false;

		const { id, members } = this.#context.config;
		const { out } = this.#context;
		this.saw(this.#acceptor.promised);
		const ballot = this.#clocks.formBallot(this.#highestSeen, now);
		const contest = this.#pending.contest();
		this.saw(ballot);
		this.#leadership = null;
		this.#contested = null;
		this.#campaign = Campaign.begin(ballot, contest, members);
		this.#campaignPeriods = 0;
		const why = contest > 0 ? 'contest' : forProposals ? 'proposal' : 'noLeader';
		out.fact({ kind: 'campaign', ballot, why, contest, chosenThrough: this.#log.chosenThrough });
		if (forProposals) out.outcomes.push({ kind: 'attempt', ballot });
		const prepare = { kind: 'prepare', ballot, contest } as const;
		this.#acceptor.prepare(id, prepare);
		for (const member of members) if (member !== id) out.whenDurable(member, prepare);
		return true;
	}

	/** @returns true when it made the quorum: this node leads */
	promised(from: NodeId, message: Promised): boolean {
		const campaign = this.#campaign;
		if (!campaign || !sameBallot(message.ballot, campaign.ballot)) return false;
		const promise = campaign.add(from, message);
		if (!promise) return false;
		const { out, config } = this.#context;
		if (out.watched) {
			out.fact({
				kind: 'promiseCounted',
				ballot: campaign.ballot,
				...promise,
				voters: votersOf(campaign.voters, config.members),
				needed: quorumSize(config.members),
			});
		}
		const phase1 = campaign.result();
		if (phase1) this.#lead(phase1, campaign.contest);
		return phase1 !== undefined;
	}

	/** What was on its way to `peer` is lost: a prepare or accept that it has not answered leaves again. */
	resendTo(peer: NodeId): void {
		this.#leadership?.resendTo(peer);
		const { out, config } = this.#context;
		if (!this.#campaign || hasVoted(this.#campaign.voters, peer, config.members)) return;
		const { ballot, contest } = this.#campaign;
		out.whenDurable(peer, { kind: 'prepare', ballot, contest });
	}

	/** An election period has passed: a campaign that reaches no quorum is given up, later each time. */
	giveUpIfStuck(): boolean {
		if (!this.#campaign || ++this.#campaignPeriods <= this.#halts) return false;
		this.#countHalt();
		this.#giveUp();
		return true;
	}

	// Phase 2

	/** @returns true when the slot is now chosen */
	accepted(from: NodeId, { ballot, slot }: Accepted): boolean {
		const leadership = this.#leadership;
		if (!leadership || !sameBallot(ballot, leadership.phase1.ballot)) return false;
		if (!leadership.count(from, slot)) return false;
		this.#halts = 0;
		this.#keepContested(slot);
		if (slot <= this.#log.chosenThrough) leadership.close(slot);
		this.advance();
		return true;
	}

	/** Marks, in order, every slot that a quorum has accepted. */
	advance(): void {
		const leadership = this.#leadership;
		if (!leadership) return;
		for (let slot = this.#log.chosenThrough + 1; leadership.isChosen(slot); slot++) {
			this.#learner.markChosen(slot, 'counted');
			leadership.close(slot);
		}
	}

	/**
	 * These slots were fetched: chosen, so this leader need not propose them or count votes for them any more.
	 *
	 * @returns true when they show that a higher ballot has taken over: this node leads no more
	 */
	learned(from: NodeId, slots: readonly Slot[]): boolean {
		const leadership = this.#leadership;
		if (!leadership) return false;
		for (const slot of slots) {
			const { ballot, value } = this.#log.entry(slot) as LogEntry;
			const proposed = leadership.proposed(slot);
			const isOurs = proposed ? sameBytes(proposed, value) : slot <= leadership.phase1.recoveredThrough;
			if (!isOurs) {
				this.#halted(ballot, from);
				return true;
			}
			// A contested slot is accepted again for all to see.
			if (slot !== this.#contested?.slot) leadership.close(slot);
			else if (!proposed) leadership.propose(slot, value, 'reported', [], ballot);
		}
		this.advance();
		return false;
	}

	// Ends

	/** A higher promise was met: whatever is under way ends here. Returns whether anything was. */
	halt(by: Ballot, from: NodeId): boolean {
		this.saw(by);
		const { ballot } = this;
		if (sameBallot(ballot, NO_BALLOT) || compareBallots(by, ballot) <= 0) return false;
		this.#halted(by, from);
		return true;
	}

	/** Another node leads undisputed. */
	follows(): void {
		if (this.#halts > 0 && !this.#pending.hasSelfRouted) this.#halts = 0;
	}

	/** The leader reaches no quorum. */
	stepDown(): void {
		this.#giveUp();
	}

	#halted(by: Ballot, from: NodeId): void {
		const { ballot } = this;
		const { out } = this.#context;
		out.fact({ kind: 'halted', ballot, by, from });
		out.outcomes.push({ kind: 'halted', ballot, by });
		this.#countHalt();
		this.#end();
	}

	#giveUp(): void {
		const { ballot } = this;
		const { out } = this.#context;
		out.fact({ kind: 'givenUp', ballot });
		out.outcomes.push({ kind: 'givenUp', ballot });
		this.#end();
	}

	#countHalt(): void {
		this.#halts = Math.min(this.#halts + 1, HALTS_MAX);
	}

	#end(): void {
		this.#campaign = null;
		this.#leadership = null;
		this.#contested = null;
		this.#pending.leadershipEnded();
	}

	/** Asks for a campaign, where a proposal wants one and none has been asked for. */
	askForCampaign(): void {
		if (this.#campaignAsked || !this.#pending.wantsCampaign || !this.#mayCampaignForProposals()) return;
		this.#campaignAsked = true;
		const { backoffMinMs, backoffMaxMs } = this.#context.config.timings;
		if (this.#halts === 0) return this.#context.out.timer('campaign', 0, 0);
		const maxMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** this.#halts);
		this.#context.out.timer('campaign', backoffMinMs, maxMs, true);
	}

	/** Not while phase 2 of an earlier one, of this node's own, is under way. */
	#mayCampaignForProposals(): boolean {
		return !this.#campaign && !(this.#leadership && this.#pending.hasCampaigned);
	}

	#lead(phase1: Phase1, contest: Slot): void {
		const { ballot } = phase1;
		this.#campaign = null;
		const leadership = Leadership.begin(this.#context, this.#log, this.#acceptor, phase1);
		this.#leadership = leadership;
		this.#pending.under(ballot);
		this.#pending.campaigned(contest);
		if (phase1.chosenThrough > this.#log.chosenThrough)
			this.#learner.fetchFrom(phase1.source, phase1.chosenThrough, true);
		if (contest > 0) this.#placeContest(leadership, contest);
	}

	/** The contested slot keeps what phase 1 reported for it, and is proposed again; a free one takes ours. */
	#placeContest(leadership: Leadership, slot: Slot): void {
		const { phase1 } = leadership;
		const contenders = this.#pending.contenders(slot);
		const held = phase1.contested ?? phase1.bound.get(slot);
		if (held) {
			this.#contested = { slot, ids: contenders.map(({ proposal }) => proposal.id) };
			// A slot that is known to be chosen is not the window's to propose. One far ahead is proposed once it is learned.
			if (slot < leadership.nextSlot && slot <= leadership.acceptableThrough)
				leadership.propose(slot, held.value, 'reported', [], held.ballot);
		} else if (slot <= phase1.chosenThrough) {
			// It is chosen, and those who know it keep it no more.
			for (const { proposal } of contenders) this.#refuse(proposal.id, 'slotTrimmed', phase1.recoveredThrough + 1);
		} else if (slot <= phase1.recoveredThrough + 1 && contenders[0]) {
			leadership.reserve(slot, contenders[0].proposal.value, contenders[0].proposal.id);
			this.#pending.left(contenders[0]);
			this.#contested = { slot, ids: contenders.slice(1).map(({ proposal }) => proposal.id) };
		} else {
			for (const { proposal } of contenders) this.#refuse(proposal.id, 'slotNotOpen', phase1.recoveredThrough + 1);
		}
	}

	#refuse(proposal: ProposalId, reason: (Outcome & { kind: 'refused' })['reason'], nextSlot: Slot): void {
		this.#pending.remove(proposal);
		this.#context.out.outcomes.push({ kind: 'refused', proposal, reason, nextSlot });
	}

	/** The contested slot is chosen: whoever contested it with another value has lost it. */
	#keepContested(slot: Slot): void {
		if (this.#contested?.slot !== slot || !this.#leadership) return;
		const { ballot } = this.#leadership.phase1;
		const value = this.#leadership.proposed(slot) as Value;
		for (const id of this.#contested.ids) {
			const pending = this.#pending.get(id);
			if (!pending || sameCommands(pending.proposal.value, value)) continue;
			this.#pending.remove(id);
			this.#context.out.outcomes.push({ kind: 'kept', proposal: id, slot, ballot, value });
		}
		this.#contested = null;
	}
}
