/**
 * One node of a simulated world: the whole production replica of one process after another (agent, loop, log, store,
 * submissions, reads, the clients' door), over a disk that stays. Everything it does passes the ledger and the
 * invariants on its way.
 */

import { CorruptLogError } from '../disk/corrupt-log-error.ts';
import { Log } from '../disk/log.ts';
import { newLogFiles } from '../disk/manifest.ts';
import { PaxosAgent } from '../paxos/agent.ts';
import type { NodeId, WallTime } from '../paxos/ballot.ts';
import type { AgentConfig } from '../paxos/config.ts';
import type { Effects } from '../paxos/effects.ts';
import type { Event, Moment } from '../paxos/event.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { LogEntry } from '../paxos/log.ts';
import type { Message, Slot } from '../paxos/message.ts';
import type { DurableRecord } from '../paxos/record.ts';
import type { LoopLog } from '../replica/loop.ts';
import type { MeshPort } from '../replica/port.ts';
import { Replica } from '../replica/replica.ts';
import type { DiskFact, ReplicaAgent, ReplicaRuntime, ReplicaTimer } from '../replica/runtime.ts';
import type { Bounds } from './bounds.ts';
import { Clock, type ClockTaste, STEADY_ERROR_MAX } from './clock.ts';
import type { Counters } from './counters.ts';
import type { Damage } from './damage.ts';
import { SimulatedDisk } from './disk.ts';
import type { Invariants } from './invariants.ts';
import { type Ledger, Violation } from './ledger.ts';
import { Random } from './random.ts';
import { type Instant, US_PER_MS } from './schedule.ts';
import { WatchedStore } from './watched-store.ts';

/** Small, so that a run fills many, but with room for all that clients hand in while there is no leader. */
const SEGMENT_BYTES = 128 * 1024;

const TURN_MAX_US = 500;
/** Of 1: a crash of the machine, not of the process alone. */
const LOSES_POWER = 0.7;
/** See `Log.tend`. */
const TEND_EVERY_US = 1000 * US_PER_MS;
/** How long a node cares for what a client of its door asks, milliseconds. */
const REQUEST_MS = 2_000;

/** What a node needs of its world. */
export interface Surroundings {
	readonly now: Instant;
	readonly ledger: Ledger;
	readonly invariants: Invariants;
	readonly counters: Counters;
	readonly clocks: ClockTaste;
	readonly bounds: Bounds;
	/** Whether facts of single messages are made. */
	readonly watched: boolean;
	readonly canary: boolean;
	/** Calls back at that time, unless the node's process has ended by then; later where it is paused. */
	later(node: SimulatedNode, time: Instant, what: Errand, act: () => void): void;
	/** The node ends its link to `peer`. */
	cut(node: SimulatedNode, peer: NodeId): void;
	isolate(node: SimulatedNode, isAlone: boolean): void;
	carry(from: SimulatedNode, to: NodeId, message: Message): void;
	told(node: SimulatedNode, fact: AgentFact): void;
	applied(node: SimulatedNode, through: Slot, revision: number): void;
	/** The process has ended by itself. */
	ended(node: SimulatedNode): void;
}

/** What a node may wait for, for the hash of all events. */
export type Errand = 'disk' | 'turn' | 'tend' | 'frame' | ReplicaTimer;

export class SimulatedNode {
	readonly index: number;
	readonly id: NodeId;
	readonly clock: Clock;
	readonly disk: SimulatedDisk;
	readonly config: AgentConfig;
	/** Grows with each life. */
	epoch = 0;
	process: Process | undefined;
	paused = false;
	/** What became of its files: it may refuse to start. */
	damage: Damage | undefined;
	/** It refuses to start, until its files are put back. */
	refuses = false;
	/** From now, so many messages leave; then the process ends. */
	sendsLeft = Number.POSITIVE_INFINITY;
	readonly random: Random;
	/** Its turns begin a moment after something came, and so do more at once; or they begin at once. */
	readonly gathers: boolean;
	/** Its log takes no values while so many records wait for the disk: less than a real one, in some nodes. */
	waitingRecordsMax: number;
	readonly #world: Surroundings;

	constructor(index: number, config: AgentConfig, seed: number, world: Surroundings) {
		this.index = index;
		this.id = config.id;
		this.config = config;
		this.random = new Random(seed, 0x6e6f6465, index);
		this.#world = world;
		this.gathers = this.random.chance(0.5);
		this.waitingRecordsMax = this.random.pick([12, 100, Number.POSITIVE_INFINITY]);
		const { spreadMs, resolutionUs } = world.clocks;
		const steadyError = new Random(seed, 0x73746561, index).between(-STEADY_ERROR_MAX, STEADY_ERROR_MAX);
		this.clock = new Clock(this.random.between(-spreadMs, spreadMs), resolutionUs, steadyError);
		const files = newLogFiles(config.id, SEGMENT_BYTES);
		this.disk = new SimulatedDisk(new Random(seed, 0x6469736b, index), this.#diskRuntime(), files);
	}

	start(): void {
		if (this.process || this.refuses) return;
		this.epoch++;
		try {
			this.process = new Process(this, this.#world);
		} catch (error) {
			if (!(error instanceof CorruptLogError)) throw error;
			if (!this.damage) throw new Violation('LogIsReadable', `${this.id}: ${error.message}`);
			this.refuses = true;
			this.#world.counters.corruptLogsRefused++;
			return;
		}
		if (this.damage && this.damage !== 'olderManifest') {
			throw new Violation('DamageIsRefused', `${this.id} starts on a log that is damaged: ${this.damage}`);
		}
		this.damage = undefined;
		this.process.start();
	}

	/** At once, with whatever is under way. */
	crash(): void {
		if (!this.process) return;
		this.process.end();
		this.process = undefined;
		this.paused = false;
		this.sendsLeft = Number.POSITIVE_INFINITY;
		const { torn, tornAtStart } = this.disk;
		const lostPower = this.random.chance(LOSES_POWER);
		this.disk.crash(this.#diskRuntime(), lostPower);
		const { counters } = this.#world;
		if (lostPower) counters.powerLosses++;
		counters.tornWrites += this.disk.torn - torn;
		counters.tornSegmentStarts += this.disk.tornAtStart - tornAtStart;
	}

	#diskRuntime() {
		const world = this.#world;
		const later = (time: Instant, act: () => void) => world.later(this, time, 'disk', act);
		return {
			get now() {
				return world.now;
			},
			at: later,
		};
	}
}

/** One life of one process. */
export class Process implements ReplicaRuntime {
	readonly agent: PaxosAgent;
	readonly replica: Replica;
	readonly node: SimulatedNode;
	readonly epoch: number;
	readonly mesh: MeshPort;
	readonly #log: Log;
	readonly #world: Surroundings;
	readonly #begun: Instant;
	readonly #timers = new Map<ReplicaTimer, number>();
	#timersAsked = 0;
	#idsMade = 0;
	/** By receiver, in order: what was sent and not yet handed over. */
	readonly #unsent = new Map<NodeId, Message[]>();
	/** By peer: when something was last heard of it. */
	readonly #heard = new Map<NodeId, Instant>();
	readonly #linked = new Set<NodeId>();
	#durable = 0;
	#ended = false;

	/** @throws CorruptLogError */
	constructor(node: SimulatedNode, world: Surroundings) {
		this.node = node;
		this.epoch = node.epoch;
		this.#world = world;
		this.#begun = world.now;
		this.mesh = this.#meshPort();
		const { ledger, invariants } = world;
		const { log, records, repairs } = Log.open(
			node.disk,
			{ owner: node.id },
			{
				durable: (through) => this.#durableThrough(through),
				failed: () => this.#fail(),
				flushed: () => world.counters.flushes++,
				room: (lack) => {
					this.replica.lacksRoom(lack?.message ?? null);
					if (lack) world.counters.roomLacked++;
					else world.counters.roomHadAgain++;
				},
			},
		);
		if (repairs.length > 0) world.counters.tornTails++;
		ledger.recovered(node.index, records);
		this.#log = log;
		this.agent = new PaxosAgent(node.config, records);
		this.agent.watched = world.watched;
		invariants.started(node.index, this.agent.view());
		this.replica = new Replica({
			id: node.id,
			members: node.config.members.map((id) => ({ id, url: `http://${id}` })),
			agent: this.#watchedAgent(),
			log: this.#watchedLog(),
			store: new WatchedStore(node.index, world),
			requestMs: REQUEST_MS,
			limits: world.bounds.replica,
			runtime: this,
		});
		this.#planTend();
	}

	/** What was chosen before is applied first, as by a real node. */
	start(): void {
		const view = this.agent.view();
		for (const slot of this.replica.replay()) {
			this.#world.invariants.replayed(this.node.index, { slot, ...(view.entry(slot) as LogEntry) });
		}
		this.replica.start();
	}

	/** As on a SIGTERM: it says how far its log has reached, and does nothing else any more. */
	close(): void {
		this.#ended = true;
		this.replica.stop();
		this.#log.close();
	}

	end(): void {
		this.#ended = true;
		this.replica.halt();
	}

	receive(from: NodeId, messages: readonly Message[]): void {
		this.#heard.set(from, this.#world.now);
		this.replica.receive(from, messages);
	}

	linkUp(peer: NodeId): void {
		this.#linked.add(peer);
		this.replica.linkUp(peer);
	}

	linkDown(peer: NodeId): void {
		this.#linked.delete(peer);
		this.replica.linkDown(peer);
	}

	// What the replica asks for

	nowMs(): number {
		return this.node.clock.steadyMs(this.#world.now, this.#begun);
	}

	wallTime(): WallTime {
		return this.node.clock.wallTime(this.#world.now);
	}

	random(): number {
		return this.node.random.fraction();
	}

	newId(): string {
		return `${this.node.id}.${this.epoch}.${++this.#idsMade}`;
	}

	setTimer(timer: ReplicaTimer, afterMs: number): void {
		const asked = ++this.#timersAsked;
		this.#timers.set(timer, asked);
		const time = this.#world.now + Math.ceil(afterMs * this.node.clock.pace * US_PER_MS);
		this.#world.later(this.node, time, timer, () => {
			if (this.#timers.get(timer) === asked) this.replica.fire(timer);
		});
	}

	soon(): void {
		const afterUs = this.node.gathers ? this.node.random.integer(0, TURN_MAX_US) : 0;
		this.#world.later(this.node, this.#world.now + afterUs, 'turn', () => this.replica.turn());
	}

	fact(fact: AgentFact | DiskFact): void {
		if (fact.kind !== 'disk') return this.#world.told(this.node, fact);
		if (fact.what === 'hangs') this.#world.counters.disksSilent++;
	}

	applied(through: Slot, revision: number): void {
		this.#world.applied(this.node, through, revision);
	}

	malformed(from: string, why: string): void {
		throw new Violation('ClientsAreWellFormed', `${this.node.id} is sent by ${from}: ${why}`);
	}

	#planTend(): void {
		this.#world.later(this.node, this.#world.now + TEND_EVERY_US, 'tend', () => {
			this.#log.tend();
			this.#planTend();
		});
	}

	#meshPort(): MeshPort {
		return {
			send: (to, message) => {
				// It is true as of now: what it says may be overtaken in this very turn, before it leaves.
				this.#world.invariants.sent(this.node.index, { to, message }, this.#world.now);
				const messages = this.#unsent.get(to);
				if (messages) messages.push(message);
				else this.#unsent.set(to, [message]);
			},
			flush: (peersMax = Number.POSITIVE_INFINITY) => {
				let peers = 0;
				for (const [to, messages] of this.#unsent) {
					if (peers++ >= peersMax) return;
					this.#unsent.delete(to);
					for (const message of messages) this.#send(to, message);
				}
			},
			cut: (peer) => this.#world.cut(this.node, peer),
			isolate: (isAlone) => this.#world.isolate(this.node, isAlone),
			linked: () => [...this.#linked],
			lastHeardMs: (peer) => {
				const heard = this.#heard.get(peer);
				return heard === undefined ? Number.POSITIVE_INFINITY : (this.#world.now - heard) / US_PER_MS;
			},
		};
	}

	#send(to: NodeId, message: Message): void {
		if (this.node.sendsLeft-- <= 0) {
			if (!this.#ended) this.#endWithin();
			return;
		}
		this.#world.carry(this.node, to, message);
	}

	/** The rest of what the turn would do never happens. */
	#endWithin(): void {
		this.#ended = true;
		this.replica.halt();
		this.#world.counters.crashesWithinAStep++;
		this.#world.ended(this.node);
	}

	#fail(): void {
		if (this.#ended) return;
		this.#ended = true;
		this.replica.halt();
		this.#world.ended(this.node);
	}

	#durableThrough(through: number): void {
		this.#world.ledger.sureOfReadBack(this.node.index);
		this.#world.ledger.durable(this.node.index, through - this.#durable);
		this.#durable = through;
		this.replica.durable(through);
	}

	/** The agent, with its effects looked at. */
	#watchedAgent(): ReplicaAgent {
		const { invariants } = this.#world;
		const { index } = this.node;
		const { agent } = this;
		return {
			view: () => agent.view(),
			step(event: Event, now: Moment): Effects {
				const effects = agent.step(event, now);
				invariants.stepped(index, event, effects, agent.view());
				return effects;
			},
		};
	}

	/** The log, with what goes into it noted. */
	#watchedLog(): LoopLog {
		const log = this.#log;
		const { ledger, canary } = this.#world;
		const { node } = this;
		const { index } = node;
		const isEnded = () => this.#ended;
		return {
			get durableThrough() {
				return canary ? Number.POSITIVE_INFINITY : log.durableThrough;
			},
			get takesValues() {
				return log.takesValues && ledger.waitingCount(index) < node.waitingRecordsMax;
			},
			append(records: readonly DurableRecord[]): number {
				for (const record of records) ledger.appended(index, record);
				return log.append(records);
			},
			flush(): void {
				if (!isEnded()) log.flush();
			},
		};
	}
}
