/**
 * Everything that a space-time diagram shows of a stretch of the tape: a line for each node, the messages between them,
 * the ballots that were promised, the writes of the disks, and when a node was not heard. All of it has a place on one axis
 * of time, on which no effect stands before its cause.
 *
 * @source Lamport, Time, Clocks, and the Ordering of Events in a Distributed System, its figures
 */
import type { BallotText, Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { MessageKind } from '../../shared/paxos/message.ts';
import { higherBallot } from './ballot-names.ts';
import { clockOffsets } from './clock-offsets.ts';
import { isOf } from './reasons/past.ts';
import type { Story } from './story.ts';
import type { SwarmModel } from './swarm-model.ts';
import { type Entry, type Item, isEntry } from './tape.ts';

/** Something on the line of a node. Times are milliseconds on the axis. */
export interface Happening {
	readonly entry: Entry;
	readonly ms: number;
}

export interface Message {
	readonly id: string;
	readonly from: NodeId;
	readonly to: NodeId;
	readonly kind: MessageKind;
	readonly sent: Happening;
	/** Null where no node has told that it arrived. */
	received: Happening | null;
	/** Whether it can arrive no more, as far as is known. */
	isLost: boolean;
}

/** A part of a node's line. It goes on where `toMs` is infinite. */
interface Part {
	readonly node: NodeId;
	readonly fromMs: number;
	toMs: number;
}

/** The node's highest promise meanwhile. */
export interface Band extends Part {
	readonly ballot: BallotText;
}

/** The node was not heard, or what it told meanwhile is missing. */
export interface Gap extends Part {
	readonly kind: 'silent' | 'missing';
	/** The place on the tape at which the page noticed it; `-Infinity` before the stretch. */
	readonly noticedAt: number;
	/** It came back in another life of its process. */
	isRestart: boolean;
}

/** A flush of the node's disk. */
export interface Write extends Part {
	readonly entry: Entry;
}

export interface SpaceTime {
	/** Those of one node are in the order of time. */
	readonly bands: readonly Band[];
	readonly gaps: readonly Gap[];
	/** In the order of sending. */
	readonly messages: readonly Message[];
	/** What else happened, in order. */
	readonly happenings: readonly Happening[];
	readonly writes: readonly Write[];
	/** The time of every item, in order. */
	readonly places: readonly { readonly item: Item; readonly ms: number }[];
	/** How long half of the messages take at most; 0 where none arrived. */
	readonly usualMs: number;
	/** How long the slowest one of those took that arrived. */
	readonly longestMs: number;
}

export interface Timing {
	/** Things were told when they happened, so the time of the telling is right, and no clock is asked. */
	readonly isExact: boolean;
	/** Whether a message that nobody has received may still be on its way; undefined where only facts tell. */
	readonly isFlying?: ((from: NodeId, to: NodeId, sentMs: number) => boolean) | undefined;
}

const SAMPLE_MAX = 400;

/** The stretch behind place `after` of the tape, through place `through`. */
export function spaceTimeBetween(story: Story, after: number, through: number, timing: Timing): SpaceTime {
	const items = [...story.tape.between(after, through)];
	const last = items.at(-1);
	return spaceTimeOf(items, last && last !== story.tape.last ? story.at(last) : story.live, timing);
}

/**
 * @param items a stretch of the tape, in its order
 * @param swarm at the end of the stretch: what no item of it tells is as it is there
 */
export function spaceTimeOf(items: readonly Item[], swarm: SwarmModel, timing: Timing): SpaceTime {
	const believed = fold(items, swarm, timing, new Map());
	if (timing.isExact || !believed.isContradicted) return believed.end(timing);
	return fold(items, swarm, timing, clockOffsets(factsOf(items))).end(timing);
}

/** @param offsets by which the clocks of nodes are moved, milliseconds */
function fold(
	items: readonly Item[],
	swarm: SwarmModel,
	{ isExact }: Timing,
	offsets: ReadonlyMap<NodeId, number>,
): Folder {
	const folder = new Folder(swarm, items);
	let ms = Number.NEGATIVE_INFINITY;
	for (const item of items) {
		ms = Math.max(ms, isExact ? item.whenMs : (timeOf(item) ?? ms) + (offsets.get(item.node) ?? 0));
		if (Number.isFinite(ms)) folder.take(item, ms);
	}
	return folder;
}

/** When it was told, by the node's clock; undefined for what the node did not tell itself. */
function timeOf({ told }: Item): number | undefined {
	if (told.kind === 'fact') return told.fact.time;
	return told.kind === 'snapshot' ? told.snapshot.time : undefined;
}

/** The place of the last item through place `through` of the tape; of the first one where all are later. */
export function placeThrough({ places }: SpaceTime, through: number): number | undefined {
	let low = 0;
	let high = places.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if ((places[middle]?.item.at ?? 0) <= through) low = middle + 1;
		else high = middle;
	}
	return (places[low - 1] ?? places[0])?.ms;
}

/** The last item that has happened at `ms`; undefined before the first one. */
export function itemAtPlace({ places }: SpaceTime, ms: number): Item | undefined {
	let low = 0;
	let high = places.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if ((places[middle]?.ms ?? 0) <= ms) low = middle + 1;
		else high = middle;
	}
	return places[low - 1]?.item;
}

function* factsOf(items: readonly Item[]): Iterable<Fact> {
	for (const item of items) if (isEntry(item)) yield item.fact;
}

class Folder {
	readonly #swarm: SwarmModel;
	readonly #bands: Band[] = [];
	readonly #gaps: Gap[] = [];
	readonly #messages: Message[] = [];
	readonly #happenings: Happening[] = [];
	readonly #writes: Write[] = [];
	readonly #places: { readonly item: Item; readonly ms: number }[] = [];
	readonly #byId = new Map<string, Message>();
	/** What has not arrived, by sender, and then by receiver. */
	readonly #open = new Map<NodeId, Map<NodeId, Message[]>>();
	/** The pairs of which nothing arrives, because people wanted that. */
	readonly #cuts = new Set<string>();
	readonly #band = new Map<NodeId, Band>();
	readonly #gap = new Map<NodeId, Gap>();
	readonly #lastMs = new Map<NodeId, number>();
	readonly #epoch = new Map<NodeId, string>();
	#longestMs = 0;
	/** Whether a message has arrived before it was sent, by the clocks as they are. */
	isContradicted = false;

	constructor(swarm: SwarmModel, items: readonly Item[]) {
		this.#swarm = swarm;
		for (const node of swarm.nodes)
			for (const [from, fault] of node.faults ?? []) if (fault.cut) this.#cuts.add(pairOf(from, node.id));
		for (const item of items) if (isOf(item, 'linkFault')) this.#cuts.delete(pairOf(item.fact.from, item.node));
	}

	take(item: Item, ms: number): void {
		const { node, told } = item;
		this.#places.push({ item, ms });
		if (told.kind === 'lost') this.#opensGap(node, 'silent', this.#lastMs.get(node) ?? ms, item.at);
		else if (told.kind === 'missing') this.#opensGap(node, 'missing', this.#lastMs.get(node) ?? ms, item.at);
		else if (told.kind === 'snapshot') {
			this.#lives(item, told.snapshot.epoch, ms);
			this.#promises(node, told.snapshot.promised, told.snapshot.promised, ms);
		} else if (told.kind === 'heard') this.#closesGap(node, ms, false);
		else if (isEntry(item)) this.#fact(item, ms);
	}

	end({ isFlying }: Timing): SpaceTime {
		if (isFlying)
			for (const message of this.#messages)
				if (!message.received) message.isLost = !isFlying(message.from, message.to, message.sent.ms);
		// A node of which nothing is told here has been as it is at the end.
		for (const { id, promised, isUp, status } of this.#swarm.nodes) {
			if (!this.#band.has(id) && isUp && promised !== '')
				this.#bands.push({
					node: id,
					ballot: promised,
					fromMs: Number.NEGATIVE_INFINITY,
					toMs: Number.POSITIVE_INFINITY,
				});
			if (!this.#lastMs.has(id) && !this.#gap.has(id) && status === 'unknown')
				this.#opensGap(id, 'silent', Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY);
		}
		return {
			bands: this.#bands,
			gaps: this.#gaps,
			messages: this.#messages,
			happenings: this.#happenings,
			writes: this.#writes,
			places: this.#places,
			usualMs: usual(this.#messages),
			longestMs: this.#longestMs,
		};
	}

	#fact(entry: Entry, ms: number): void {
		const { fact } = entry;
		const { node } = fact;
		this.#lives(entry, fact.epoch, ms);
		switch (fact.kind) {
			case 'sent':
				return this.#sent({ entry, ms }, fact);
			case 'received':
				return this.#received({ entry, ms }, fact);
			case 'flushed':
				this.#writes.push({ node, entry, fromMs: ms - fact.ms, toMs: ms });
				return;
			case 'promised':
				this.#promises(node, fact.ballot, fact.previous, ms);
				break;
			case 'accepted':
				this.#promises(node, fact.ballot, '', ms);
				break;
			case 'linkDown':
				this.#loses(node, fact.peer);
				this.#loses(fact.peer, node);
				break;
			case 'linkFault': {
				const pair = pairOf(fact.from, node);
				if (fact.cut) this.#cuts.add(pair);
				else this.#cuts.delete(pair);
				break;
			}
			default:
				break;
		}
		this.#happenings.push({ entry, ms });
	}

	#sent(sent: Happening, fact: Fact & { readonly kind: 'sent' }): void {
		const { node: from, to, messageId: id } = fact;
		if (from === to) return;
		const message: Message = {
			id,
			from,
			to,
			kind: fact.message.kind,
			sent,
			received: null,
			isLost: this.#cuts.size > 0 && this.#cuts.has(pairOf(from, to)),
		};
		this.#messages.push(message);
		this.#byId.set(id, message);
		let ofSender = this.#open.get(from);
		if (!ofSender) {
			ofSender = new Map();
			this.#open.set(from, ofSender);
		}
		const open = ofSender.get(to);
		if (open) open.push(message);
		else ofSender.set(to, [message]);
	}

	/** What the same node had sent before goes the same way, so it can arrive no more. */
	#received(received: Happening, { messageId, from, node }: Fact & { readonly kind: 'received' }): void {
		const message = this.#byId.get(messageId);
		if (!message || message.received) return;
		message.received = received;
		message.isLost = false;
		if (received.entry.fact.time < message.sent.entry.fact.time) this.isContradicted = true;
		this.#longestMs = Math.max(this.#longestMs, received.ms - message.sent.ms);
		const open = this.#open.get(from)?.get(node) ?? [];
		const at = open.indexOf(message);
		if (at === 0) open.shift();
		else for (const earlier of open.splice(0, at + 1)) if (earlier !== message) earlier.isLost = true;
	}

	#loses(from: NodeId, to: NodeId): void {
		for (const message of this.#open.get(from)?.get(to) ?? []) message.isLost = true;
		this.#open.get(from)?.delete(to);
	}

	#promises(node: NodeId, ballot: BallotText, previous: BallotText, ms: number): void {
		const before = this.#band.get(node);
		if (before && higherBallot(before.ballot, ballot) === before.ballot) return;
		if (before) before.toMs = ms;
		else if (previous !== '' && previous !== ballot)
			this.#bands.push({ node, ballot: previous, fromMs: Number.NEGATIVE_INFINITY, toMs: ms });
		if (ballot === '') return;
		const isSinceBefore = !before && previous === ballot;
		const fromMs = isSinceBefore ? Number.NEGATIVE_INFINITY : ms;
		const band: Band = { node, ballot, fromMs, toMs: Number.POSITIVE_INFINITY };
		this.#band.set(node, band);
		this.#bands.push(band);
	}

	/** The node is heard, in this life. */
	#lives({ node, at }: Item, epoch: string, ms: number): void {
		const before = this.#epoch.get(node);
		const isRestart = before !== undefined && before !== epoch;
		if (isRestart && !this.#gap.has(node)) this.#opensGap(node, 'silent', this.#lastMs.get(node) ?? ms, at);
		this.#closesGap(node, ms, isRestart);
		this.#epoch.set(node, epoch);
		this.#lastMs.set(node, ms);
	}

	#opensGap(node: NodeId, kind: Gap['kind'], fromMs: number, noticedAt: number): void {
		if (this.#gap.has(node)) return;
		const gap: Gap = { node, kind, noticedAt, fromMs, toMs: Number.POSITIVE_INFINITY, isRestart: false };
		this.#gap.set(node, gap);
		this.#gaps.push(gap);
	}

	#closesGap(node: NodeId, ms: number, isRestart: boolean): void {
		const gap = this.#gap.get(node);
		if (!gap) return;
		gap.toMs = ms;
		gap.isRestart = isRestart;
		this.#gap.delete(node);
	}
}

function pairOf(from: NodeId, to: NodeId): string {
	return `${from} ${to}`;
}

function usual(messages: readonly Message[]): number {
	const times: number[] = [];
	for (let i = messages.length - 1; i >= 0 && times.length < SAMPLE_MAX; i--) {
		const { sent, received } = messages[i] as Message;
		if (received) times.push(received.ms - sent.ms);
	}
	return times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
}
