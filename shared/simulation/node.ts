/**
 * One node of a simulated world: the whole production replica of one process after another (agent, loop, log, store,
 * submissions, reads, the clients' door), over a disk that stays. Everything it does passes the ledger and the
 * invariants on its way.
 */

import { CorruptLogError } from '../disk/corrupt-log-error.ts';
import { newLogFiles } from '../disk/manifest.ts';
import type { PaxosAgent } from '../paxos/agent.ts';
import type { NodeId } from '../paxos/ballot.ts';
import type { Member } from '../paxos/change.ts';
import type { AgentConfig } from '../paxos/config.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { Message, Slot } from '../paxos/message.ts';
import type { ReplicaFact, ReplicaTimer } from '../replica/runtime.ts';
import { type Bounds, SEGMENT_BYTES } from './bounds.ts';
import { Clock, type ClockTaste, STEADY_ERROR_MAX } from './clock.ts';
import type { Counters } from './counters.ts';
import type { Damage } from './damage.ts';
import { type DiskRuntime, type NamedBytes, SimulatedDisk, type Unflushed } from './disk.ts';
import type { Host } from './hosted.ts';
import type { Invariants } from './invariants.ts';
import { type Ledger, Violation } from './ledger.ts';
import { Process } from './process.ts';
import { Random } from './random.ts';
import type { Instant } from './schedule.ts';

/** Of 1: a crash of the machine, not of the process alone. */
const LOSES_POWER = 0.7;

/** Members of that name, all of them voters. */
export function votersNamed(ids: readonly NodeId[]): Member[] {
	return ids.map((id) => ({ id, url: `http://${id}`, isVoter: true, replaces: null }));
}

/** What a node needs of its world. */
export interface Surroundings {
	readonly now: Instant;
	readonly ledger: Ledger;
	readonly invariants: Invariants;
	readonly counters: Counters;
	readonly clocks: ClockTaste;
	readonly bounds: Bounds;
	/** The state machine of each node. */
	readonly host: Host;
	/** Whether facts of single messages are made. */
	readonly watched: boolean;
	readonly canary: boolean;
	/** Whether every write is known by the number that it begins with. */
	readonly numbersWrites: boolean;
	/** The agent of all nodes, where a rule was taken out of it on purpose. */
	readonly ruleless: typeof PaxosAgent | null;
	/** Calls back at that time, unless the node's process has ended by then; later where it is paused. */
	later(node: SimulatedNode, time: Instant, what: Errand, act: () => void): void;
	/** The node ends its link to `peer`. */
	cut(node: SimulatedNode, peer: NodeId): void;
	isolate(node: SimulatedNode, isAlone: boolean): void;
	/**
	 * The messages of one turn leave for another node, in order.
	 *
	 * @param reached how far the log of `from` is durable
	 */
	carry(from: SimulatedNode, to: NodeId, messages: readonly Message[], reached: number): void;
	/** How far the log of `node` was durable, as the process of `peer` remembers; 0 where none runs. */
	rememberedBy(peer: NodeId, node: SimulatedNode): number;
	told(node: SimulatedNode, fact: AgentFact | ReplicaFact): void;
	applied(node: SimulatedNode, through: Slot, revision: number): void;
	/** The node is no member any more, and is about to end for good. */
	removed(node: SimulatedNode): void;
	/** The process has ended by itself. */
	ended(node: SimulatedNode): void;
}

/** A node's files were replaced by an older copy of themselves: it must stop before it has done anything. */
export interface PutBack {
	/** Its files as they were when it last ran. */
	readonly whole: readonly NamedBytes[];
	/** It does not get those back. */
	readonly isForGood: boolean;
	readonly downMs: number;
}

/** What a node may wait for, for the hash of all events. */
export type Errand = 'disk' | 'turn' | 'tend' | 'frame' | 'leave' | 'save' | ReplicaTimer;

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
	/** How often it was paused. */
	pauses = 0;
	/**
	 * How far its process is with a stop that it was told of: it serves on; or it reads nothing more from clients and lets
	 * none in; or it has stopped and is about to end. Undefined where it was told of none.
	 */
	leaving: 'serves' | 'drains' | 'stopped' | undefined;
	/** What became of its files: it may refuse to start. */
	damage: Damage | undefined;
	/** Its files are an older copy of what they were. */
	putBack: PutBack | undefined;
	/** It refuses to start, until its files are put back. */
	refuses = false;
	/** It may come in, and was never asked to. */
	isSpare = false;
	/** It was never asked to come in, or it was a member and is none any more: no process of it runs. */
	isAway = false;
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
		const files = newLogFiles(config.id, world.bounds.segmentBytes ?? SEGMENT_BYTES);
		this.disk = new SimulatedDisk(new Random(seed, 0x6469736b, index), this.#diskRuntime(), files);
	}

	start(): void {
		if (this.process || this.refuses || this.isAway) return;
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
	crash(unflushed: Unflushed = this.random.chance(LOSES_POWER) ? 'torn' : 'kept'): void {
		if (!this.process) return;
		this.process.end();
		this.process = undefined;
		this.paused = false;
		this.leaving = undefined;
		this.sendsLeft = Number.POSITIVE_INFINITY;
		const { torn, tornAtStart } = this.disk;
		this.disk.crash(this.#diskRuntime(), unflushed);
		const { counters } = this.#world;
		if (unflushed !== 'kept') counters.powerLosses++;
		counters.tornWrites += this.disk.torn - torn;
		counters.tornSegmentStarts += this.disk.tornAtStart - tornAtStart;
	}

	/** Whether clients may connect, and what they send is read. */
	get letsClientsIn(): boolean {
		return this.leaving === undefined || this.leaving === 'serves';
	}

	#diskRuntime(): DiskRuntime {
		return new NodeDiskRuntime(this, this.#world);
	}
}

/** Of one process: what its disk calls back never comes once that process has ended. */
class NodeDiskRuntime implements DiskRuntime {
	readonly #node: SimulatedNode;
	readonly #world: Surroundings;

	constructor(node: SimulatedNode, world: Surroundings) {
		this.#node = node;
		this.#world = world;
	}

	get now(): Instant {
		return this.#world.now;
	}

	at(time: Instant, act: () => void): void {
		this.#world.later(this.#node, time, 'disk', act);
	}
}
