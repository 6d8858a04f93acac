/**
 * The runtime of one node's replica: it gives the replica of `shared/replica` its files, clocks, timers, randomness and
 * mesh, and makes facts of what passes through them. It has no rule of its own.
 */
import { randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { nanoid } from 'nanoid';
import type { FilePart, NoRoomError } from '../../shared/disk/disk.ts';
import { Log, type Repair } from '../../shared/disk/log.ts';
import type { HeldSnapshot } from '../../shared/disk/snapshots.ts';
import type { NodeSnapshot, SwarmView, Troubles } from '../../shared/feed.ts';
import type { LinkFaultFrom } from '../../shared/lab.ts';
import type { PaxosAgent } from '../../shared/paxos/agent.ts';
import type { Ballot, NodeId } from '../../shared/paxos/ballot.ts';
import { CLOCK_SKEW_TOLD_MS } from '../../shared/paxos/bounds.ts';
import type { Member } from '../../shared/paxos/change.ts';
import type { AgentConfig } from '../../shared/paxos/config.ts';
import type { MembersState } from '../../shared/paxos/members.ts';
import type { Message, Slot } from '../../shared/paxos/message.ts';
import type { SubmitOptions } from '../../shared/replica/batch.ts';
import type { DoorParts, MachineDoors } from '../../shared/replica/doors.ts';
import { REPLICA_LIMITS } from '../../shared/replica/limits.ts';
import type { MembersAnswer, MembersRequest } from '../../shared/replica/membership.ts';
import type { OnAnswer } from '../../shared/replica/own-batch.ts';
import { Replica } from '../../shared/replica/replica.ts';
import type { ReplicaTimer } from '../../shared/replica/runtime.ts';
import { SNAPSHOT_LIMITS } from '../../shared/replica/snapshots.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import type { PeerView, ReplicaView } from '../../shared/replica/view.ts';
import { skewText } from '../../shared/skew.ts';
import type { Operation } from '../../shared/store/command.ts';
import { seedHashes } from '../../shared/store/key-table.ts';
import type { Machine, MachineKind } from '../../shared/store/machine.ts';
import { NodeTracing } from '../tracing/tracing.ts';
import { FactStream } from './fact-stream.ts';
import { applying, type Memory, type ReadableDisk, remember, type StartProgress } from './memory.ts';
import type { FactListener, FactWatch, NodeService, OpenSnapshot } from './service.ts';
import { inSlices } from './slices.ts';
import { timed } from './timed-disk.ts';
import { wallMs, wallTime } from './wall-clock.ts';
import { Watching } from './watching.ts';

// The stores of all nodes in this program are made after this module is loaded.
seedHashes(randomInt(2 ** 32));

/** The part of a frame of the mesh that the runtime uses. */
export interface Frame {
	readonly reached: number;
	readonly firstId: number;
	readonly messages: readonly Message[];
}

/** The part of the mesh that the runtime uses. */
export interface MeshOfReplica {
	/** @returns the message's number; -1 where the link is down */
	send(to: NodeId, message: Message): number;
	/** Tells the traces of a message, by the number that `send` has returned, before it leaves. */
	tellTraces(to: NodeId, message: number, traceparents: readonly string[]): void;
	/** See `MeshPort.flush`. */
	flush(peersMax?: number): void;
	/** See `MeshPort.cut`. */
	cut(peer: NodeId, why: string): void;
	/** See `MeshPort.isolate`. */
	isolate(isAlone: boolean, why: string): void;
	linked(): readonly NodeId[];
	lastHeardMs(peer: NodeId): number;
}

/** The swarm, and where its members are reached. */
export interface AddressedSwarm extends SwarmView {
	urlOf(member: Member): string;
}

export interface RunningReplicaOptions {
	readonly agent: AgentConfig;
	readonly epoch: string;
	readonly disk: ReadableDisk;
	/** The owner of the log on the disk: see `LogOptions`. */
	readonly logOwner: string;
	/** It is looked at for each answer, because its members change. */
	readonly swarm: AddressedSwarm;
	readonly mesh: MeshOfReplica;
	/** The faults of a lab, for watchers; null where there is none. */
	faults(): readonly LinkFaultFrom[] | null;
	/** The time limit of a client's request, milliseconds. */
	readonly requestMs: number;
	/** The shortest time-out that a session may have, milliseconds. */
	readonly sessionTtlMinMs: number;
	/** A link to a running node is made within this time, milliseconds. */
	readonly linkMs: number;
	/** A log of more bytes is trimmed: see `SnapshotLimits.logBytesMin`. */
	readonly logBytesMin: number;
	/** The members as the log says them, at the start and after each change. */
	membersAre(state: MembersState): void;
	/** As of `ReplicaRuntime`. */
	removed(chosenAt: Slot): void;
	/** A write of the log is durable, and took so long. */
	flushed(ms: number): void;
	/** A client sent a malformed frame. `from` is the address that its door was given. */
	malformed(from: string, why: string): void;
	/** Is told the progress until the replica is started. */
	progress(progress: StartProgress): void;
	/** The disk failed or an invariant is broken, and the node must stop. Called once. */
	fatal(error: Error): void;
}

/** The interval of calls of `FileDisk.look`, `Log.tend` and `Machine.tidy`. */
const TEND_EVERY_MS = 1000;
/** So many items are dropped at a time, which takes a few milliseconds. */
const TIDIED_ITEMS_MAX = 20_000;

/** The state machine of a node, and the rooms through which people use it. */
export interface Application<State extends Machine, Doors extends MachineDoors> {
	readonly kind: MachineKind<State>;
	doors(machine: State, parts: DoorParts): Doors;
}

export class RunningReplica<State extends Machine, Doors extends MachineDoors> implements NodeService {
	readonly machine: State;
	readonly facts: FactStream;
	/** Whether its disk had nothing: the node has never promised or accepted anything. */
	readonly isNew: boolean;
	readonly #options: RunningReplicaOptions;
	readonly #id: NodeId;
	readonly #agent: PaxosAgent;
	readonly #log: Log;
	/** The repairs of the log as it was opened. They are told by `start`, when someone listens to facts. */
	readonly #repairs: readonly Repair[];
	protected readonly replica: Replica<Doors>;
	readonly #timers = new Map<ReplicaTimer, NodeJS.Timeout>();
	readonly #watching: Watching;
	/** null where the program has no provider of traces. */
	protected readonly tracing: NodeTracing | null;
	#tending: NodeJS.Timeout | undefined;
	#flushMs = 0;
	/** The last time that the event loop stood still, for people; null for never. */
	#stall: string | null = null;
	#stopped = false;

	/** @param memory what was read back: see `memoryOf` */
	constructor(application: Application<State, Doors>, options: RunningReplicaOptions, memory: Memory<State>) {
		const { recovered, agent, machine } = memory;
		this.#options = options;
		this.machine = machine;
		this.isNew = recovered.records.length === 0 && recovered.manifest.snapshot === null;
		this.#id = options.agent.id;
		this.facts = new FactStream(this.#id, options.epoch, wallMs);
		const { log, repairs } = Log.continue(
			timed(options.disk, (ms) => {
				this.#flushMs = ms;
				options.flushed(ms);
			}),
			recovered,
			{
				durable: (through) => this.#guard(() => this.replica.durable(through)),
				failed: (error) => this.fail(error),
				flushed: (count, bytes) => this.#flushed(count, bytes),
				room: (lack) => this.#room(lack),
			},
		);
		this.#log = log;
		this.#repairs = repairs;
		this.#agent = agent;
		this.#watching = new Watching(agent, this.facts, machine);
		const { mesh, swarm, requestMs } = options;
		options.membersAre(agent.members.state);
		this.tracing = NodeTracing.ofHost({
			node: this.#id,
			active: (isActive) => this.#watching.count(isActive),
			tell: (to, message, traceparents) => mesh.tellTraces(to, message, traceparents),
		});
		if (this.tracing !== null) this.facts.watch(this.tracing.fact);
		const turn = () => this.#guard(() => this.replica.turn());
		this.replica = new Replica({
			id: this.#id,
			urlOf: (member) => swarm.urlOf(member),
			agent: this.#agent,
			log,
			machine,
			restore: () => application.kind.restore(),
			doors: (parts) => application.doors(machine, parts),
			swarm: swarm.id,
			snapshotLimits: { ...SNAPSHOT_LIMITS, logBytesMin: options.logBytesMin },
			requestMs,
			limits: { ...REPLICA_LIMITS, sessionTtlMsMin: options.sessionTtlMinMs },
			linkMs: options.linkMs,
			runtime: {
				mesh: {
					send: (to, message) => this.#send(to, message),
					flush: (peersMax) => mesh.flush(peersMax),
					cut: (peer, why) => mesh.cut(peer, why),
					isolate: (isAlone, why) => mesh.isolate(isAlone, why),
					linked: () => mesh.linked(),
					lastHeardMs: (peer) => mesh.lastHeardMs(peer),
				},
				nowMs: () => performance.now(),
				wallTime,
				random: Math.random,
				newId: () => nanoid(),
				setTimer: (timer, afterMs) => this.#setTimer(timer, afterMs),
				soon: () => setImmediate(turn),
				fact: (fact) => this.facts.tell(fact),
				applied: (through, revision) => {
					if (this.#agent.watched) this.#tellApplied(through, revision);
				},
				membersChanged: () => options.membersAre(this.#agent.members.state),
				removed: (chosenAt) => options.removed(chosenAt),
				malformed: options.malformed,
				follower: this.tracing?.commands,
			},
		});
	}

	/**
	 * Applies the slots that were chosen before the last stop, while the event loop goes on. It is called before `start`.
	 */
	replay(): Promise<void> {
		const { chosenThrough, appliedThrough: first } = this.#agent.view();
		return inSlices(this.replica.replay(), {
			between: (slot) => this.#options.progress(applying(slot - first, chosenThrough - first)),
		});
	}

	start(): void {
		for (const { file, offset, bytes } of this.#repairs) {
			const detail = `cut off ${bytes} bytes of a write that a crash had torn, in ${file} at byte ${offset}`;
			this.facts.tell({ kind: 'disk', what: 'repaired', detail });
		}
		this.#tending = setInterval(() => {
			void this.#options.disk.look?.().then((error) => error && this.fail(error));
			this.#log.tend();
			this.machine.tidy(TIDIED_ITEMS_MAX);
		}, TEND_EVERY_MS);
		this.#guard(() => this.replica.start());
	}

	/** As `Replica.leave`. */
	leave(): void {
		this.#guard(() => this.replica.leave());
	}

	stop(): void {
		if (this.#stopped) return;
		this.#stopped = true;
		this.replica.stop();
		for (const timer of this.#timers.values()) clearTimeout(timer);
		this.#timers.clear();
		clearInterval(this.#tending);
		this.tracing?.stop();
		this.#log.close();
	}

	/** Stops for good, because this node must not go on. */
	fail(error: Error): void {
		if (this.#stopped) return;
		this.stop();
		this.#options.fatal(error);
	}

	// From the mesh

	get reached(): number {
		return this.replica.reached;
	}

	remembered(peer: NodeId): number {
		return this.replica.remembered(peer);
	}

	receive(from: NodeId, epoch: string, { firstId, messages, reached }: Frame): void {
		this.#watching.arrived(messages);
		if (this.#agent.watched) {
			for (const [index, message] of messages.entries()) {
				const messageId = `${epoch}:${firstId + index}`;
				this.facts.tell({ kind: 'received', from, messageId, message });
			}
		}
		this.#guard(() => this.replica.receive(from, messages, reached));
	}

	/** The message with this id, which comes next, belongs to these traces. */
	traces(messageId: string, traceparents: readonly string[]): void {
		this.tracing?.told(messageId, traceparents);
	}

	linkUp(peer: NodeId, remembered: number): void {
		this.facts.tell({ kind: 'linkUp', peer });
		this.#guard(() => this.replica.linkUp(peer, remembered));
	}

	linkDown(peer: NodeId, why: string): void {
		this.facts.tell({ kind: 'linkDown', peer, why });
		this.#guard(() => this.replica.linkDown(peer));
	}

	/** The event loop stood still. @param detail that as a sentence for people */
	stalled(ms: number, detail: string): void {
		this.#stall = detail;
		this.facts.tell({ kind: 'stall', ms, detail });
	}

	// For the doors

	get doors(): Doors {
		return this.replica.doors;
	}

	get isStopped(): boolean {
		return this.#stopped;
	}

	get revision(): number {
		return this.machine.revision;
	}

	submit(operation: Operation, options: SubmitOptions): Promise<SubmitAnswer> {
		return new Promise((resolve) => this.replica.submit(operation, options, this.followed(resolve)));
	}

	readBarrier(timeoutMs: number): Promise<boolean> {
		return new Promise((resolve) => this.replica.whenConfirmed(timeoutMs, resolve));
	}

	handOver(to: NodeId | null, timeoutMs: number): Promise<Ballot> {
		return new Promise((resolve) => this.replica.handOver(to, timeoutMs, resolve));
	}

	changeMembers(request: MembersRequest, timeoutMs: number): Promise<MembersAnswer> {
		return new Promise((resolve) => this.replica.changeMembers(request, timeoutMs, resolve));
	}

	openSnapshot(): Promise<OpenSnapshot | string> {
		return new Promise((resolve) => {
			if (this.#stopped) return resolve('the node stops');
			this.#guard(() => this.replica.wantSnapshot((lack) => resolve(lack ?? this.#holdSnapshot())));
		});
	}

	view(): ReplicaView {
		return this.replica.view();
	}

	proposals(): { readonly pending: number; readonly failed: number } {
		const { proposedCount, failedCount } = this.replica.submissions;
		return { pending: proposedCount, failed: failedCount };
	}

	peers(): readonly PeerView[] {
		return this.replica.peers();
	}

	snapshot(): NodeSnapshot {
		this.#watching.passOver();
		return {
			node: this.#id,
			epoch: this.facts.epoch,
			seq: this.facts.seq,
			time: wallMs(),
			swarm: this.#swarm,
			linked: this.#options.mesh.linked(),
			faults: this.#options.faults(),
			troubles: this.#troubles,
			...this.replica.snapshot(),
		};
	}

	watch(listener: FactListener): FactWatch {
		return this.#watching.watch(listener);
	}

	/** The answer to wait for, so that the trace of the command ends with it; the same where it belongs to none. */
	protected followed(answer: OnAnswer): OnAnswer {
		return this.tracing === null ? answer : this.tracing.commands.follow(answer);
	}

	get #troubles(): Troubles {
		const { diskFault, stateFault } = this.view();
		const skewed = this.peers().filter(({ clockAheadMs }) => Math.abs(clockAheadMs ?? 0) > CLOCK_SKEW_TOLD_MS);
		return {
			...(diskFault !== null && { disk: diskFault }),
			...(stateFault !== null && { state: stateFault }),
			...(this.#stall !== null && { loop: this.#stall }),
			...Object.fromEntries(skewed.map(({ id, clockAheadMs }) => [`clock ${id}`, skewText(id, clockAheadMs ?? 0)])),
		};
	}

	get #swarm(): SwarmView {
		const { name, id, members, sets } = this.#options.swarm;
		return { name, id, members, sets };
	}

	#holdSnapshot(): OpenSnapshot {
		const { note, release } = this.#log.holdSnapshot() as HeldSnapshot;
		const read = (part: FilePart): Promise<Uint8Array> =>
			new Promise((resolve, reject) =>
				this.#log.readSnapshot(note.through, part, (error, bytes) =>
					error || bytes === null ? reject(error) : resolve(bytes),
				),
			);
		return { note, read, close: release };
	}

	// For the replica

	#send(to: NodeId, message: Message): void {
		const number = this.#options.mesh.send(to, message);
		if (number < 0 || !this.#agent.watched) return;
		const messageId = `${this.facts.epoch}:${number}`;
		this.facts.tell({ kind: 'sent', to, messageId, message });
		this.tracing?.sent(to, number, message);
	}

	#setTimer(timer: ReplicaTimer, afterMs: number): void {
		clearTimeout(this.#timers.get(timer));
		this.#timers.set(
			timer,
			setTimeout(() => this.#guard(() => this.replica.fire(timer)), afterMs),
		);
	}

	#tellApplied(through: Slot, revision: number): void {
		const told = this.#watching.tellRevision(revision);
		const changes = () => this.replica.doors.changesAfter(told);
		this.facts.tell({ kind: 'applied', through, revision, changes });
	}

	#flushed(records: number, bytes: number): void {
		if (this.#agent.watched) this.facts.tell({ kind: 'flushed', records, bytes, ms: this.#flushMs });
	}

	#room(lack: NoRoomError | null): void {
		const what = lack ? 'noRoom' : 'hasRoom';
		const detail = lack ? `takes no writes: ${lack.message}` : 'takes writes again';
		this.facts.tell({ kind: 'disk', what, detail });
		this.replica.lacksRoom(lack?.message ?? null);
	}

	/** Calls into the replica. An error that it throws is a broken invariant, and this node must not go on. */
	#guard(act: () => void): void {
		if (this.#stopped) return;
		try {
			act();
		} catch (error) {
			this.fail(error instanceof Error ? error : new Error(String(error)));
		}
	}
}

/**
 * Reads back what the disk holds, while the event loop goes on.
 *
 * @throws CorruptLogError where the disk holds bytes that this node cannot have written
 */
export function memoryOf<State extends Machine>(
	kind: MachineKind<State>,
	{ disk, logOwner, swarm, agent: config, progress }: RunningReplicaOptions,
): Promise<Memory<State>> {
	return remember({ kind, disk, logOwner, swarmId: swarm.id, config, progress });
}
