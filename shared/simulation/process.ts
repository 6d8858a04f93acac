/** One life of one simulated node: the production replica over its disk, and the services that the replica asks for. */
import { Log } from '../disk/log.ts';
import { readLog } from '../disk/recover.ts';
import { replaying } from '../disk/replay.ts';
import { readSnapshot, type SnapshotNote } from '../disk/snapshot-file.ts';
import { PaxosAgent } from '../paxos/agent.ts';
import type { NodeId, WallTime } from '../paxos/ballot.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { LogEntry } from '../paxos/log.ts';
import { LogReplay } from '../paxos/log-replay.ts';
import type { MembersState } from '../paxos/members.ts';
import type { Message, Slot } from '../paxos/message.ts';
import type { DurableRecord } from '../paxos/record.ts';
import type { ClientDoor } from '../replica/client-door.ts';
import type { KeyValueDoors } from '../replica/key-value-doors.ts';
import { FRAMES_BEHIND_MAX, PutBackError } from '../replica/memory.ts';
import { Replica } from '../replica/replica.ts';
import { Restore, type Restored } from '../replica/restore.ts';
import type { ReplicaAgent, ReplicaFact, ReplicaRuntime, ReplicaTimer } from '../replica/runtime.ts';
import { REQUEST_MS, replicaLimits } from './bounds.ts';
import type { Hosted } from './hosted.ts';
import type { Invariants } from './invariants.ts';
import { Violation } from './ledger.ts';
import { NodeMesh } from './mesh.ts';
import type { SimulatedNode, Surroundings } from './node.ts';
import { type Instant, US_PER_MS } from './schedule.ts';
import { UncheckedAgent } from './unchecked.ts';
import { PutBackAgent, WatchedAgent, WatchedLog } from './watched.ts';
import type { WatchedStore } from './watched-store.ts';

const TURN_MAX_US = 500;
/** See `Log.tend`. */
const TEND_EVERY_US = 1000 * US_PER_MS;
/** See `SnapshotSubject`. */
export const SWARM = 'simulated';
/** A link is made within this, where nothing keeps it from being made. */
const LINK_MS = 100;

const SNAPSHOT_COUNTERS = {
	cut: 'snapshotsCut',
	written: 'snapshotsWritten',
	abandoned: 'snapshotsAbandoned',
	trimmed: 'logsTrimmed',
	sending: 'snapshotsSent',
	receiving: 'snapshotsReceived',
} as const;

/** What a node that stops has to have answered. */
const OWED = ['commands of its own client', 'requests with a name', 'reads behind a barrier'];

export class Process implements ReplicaRuntime {
	readonly agent: PaxosAgent;
	readonly replica: Replica;
	readonly node: SimulatedNode;
	readonly epoch: number;
	readonly mesh: NodeMesh;
	/** It does nothing any more, though the world may not have noticed yet. */
	isEnded = false;
	readonly #log: Log;
	readonly #hosted: Hosted;
	readonly #world: Surroundings;
	readonly #begun: Instant;
	readonly #timers = new Map<ReplicaTimer, number>();
	#timersAsked = 0;
	#idsMade = 0;
	/** It has given its peers the time to link with it. */
	#hasWaited = false;
	#durable = 0;

	/** @throws CorruptLogError */
	constructor(node: SimulatedNode, world: Surroundings) {
		this.node = node;
		this.epoch = node.epoch;
		this.#world = world;
		this.#begun = world.now;
		this.mesh = new NodeMesh(
			node,
			world,
			() => this.replica.reached,
			() => this.#endWithin(),
		);
		const { ledger, invariants } = world;
		this.#hosted = world.host(node.index, world);
		const recovered = readLog(node.disk, node.id);
		const { snapshot } = recovered.manifest;
		const through = snapshot?.through ?? 0;
		const restored = snapshot && this.#restored(snapshot);
		const { log, records, repairs } = Log.continue(node.disk, recovered, {
			durable: (through) => this.#durableThrough(through),
			failed: () => this.#fail(),
			flushed: () => world.counters.flushes++,
			room: (lack) => {
				this.replica.lacksRoom(lack?.message ?? null);
				if (lack) world.counters.roomLacked++;
				else world.counters.roomHadAgain++;
			},
		});
		if (repairs.length > 0) world.counters.tornTails++;
		const isTrimmed = recovered.manifest.first > 1;
		if (!node.putBack) {
			if (restored) ledger.snapshotMembers(node.index, through, restored.members);
			const mayBeOlder = node.damage === 'olderManifest';
			ledger.recovered(node.index, records, { isTrimmed, snapshotThrough: through, mayBeOlder });
		}
		this.#log = log;
		this.agent = this.#agentOf(records, through, restored?.members);
		this.agent.watched = world.watched;
		invariants.started(node.index, this.agent.view(), node.putBack !== undefined);
		if (restored) this.#startFrom(restored, through);
		this.replica = new Replica({
			id: node.id,
			urlOf: ({ url }) => url,
			agent: this.#agentFor(invariants),
			log: new WatchedLog(this, log, ledger, world.canary),
			machine: this.#hosted.machine,
			restore: () => this.#hosted.restore(),
			doors: (parts) => this.#hosted.doors(parts),
			swarm: SWARM,
			...(world.bounds.snapshots && { snapshotLimits: world.bounds.snapshots }),
			requestMs: world.bounds.requestMs ?? REQUEST_MS,
			linkMs: LINK_MS,
			limits: replicaLimits(world.bounds, node.index),
			runtime: this,
		});
		this.#planTend();
	}

	#agentOf(records: readonly DurableRecord[], through: Slot, members: MembersState | undefined): PaxosAgent {
		const { config } = this.node;
		const { ruleless } = this.#world;
		// An agent without a rule has classes of its own, also of the log, so it replays the records itself.
		if (ruleless) return new ruleless(config, records, through, members);
		const replay = new LogReplay(config, through, members);
		for (const _ of replaying(records, replay));
		return new PaxosAgent(config, replay, through);
	}

	/** Its keys. A world of another machine has none. */
	get store(): WatchedStore {
		return this.#hosted.machine as WatchedStore;
	}

	/** The door of its clients; undefined in a world of another machine. */
	get clients(): ClientDoor | undefined {
		return (this.replica.doors as Partial<KeyValueDoors>).clients;
	}

	/** What was chosen before is applied first, as by a real node. */
	start(): void {
		const view = this.agent.view();
		for (const slot of this.replica.replay()) {
			this.#world.invariants.replayed(this.node.index, { slot, ...(view.entry(slot) as LogEntry) });
		}
		this.replica.start();
	}

	/** As on a SIGTERM, at first: if it leads, it asks another node to lead. It serves on. */
	leave(): void {
		this.replica.leave();
	}

	/**
	 * As at the end of a stop: it tells its clients, answers every request that waits, says how far its log has reached,
	 * and does nothing else any more.
	 *
	 * @throws Violation where a request is left without an answer
	 */
	close(): void {
		this.isEnded = true;
		this.clients?.close();
		this.replica.stop();
		this.#log.close();
		if (this.owesRequests) throw new Violation('StopAnswersAll', `${this.node.id} stops and owes answers`);
	}

	/** The snapshot that is durable, as `Log.holdSnapshot` gives it, and parts of its file. */
	get log(): Pick<Log, 'snapshot' | 'holdSnapshot' | 'readSnapshot'> {
		return this.#log;
	}

	/** Whether requests or reads wait for an answer. */
	get owesRequests(): boolean {
		const { unfinished } = this.replica;
		return OWED.some((what) => unfinished[what] !== 0);
	}

	end(): void {
		this.isEnded = true;
		this.replica.halt();
	}

	/** @param reached how far the log of the sender was durable when it left */
	receive(from: NodeId, messages: readonly Message[], reached: number): void {
		this.mesh.heard(from);
		this.replica.receive(from, messages, reached);
	}

	/** @param remembered how far the log of this node was durable, as the peer remembers */
	linkUp(peer: NodeId, remembered: number): void {
		this.mesh.linkUp(peer);
		try {
			this.replica.linkUp(peer, remembered);
		} catch (error) {
			if (!(error instanceof PutBackError)) throw error;
			return this.#stopsAsPutBack(error);
		}
		// An earlier link may have told it in the same moment.
		if (this.node.putBack && !this.isEnded && this.isBehind(remembered)) {
			throw new Violation('PutBackIsNoticed', `${this.node.id} goes on, though ${peer} remembers more`);
		}
	}

	linkDown(peer: NodeId): void {
		this.mesh.linkDown(peer);
		this.replica.linkDown(peer);
	}

	/** Whether its log is an older copy, where a peer remembers so much of it. */
	isBehind(remembered: number): boolean {
		const { newest } = this.#log;
		return remembered > newest && remembered - newest <= FRAMES_BEHIND_MAX;
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
			if (timer === 'recall') this.#hasWaited = true;
			if (this.#timers.get(timer) === asked) this.replica.fire(timer);
		});
	}

	soon(): void {
		const afterUs = this.node.gathers ? this.node.random.integer(0, TURN_MAX_US) : 0;
		this.#world.later(this.node, this.#world.now + afterUs, 'turn', () => this.replica.turn());
	}

	fact(fact: AgentFact | ReplicaFact): void {
		if (fact.kind === 'snapshot') this.#world.counters[SNAPSHOT_COUNTERS[fact.what]]++;
		if (fact.kind === 'disk' && fact.what === 'hangs') this.#world.counters.disksSilent++;
		this.#world.told(this.node, fact);
	}

	applied(through: Slot, revision: number): void {
		if (this.#hosted.holds(through)) this.#world.counters.snapshotsTakenOver++;
		this.#world.applied(this.node, through, revision);
	}

	membersChanged(): void {
		// The simulated network links all nodes, members or not.
	}

	removed(): void {
		this.#world.removed(this.node);
		this.#fail();
	}

	malformed(from: string, why: string): void {
		throw new Violation('ClientsAreWellFormed', `${this.node.id} is sent by ${from}: ${why}`);
	}

	/** What stands between the replica and its agent. */
	#agentFor(invariants: Invariants): ReplicaAgent {
		const { node, agent } = this;
		if (node.putBack) return new PutBackAgent(agent, () => this.#worksAsPutBack());
		if (this.#world.ruleless) return new UncheckedAgent(agent, () => this.#fail());
		return new WatchedAgent(node.index, agent, invariants);
	}

	#restored(snapshot: SnapshotNote): Restored {
		const restore = new Restore(this.#hosted.restore());
		for (const { payloads } of readSnapshot(this.node.disk, snapshot, SWARM)) {
			for (const payload of payloads) restore.add(payload);
		}
		return restore.finish();
	}

	#startFrom({ machine }: Restored, through: Slot): void {
		this.#hosted.machine.become(machine);
		this.#hosted.holds(through);
		this.#world.counters.startsFromASnapshot++;
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
		if (!this.node.putBack) {
			this.#world.ledger.sureOfReadBack(this.node.index);
			this.#world.ledger.durable(this.node.index, through - this.#durable);
		}
		this.#durable = through;
		this.replica.durable(through);
	}

	/** It was told that its files are an older copy. */
	#stopsAsPutBack(error: PutBackError): void {
		if (!this.node.putBack) throw new Violation('OnlyPutBackStops', `${this.node.id} stops: ${error.message}`);
		this.#world.counters.putBacksNoticed++;
		this.#fail();
	}

	/**
	 * It begins to work on an older copy of its files. That may be only once its peers have told what they remember, or
	 * have had the time for it. `linkUp` looks that it stops where a peer has told more. A peer may learn more later, by a
	 * frame that comes late from the node's former life.
	 */
	#worksAsPutBack(): void {
		if (!this.#hasWaited && this.mesh.linked().length < this.agent.members.ids.length - 1) {
			throw new Violation('PutBackIsNoticed', `${this.node.id} works on an older copy before its peers could tell it`);
		}
		this.#world.counters.putBacksUnnoticed++;
		this.#fail();
	}
}
