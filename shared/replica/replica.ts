/**
 * One node's whole replica, composed: the loop around the agent, the commands and reads on their way, and what is told
 * to the other nodes. It knows its state machine as a `Machine`, and the rooms through which people use that as
 * `MachineDoors`. The server runs it over sockets, files, clocks and timers, the simulator over a simulated world. The
 * order of a turn is here, and nowhere else.
 *
 * What it must never do: read a clock, draw a number or wait. Those are its `ReplicaRuntime`. An error that it throws
 * is a broken invariant, and the node has to stop.
 */
import { type Ballot, NO_BALLOT, type NodeId } from '../paxos/ballot.ts';
import type { ChangeOutcome, Outcome } from '../paxos/effects.ts';
import type { ProposalId } from '../paxos/event.ts';
import { type MembersState, membersIndex } from '../paxos/members.ts';
import type { Message, Slot } from '../paxos/message.ts';
import { isQuorumOf, quorumSize } from '../paxos/quorum.ts';
import type { Operation, PartOfTransaction } from '../store/command.ts';
import type { Machine } from '../store/machine.ts';
import type { Result } from '../store/result.ts';
import { Barriers, type OnConfirmed } from './barriers.ts';
import type { Refusal, SubmitOptions } from './batch.ts';
import { Deadlines } from './deadlines.ts';
import { Digests } from './digests.ts';
import { DiskWatch } from './disk-watch.ts';
import type { MachineDoors } from './doors.ts';
import { Intake } from './intake.ts';
import { REPLICA_LIMITS, type ReplicaLimits } from './limits.ts';
import { type LoopListener, type LoopLog, ReplicaLoop } from './loop.ts';
import { Membership, type MembersRequest, type OnMembers } from './membership.ts';
import type { FrameNumber } from './memory.ts';
import { type NamedRequest, NamedRequests, type OnNamed } from './named-requests.ts';
import type { OnAnswer, OnPart } from './own-batch.ts';
import { OwnClient } from './own-client.ts';
import { PeerTable } from './peers.ts';
import type { ReplicaAgent, ReplicaOptions, ReplicaRuntime, ReplicaTimer } from './runtime.ts';
import { type OnSnapshot, SNAPSHOT_LIMITS, type SnapshotLog } from './snapshots.ts';
import { StateTransfer } from './state-transfer.ts';
import { Stillness } from './stillness.ts';
import { Submissions } from './submissions.ts';
import { type OnSucceeded, Succession } from './succession.ts';
import { Tells } from './tells.ts';
import { type AgentSnapshot, type PeerView, type ReplicaView, replicaViewOf, snapshotOf } from './view.ts';

const DISK_BEHIND: Refusal = { why: 'diskBehind', detail: 'the disk does not keep up' };

export class Replica<Doors extends MachineDoors = MachineDoors> implements LoopListener {
	readonly machine: Machine;
	readonly submissions: Submissions;
	readonly doors: Doors;
	readonly #id: NodeId;
	readonly #agent: ReplicaAgent;
	readonly #log: LoopLog & SnapshotLog;
	readonly #runtime: ReplicaRuntime;
	readonly #loop: ReplicaLoop;
	readonly #deadlines: Deadlines;
	readonly #own: OwnClient;
	readonly #named: NamedRequests;
	readonly #barriers: Barriers;
	readonly #succession: Succession;
	readonly #tells: Tells;
	readonly #diskWatch: DiskWatch;
	readonly #intake: Intake;
	readonly #digests: Digests;
	readonly #stateTransfer: StateTransfer;
	readonly #membership: Membership;
	readonly #linkMs: number;
	readonly #stillness: Stillness;
	readonly #peers = new PeerTable();
	#lacksRoom: Refusal | null = null;
	/** The members that the runtime was last told. */
	#members: MembersState;
	#turnIsAsked = false;
	#stopped = false;

	constructor(options: ReplicaOptions<Doors>) {
		const { id, agent, log, machine, requestMs, limits = REPLICA_LIMITS, runtime } = options;
		this.#id = id;
		this.#linkMs = options.linkMs;
		this.#agent = agent;
		this.#log = log;
		this.#runtime = runtime;
		this.#members = agent.members.state;
		this.machine = machine;
		const nowMs = () => runtime.nowMs();
		const soon = () => this.#soon();
		this.#deadlines = new Deadlines({ nowMs, setTimer: (afterMs) => runtime.setTimer('deadline', afterMs) });
		this.#tells = this.#newTells();
		this.#diskWatch = this.#newDiskWatch();
		this.#intake = this.#newIntake();
		this.#stillness = new Stillness({ nowMs, setTimer: (afterMs) => runtime.setTimer('stillness', afterMs) });
		this.#loop = this.#newLoop(limits);
		this.#digests = this.#newDigests();
		this.#stateTransfer = this.#newStateTransfer(options);
		this.#membership = this.#newMembership();
		const refusal = () => this.#refusal();
		this.submissions = new Submissions(this.#loop, this.#deadlines, { soon, refusal }, limits);
		this.#own = this.#newOwnClient();
		this.#named = new NamedRequests(this.submissions, { nowMs, machine });
		this.#barriers = new Barriers(this.#loop, this.#deadlines, soon);
		this.#succession = new Succession(
			id,
			{ handOver: (to) => this.#loop.handOver(to), leader: () => agent.view().leader },
			this.#deadlines,
		);
		this.doors = options.doors({
			id,
			agent,
			submissions: this.submissions,
			barriers: this.#barriers,
			limits,
			requestMs,
			runtime,
			urlOf: (member) => options.urlOf(member),
			membersIndex: () => membersIndex(agent.members.sets),
			submit: (operation, submitOptions, answer) => this.#own.submit(operation, submitOptions, answer),
			soon,
		});
	}

	// The parts that need much of this replica or its runtime

	#newTells(): Tells {
		const runtime = this.#runtime;
		const { mesh } = runtime;
		return new Tells({
			nowMs: () => runtime.nowMs(),
			setTimer: (afterMs) => runtime.setTimer('tell', afterMs),
			send: ({ to, message }) => mesh.send(to, message),
			released: () => mesh.flush(),
		});
	}

	#newDiskWatch(): DiskWatch {
		const runtime = this.#runtime;
		return new DiskWatch(this.#log, {
			nowMs: () => runtime.nowMs(),
			setTimer: (afterMs) => runtime.setTimer('diskWatch', afterMs),
			isolate: (isAlone, why) => runtime.mesh.isolate(isAlone, why),
			told: (what, detail) => runtime.fact({ kind: 'disk', what, detail }),
		});
	}

	#newIntake(): Intake {
		const runtime = this.#runtime;
		const { mesh } = runtime;
		return new Intake(this.#peerIds, this.#log, {
			setTimer: (afterMs) => runtime.setTimer('recall', afterMs),
			over: () => this.#soon(),
			disbelieved: (detail) => runtime.fact({ kind: 'state', what: 'disbelieved', detail }),
			cut: (peer, why) => mesh.cut(peer, why),
		});
	}

	#newLoop({ appliedBytesFull }: ReplicaLimits): ReplicaLoop {
		const [agent, runtime] = [this.#agent, this.#runtime];
		return new ReplicaLoop({
			id: this.#id,
			agent,
			log: this.#log,
			machine: this.machine,
			appliedThrough: agent.view().appliedThrough,
			runtime: {
				nowMs: () => runtime.nowMs(),
				wallTime: () => runtime.wallTime(),
				stillMs: () => this.#stillness.stillMs,
				random: () => runtime.random(),
				setTimer: (timer, afterMs) => runtime.setTimer(timer, afterMs),
				send: (envelope) => this.#tells.send(envelope),
				fact: (fact) => runtime.fact(fact),
				soon: () => this.#soon(),
			},
			listener: this,
			appliedBytesFull,
		});
	}

	#newDigests(): Digests {
		const [agent, runtime] = [this.#agent, this.#runtime];
		const { mesh } = runtime;
		return new Digests(this.#id, this.#loop.digests, {
			setTimer: (afterMs) => runtime.setTimer('digest', afterMs),
			isQuorum: (nodes) => isQuorumOf(nodes, agent.members.last.voters),
			tellAll: (message) => {
				for (const peer of mesh.linked()) this.#tells.send({ to: peer, message });
				mesh.flush();
			},
			report: (what, detail) => runtime.fact({ kind: 'state', what, detail }),
		});
	}

	#newStateTransfer(options: ReplicaOptions<Doors>): StateTransfer {
		const runtime = this.#runtime;
		const { swarm, snapshotLimits = SNAPSHOT_LIMITS } = options;
		return new StateTransfer(
			this.machine,
			this.#log,
			{ swarm, restore: () => options.restore(), limits: snapshotLimits },
			{
				nowMs: () => runtime.nowMs(),
				setTimer: (timer, afterMs) => runtime.setTimer(timer, afterMs),
				fact: (fact) => runtime.fact(fact),
				linked: () => runtime.mesh.linked(),
				send: (to, message) => this.#sendNow(to, message),
				reachedBy: (peer) => this.#peers.of(peer).chosenThrough,
				appliedThrough: () => this.#loop.appliedThrough,
				members: () => this.#loop.members,
				trimmed: (through) => this.#loop.trim(through),
				received: (through, restored) => this.#loop.install(through, restored),
			},
		);
	}

	#newMembership(): Membership {
		const [agent, runtime] = [this.#agent, this.#runtime];
		return new Membership(this.#id, agent.members, this.#deadlines, {
			setTimer: (afterMs) => runtime.setTimer('members', afterMs),
			view: () => agent.view(),
			linked: () => runtime.mesh.linked(),
			change: (id, change) => this.#loop.changeMembers(id, change),
		});
	}

	#newOwnClient(): OwnClient {
		const runtime = this.#runtime;
		const { follower } = runtime;
		return new OwnClient(this.submissions, this.#deadlines, {
			nowMs: () => runtime.nowMs(),
			newId: () => runtime.newId(),
			soon: () => this.#soon(),
			batched: follower && ((batch) => follower.batched(batch)),
		});
	}

	// Its life

	/** As `ReplicaLoop.replay`: to be called before `start`. */
	replay(): Generator<Slot, void> {
		return this.#loop.replay(this.#agent.view());
	}

	start(): void {
		this.#intake.recall.start(this.#linkMs);
		this.#stillness.start();
		this.#digests.start();
		this.#stateTransfer.start();
		this.#membership.start();
		this.doors.start();
		this.#loop.start();
	}

	/** As `ReplicaLoop.leave`. It serves on until `stop`. */
	leave(): void {
		if (!this.#stopped) this.#loop.leave();
	}

	/** Stops for good, and answers all requests that wait. */
	stop(): void {
		if (this.#stopped) return;
		this.halt();
		this.#own.stop();
		this.submissions.stop();
		this.#barriers.stop();
		this.doors.stop();
		this.#succession.stop();
		this.#stateTransfer.stop();
		this.#membership.stop();
	}

	/** Stops for good, and leaves all requests that wait without an answer, as a crash does. */
	halt(): void {
		this.#stopped = true;
		this.#loop.stop();
	}

	get appliedThrough(): Slot {
		return this.#loop.appliedThrough;
	}

	/** How much unfinished work of each kind there is. Every count is 0 once all requests are answered. */
	get unfinished(): Readonly<Record<string, number>> {
		return {
			'proposals in the table': this.submissions.proposedCount,
			'bytes of commands': this.submissions.bytes,
			'commands of its own client': this.#own.count,
			'requests with a name': this.#named.count,
			'reads behind a barrier': this.#barriers.count,
			...this.doors.unfinished,
			'requests for another leader': this.#succession.count,
			'changes of members': this.#membership.count,
			deadlines: this.#deadlines.count,
			'nodes to be told': this.#tells.count,
		};
	}

	// From the runtime

	/** Up to this frame the log of this node is durable. Everything that is sent says it. */
	get reached(): FrameNumber {
		return this.#log.reached;
	}

	/** Up to this frame the log of `peer` was durable, as far as this node remembers. It is said when a link is made. */
	remembered(peer: NodeId): FrameNumber {
		return this.#intake.remembered(peer);
	}

	/** Takes all messages of one frame. @param reached how far the sender says that its log is durable */
	receive(from: NodeId, messages: readonly Message[], reached: FrameNumber): void {
		if (this.#stopped) return;
		const taken = this.#intake.take(from, messages, reached);
		if (taken.length === 0) return;
		const wallMs = this.#runtime.wallTime().ms;
		for (const message of taken) {
			this.#peers.heard(from, message, wallMs);
			this.#tells.heard(from, message);
			if (message.kind === 'digest') this.#digests.told(from, message);
			this.#stateTransfer.heard(from, message);
		}
		this.#loop.receive(from, taken);
	}

	/** As `Intake.linkUp`. */
	linkUp(peer: NodeId, remembered: FrameNumber): void {
		if (this.#stopped) return;
		this.#intake.linkUp(peer, remembered);
		this.#stateTransfer.linkUp(peer);
		this.#loop.linkUp(peer);
	}

	linkDown(peer: NodeId): void {
		if (this.#stopped) return;
		this.#intake.linkDown(peer);
		this.#loop.linkDown(peer);
	}

	/** A timer that was set by `ReplicaRuntime.setTimer` has fired. */
	fire(timer: ReplicaTimer): void {
		if (this.#stopped) return;
		switch (timer) {
			case 'deadline':
				return this.#deadlines.fire();
			case 'tell':
				return this.#tells.fire();
			case 'recall':
				return this.#intake.recall.fire();
			case 'stillness':
				return this.#stillness.fire();
			case 'digest':
				return this.#digests.fire();
			case 'members':
				return this.#membership.fire();
			case 'wait':
			case 'timeOuts':
				return this.doors.fire(timer);
			case 'snapshot':
			case 'snapshotPart':
			case 'transfer':
				return this.#stateTransfer.fire(timer);
			case 'diskWatch':
				// A full disk has reported that it has no room, so it is not silent.
				return this.#diskWatch.fire(this.#loop.waitsForDisk && this.#lacksRoom === null);
			case 'heartbeat':
				this.#succession.beat();
				return this.#loop.fire(timer);
			default:
				return this.#loop.fire(timer);
		}
	}

	/** Every record up to position `through` is durable: the envelopes that waited for it leave at once. */
	durable(through: number): void {
		if (this.#stopped) return;
		// The turn that is asked for now is the one below.
		this.#turnIsAsked = true;
		this.#diskWatch.durable(this.#loop.waitsForDisk);
		this.#loop.durable(through);
		this.turn();
	}

	/** The disk has no room, for the reason `why`, or has room again (null). Earlier proposals go on in either case. */
	lacksRoom(why: string | null): void {
		this.#lacksRoom = why === null ? null : { why: 'diskFull', detail: why };
		this.#diskWatch.answers();
	}

	/**
	 * All commands that are ready go into one proposal, the agent is stepped through all events, and then one frame goes
	 * to each peer and one flush to the disk. Frames leave before the flush, because the flush may block this thread, and
	 * the peers' part takes longest. But before the flush only as many peers get theirs as make a quorum with this node:
	 * the other peers get theirs when the disks of the quorum have begun to write.
	 */
	turn(): void {
		if (this.#stopped) return;
		// Input that is handed in from here on belongs to this turn, and must not ask for another.
		this.#turnIsAsked = true;
		this.doors.collect();
		this.#own.endTurn();
		this.submissions.endTurn();
		this.#barriers.endTurn();
		this.#turnIsAsked = false;
		this.#loop.turn(!this.#intake.recall.isWaiting);
		this.#tellMembers();
		this.#runtime.mesh.flush(this.#peersOfQuorum);
		if (this.#stopped) return;
		this.doors.answer();
		this.#succession.endTurn();
		this.doors.endTurn();
		this.#loop.flush();
		if (this.#loop.waitsForDisk) this.#diskWatch.waits();
		this.#runtime.mesh.flush();
	}

	// For the doors

	/** Gives the command an identity and proposes it. It is applied at most once, however often it is proposed again. */
	submit(operation: Operation, options: SubmitOptions, answer: OnAnswer): void {
		this.#own.submit(operation, options, answer);
	}

	/** As `OwnClient.transact`. */
	transact(operations: readonly PartOfTransaction[], timeoutMs: number, onPart: OnPart, answer: OnAnswer): void {
		this.#own.transact(operations, timeoutMs, onPart, answer);
	}

	/** As `NamedRequests.submit`. */
	submitNamed(request: NamedRequest, onPart: OnPart, answer: OnNamed): void {
		this.#named.submit(request, onPart, answer);
	}

	/** As `Membership.request`. */
	changeMembers(request: MembersRequest, timeoutMs: number, done: OnMembers): void {
		if (this.#stopped) return done({ kind: 'unknown' });
		this.#membership.request(request, timeoutMs, done);
	}

	/** Calls `done` once, and tells it whether `machine` may now answer a linearizable read that began before this call. */
	whenConfirmed(timeoutMs: number, done: OnConfirmed): void {
		if (this.#stopped) return done(false);
		this.#barriers.wait(timeoutMs, done);
	}

	/**
	 * This node leads, and `to` is to lead instead, or the follower that suits best (null). Another one may win the
	 * election all the same. @param done as `OnSucceeded`
	 */
	handOver(to: NodeId | null, timeoutMs: number, done: OnSucceeded): void {
		if (this.#stopped) return done(NO_BALLOT);
		this.#succession.begin(to, timeoutMs, done);
	}

	/** Makes sure of a durable snapshot that holds all that this node has applied: see `Snapshots.want`. */
	wantSnapshot(done: OnSnapshot): void {
		if (this.#stopped) return done('the node stops');
		this.#stateTransfer.want(done);
	}

	view(): ReplicaView {
		const faults = { diskFault: this.#diskWatch.fault, stateFault: this.#digests.fault };
		return replicaViewOf(this.#id, this.#agent.view(), this.#runtime.mesh, faults);
	}

	peers(): readonly PeerView[] {
		const { mesh } = this.#runtime;
		const linked = new Set(mesh.linked());
		return this.#peerIds.map((id) => ({
			id,
			linked: linked.has(id),
			heardMs: mesh.lastHeardMs(id),
			...this.#peers.of(id),
		}));
	}

	snapshot(): AgentSnapshot {
		return snapshotOf(this.#agent.view(), this.machine.revision, this.doors.shown);
	}

	get #peerIds(): NodeId[] {
		return this.#agent.members.ids.filter((id) => id !== this.#id);
	}

	/** How many others make a quorum with this node. */
	get #peersOfQuorum(): number {
		return quorumSize(this.#agent.members.last.voters) - 1;
	}

	// For the loop

	outcome(outcome: Outcome): void {
		if (outcome.kind === 'readAt') this.#barriers.readAt(outcome.slot);
		else if (outcome.kind === 'lacksSnapshot') this.#stateTransfer.lacks(outcome.from);
		else if (isOfMembers(outcome)) this.#membersChange(outcome);
		else this.submissions.outcome(outcome);
	}

	installed(through: Slot): void {
		this.submissions.installed(this.machine, through);
		this.doors.stateReplaced();
	}

	result(client: string, sequence: number, result: Result, slot: Slot, chosenAt: Ballot): void {
		this.submissions.result(client, sequence, result, slot, chosenAt);
	}

	applied(through: Slot, revision: number): readonly ProposalId[] {
		this.#runtime.applied(through, revision);
		this.#barriers.applied(through);
		this.#digests.applied();
		this.#membership.applied(through);
		return this.submissions.takeSettled();
	}

	#membersChange(outcome: ChangeOutcome): void {
		if (outcome.kind === 'removed') this.#runtime.removed(outcome.chosenAt);
		else this.#membership.outcome(outcome);
	}

	#tellMembers(): void {
		const { state } = this.#agent.members;
		if (state === this.#members) return;
		this.#members = state;
		this.doors.membersChanged();
		this.#runtime.membersChanged();
	}

	/** Sends what does not belong to a turn. */
	#sendNow(to: NodeId, message: Message): void {
		this.#tells.send({ to, message });
		this.#runtime.mesh.flush();
	}

	#refusal(): Refusal | null {
		if (this.#lacksRoom !== null) return this.#lacksRoom;
		return this.#log.room === 'everything' ? null : DISK_BEHIND;
	}

	/** Asks for a turn, which takes all input that is ready by then. */
	#soon(): void {
		if (this.#turnIsAsked || this.#stopped) return;
		this.#turnIsAsked = true;
		this.#runtime.soon();
	}
}

function isOfMembers(outcome: Outcome): outcome is ChangeOutcome {
	return outcome.kind === 'changeRefused' || outcome.kind === 'changePlaced' || outcome.kind === 'removed';
}
