/**
 * A seeded world: real agents, real stores and real logs over a simulated network, simulated disks and clocks,
 * in virtual time. The same seed and plan give the same run, event by event, anywhere.
 *
 * Here is what will happen, in order, and which nodes are there; `links.ts` connects them and `trouble.ts` makes
 * faults happen. The world never looks away: every step of every node is checked, and the first rule that does not
 * hold ends the run.
 */

import { LEFT_OUT } from '../paxos/acceptor.ts';
import type { PaxosAgent } from '../paxos/agent.ts';
import type { NodeId } from '../paxos/ballot.ts';
import type { Phase1 } from '../paxos/campaign.ts';
import type { AgentConfig } from '../paxos/config.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { Message, SnapshotPart } from '../paxos/message.ts';
import type { ReplicaFact } from '../replica/runtime.ts';
import type { Bounds } from './bounds.ts';
import { Carrier, type Frame } from './carrier.ts';
import type { ClockTaste } from './clock.ts';
import { type Counters, noCounts } from './counters.ts';
import type { Unflushed } from './disk.ts';
import { endPutBack } from './disk-trouble.ts';
import { Electorates } from './electorates.ts';
import { type Host, hostStore } from './hosted.ts';
import { Invariants, mixed } from './invariants.ts';
import { Ledger, Violation } from './ledger.ts';
import { Links } from './links.ts';
import { type LinkQuality, Network } from './network.ts';
import { type Errand, SimulatedNode, type Surroundings, votersNamed } from './node.ts';
import { Random } from './random.ts';
import { type Instant, Schedule, US_PER_MS } from './schedule.ts';
import type { SocketTaste } from './socket-taste.ts';
import { Sockets } from './sockets.ts';
import { UncheckedInvariants, UncheckedLedger } from './unchecked.ts';

/** Who looks on: for traces and pictures, never needed for a verdict. */
export interface Onlooker {
	/** One line for people. */
	note(time: Instant, node: NodeId | '', text: string): void;
	fact(time: Instant, node: SimulatedNode, fact: AgentFact | ReplicaFact): void;
	/** A duplicate is received under the same `messageId` again. */
	sent(time: Instant, node: SimulatedNode, to: NodeId, messageId: string, message: Message, lost: boolean): void;
	received(time: Instant, node: SimulatedNode, from: NodeId, messageId: string, message: Message): void;
	link(time: Instant, node: SimulatedNode, peer: NodeId, works: boolean): void;
	applied(time: Instant, node: SimulatedNode, through: number, revision: number): void;
}

export interface WorldOptions {
	readonly seed: number;
	/** The members that the swarm begins with. */
	readonly nodes: number;
	/** The nodes that may come in later. */
	readonly spares?: number;
	readonly links: LinkQuality;
	readonly clocks: ClockTaste;
	readonly sockets: SocketTaste;
	readonly bounds: Bounds;
	/** Of 1: how often the messages that leave for one node together arrive as one frame. */
	readonly frames?: number;
	/** How many slots a leader may have open, and how much goes into one message. */
	readonly config: Omit<AgentConfig, 'id' | 'members'>;
	/** Facts of single messages are made, and checked. */
	readonly watched: boolean;
	/** What is written is taken for durable before it is: a bug, to see that it is caught. */
	readonly canary: boolean;
	/** False where people write what they like. What simulated clients write begins with a number that no other write has. */
	readonly numbersWrites?: boolean;
	/** The agent of all nodes, where a rule was taken out of it on purpose: then no check ends the run. */
	readonly ruleless?: typeof PaxosAgent | null;
	/** The state machine of each node; the key-value store by default. */
	readonly host?: Host;
	readonly onlooker?: Onlooker | undefined;
}

/** Something that will happen. `code` and `detail` are for the hash of all events. */
interface Happening {
	/** Nobody in particular: undefined. */
	readonly node: SimulatedNode | undefined;
	/** Of the process that it is for; 0: of whatever process is there then. */
	readonly epoch: number;
	readonly code: number;
	readonly detail: number;
	act(): void;
}

const CODES = [
	'arrival',
	'disk',
	'turn',
	'tend',
	'election',
	'patience',
	'quorum',
	'poll',
	'heartbeat',
	'fetch',
	'forward',
	'campaign',
	'deadline',
	'tell',
	'frame',
	'diskWatch',
	'recall',
	'stillness',
	'digest',
	'members',
	'timeOuts',
	'snapshot',
	'snapshotPart',
	'transfer',
	'link',
	'fault',
	'client',
	'leave',
	'save',
	'wait',
] as const;
const CODE = Object.fromEntries(CODES.map((name, code) => [name, code + 1])) as Record<(typeof CODES)[number], number>;

/** A second under stress takes five thousand, and seldom twice as many. */
const EVENTS_OF_SECOND_MAX = 50_000;
/** The note that a process has ended. */
export const CRASH_NOTE = 'CRASH';
/** How long a process that ended by itself stays down, where no fault says otherwise; milliseconds. */
const DOWN_MS = 100;

export class World implements Surroundings {
	readonly counters: Counters = noCounts();
	readonly ledger: Ledger;
	readonly invariants: Invariants;
	readonly nodes: readonly SimulatedNode[];
	readonly watched: boolean;
	readonly canary: boolean;
	readonly numbersWrites: boolean;
	readonly ruleless: typeof PaxosAgent | null;
	readonly clocks: ClockTaste;
	readonly bounds: Bounds;
	readonly host: Host;
	readonly network: Network;
	readonly links: Links;
	readonly sockets: Sockets;
	/** No fault begins any more. */
	isHealed = false;
	/** Of all events so far. */
	hash = 0;
	events = 0;
	#secondEnds: Instant = 0;
	#eventsOfSecond = 0;
	/** Called when a node becomes the leader, before anything of its leadership leaves it, for faults that wait for one. */
	readonly onLeader = new Set<(phase1: Phase1) => void>();
	/** Called when a part of a snapshot leaves one node for another, for faults that wait for one. */
	readonly onPart = new Set<(sender: SimulatedNode, receiver: SimulatedNode, part: SnapshotPart) => void>();
	/** When a node last became the leader. */
	lastLedAt: Instant = 0;
	readonly #schedule = new Schedule<Happening>();
	readonly #nodeOf: ReadonlyMap<NodeId, SimulatedNode>;
	readonly onlooker: Onlooker | undefined;
	readonly #random: Random;
	readonly #deferred = new Map<SimulatedNode, Happening[]>();
	/** How long a node that ends by itself stays down, milliseconds. */
	readonly #downMs = new Map<SimulatedNode, number>();
	readonly #carrier: Carrier;

	constructor(options: WorldOptions) {
		const { seed, nodes, spares = 0, links, config } = options;
		this.watched = options.watched;
		this.canary = options.canary;
		this.numbersWrites = options.numbersWrites ?? true;
		this.ruleless = options.ruleless ?? null;
		this.clocks = options.clocks;
		this.bounds = options.bounds;
		this.host = options.host ?? hostStore;
		this.onlooker = options.onlooker;
		this.#random = new Random(seed, 0x776f726c);
		this.network = new Network(seed, nodes + spares, links);
		const ids = Array.from({ length: nodes + spares }, (_, index) => `n${index + 1}`);
		const members = votersNamed(ids.slice(0, nodes));
		const [LedgerRoom, InvariantsRoom] = this.ruleless ? [UncheckedLedger, UncheckedInvariants] : [Ledger, Invariants];
		this.ledger = new LedgerRoom(new Electorates(ids, nodes, config.openSlotsMax), this.counters);
		this.invariants = new InvariantsRoom(this.ledger, ids, this.counters, config.openSlotsMax);
		this.nodes = ids.map((id, index) => new SimulatedNode(index, { id, members, ...config }, seed, this));
		for (const spare of this.nodes.slice(nodes)) {
			spare.isSpare = true;
			spare.isAway = true;
		}
		this.#nodeOf = new Map(this.nodes.map((node) => [node.id, node]));
		this.#carrier = new Carrier(this, new Random(seed, 0x6672616d), options.frames ?? 0);
		this.links = new Links(this, this.network, new Random(seed, 0x6c696e6b), this.nodes);
		this.sockets = new Sockets(this, new Random(seed, 0x736f636b), options.sockets);
	}

	get now(): Instant {
		return this.#schedule.now;
	}

	/** The time of the next event; Infinity for none. */
	get nextTime(): Instant {
		return this.#schedule.nextTime;
	}

	start(): void {
		for (const node of this.nodes) {
			this.plan(this.#random.integer(0, 100) * US_PER_MS, undefined, 'fault', node.index, () => this.startNode(node));
		}
	}

	/** Calls back at that time, whatever nodes are there by then. */
	at(time: Instant, act: () => void): void {
		this.plan(time, undefined, 'client', 0, act);
	}

	/**
	 * Lets everything happen up to that time.
	 *
	 * @throws Violation, or whatever the code under test throws
	 */
	run(until: Instant): void {
		const schedule = this.#schedule;
		while (schedule.nextTime <= until) {
			const happening = schedule.take();
			const { node, epoch } = happening;
			if (node) {
				if (epoch !== 0 && (node.epoch !== epoch || !node.process)) continue;
				if (node.paused) {
					this.#deferred.get(node)?.push(happening);
					continue;
				}
			}
			this.events++;
			this.#mustBeNoStorm();
			this.hash = mixed(mixed(mixed(this.hash, schedule.now), happening.code), happening.detail);
			happening.act();
		}
	}

	/** Nodes that answer each other without end would fill the time of both. */
	#mustBeNoStorm(): void {
		if (this.now >= this.#secondEnds) {
			this.#secondEnds = this.now + 1000 * US_PER_MS;
			this.#eventsOfSecond = 0;
		}
		if (++this.#eventsOfSecond <= EVENTS_OF_SECOND_MAX) return;
		throw new Violation('EventsAreBounded', `more than ${EVENTS_OF_SECOND_MAX} in a second: a storm`);
	}

	/** A fault that has begun now goes on, or ends, after this time. */
	endsAfter(ms: number, act: () => void): void {
		this.plan(this.now + ms * US_PER_MS, undefined, 'fault', -1, act);
	}

	/** The first of the nodes that lead, as they believe. */
	get leader(): SimulatedNode | undefined {
		return this.nodes.find((node) => node.process?.agent.view().role === 'leader');
	}

	note(node: NodeId | '', text: string): void {
		this.onlooker?.note(this.now, node, text);
	}

	get isWatchedByPeople(): boolean {
		return this.onlooker !== undefined;
	}

	// What nodes ask for

	later(node: SimulatedNode, time: Instant, what: Errand, act: () => void): void {
		this.#schedule.at(time, { node, epoch: node.epoch, code: CODE[what], detail: node.index, act });
	}

	carry(from: SimulatedNode, to: NodeId, messages: readonly Message[], reached: number): void {
		const receiver = this.#nodeOf.get(to);
		if (!receiver) throw new RangeError(`${from.id} sends to ${to}, who is not there`);
		this.#carrier.carry(from, receiver, messages, reached);
		if (this.onPart.size === 0) return;
		for (const message of messages) {
			if (message.kind === 'snapshotPart') for (const act of [...this.onPart]) act(from, receiver, message);
		}
	}

	rememberedBy(peer: NodeId, node: SimulatedNode): number {
		return this.#nodeOf.get(peer)?.process?.replica.remembered(node.id) ?? 0;
	}

	/** `node` ends its link to `peer`: something that came on it was not taken in. */
	cut(node: SimulatedNode, peer: NodeId): void {
		const other = this.#nodeOf.get(peer);
		if (other) this.links.lost(other, node);
	}

	isolate(node: SimulatedNode, isAlone: boolean): void {
		this.links.isolate(node, isAlone);
		if (isAlone) this.counters.nodesAloneForTheirDisk++;
	}

	linkTold(node: SimulatedNode, peer: SimulatedNode, works: boolean): void {
		this.onlooker?.link(this.now, node, peer.id, works);
		if (works) node.process?.linkUp(peer.id, this.rememberedBy(peer.id, node));
		else node.process?.linkDown(peer.id);
	}

	told(node: SimulatedNode, fact: AgentFact | ReplicaFact): void {
		if (fact.kind === 'campaign') this.invariants.campaigned(fact.ballot, this.now);
		if (fact.kind === 'campaign' && node.clock.wallTime(this.now).ms < fact.ballot.ms) {
			this.counters.ballotsFormedAgainstTheClock++;
		}
		if (fact.kind === 'role' && fact.role === 'leader') {
			this.lastLedAt = this.now;
			const phase1 = node.process?.agent.view().phase1;
			if (phase1) for (const act of [...this.onLeader]) act(phase1);
		}
		if (fact.kind === 'ignored') this.counters[fact.why === LEFT_OUT ? 'valuesLeftOut' : 'messagesIgnored']++;
		this.onlooker?.fact(this.now, node, fact);
	}

	applied(node: SimulatedNode, through: number, revision: number): void {
		this.onlooker?.applied(this.now, node, through, revision);
	}

	removed(node: SimulatedNode): void {
		this.ledger.mustBeRemoved(node.index);
		this.counters.membersGone++;
		node.isAway = true;
	}

	/** A process has stopped by itself, in the middle of a step or because its disk failed. */
	ended(node: SimulatedNode): void {
		this.plan(this.now, undefined, 'fault', node.index, () => {
			this.crash(node);
			if (node.putBack) endPutBack(node, this);
			else this.restartAfter(node, this.#downMs.get(node) ?? DOWN_MS);
		});
	}

	/** The bytes of a frame are at its receiver at that time, unless that stands still. */
	arrives({ to, hash }: Frame, time: Instant, act: () => void): void {
		this.#schedule.at(time, { node: to, epoch: 0, code: CODE.arrival, detail: hash, act });
	}

	// Nodes come and go

	startNode(node: SimulatedNode): void {
		if (node.process || node.refuses || node.isAway) return;
		node.start();
		if (this.onlooker) this.note(node.id, node.process ? `starts (life ${node.epoch})` : 'refuses to start');
		this.links.dialAll(node);
	}

	/** @param unflushed drawn by the node where it is left out */
	crash(node: SimulatedNode, unflushed?: Unflushed): void {
		if (!node.process) return;
		this.note(node.id, CRASH_NOTE);
		node.crash(unflushed);
		this.#deferred.delete(node);
		this.links.crashed(node);
		this.sockets.crashed(node);
	}

	restartAfter(node: SimulatedNode, downMs: number): void {
		this.plan(this.now + downMs * US_PER_MS, undefined, 'fault', node.index, () => this.startNode(node));
	}

	/** A node that ends by itself from now on, in the middle of a step or because its disk failed, stays down so long. */
	staysDown(node: SimulatedNode, downMs: number): void {
		this.#downMs.set(node, downMs);
	}

	/** The process stands still: everything that is for it waits, in order. */
	pause(node: SimulatedNode): void {
		node.paused = true;
		node.pauses++;
		this.#deferred.set(node, []);
		this.links.paused(node);
	}

	resume(node: SimulatedNode): void {
		if (!node.paused) return;
		node.paused = false;
		for (const happening of this.#deferred.get(node) ?? []) this.#schedule.at(this.now, happening);
		this.#deferred.delete(node);
		this.links.dialAll(node);
	}

	/** `detail` is for the hash of all events. What is for a node that is paused by then happens once it goes on. */
	plan(
		time: Instant,
		node: SimulatedNode | undefined,
		what: 'link' | 'fault' | 'client',
		detail: number,
		act: () => void,
	): void {
		this.#schedule.at(Math.ceil(time), { node, epoch: 0, code: CODE[what], detail, act });
	}

	node(index: number): SimulatedNode {
		const node = this.nodes[index];
		if (!node) throw new RangeError(`there is no node ${index}`);
		return node;
	}
}
