/** One life of one simulated node: the production replica over its disk, and the services that the replica asks for. */
import { Log } from '../disk/log.ts';
import { PaxosAgent } from '../paxos/agent.ts';
import type { NodeId, WallTime } from '../paxos/ballot.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { LogEntry } from '../paxos/log.ts';
import type { Message, Slot } from '../paxos/message.ts';
import { Replica } from '../replica/replica.ts';
import type { DiskFact, ReplicaRuntime, ReplicaTimer } from '../replica/runtime.ts';
import { Violation } from './ledger.ts';
import { NodeMesh } from './mesh.ts';
import type { SimulatedNode, Surroundings } from './node.ts';
import { type Instant, US_PER_MS } from './schedule.ts';
import { WatchedAgent, WatchedLog } from './watched.ts';
import { WatchedStore } from './watched-store.ts';

const TURN_MAX_US = 500;
/** See `Log.tend`. */
const TEND_EVERY_US = 1000 * US_PER_MS;
/** How long a node cares for what a client of its door asks, milliseconds. */
const REQUEST_MS = 2_000;

export class Process implements ReplicaRuntime {
	readonly agent: PaxosAgent;
	readonly replica: Replica;
	readonly node: SimulatedNode;
	readonly epoch: number;
	readonly mesh: NodeMesh;
	/** It does nothing any more, though the world may not have noticed yet. */
	isEnded = false;
	readonly #log: Log;
	readonly #world: Surroundings;
	readonly #begun: Instant;
	readonly #timers = new Map<ReplicaTimer, number>();
	#timersAsked = 0;
	#idsMade = 0;
	#durable = 0;

	/** @throws CorruptLogError */
	constructor(node: SimulatedNode, world: Surroundings) {
		this.node = node;
		this.epoch = node.epoch;
		this.#world = world;
		this.#begun = world.now;
		this.mesh = new NodeMesh(node, world, () => this.#endWithin());
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
			agent: new WatchedAgent(node.index, this.agent, invariants),
			log: new WatchedLog(this, log, ledger, world.canary),
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
		this.isEnded = true;
		this.replica.stop();
		this.#log.close();
	}

	end(): void {
		this.isEnded = true;
		this.replica.halt();
	}

	receive(from: NodeId, messages: readonly Message[]): void {
		this.mesh.heard(from);
		this.replica.receive(from, messages);
	}

	linkUp(peer: NodeId): void {
		this.mesh.linkUp(peer);
		this.replica.linkUp(peer);
	}

	linkDown(peer: NodeId): void {
		this.mesh.linkDown(peer);
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

	/** The rest of what the turn would do never happens. */
	#endWithin(): void {
		if (this.isEnded) return;
		this.isEnded = true;
		this.replica.halt();
		this.#world.counters.crashesWithinAStep++;
		this.#world.ended(this.node);
	}

	#fail(): void {
		if (this.isEnded) return;
		this.isEnded = true;
		this.replica.halt();
		this.#world.ended(this.node);
	}

	#durableThrough(through: number): void {
		this.#world.ledger.sureOfReadBack(this.node.index);
		this.#world.ledger.durable(this.node.index, through - this.#durable);
		this.#durable = through;
		this.replica.durable(through);
	}
}
