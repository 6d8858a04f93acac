/**
 * A seeded world: real agents, real stores and real logs over a simulated network, simulated disks and clocks,
 * in virtual time. The same seed and plan give the same run, event by event, anywhere.
 *
 * It makes the plan's faults happen and ends them, and it never looks away: every step of every node is
 * checked, and the first rule that does not hold ends the run.
 */

import { Reader, Writer } from '../bytes/bytes.ts';
import type { NodeId } from '../paxos/ballot.ts';
import type { AgentConfig } from '../paxos/config.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { Message } from '../paxos/message.ts';
import { readMessage, writeMessage } from '../paxos/wire.ts';
import { type Counters, noCounts } from './counters.ts';
import type { Cut, Fault } from './faults.ts';
import { Invariants, mixed } from './invariants.ts';
import { hashOf, Ledger, Violation } from './ledger.ts';
import { type LinkQuality, Network } from './network.ts';
import { type Errand, SimulatedNode, type Surroundings } from './node.ts';
import { Random } from './random.ts';
import { type Instant, Schedule, US_PER_MS } from './schedule.ts';

/** Who looks on: for traces and pictures, never needed for a verdict. */
export interface Onlooker {
	/** One line for people. */
	note(time: Instant, node: NodeId | '', text: string): void;
	fact(time: Instant, node: SimulatedNode, fact: AgentFact): void;
	/** A duplicate is received under the same `messageId` again. */
	sent(time: Instant, node: SimulatedNode, to: NodeId, messageId: string, message: Message, lost: boolean): void;
	received(time: Instant, node: SimulatedNode, from: NodeId, messageId: string, message: Message): void;
	link(time: Instant, node: SimulatedNode, peer: NodeId, works: boolean): void;
	applied(time: Instant, node: SimulatedNode, through: number, revision: number): void;
}

export interface WorldOptions {
	readonly seed: number;
	readonly nodes: number;
	readonly links: LinkQuality;
	/** How many slots a leader may have open, and how much goes into one message. */
	readonly config: Omit<AgentConfig, 'id' | 'members'>;
	/** Facts of single messages are made, and checked. */
	readonly watched: boolean;
	/** What is written is taken for durable before it is: a bug, to see that it is caught. */
	readonly canary: boolean;
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
	'election',
	'poll',
	'heartbeat',
	'retry',
	'campaign',
	'link',
	'fault',
	'client',
] as const;
const CODE = Object.fromEntries(CODES.map((name, code) => [name, code + 1])) as Record<(typeof CODES)[number], number>;

/** Thirty seconds under stress take some twenty thousand. */
const EVENTS_MAX = 1_000_000;
/** Within this a node notices that a peer's process has closed its connection, or that it is there again. */
const CLOSE_NOTICED_MAX_MS = 30;
/** Within this, that a peer has fallen silent. */
const SILENCE_NOTICED_MIN_MS = 500;
const SILENCE_NOTICED_MAX_MS = 1_500;
/** Of 1: a process's end is noticed only by its silence, as when its machine lost power. */
const SILENT_END = 0.3;
/** Of 1: what comes late over links that are. */
const LATE = 0.5;

export class World implements Surroundings {
	readonly counters: Counters = noCounts();
	readonly ledger: Ledger;
	readonly invariants: Invariants;
	readonly nodes: readonly SimulatedNode[];
	readonly watched: boolean;
	readonly canary: boolean;
	readonly network: Network;
	/** Of all events so far. */
	hash = 0;
	events = 0;
	/** When a node last became the leader. */
	lastLedAt: Instant = 0;
	readonly #schedule = new Schedule<Happening>();
	readonly #nodeOf: ReadonlyMap<NodeId, SimulatedNode>;
	readonly #onlooker: Onlooker | undefined;
	readonly #random: Random;
	/** Of every link that no fault makes worse. */
	#links: LinkQuality;
	readonly #deferred = new Map<SimulatedNode, Happening[]>();
	/** What each node was told of its link to each other one. */
	readonly #linkTold: boolean[] = [];
	/** How long a node that stopped by a fault stays down, milliseconds. */
	readonly #downMs = new Map<SimulatedNode, number>();
	readonly #writer = new Writer(64 * 1024);
	/** Numbers messages for onlookers. */
	#messages = 0;
	#encoded: { readonly message: Message; readonly bytes: Uint8Array; readonly hash: number } | undefined;
	/** By receiver and sender: the latest arrival so far, to know what was overtaken. */
	readonly #latestArrival: Instant[] = [];

	constructor(options: WorldOptions) {
		const { seed, nodes, links, config } = options;
		this.watched = options.watched;
		this.canary = options.canary;
		this.#onlooker = options.onlooker;
		this.#links = links;
		this.#random = new Random(seed, 0x776f726c);
		this.network = new Network(seed, nodes, links);
		const members = Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
		this.ledger = new Ledger(nodes, this.counters);
		this.invariants = new Invariants(this.ledger, members, this.counters);
		this.nodes = members.map((id, index) => new SimulatedNode(index, { id, members, ...config }, seed, this));
		this.#nodeOf = new Map(this.nodes.map((node) => [node.id, node]));
	}

	get now(): Instant {
		return this.#schedule.now;
	}

	start(): void {
		for (const node of this.nodes) {
			this.#plan(this.#random.integer(0, 100) * US_PER_MS, undefined, 'fault', node.index, () => this.#startNode(node));
		}
	}

	/** Calls back at that time, whatever nodes are there by then. */
	at(time: Instant, act: () => void): void {
		this.#plan(time, undefined, 'client', 0, act);
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
			if (++this.events > EVENTS_MAX) throw new Violation('EventsAreBounded', `more than ${EVENTS_MAX}: a storm`);
			this.hash = mixed(mixed(mixed(this.hash, schedule.now), happening.code), happening.detail);
			happening.act();
		}
	}

	note(node: NodeId | '', text: string): void {
		this.#onlooker?.note(this.now, node, text);
	}

	get isWatchedByPeople(): boolean {
		return this.#onlooker !== undefined;
	}

	// What nodes ask for

	later(node: SimulatedNode, time: Instant, what: Errand, act: () => void): void {
		this.#schedule.at(time, { node, epoch: node.epoch, code: CODE[what], detail: node.index, act });
	}

	carry(from: SimulatedNode, to: NodeId, message: Message): void {
		const receiver = this.#nodeOf.get(to);
		if (!receiver) throw new RangeError(`${from.id} sends to ${to}, who is not there`);
		const { bytes, hash } = this.#encode(message);
		const delay = this.network.delayOf(from.index, receiver.index, this.now);
		const messageId = this.#onlooker ? `${from.id}-${from.epoch}:${++this.#messages}` : '';
		this.#onlooker?.sent(this.now, from, to, messageId, message, delay < 0);
		if (delay < 0) return void this.counters.messagesLost++;
		this.#arrive(from, receiver, messageId, bytes, hash, delay);
		const again = this.network.duplicateDelayOf(from.index, receiver.index, this.now);
		if (again < 0) return;
		this.counters.messagesDuplicated++;
		this.#arrive(from, receiver, messageId, bytes, hash, again);
	}

	told(node: SimulatedNode, fact: AgentFact): void {
		if (fact.kind === 'campaign' && node.clock.wallTime(this.now).ms < fact.ballot.ms) {
			this.counters.ballotsFormedAgainstTheClock++;
		}
		if (fact.kind === 'role' && fact.role === 'leader') this.lastLedAt = this.now;
		this.#onlooker?.fact(this.now, node, fact);
	}

	applied(node: SimulatedNode, through: number, revision: number): void {
		this.#onlooker?.applied(this.now, node, through, revision);
	}

	/** A process has stopped by itself, in the middle of a step or because its disk failed. */
	ended(node: SimulatedNode): void {
		this.#plan(this.now, undefined, 'fault', node.index, () => {
			this.#crash(node);
			this.#restartAfter(node, this.#downMs.get(node) ?? 100);
		});
	}

	#encode(message: Message) {
		if (this.#encoded?.message === message) return this.#encoded;
		writeMessage(this.#writer, message);
		const bytes = this.#writer.take();
		this.#encoded = { message, bytes, hash: hashOf(bytes) };
		return this.#encoded;
	}

	#arrive(
		from: SimulatedNode,
		to: SimulatedNode,
		messageId: string,
		bytes: Uint8Array,
		hash: number,
		delay: number,
	): void {
		const time = this.now + delay;
		const link = from.index * this.nodes.length + to.index;
		if (time < (this.#latestArrival[link] ?? 0)) this.counters.messagesOvertaken++;
		else this.#latestArrival[link] = time;
		const act = () => {
			if (!to.process) return void this.counters.messagesToTheDead++;
			const reader = new Reader(bytes);
			const message = readMessage(reader);
			reader.finish();
			this.#onlooker?.received(this.now, to, from.id, messageId, message);
			to.process.loop.receive(from.id, message);
		};
		this.#schedule.at(time, { node: to, epoch: 0, code: CODE.arrival, detail: hash, act });
	}

	// Nodes come and go

	#startNode(node: SimulatedNode): void {
		if (node.process || node.refuses) return;
		node.start();
		if (this.#onlooker) this.note(node.id, node.process ? `starts (life ${node.epoch})` : 'refuses to start');
		this.#noticeLinks(node, false);
	}

	#crash(node: SimulatedNode): void {
		if (!node.process) return;
		this.note(node.id, 'CRASH');
		node.crash();
		this.#deferred.delete(node);
		this.#noticeLinks(node, this.#random.chance(SILENT_END));
	}

	#restartAfter(node: SimulatedNode, downMs: number): void {
		this.#plan(this.now + downMs * US_PER_MS, undefined, 'fault', node.index, () => this.#startNode(node));
	}

	/** Both ends of each link of `node` notice, each in its own time, whether it works. */
	#noticeLinks(node: SimulatedNode, silently: boolean): void {
		for (const peer of this.nodes) {
			if (peer === node) continue;
			this.#noticeLink(node, peer, silently);
			this.#noticeLink(peer, node, silently);
		}
	}

	#noticeLink(node: SimulatedNode, peer: SimulatedNode, silently: boolean): void {
		const ms = silently
			? this.#random.between(SILENCE_NOTICED_MIN_MS, SILENCE_NOTICED_MAX_MS)
			: this.#random.between(0.5, CLOSE_NOTICED_MAX_MS);
		this.#plan(this.now + Math.ceil(ms * US_PER_MS), node, 'link', peer.index, () => {
			const index = node.index * this.nodes.length + peer.index;
			const works = this.#works(node, peer) && this.#works(peer, node);
			if (!node.process) this.#linkTold[index] = false;
			if (!node.process || works === (this.#linkTold[index] ?? false)) return;
			this.#linkTold[index] = works;
			this.#onlooker?.link(this.now, node, peer.id, works);
			if (works) node.process.loop.linkUp(peer.id);
			else node.process.loop.linkDown(peer.id);
		});
	}

	#works(from: SimulatedNode, to: SimulatedNode): boolean {
		return from.process !== undefined && to.process !== undefined && !this.network.isCut(from.index, to.index);
	}

	// Faults

	/** Makes each fault happen at its time. */
	schedule(faults: readonly Fault[]): void {
		for (const [index, fault] of faults.entries()) {
			this.#plan(fault.atMs * US_PER_MS, undefined, 'fault', index, () => this.#cause(fault));
		}
	}

	/** Ends every fault, for good, and starts every node that can be started. Clocks stay as wrong as they are. */
	heal(): void {
		this.note('', 'everything heals');
		this.#links = { ...this.#links, loss: 0, tail: 0 };
		const everyone = this.nodes;
		for (const from of everyone) {
			for (const to of everyone) {
				if (from === to) continue;
				while (this.network.isCut(from.index, to.index)) this.network.mend(from.index, to.index);
				this.network.setQuality(from.index, to.index, this.#links);
				this.network.clog(from.index, to.index, 0);
			}
		}
		for (const node of everyone) {
			this.#resume(node);
			node.clock.pace = 1;
			node.clock.thaw();
			node.disk.flushMinUs = 100;
			node.disk.flushMaxUs = 400;
			node.disk.failingFlushes = 0;
			node.disk.beforeNextFlush = undefined;
			node.disk.freeBytes = Number.POSITIVE_INFINITY;
			node.sendsLeft = Number.POSITIVE_INFINITY;
			this.#startNode(node);
		}
		for (const node of everyone) this.#noticeLinks(node, false);
	}

	#cause(fault: Fault): void {
		if (this.#onlooker) this.note('', `FAULT ${JSON.stringify(fault)}`);
		const { counters } = this;
		switch (fault.kind) {
			case 'crash': {
				const node = this.#node(fault.node);
				if (!node.process) return;
				counters.crashes++;
				this.#crash(node);
				return this.#restartAfter(node, fault.downMs);
			}
			case 'crashWithin': {
				const node = this.#node(fault.node);
				node.sendsLeft = fault.sends;
				this.#downMs.set(node, fault.downMs);
				return;
			}
			case 'crashInFlush': {
				const node = this.#node(fault.node);
				const { epoch } = node;
				node.disk.beforeNextFlush = () => {
					if (node.epoch !== epoch || !node.process) return;
					counters.crashesInAFlush++;
					this.#crash(node);
					this.#restartAfter(node, fault.downMs);
				};
				return;
			}
			case 'crashAll':
				counters.crashesOfAll++;
				for (const node of this.nodes) {
					this.#crash(node);
					this.#restartAfter(node, Math.round(fault.downMs * this.#random.between(0.5, 1)));
				}
				return;
			case 'pause': {
				const node = this.#node(fault.node);
				if (!node.process || node.paused) return;
				counters.pauses++;
				node.paused = true;
				this.#deferred.set(node, []);
				return this.#endsAfter(fault.ms, () => this.#resume(node));
			}
			case 'cuts':
				if (fault.shape === 'partition') counters.partitions++;
				else if (fault.shape === 'oneWay') counters.oneWayCuts++;
				else if (fault.shape === 'link') counters.linkCuts++;
				else if (fault.shape === 'chain') counters.chains++;
				else counters.quorumLossTopologies++;
				return this.#cutFor(this.#aroundLeader(fault.cuts, fault.leader), fault.ms);
			case 'clog':
				counters.clogs++;
				return this.network.clog(fault.from, fault.to, this.now + fault.ms * US_PER_MS);
			case 'lossy': {
				counters.lossyLinks++;
				const [[from, to]] = this.#aroundLeader([[fault.from, fault.to]], fault.leader) as [Cut];
				this.network.setQuality(from, to, { ...this.#links, loss: fault.loss });
				return this.#endsAfter(fault.ms, () => this.network.setQuality(from, to, this.#links));
			}
			case 'late': {
				const node = this.#node(fault.node);
				const quality = { ...this.#links, tail: LATE, delayTailMs: fault.byMs };
				counters.lateLinks++;
				this.#setQualityTo(node, quality);
				return this.#endsAfter(fault.ms, () => this.#setQualityTo(node, this.#links));
			}
			case 'clockStep':
				if (fault.byMs < 0) counters.clockStepsBack++;
				else counters.clockStepsAhead++;
				return this.#node(fault.node).clock.step(fault.byMs);
			case 'clockFreeze': {
				const { clock } = this.#node(fault.node);
				counters.clockFreezes++;
				clock.freeze(this.now);
				return this.#endsAfter(fault.ms, () => clock.thaw());
			}
			case 'clockDrift':
				counters.clockDrifts++;
				this.#node(fault.node).clock.drift = fault.drift;
				return;
			case 'pace': {
				const { clock } = this.#node(fault.node);
				counters.paceChanges++;
				clock.pace = fault.pace;
				return this.#endsAfter(fault.ms, () => {
					clock.pace = 1;
				});
			}
			case 'flushFails': {
				const node = this.#node(fault.node);
				counters.flushFailures++;
				node.disk.failingFlushes = 1;
				this.#downMs.set(node, fault.downMs);
				return;
			}
			case 'diskFull': {
				const node = this.#node(fault.node);
				counters.disksFull++;
				node.disk.freeBytes = 0;
				this.#downMs.set(node, fault.ms);
				return this.#endsAfter(fault.ms, () => {
					node.disk.freeBytes = Number.POSITIVE_INFINITY;
				});
			}
			case 'slowDisk': {
				const { disk } = this.#node(fault.node);
				counters.slowDisks++;
				disk.flushMinUs = (fault.flushMs * US_PER_MS) / 2;
				disk.flushMaxUs = fault.flushMs * US_PER_MS;
				return this.#endsAfter(fault.ms, () => {
					disk.flushMinUs = 100;
					disk.flushMaxUs = 400;
				});
			}
			case 'corrupt': {
				const node = this.#node(fault.node);
				this.#crash(node);
				if (!node.process && !node.refuses && node.disk.corrupt()) {
					counters.corruptions++;
					node.corrupted = true;
				}
				return this.#restartAfter(node, fault.downMs);
			}
		}
	}

	/** `label` and whoever leads now change places. */
	#aroundLeader(cuts: readonly Cut[], label: number | undefined): readonly Cut[] {
		const leads = this.nodes.findIndex((node) => node.process?.agent.view().role === 'leader');
		if (label === undefined || leads < 0) return cuts;
		const place = (node: number) => (node === label ? leads : node === leads ? label : node);
		return cuts.map(([from, to]): Cut => [place(from), place(to)]);
	}

	#cutFor(cuts: readonly Cut[], ms: number): void {
		const notice = () => {
			for (const [from, to] of cuts) {
				this.#noticeLink(this.#node(from), this.#node(to), true);
				this.#noticeLink(this.#node(to), this.#node(from), true);
			}
		};
		for (const [from, to] of cuts) this.network.cut(from, to);
		notice();
		this.#endsAfter(ms, () => {
			for (const [from, to] of cuts) if (this.network.isCut(from, to)) this.network.mend(from, to);
			notice();
		});
	}

	#setQualityTo(node: SimulatedNode, quality: LinkQuality): void {
		for (const from of this.nodes) if (from !== node) this.network.setQuality(from.index, node.index, quality);
	}

	#resume(node: SimulatedNode): void {
		if (!node.paused) return;
		node.paused = false;
		for (const happening of this.#deferred.get(node) ?? []) this.#schedule.at(this.now, happening);
		this.#deferred.delete(node);
	}

	#endsAfter(ms: number, act: () => void): void {
		this.#plan(this.now + ms * US_PER_MS, undefined, 'fault', -1, act);
	}

	#plan(
		time: Instant,
		node: SimulatedNode | undefined,
		what: 'link' | 'fault' | 'client',
		detail: number,
		act: () => void,
	): void {
		this.#schedule.at(Math.ceil(time), { node, epoch: 0, code: CODE[what], detail, act });
	}

	#node(index: number): SimulatedNode {
		const node = this.nodes[index];
		if (!node) throw new RangeError(`there is no node ${index}`);
		return node;
	}
}
