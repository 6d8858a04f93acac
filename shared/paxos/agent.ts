/**
 * PaxosAgent: proposer, acceptor and learner of one node, in one. Everything that happens to it comes in as
 * an event, everything it wants goes out as effects; it reads no clock, draws no number, waits for nothing.
 * Here is the one dispatch and what connects the rooms; the rules are in the rooms.
 *
 * @source Paxos Made Simple 2 (the algorithm), 3 (the sequence of slots and the leader)
 */

import { Acceptor } from './acceptor.ts';
import { type Ballot, type NodeId, sameBallot } from './ballot.ts';
import { Clocks } from './clocks.ts';
import type { AgentConfig, Context } from './config.ts';
import { Departure } from './departure.ts';
import type { Effects } from './effects.ts';
import type { Event, Moment, Timer } from './event.ts';
import { Handover } from './handover.ts';
import type { Leadership } from './leadership.ts';
import { Learner } from './learner.ts';
import { type LogEntry, SlotLog } from './log.ts';
import { LogReplay } from './log-replay.ts';
import { Members, type MembersState } from './members.ts';
import type { Forward, Hearing, Message, NoRoom, Prepare, ReadAsk, ReadIndex, Slot } from './message.ts';
import { Neighbours } from './neighbours.ts';
import { Outbox } from './outbox.ts';
import { Poll } from './poll.ts';
import { Proposals } from './proposals.ts';
import { Reads } from './reads.ts';
import type { DurableRecord } from './record.ts';
import { RoleMachine } from './role.ts';
import { type AgentState, type AgentView, LiveView } from './view.ts';

export class PaxosAgent {
	/** Whether facts of single messages are made. */
	watched = false;
	readonly #context: Context;
	readonly #log: SlotLog;
	readonly #clocks: Clocks;
	readonly #acceptor: Acceptor;
	readonly #learner: Learner;
	readonly #proposals: Proposals;
	readonly #reads: Reads;
	readonly #poll: Poll;
	readonly #handover: Handover;
	readonly #departure: Departure;
	readonly #neighbours: Neighbours;
	readonly #role: RoleMachine;
	readonly #view: AgentView;
	#appliedThrough: Slot;

	/**
	 * @param durable every record this node ever made durable, in the order of its log; or a replay of all of them
	 * @param trimmedThrough the last slot that the state machine begins with; the records need not hold it
	 * @param members those as of that slot; those of the configuration where it is 0
	 * @param state for `from`
	 * @throws InvariantError for records that no agent writes
	 */
	constructor(
		config: AgentConfig,
		durable: Iterable<DurableRecord> | LogReplay = [],
		trimmedThrough: Slot = 0,
		members?: MembersState,
		state?: AgentState,
	) {
		const replay = durable instanceof LogReplay ? durable : replayed(durable, config, trimmedThrough, members);
		const log = state
			? new SlotLog(new Members(config.openSlotsMax, state.members), trimmedThrough, state.log)
			: replay.log;
		this.#appliedThrough = state?.appliedThrough ?? trimmedThrough;
		this.#context = {
			config,
			members: log.members,
			out: new Outbox(false),
			nowMs: 0,
			steadyMs: 0,
			stillMs: 0,
			room: 'everything',
			epoch: state?.epoch ?? 0,
			promised: () => this.#acceptor.promised,
			chosenThrough: () => this.#log.chosenThrough,
		};
		const context = this.#context;
		this.#log = log;
		this.#clocks = new Clocks(context, state?.clocks);
		this.#acceptor = new Acceptor(context, log, replay.promised, state?.acceptor);
		this.#learner = new Learner(context, log, state?.learner);
		this.#proposals = new Proposals(context, log, state?.pending);
		this.#reads = new Reads(context, state?.reads);
		this.#poll = new Poll(context, state?.poll);
		this.#handover = new Handover(context, state?.handover);
		this.#departure = new Departure(context, state?.departure);
		this.#neighbours = new Neighbours(context, state?.neighbours);
		const rooms = {
			context,
			log,
			clocks: this.#clocks,
			acceptor: this.#acceptor,
			learner: this.#learner,
			proposals: this.#proposals,
			reads: this.#reads,
			poll: this.#poll,
			neighbours: this.#neighbours,
		};
		this.#role = new RoleMachine(rooms, state?.role);
		this.#view = new LiveView({ ...rooms, role: this.#role }, () => this.#appliedThrough);
	}

	/** The members as this node knows them. They change with a step; only the agent changes them. */
	get members(): Members {
		return this.#log.members;
	}

	/** @throws InvariantError when something happened that must not: the node has to stop */
	step(event: Event, { wallMs, steadyMs, stillMs, room }: Moment): Effects {
		const out = new Outbox(this.watched);
		this.#context.out = out;
		this.#context.nowMs = Math.max(0, Math.floor(wallMs));
		this.#context.steadyMs = Math.max(0, Math.floor(steadyMs));
		this.#context.stillMs = stillMs;
		this.#context.room = room;
		const chosenBefore = this.#log.chosenThrough;
		const leaderBefore = this.#role.leader.ballot;
		const membersBefore = this.#context.members.last;
		this.#dispatch(event);
		this.#role.leadership?.acceptAgain();
		if (this.#context.members.last !== membersBefore) this.#membersChosen();
		this.#role.settle();
		this.#sendOnTheirWay();
		this.#askToRead();
		this.#role.askForCampaign();
		this.#lead(chosenBefore);
		this.#tellNeighbours(chosenBefore, leaderBefore);
		return out;
	}

	/** One object for the whole life of the agent. */
	view(): AgentView {
		return this.#view;
	}

	get state(): AgentState {
		return {
			epoch: this.#context.epoch,
			appliedThrough: this.#appliedThrough,
			clocks: this.#clocks.state,
			log: this.#log.state,
			members: this.#context.members.state,
			acceptor: this.#acceptor.state,
			learner: this.#learner.state,
			pending: this.#proposals.pending.state,
			reads: this.#reads.state,
			poll: this.#poll.state,
			handover: this.#handover.state,
			departure: this.#departure.state,
			neighbours: this.#neighbours.state,
			role: this.#role.state,
		};
	}

	/** An agent that goes on from this state, which is the agent's from now on. */
	static from(config: AgentConfig, state: AgentState): PaxosAgent {
		return new PaxosAgent(config, [], state.log.trimmedThrough, undefined, state);
	}

	#dispatch(event: Event): void {
		switch (event.kind) {
			case 'start':
				return this.#start(event.epoch);
			case 'receive':
				return this.#receive(event.from, event.message);
			case 'propose':
				return this.#proposals.propose(event.proposal);
			case 'withdraw':
				return this.#proposals.withdraw(event.proposal);
			case 'read':
				return this.#reads.add(event.read);
			case 'timer':
				return this.#timer(event.timer);
			case 'campaign':
				return this.#role.campaign(event.now);
			case 'linkUp':
				this.#tellPastMember(event.peer);
				return this.#sendAgain(event.peer);
			case 'linkDown':
				this.#learner.linkDown(event.peer);
				return this.#role.linkDown(event.peer);
			case 'leave':
				return this.#handover.leave(this.#role.ballot);
			case 'handOver':
				return this.#handover.wanted(event.to, this.#role.ballot);
			case 'changeMembers':
				return this.#changeMembers(event);
			case 'snapshot':
				return this.#snapshot(event.through, event.members);
			case 'applied':
				this.#appliedThrough = Math.max(this.#appliedThrough, event.through);
				return this.#proposals.settled(event.settled);
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
		this.#role.start();
	}

	/** The slots up to `through` are needed no more; or they are new to this node, which has them all at once. */
	#snapshot(through: Slot, members: MembersState | null): void {
		const isNew = through > this.#log.chosenThrough;
		this.#role.trimmed(through);
		this.#log.trim(through, members);
		if (!isNew) return;
		this.#appliedThrough = through;
		this.#context.out.fact({ kind: 'installed', through });
		this.#role.installed();
		this.#learner.installed();
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
				if (this.#isNoVoter(from, message)) return this.#tellHearing(from);
				this.#acceptor.prepare(from, message);
				return this.#role.promisedTo(from, message.ballot);
			case 'promise':
				return this.#role.promised(from, message);
			case 'accept':
				this.#acceptor.accept(from, message);
				return this.#role.follow(from, message);
			case 'accepted':
				return this.#role.accepted(from, message);
			case 'nack':
				return this.#role.halt(message.promised, from);
			case 'heartbeat':
				// Its accepts may have been ignored with it.
				if (this.#clocks.hadIgnored(message.ballot)) this.#acceptor.lacks(message.ballot);
				this.#acceptor.heartbeat(from, message);
				return this.#role.follow(from, message);
			case 'confirm':
				// A follower has no ballot, and an empty one is no answer to it.
				if (!this.#role.leadership || !sameBallot(message.ballot, this.#role.ballot)) return;
				this.#role.leadership.confirmed(from, message);
				this.#handover.confirmed(from, message);
				return this.#reads.confirmed(from, message.round);
			case 'handOver':
				// Where all nodes stop at once, the leadership would go around.
				if (this.#handover.state.isLeaving) return;
				return this.#role.candidacy.handedOver(message.ballot, this.#role.leader.ballot);
			case 'poll':
				// A node that leaves is told only of what cannot be forgotten.
				if (this.#context.members.past.includes(from)) this.#acceptor.recordChosen(true);
				return this.#neighbours.reply(from, message, this.#role.leader.hearing);
			case 'pollReply':
				this.#clocks.named(from, message.leader);
				this.#clocks.saw(message.leader);
				this.#departure.told(from, message.chosenThrough);
				this.#neighbourHears(from, message);
				return this.#role.pollReplied(from, message);
			case 'hears':
				return this.#neighbourHears(from, message);
			case 'digest':
			case 'snapshotAsk':
			case 'snapshotPart':
				return;
			case 'fetch':
				return this.#learner.answer(from, message);
			case 'decisions':
				return this.#role.learned(from, this.#learner.learn(from, message));
			case 'trimmed':
				this.#role.trimmed(message.trimmedThrough);
				return this.#learner.trimmed(from, message);
			case 'forward':
				if (this.#role.leadership) return this.#forwarded(this.#role.leadership, from, message);
				return this.#passOn(from, message);
			case 'noRoom':
				if (message.origin !== this.#context.config.id) return this.#passBack(message);
				return this.#proposals.forwardRefused(message);
			case 'readAsk':
				if (this.#role.leadership) return this.#reads.ask(from, message);
				return this.#passOn(from, message);
			case 'readIndex':
				if (message.origin !== this.#context.config.id) return this.#passBack(message);
				return this.#reads.answered(message);
		}
	}

	/**
	 * Why the message makes no sense from this sender; null if it does. That the sender is no member is no reason: it may be
	 * one by a change that this node has not learned. Its votes count only where it is.
	 */
	#refusal(from: NodeId, message: Message): string | null {
		if (isProposers(message) && message.ballot.node !== from) return 'the ballot is another node’s';
		return null;
	}

	/**
	 * Whether the sender stands for election, and is no voter any more: this node knows all slots to be chosen that the
	 * sender knows, and the sender is a voter in none that follow. It learns so from what this node knows.
	 *
	 * @source Raft thesis (Ongaro 2014) 4.2.3 (disruptive servers)
	 */
	#isNoVoter(from: NodeId, { chosenThrough }: Prepare): boolean {
		return chosenThrough <= this.#log.chosenThrough && !this.#context.members.isVoter(from);
	}

	#tellHearing(to: NodeId): void {
		this.#context.out.now(to, { kind: 'hears', ...this.#role.leader.hearing });
	}

	#changeMembers({ id, members, follows }: Event & { kind: 'changeMembers' }): void {
		const { leadership } = this.#role;
		const why = leadership ? leadership.change(id, { members, follows }) : 'notLeader';
		if (why !== null) this.#context.out.outcomes.push({ kind: 'changeRefused', id, why });
	}

	#membersChosen(): void {
		const { chosenAt, from, members } = this.#context.members.last;
		this.#context.out.fact({ kind: 'members', chosenAt, from, members });
		this.#role.membersChosen();
	}

	/** A follower's proposal, at the leader, which has it now, or says that it has no room. */
	#forwarded(leadership: Leadership, from: NodeId, forward: Forward): void {
		if (leadership.takeForward(forward)) return;
		const { origin, epoch, id } = forward;
		this.#context.out.now(from, { kind: 'noRoom', origin, epoch, id });
	}

	#timer(timer: Timer): void {
		switch (timer) {
			case 'fetch':
				return this.#learner.askedInVain();
			case 'forward':
				return this.#proposals.pending.retryRefused();
			case 'quorum':
				this.#handover.periodEnded();
				return this.#role.quorum();
			case 'heartbeat':
				this.#role.heartbeat();
				return this.#handover.beat(this.#role.ballot);
			default:
				return this.#role[timer]();
		}
	}

	// What waits here

	/** The fate of what left before is known once everything that could have been chosen is applied. */
	#sendOnTheirWay(): void {
		if (!this.#proposals.pending.hasWaiting) return;
		const { leader, leadership } = this.#role;
		const { route, recoveredThrough } = leader;
		if (route !== null) this.#proposals.send(route, this.#appliedThrough >= recoveredThrough, leadership);
	}

	/**
	 * A node that was removed while it was cut off may know only members that are gone by now, and then polls nobody who could
	 * tell it. It is told only of what cannot be forgotten, as in answers to its polls.
	 */
	#tellPastMember(peer: NodeId): void {
		const { members, out } = this.#context;
		if (!members.past.includes(peer)) return;
		this.#acceptor.recordChosen(true);
		out.whenDurable(peer, { kind: 'hears', ...this.#role.leader.hearing });
	}

	/** What was on its way when the link went down is lost. */
	#sendAgain(peer: NodeId): void {
		this.#role.resendTo(peer);
		const { route } = this.#role.leader;
		if (peer !== route?.to) return;
		this.#proposals.forwardAgain(route);
		this.#reads.askAgain(peer);
	}

	#askToRead(): void {
		if (!this.#reads.wantsToAsk) return;
		const { route } = this.#role.leader;
		if (route && route.to !== this.#context.config.id) this.#reads.askLeader(route.to);
	}

	// For a neighbour that does not reach the leader

	/** To the leader that this node hears. Only what a neighbour has itself is passed on: there is one hop, no more. */
	#passOn(from: NodeId, message: Forward | ReadAsk): void {
		const leader = this.#role.leader.otherNode;
		if (message.origin !== from) return;
		if (leader === null) return this.#tellHearing(from);
		this.#neighbours.relayFor(from);
		this.#context.out.now(leader, message);
	}

	/** The neighbour is told how far this node is first: it has to get there before it can answer. */
	#passBack(message: NoRoom | ReadIndex): void {
		this.#tellHearing(message.origin);
		this.#context.out.now(message.origin, message);
	}

	#neighbourHears(from: NodeId, hearing: Hearing): void {
		this.#learner.fetchFrom(from, hearing.chosenThrough);
		this.#role.neighbourHears(from, hearing);
	}

	#tellNeighbours(chosenBefore: Slot, leaderBefore: Ballot): void {
		if (this.#log.chosenThrough === chosenBefore && sameBallot(this.#role.leader.ballot, leaderBefore)) return;
		for (const neighbour of this.#neighbours.relaysFor) this.#tellHearing(neighbour);
	}

	/** At the end of each step of a leader: what can be proposed, confirmed or told, now. */
	#lead(chosenBefore: Slot): void {
		const { leadership } = this.#role;
		if (!leadership) return;
		leadership.place();
		this.#reads.confirmWaiting(leadership);
		if (this.#log.chosenThrough > chosenBefore) leadership.tell();
	}
}

function replayed(
	records: Iterable<DurableRecord>,
	config: AgentConfig,
	trimmedThrough: Slot,
	members?: MembersState,
): LogReplay {
	const replay = new LogReplay(config, trimmedThrough, members);
	for (const record of records) replay.add(record);
	return replay;
}

/** What a proposer sends under a ballot of its own. */
function isProposers(message: Message): message is Message & { kind: 'prepare' | 'accept' | 'heartbeat' | 'handOver' } {
	const { kind } = message;
	return kind === 'prepare' || kind === 'accept' || kind === 'heartbeat' || kind === 'handOver';
}
