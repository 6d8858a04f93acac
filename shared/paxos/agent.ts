/**
 * PaxosAgent: proposer, acceptor and learner of one node, in one. Everything that happens to it comes in as
 * an event, everything it wants goes out as effects; it reads no clock, draws no number, waits for nothing.
 * Here is the one dispatch and what connects the rooms; the rules are in the rooms.
 *
 * @source Paxos Made Simple 2 (the algorithm), 3 (the sequence of slots and the leader)
 */

import { Acceptor, type AcceptorState } from './acceptor.ts';
import { type Ballot, compareBallots, type NodeId, sameBallot } from './ballot.ts';
import type { Phase1 } from './campaign.ts';
import { Clocks, type ClocksState } from './clocks.ts';
import type { AgentConfig, Context } from './config.ts';
import type { Effects } from './effects.ts';
import { Election, type ElectionState } from './election.ts';
import type { Event, Moment, Timer } from './event.ts';
import type { Role } from './fact.ts';
import type { Leadership } from './leadership.ts';
import { Learner, type LearnerState } from './learner.ts';
import { type LogEntry, LogReplay, type LogState, SlotLog } from './log.ts';
import type { Forward, Hearing, Leading, Message, Nack, NoRoom, ReadAsk, ReadIndex, Slot } from './message.ts';
import { Outbox } from './outbox.ts';
import { Proposer, type ProposerState } from './proposer.ts';
import { Reads, type ReadsState } from './reads.ts';
import type { DurableRecord } from './record.ts';

/** What may be looked at between steps. Copies nothing, and changes with the next step. */
export interface AgentView {
	readonly role: Role;
	/** Of the campaign or leadership under way. */
	readonly ballot: Ballot;
	readonly promised: Ballot;
	/** The leader's ballot as this node hears it, its own if it leads; NO_BALLOT for none. */
	readonly leader: Ballot;
	readonly chosenThrough: Slot;
	readonly appliedThrough: Slot;
	readonly lastSlot: Slot;
	entry(slot: Slot): LogEntry | undefined;
	/** At a leader: what its quorum promised. */
	readonly phase1: Phase1 | null;
	/** Proposals of this node that are not settled. */
	readonly pendingCount: number;
	readonly openSlotsCount: number;
	/** At a leader: proposals that wait for a slot. */
	readonly queuedCount: number;
	/** Reads of this node that wait for a read index, and asks of followers that wait for one. */
	readonly readsCount: number;
}

/**
 * Everything that an agent remembers, as plain data: objects, arrays, maps, sets, bytes and numbers, without a cycle.
 * Two agents whose states are equal behave alike from there on. It is the agent's own, and changes with the next step:
 * take a copy of it (`shared/simulation/snapshot.ts`).
 */
export interface AgentState {
	readonly epoch: number;
	readonly appliedThrough: Slot;
	readonly recoveredThrough: Slot;
	readonly clocks: ClocksState;
	readonly log: LogState;
	readonly acceptor: AcceptorState;
	readonly learner: LearnerState;
	readonly proposer: ProposerState;
	readonly election: ElectionState;
	readonly reads: ReadsState;
}

export class PaxosAgent {
	/** Whether facts of single messages are made. */
	watched = false;
	readonly #context: Context;
	readonly #clocks: Clocks;
	readonly #log: SlotLog;
	readonly #acceptor: Acceptor;
	readonly #learner: Learner;
	readonly #proposer: Proposer;
	readonly #election: Election;
	readonly #reads: Reads;
	#appliedThrough: Slot;
	/** Of the leader that is heard: what lies above was not chosen before its ballot. */
	#recoveredThrough: Slot;

	/**
	 * @param durable every record this node ever made durable, in the order of its log; or a replay of all of them
	 * @param trimmedThrough the last slot that the state machine begins with; the records need not hold it
	 * @param state for `from`
	 * @throws InvariantError for records that no agent writes
	 */
	constructor(
		config: AgentConfig,
		durable: Iterable<DurableRecord> | LogReplay = [],
		trimmedThrough: Slot = 0,
		state?: AgentState,
	) {
		const replay = durable instanceof LogReplay ? durable : replayed(durable, config, trimmedThrough);
		const log = state ? new SlotLog(trimmedThrough, state.log) : replay.log;
		this.#appliedThrough = state?.appliedThrough ?? trimmedThrough;
		this.#recoveredThrough = state?.recoveredThrough ?? 0;
		this.#context = {
			config,
			out: new Outbox(false),
			nowMs: 0,
			steadyMs: 0,
			epoch: state?.epoch ?? 0,
			promised: () => this.#acceptor.promised,
			chosenThrough: () => this.#log.chosenThrough,
		};
		this.#clocks = new Clocks(this.#context, state?.clocks);
		this.#log = log;
		this.#acceptor = new Acceptor(this.#context, log, replay.promised, state?.acceptor);
		this.#learner = new Learner(this.#context, log, state?.learner);
		this.#proposer = new Proposer(this.#context, log, this.#acceptor, this.#learner, this.#clocks, state?.proposer);
		this.#election = new Election(this.#context, state?.election);
		this.#reads = new Reads(this.#context, state?.reads);
	}

	/** @throws InvariantError when something happened that must not: the node has to stop */
	step(event: Event, { wallMs, steadyMs }: Moment): Effects {
		const out = new Outbox(this.watched);
		this.#context.out = out;
		this.#context.nowMs = Math.max(0, Math.floor(wallMs));
		this.#context.steadyMs = Math.max(0, Math.floor(steadyMs));
		const chosenBefore = this.#log.chosenThrough;
		const leaderBefore = this.#election.leader;
		this.#dispatch(event);
		this.#sendOnTheirWay();
		this.#askToRead();
		this.#proposer.askForCampaign();
		this.#lead(chosenBefore);
		this.#tellNeighbours(chosenBefore, leaderBefore);
		return out;
	}

	view(): AgentView {
		const leadership = this.#proposer.leadership;
		return {
			role: this.#proposer.role,
			ballot: this.#proposer.ballot,
			promised: this.#acceptor.promised,
			leader: this.#election.leader,
			chosenThrough: this.#log.chosenThrough,
			appliedThrough: this.#appliedThrough,
			lastSlot: this.#log.lastSlot,
			entry: (slot) => this.#log.entry(slot),
			phase1: leadership?.phase1 ?? null,
			pendingCount: this.#proposer.pendingCount,
			openSlotsCount: leadership?.openCount ?? 0,
			queuedCount: leadership?.queuedCount ?? 0,
			readsCount: this.#reads.count,
		};
	}

	get state(): AgentState {
		return {
			epoch: this.#context.epoch,
			appliedThrough: this.#appliedThrough,
			recoveredThrough: this.#recoveredThrough,
			clocks: this.#clocks.state,
			log: this.#log.state,
			acceptor: this.#acceptor.state,
			learner: this.#learner.state,
			proposer: this.#proposer.state,
			election: this.#election.state,
			reads: this.#reads.state,
		};
	}

	/** An agent that goes on from this state, which is the agent's from now on. */
	static from(config: AgentConfig, state: AgentState): PaxosAgent {
		return new PaxosAgent(config, [], state.log.trimmedThrough, state);
	}

	#dispatch(event: Event): void {
		switch (event.kind) {
			case 'start':
				return this.#start(event.epoch);
			case 'receive':
				return this.#receive(event.from, event.message);
			case 'propose':
				return this.#proposer.propose(event.proposal);
			case 'withdraw':
				return this.#proposer.withdraw(event.proposal);
			case 'read':
				return this.#reads.add(event.read);
			case 'timer':
				return this.#timer(event.timer);
			case 'campaign':
				if (this.#proposer.campaign(event.now, this.#election.takeCampaignDue())) this.#afterCampaign();
				return;
			case 'linkUp':
				return this.#sendAgain(event.peer);
			case 'linkDown':
				this.#learner.linkDown(event.peer);
				return this.#election.linkDown(event.peer);
			case 'applied':
				this.#appliedThrough = event.through;
				return this.#proposer.settled(event.settled);
		}
	}

	/** What was chosen before the last stop, and is not applied yet, is applied again, from the log. */
	#start(epoch: number): void {
		this.#context.epoch = epoch;
		const { chosenThrough } = this.#log;
		for (let slot = this.#appliedThrough + 1; slot <= chosenThrough; slot++) {
			const { ballot, value } = this.#log.entry(slot) as LogEntry;
			this.#context.out.apply.push({ slot, ballot, value });
		}
		this.#election.start();
	}

	#receive(from: NodeId, message: Message): void {
		const refusal = this.#refusal(from, message);
		if (refusal) {
			return this.#context.out.fact({ kind: 'ignored', from, message: message.kind, why: refusal });
		}
		if ('timeMs' in message) this.#clocks.told(from, message.timeMs);
		const adopted = message.kind === 'nack' ? message.promised : isProposers(message) ? message.ballot : null;
		if (adopted && !this.#clocks.believes(adopted)) return this.#clocks.disbelieve(from, message.kind, adopted);
		switch (message.kind) {
			case 'prepare':
				this.#acceptor.prepare(from, message);
				return this.#afterPromise(from, message.ballot);
			case 'promise':
				if (this.#proposer.promised(from, message)) this.#afterElection();
				return;
			case 'accept':
				this.#acceptor.accept(from, message);
				return this.#afterLeader(from, message);
			case 'accepted':
				this.#proposer.accepted(from, message);
				return;
			case 'nack':
				return this.#nacked(from, message);
			case 'heartbeat':
				this.#acceptor.heartbeat(from, message);
				return this.#afterLeader(from, message);
			case 'confirm':
				if (!sameBallot(message.ballot, this.#proposer.ballot)) return;
				this.#proposer.leadership?.confirmed(from, message.chosenThrough);
				return this.#reads.confirmed(from, message.round);
			case 'poll':
				return this.#election.reply(from, message, this.#hearing);
			case 'pollReply':
				this.#clocks.named(from, message.leader);
				this.#proposer.saw(message.leader);
				this.#neighbourHears(from, message);
				return this.#election.replied(from, message);
			case 'hears':
				return this.#neighbourHears(from, message);
			case 'fetch':
				return this.#learner.answer(from, message);
			case 'decisions':
				return this.#learn(from, message);
			case 'trimmed':
				return this.#learner.trimmed(from, message);
			case 'forward':
				if (this.#proposer.leadership) return this.#proposer.forwarded(from, message);
				return this.#passOn(from, message);
			case 'noRoom':
				if (message.origin !== this.#context.config.id) return this.#passBack(message);
				return this.#proposer.forwardRefused(message);
			case 'readAsk':
				if (this.#proposer.leadership) return this.#reads.ask(from, message);
				return this.#passOn(from, message);
			case 'readIndex':
				if (message.origin !== this.#context.config.id) return this.#passBack(message);
				return this.#reads.answered(message);
		}
	}

	/** Why the message makes no sense from this sender; null if it does. */
	#refusal(from: NodeId, message: Message): string | null {
		const { members } = this.#context.config;
		if (!members.includes(from)) return 'not a member';
		if ('origin' in message && !members.includes(message.origin)) return 'its origin is not a member';
		if (isProposers(message) && message.ballot.node !== from) return 'the ballot is another node’s';
		return null;
	}

	// After a message was taken

	/** The campaign has a whole period, and so has whoever would poll meanwhile. */
	#afterCampaign(): void {
		this.#election.promisedTo(this.#proposer.ballot);
		this.#election.armElection();
	}

	/** This acceptor may have promised a higher ballot than this node's own proposer works under. */
	#afterPromise(from: NodeId, ballot: Ballot): void {
		if (!sameBallot(this.#acceptor.promised, ballot)) return;
		if (from === this.#context.config.id) return;
		this.#proposer.saw(ballot);
		this.#halt(ballot, from);
		this.#election.promisedTo(ballot);
	}

	#afterLeader(from: NodeId, leading: Leading): void {
		if (compareBallots(leading.ballot, this.#acceptor.promised) < 0) return;
		// Late, and of a leader that is known to be followed by another.
		if (compareBallots(leading.ballot, this.#election.leader) < 0) return;
		this.#proposer.saw(leading.ballot);
		this.#halt(leading.ballot, from);
		this.#proposer.follows();
		if (this.#election.heardLeader(leading.ballot)) {
			this.#reads.reset();
			this.#proposer.forwardAgain({ ballot: leading.ballot, to: from });
		}
		this.#recoveredThrough = leading.recoveredThrough;
		this.#learner.told(from, leading.ballot, leading.chosenThrough);
	}

	#afterElection(): void {
		const { leadership } = this.#proposer;
		if (!leadership) return;
		const { ballot, promises, recoveredThrough } = leadership.phase1;
		this.#recoveredThrough = recoveredThrough;
		this.#reads.reset();
		this.#election.leads(
			ballot,
			promises.map(({ from }) => from),
		);
		this.#armHeartbeat();
		this.#reads.beat(leadership);
	}

	#nacked(from: NodeId, { promised }: Nack): void {
		this.#proposer.saw(promised);
		this.#halt(promised, from);
	}

	#learn(from: NodeId, message: Message & { kind: 'decisions' }): void {
		if (this.#proposer.learned(from, this.#learner.learn(from, message))) this.#afterHalt([from]);
	}

	#halt(by: Ballot, from: NodeId): void {
		if (this.#proposer.halt(by, from)) this.#afterHalt([by.node]);
	}

	#afterHalt(by: readonly NodeId[]): void {
		this.#reads.reset();
		this.#election.ended('higherBallot', by);
	}

	#checkLeadership(leadership: Leadership): void {
		const hasQuorum = leadership.takeHasQuorum();
		const isStuck = leadership.takeIsStuck();
		if (hasQuorum && !isStuck) return;
		this.#proposer.stepDown();
		this.#reads.reset();
		this.#election.ended('lostQuorum', []);
		if (hasQuorum) this.#election.campaignAnew();
	}

	// Timers

	#timer(timer: Timer): void {
		switch (timer) {
			case 'election':
				this.#election.armElection();
				if (this.#proposer.leadership) {
					this.#checkLeadership(this.#proposer.leadership);
				} else if (this.#proposer.role === 'candidate') {
					if (this.#proposer.giveUpIfStuck()) this.#election.ended('lostQuorum', []);
				} else {
					this.#election.periodEnded();
				}
				return;
			case 'poll':
				if (this.#proposer.role === 'follower') this.#election.poll();
				return;
			case 'heartbeat':
				if (!this.#proposer.leadership) return;
				this.#reads.beat(this.#proposer.leadership);
				return this.#armHeartbeat();
			case 'fetch':
				return this.#learner.askedInVain();
			case 'forward':
				return this.#proposer.retryForwards();
		}
	}

	#armHeartbeat(): void {
		const { heartbeatMs } = this.#context.config.timings;
		this.#context.out.timer('heartbeat', heartbeatMs, heartbeatMs);
	}

	// What waits here

	/** The fate of what left before is known once everything that could have been chosen is applied. */
	#sendOnTheirWay(): void {
		if (!this.#proposer.hasWaiting) return;
		const { route, relayedRecoveredThrough } = this.#election;
		if (route === null) return;
		this.#proposer.dispatch(route, this.#appliedThrough >= (relayedRecoveredThrough ?? this.#recoveredThrough));
	}

	/** What was on its way when the link went down is lost. */
	#sendAgain(peer: NodeId): void {
		this.#proposer.resendTo(peer);
		const { route } = this.#election;
		if (peer !== route?.to) return;
		this.#proposer.forwardAgain(route);
		this.#reads.askAgain(peer);
	}

	#askToRead(): void {
		if (!this.#reads.wantsToAsk) return;
		const { route } = this.#election;
		if (route && route.to !== this.#context.config.id) this.#reads.askLeader(route.to);
	}

	// For a neighbour that does not reach the leader

	get #hearing(): Hearing {
		return this.#election.hearing(this.#log.chosenThrough, this.#recoveredThrough);
	}

	/** To the leader that this node hears. Only what a neighbour has itself is passed on: there is one hop, no more. */
	#passOn(from: NodeId, message: Forward | ReadAsk): void {
		const leader = this.#election.otherLeader;
		if (message.origin !== from) return;
		if (leader === null) return this.#context.out.now(from, { kind: 'hears', ...this.#hearing });
		this.#election.relayFor(from);
		this.#context.out.now(leader, message);
	}

	/** The neighbour is told how far this node is first: it has to get there before it can answer. */
	#passBack(message: NoRoom | ReadIndex): void {
		const { out } = this.#context;
		out.now(message.origin, { kind: 'hears', ...this.#hearing });
		out.now(message.origin, message);
	}

	#neighbourHears(from: NodeId, hearing: Hearing): void {
		this.#learner.fetchFrom(from, hearing.chosenThrough);
		if (this.#proposer.role !== 'follower' || !this.#clocks.believes(hearing.leader)) return;
		if (this.#election.neighbourHears(from, hearing)) {
			this.#reads.reset();
			if (this.#election.route) this.#proposer.forwardAgain(this.#election.route);
		}
	}

	#tellNeighbours(chosenBefore: Slot, leaderBefore: Ballot): void {
		const { relaysFor, leader } = this.#election;
		if (relaysFor.length === 0) return;
		if (this.#log.chosenThrough === chosenBefore && sameBallot(leader, leaderBefore)) return;
		const hears = { kind: 'hears', ...this.#hearing } as const;
		for (const neighbour of relaysFor) this.#context.out.now(neighbour, hears);
	}

	/** At the end of each step of a leader: what can be proposed, confirmed or told, now. */
	#lead(chosenBefore: Slot): void {
		const { leadership } = this.#proposer;
		if (!leadership) return;
		leadership.place();
		this.#reads.confirmWaiting(leadership);
		if (this.#log.chosenThrough > chosenBefore && !this.#context.out.acceptSent) leadership.tell();
	}
}

function replayed(records: Iterable<DurableRecord>, { slotsAheadMax }: AgentConfig, trimmedThrough: Slot): LogReplay {
	const replay = new LogReplay(slotsAheadMax, trimmedThrough);
	for (const record of records) replay.add(record);
	return replay;
}

/** What a proposer sends under a ballot of its own. */
function isProposers(message: Message): message is Message & { kind: 'prepare' | 'accept' | 'heartbeat' } {
	return message.kind === 'prepare' || message.kind === 'accept' || message.kind === 'heartbeat';
}
