/**
 * One node's replica as the rest of the server sees it: the loop over real sockets, files, clocks and timers,
 * and behind `ReplicaService` everything that a door may ask. The rules are the agent's and the loop's.
 */
import { performance } from 'node:perf_hooks';
import type { Disk } from '../../shared/disk/disk.ts';
import { Log, type Repair } from '../../shared/disk/log.ts';
import type { RawFact } from '../../shared/fact.ts';
import type { Member, NodeSnapshot } from '../../shared/feed.ts';
import { PaxosAgent } from '../../shared/paxos/agent.ts';
import type { NodeId, WallTime } from '../../shared/paxos/ballot.ts';
import type { AgentConfig } from '../../shared/paxos/config.ts';
import type { TimerRequest } from '../../shared/paxos/effects.ts';
import type { Envelope, Message } from '../../shared/paxos/message.ts';
import { quorumSize } from '../../shared/paxos/quorum.ts';
import { Barriers } from '../../shared/replica/barriers.ts';
import { Deadlines } from '../../shared/replica/deadlines.ts';
import { ReplicaLoop } from '../../shared/replica/loop.ts';
import { PeerTable } from '../../shared/replica/peers.ts';
import type { ClientDoorPort, TurnPart } from '../../shared/replica/port.ts';
import { Tells } from '../../shared/replica/tells.ts';
import { snapshotOf } from '../../shared/replica/view.ts';
import type { Operation } from '../../shared/store/command.ts';
import { Store } from '../../shared/store/store.ts';
import { FactStream } from './fact-stream.ts';
import type { PeerView, ReplicaService, ReplicaView, SubmitAnswer, SubmitOptions } from './service.ts';
import { Submissions } from './submissions.ts';

/** What the replica needs of the mesh. */
export interface MeshPort {
	/** @returns the message's number; -1 where the link is down */
	send(to: NodeId, message: Message): number;
	/** Hands over what was sent, of so many peers at most; of the others at the next call. */
	flush(peersMax?: number): void;
	linked(): readonly NodeId[];
	lastHeardMs(peer: NodeId): number;
}

export interface ReplicaOptions {
	readonly agent: AgentConfig;
	readonly epoch: string;
	readonly disk: Disk;
	/** Whose log is on the disk: see `LogOptions`. */
	readonly logOwner: string;
	readonly swarm: { readonly name: string; readonly id: string; readonly members: readonly Member[] };
	readonly mesh: MeshPort;
	/** The disk failed or an invariant is broken: the node must stop. Called once. */
	fatal(error: Error): void;
}

/** See `Log.tend`. */
const TEND_EVERY_MS = 1000;

export class Replica implements ReplicaService, ClientDoorPort {
	readonly store = new Store();
	readonly facts: FactStream;
	readonly deadlines: Deadlines;
	readonly #options: ReplicaOptions;
	readonly #id: NodeId;
	readonly #agent: PaxosAgent;
	readonly #log: Log;
	/** What was cut off of the log as it was opened: told at the start, when somebody listens. */
	readonly #repairs: readonly Repair[];
	readonly #loop: ReplicaLoop;
	readonly #submissions: Submissions;
	readonly #barriers: Barriers;
	readonly #tells: Tells;
	readonly #peers = new PeerTable();
	readonly #timers = new Map<TimerRequest['timer'] | 'deadline' | 'tell', NodeJS.Timeout>();
	readonly #parts: TurnPart[] = [];
	/** How many others make a quorum with this node. */
	readonly #peersOfQuorum: number;
	/** Those of single messages; the log's own watcher, of the coarse facts, does not count. */
	#watchersCount = 0;
	#tending: NodeJS.Timeout | undefined;
	#turnAsked = false;
	#flushMs = 0;
	#stopped = false;

	/** @throws CorruptLogError when the disk holds what this node cannot have written */
	constructor(options: ReplicaOptions) {
		this.#options = options;
		this.#id = options.agent.id;
		this.#peersOfQuorum = quorumSize(options.agent.members) - 1;
		this.facts = new FactStream(this.#id, options.epoch, wallMs);
		const { log, records, repairs } = Log.open(
			timed(options.disk, (ms) => {
				this.#flushMs = ms;
			}),
			{ owner: options.logOwner },
			{
				durable: (through) => this.#durable(through),
				failed: (error) => this.#fail(error),
				flushed: (count, bytes) => this.#flushed(count, bytes),
				room: () => undefined,
			},
		);
		this.#log = log;
		this.#repairs = repairs;
		this.#agent = new PaxosAgent(options.agent, records);
		this.#loop = new ReplicaLoop(this.#id, this.#agent, log, this.store, {
			nowMs: () => performance.now(),
			wallTime,
			random: Math.random,
			setTimer: (timer, afterMs) => this.#setTimer(timer, afterMs, () => this.#loop.fire(timer)),
			send: (envelope) => this.#tells.send(envelope),
			fact: (fact) => this.facts.tell(fact),
			applied: (through, revision) => {
				if (this.#agent.watched) this.facts.tell({ kind: 'applied', through, revision });
			},
			soon: () => this.soon(),
		});
		this.deadlines = new Deadlines({
			nowMs: () => performance.now(),
			setTimer: (afterMs) => this.#setTimer('deadline', afterMs, () => this.deadlines.fire()),
		});
		this.#submissions = new Submissions(this.#loop, wallMs, () => this.soon());
		this.#barriers = new Barriers(this.#loop, this.deadlines, () => this.soon());
		this.#tells = new Tells({
			nowMs: () => performance.now(),
			setTimer: (afterMs) => this.#setTimer('tell', afterMs, () => this.#tells.fire()),
			send: (envelope) => this.#send(envelope),
			released: () => options.mesh.flush(),
		});
	}

	start(): void {
		for (const { file, offset, bytes } of this.#repairs) {
			const detail = `cut off ${bytes} bytes of a write that a crash had torn, in ${file} at byte ${offset}`;
			this.facts.tell({ kind: 'disk', what: 'repaired', detail });
		}
		this.#tending = setInterval(() => this.#log.tend(), TEND_EVERY_MS);
		this.#guard(() => this.#loop.start());
	}

	stop(): void {
		if (this.#stopped) return;
		this.#stopped = true;
		this.#submissions.stop();
		this.#barriers.stop();
		this.#tells.stop();
		this.#loop.stop();
		for (const timer of this.#timers.values()) clearTimeout(timer);
		this.#timers.clear();
		clearInterval(this.#tending);
		this.#log.close();
	}

	// From the mesh

	receive(from: NodeId, epoch: string, firstId: number, messages: readonly Message[]): void {
		const nowMs = Date.now();
		for (const message of messages) {
			this.#peers.heard(from, message, nowMs);
			this.#tells.heard(from, message);
		}
		if (this.#agent.watched) {
			for (const [index, message] of messages.entries()) {
				const messageId = `${epoch}:${firstId + index}`;
				this.facts.tell({ kind: 'received', from, messageId, message });
			}
		}
		this.#guard(() => this.#loop.receiveAll(from, messages));
	}

	linkUp(peer: NodeId): void {
		this.facts.tell({ kind: 'linkUp', peer });
		this.#guard(() => this.#loop.linkUp(peer));
	}

	linkDown(peer: NodeId, why: string): void {
		this.facts.tell({ kind: 'linkDown', peer, why });
		this.#guard(() => this.#loop.linkDown(peer));
	}

	// For the doors

	submit(operation: Operation, options: SubmitOptions): Promise<SubmitAnswer> {
		return this.#submissions.submit(operation, options);
	}

	readBarrier(timeoutMs: number): Promise<boolean> {
		return new Promise((resolve) => this.#barriers.wait(timeoutMs, resolve));
	}

	view(): ReplicaView {
		const { role, promised, leader, chosenThrough, appliedThrough } = this.#agent.view();
		const lastContactMs =
			leader.node === ''
				? Number.POSITIVE_INFINITY
				: leader.node === this.#id
					? 0
					: this.#options.mesh.lastHeardMs(leader.node);
		const linked = this.#options.mesh.linked();
		return { id: this.#id, role, promised, leader, chosenThrough, appliedThrough, lastContactMs, linked };
	}

	peers(): readonly PeerView[] {
		const { mesh, agent } = this.#options;
		const linked = new Set(mesh.linked());
		return agent.members
			.filter((id) => id !== this.#id)
			.map((id) => ({ id, linked: linked.has(id), heardMs: mesh.lastHeardMs(id), ...this.#peers.of(id) }));
	}

	snapshot(): NodeSnapshot {
		return {
			node: this.#id,
			epoch: this.facts.epoch,
			seq: this.facts.seq,
			time: wallMs(),
			swarm: this.#options.swarm,
			linked: this.#options.mesh.linked(),
			...snapshotOf(this.#agent.view(), this.store),
		};
	}

	watch(onFact: (fact: RawFact) => void): () => void {
		const unwatch = this.facts.watch(onFact);
		this.#watchersCount++;
		this.#agent.watched = true;
		return () => {
			unwatch();
			this.#watchersCount--;
			this.#agent.watched = this.#watchersCount > 0;
		};
	}

	// For the clients' door

	/** Asks for the end of this turn: everything that is ready by then goes together. */
	soon(): void {
		if (this.#turnAsked || this.#stopped) return;
		this.#turnAsked = true;
		setImmediate(() => this.#turn());
	}

	join(part: TurnPart): void {
		this.#parts.push(part);
	}

	whenConfirmed(timeoutMs: number, done: (confirmed: boolean) => void): void {
		this.#barriers.wait(timeoutMs, done);
	}

	get loop(): ReplicaLoop {
		return this.#loop;
	}

	get leader(): NodeId {
		return this.#agent.view().leader.node;
	}

	// For the loop

	#send({ to, message }: Envelope): void {
		const number = this.#options.mesh.send(to, message);
		if (number < 0 || !this.#agent.watched) return;
		const messageId = `${this.facts.epoch}:${number}`;
		this.facts.tell({ kind: 'sent', to, messageId, message });
	}

	#setTimer(name: TimerRequest['timer'] | 'deadline' | 'tell', afterMs: number, fire: () => void): void {
		clearTimeout(this.#timers.get(name));
		this.#timers.set(
			name,
			setTimeout(() => this.#guard(fire), afterMs),
		);
	}

	/** What waited for the disk leaves at once. */
	#durable(through: number): void {
		// The turn that this asks for is the one below.
		this.#turnAsked = true;
		this.#guard(() => this.#loop.durable(through));
		this.#turn();
	}

	#flushed(records: number, bytes: number): void {
		if (this.#agent.watched) this.facts.tell({ kind: 'flushed', records, bytes, ms: this.#flushMs });
	}

	/**
	 * One turn of the event loop: everything that was ready in it goes into one proposal, one step after the
	 * other, one frame to each peer and one flush. What leaves goes first, because the flush may stop this loop for
	 * its own time, and what a peer has to do takes longest. But only to as many peers as make a quorum with this
	 * node: the disk is to have begun, here and there, when the others are told.
	 */
	#turn(): void {
		this.#guard(() => {
			// What they hand in is for this very turn: it asks for no other.
			this.#turnAsked = true;
			for (const part of this.#parts) part.collect();
			this.#submissions.endTurn();
			this.#barriers.endTurn();
			this.#turnAsked = false;
			this.#loop.turn();
			this.#options.mesh.flush(this.#peersOfQuorum);
			for (const part of this.#parts) part.answer();
			this.#loop.flush();
			this.#options.mesh.flush();
		});
	}

	/** An error out of the agent or the store is a broken invariant: this node must not go on. */
	#guard(turn: () => void): void {
		if (this.#stopped) return;
		try {
			turn();
		} catch (error) {
			this.#fail(error instanceof Error ? error : new Error(String(error)));
		}
	}

	#fail(error: Error): void {
		if (this.#stopped) return;
		this.stop();
		this.#options.fatal(error);
	}
}

/** Tells how long each write, with its flush, took. */
function timed(disk: Disk, onWritten: (ms: number) => void): Disk {
	return {
		list: () => disk.list(),
		read: (name) => disk.read(name),
		create: (name, bytes, done) => disk.create(name, bytes, done),
		write: (name, offset, bytes, done) => {
			const startedMs = performance.now();
			disk.write(name, offset, bytes, (error) => {
				onWritten(performance.now() - startedMs);
				done(error);
			});
		},
	};
}

/** `performance` counts on from one reading of the wall clock, and gives microseconds, unlike `Date`. */
function wallMs(): number {
	return performance.timeOrigin + performance.now();
}

function wallTime(): WallTime {
	const now = wallMs();
	const ms = Math.floor(now);
	return { ms, ns: Math.floor((now - ms) * 1_000_000) };
}
