/**
 * One node's state, folded from its snapshot and the facts that follow. At every sequence number it equals
 * what the node itself would tell. After a gap in the facts it guesses nothing: it reports the gap and waits for a
 * snapshot.
 */
import type { BallotText, Fact } from '../../shared/fact.ts';
import type {
	EntryView,
	FactBatch,
	MembersView,
	NodeSnapshot,
	Phase1View,
	SlotView,
	Troubles,
} from '../../shared/feed.ts';
import { isFault, type LinkFaultFrom } from '../../shared/lab.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { CLOCK_SKEW_TOLD_MS } from '../../shared/paxos/bounds.ts';
import type { Role } from '../../shared/paxos/fact.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { skewText } from '../../shared/skew.ts';
import { compareBallotTexts, higherBallot } from './ballot-names.ts';

/**
 * `connecting`: the node was not heard yet. `catchingUp`: facts were missed, and a snapshot is on its way. `refused`:
 * the node answers, and cannot be watched. `newer`: it came in after the page was opened, which may not reach it.
 */
export type NodeStatus = 'connecting' | 'up' | 'catchingUp' | 'unknown' | 'refused' | 'newer';

/** In a word or two, for people; '' where the node is up. */
export const STATUS_WORDS: Readonly<Record<NodeStatus, string>> = {
	connecting: 'connecting',
	up: '',
	catchingUp: 'catching up',
	unknown: 'unknown',
	refused: 'not watched',
	newer: 'not watched',
};

const SLOTS_KEPT_MAX = 128;

export class NodeModel {
	readonly id: NodeId;
	status: NodeStatus = 'connecting';
	/** When the node was last heard, in milliseconds since 1970. It is set while `status` is `unknown`. */
	unknownSinceMs = 0;
	/** Why the node cannot be watched. It is set while `status` is `refused`. */
	refusal = '';
	epoch = '';
	seq = 0;
	role: Role = 'follower';
	promised: BallotText = '';
	leader: BallotText = '';
	chosenThrough: Slot = 0;
	appliedThrough: Slot = 0;
	/** The node keeps no slot up to here any more: its snapshot stands for them. */
	trimmedThrough: Slot = 0;
	revision = 0;
	/** The most recent slots by number, in no order. */
	slots = new Map<Slot, SlotView>();
	lastAccepted: SlotView | null = null;
	linked = new Set<NodeId>();
	/** The phase 1 that made this node the leader, where it leads. */
	phase1: Phase1View | null = null;
	/** The keys as of the last snapshot, at `entriesRevision`, because facts carry no keys. */
	entries: readonly EntryView[] = [];
	entriesCount = 0;
	entriesRevision = 0;
	/** The sets of members as the node told them last; the first may be over meanwhile. None where facts of them are missing. */
	sets: readonly MembersView[] = [];
	/** The snapshot of another node that this one takes over; null for none. The bytes are those that have come. */
	arriving: { readonly through: Slot; readonly bytes: number; readonly bytesOfAll: number } | null = null;
	/** The faults that people made in what others send to this node, by sender; null where it does not run as a lab. */
	faults: ReadonlyMap<NodeId, LinkFaultFrom> | null = null;
	/** What is wrong at the node, for people, by what it is about. */
	troubles: Troubles = {};
	/** The promises that it has counted in the campaign that it began last; null for none that is known from the beginning. */
	campaign: Phase1View | null = null;

	constructor(id: NodeId) {
		this.id = id;
	}

	/** Whether the node's present state is known: it is neither silent nor behind. */
	get isUp(): boolean {
		return this.status === 'up';
	}

	snapshot(snapshot: NodeSnapshot): void {
		this.status = 'up';
		this.epoch = snapshot.epoch;
		this.seq = snapshot.seq;
		this.role = snapshot.role;
		this.promised = snapshot.promised;
		this.leader = snapshot.leader;
		this.chosenThrough = snapshot.chosenThrough;
		this.appliedThrough = snapshot.appliedThrough;
		this.trimmedThrough = snapshot.trimmedThrough;
		this.revision = snapshot.revision;
		this.slots.clear();
		this.lastAccepted = null;
		for (const view of snapshot.slots) this.#put(view);
		this.linked.clear();
		for (const peer of snapshot.linked) this.linked.add(peer);
		this.phase1 = snapshot.phase1;
		this.campaign = null;
		this.entries = snapshot.entries;
		this.entriesCount = snapshot.entriesCount;
		this.entriesRevision = snapshot.revision;
		this.sets = snapshot.swarm.sets;
		this.troubles = snapshot.troubles ?? {};
		this.faults = snapshot.faults && new Map(snapshot.faults.map((fault) => [fault.from, fault]));
	}

	/**
	 * The facts of the batch that are to be folded, or `gap` where facts before them are missing. There are none while a
	 * snapshot is awaited. Nothing is changed.
	 */
	fresh(batch: FactBatch): readonly Fact[] | 'gap' {
		if (this.status !== 'up' && this.status !== 'unknown') return [];
		const known = batch.epoch === this.epoch ? this.seq + 1 - batch.from : -1;
		if (known < 0) return 'gap';
		// A fact that a snapshot already contains may follow the snapshot once more.
		return known === 0 ? batch.facts : batch.facts.slice(known);
	}

	/** Facts are missing, and a snapshot is on its way. */
	missing(): void {
		this.status = 'catchingUp';
	}

	/** It is heard again. What has happened at it meanwhile follows. */
	heard(): void {
		this.status = 'up';
	}

	lost(sinceMs: number): void {
		this.status = 'unknown';
		this.unknownSinceMs = sinceMs;
	}

	refused(why: string): void {
		this.status = 'refused';
		this.refusal = why;
	}

	newer(): void {
		this.status = 'newer';
	}

	/** @param fact the next one, except that facts which change nothing here may be left out */
	fold(fact: Fact): void {
		this.status = 'up';
		this.seq = fact.seq;
		switch (fact.kind) {
			case 'promised':
				this.promised = higherBallot(this.promised, fact.ballot);
				return this.#awaitLeader(fact.ballot);
			case 'accepted':
				this.promised = higherBallot(this.promised, fact.ballot);
				return this.#put({
					slot: fact.slot,
					acceptedBallot: fact.ballot,
					value: fact.value,
					chosen: fact.slot <= this.chosenThrough || this.slots.get(fact.slot)?.chosen === true,
				});
			case 'chosen': {
				// What it had accepted and what it fetches instead may differ.
				const held = this.slots.get(fact.slot);
				const acceptedBallot = held?.value?.digest === fact.value.digest ? held.acceptedBallot : '';
				this.#put({ slot: fact.slot, acceptedBallot, value: fact.value, chosen: true });
				// Where it has accepted very many later slots, this one is not kept.
				if (fact.slot === this.chosenThrough + 1) this.chosenThrough++;
				while (this.slots.get(this.chosenThrough + 1)?.chosen) this.chosenThrough++;
				return;
			}
			case 'applied':
				this.chosenThrough = Math.max(this.chosenThrough, fact.through);
				this.appliedThrough = fact.through;
				this.revision = fact.revision;
				return;
			case 'installed':
				this.chosenThrough = Math.max(this.chosenThrough, fact.through);
				this.arriving = null;
				// The snapshot may have brought other members, and the changes between are not told.
				this.sets = [];
				return this.#trim(fact.through);
			case 'members':
				this.sets = this.#setsWith(fact);
				return;
			case 'received':
				if (fact.message.kind === 'snapshotPart') {
					const { through, offset, bytes, bytesOfAll } = fact.message;
					this.arriving = { through, bytes: offset + bytes.bytes, bytesOfAll };
				}
				return;
			case 'snapshot':
				if (fact.what === 'abandoned' && fact.through === this.arriving?.through) this.arriving = null;
				return fact.what === 'trimmed' ? this.#trim(fact.through) : undefined;
			case 'campaign':
				this.campaign = phase1Begun(fact);
				this.role = 'candidate';
				this.phase1 = null;
				return this.#awaitLeader(fact.ballot);
			case 'promiseCounted':
				if (this.campaign?.ballot === fact.ballot)
					this.campaign = withPromise(this.campaign, fact, this.phase1 !== null);
				if (this.phase1?.ballot === fact.ballot) this.phase1 = withPromise(this.phase1, fact, true);
				return;
			case 'role':
				this.role = fact.role;
				this.leader = fact.leader;
				if (fact.role !== 'leader') this.phase1 = null;
				else if (this.campaign?.ballot === fact.ballot) this.phase1 = this.campaign;
				return;
			case 'linkUp':
				this.linked.add(fact.peer);
				return;
			case 'linkDown':
				this.linked.delete(fact.peer);
				return;
			case 'linkFault':
				this.faults = withFault(this.faults, fact);
				return;
			case 'nodeFault':
			case 'refused':
			case 'halted':
			case 'givenUp':
			case 'handsOver':
			case 'proposed':
			case 'voteCounted':
			case 'pollHeld':
			case 'fetching':
			case 'ignored':
			case 'sent':
			case 'malformed':
			case 'flushed':
				return;
			case 'disk':
				if (fact.what === 'repaired') return;
				return this.#trouble('disk', fact.what === 'hangs' || fact.what === 'noRoom' ? fact.detail : null);
			case 'state':
				return this.#trouble('state', fact.what === 'agrees' ? null : fact.detail);
			case 'clockSkew': {
				const { peer, aheadMs } = fact;
				const isApart = Math.abs(aheadMs) > CLOCK_SKEW_TOLD_MS;
				return this.#trouble(`clock ${peer}`, isApart ? skewText(peer, aheadMs) : null);
			}
			case 'stall':
				return this.#trouble('loop', fact.detail);
		}
	}

	/** @param text null where it is over */
	#trouble(about: string, text: string | null): void {
		const { [about]: _, ...others } = this.troubles;
		this.troubles = text === null ? others : { ...others, [about]: text };
	}

	/** A copy that changes apart from this one. */
	clone(): NodeModel {
		return Object.assign(new NodeModel(this.id), this, { slots: new Map(this.slots), linked: new Set(this.linked) });
	}

	/** A node that promises a ballot hears no leader of a lower one any more, and tells no other fact of that. */
	#awaitLeader(ballot: BallotText): void {
		if (compareBallotTexts(ballot, this.leader) > 0) this.leader = '';
	}

	/**
	 * A node that learns of two changes at once tells only the second, which was proposed when the first was in force. So
	 * this one is the next one where no change of a slot that the node has yet to apply could be in force before it.
	 */
	#setsWith({ chosenAt, from, members }: Fact & { readonly kind: 'members' }): readonly MembersView[] {
		const before = this.sets.at(-1);
		return before && chosenAt <= this.appliedThrough + (from - chosenAt) ? [before, { chosenAt, from, members }] : [];
	}

	#trim(through: Slot): void {
		this.trimmedThrough = Math.max(this.trimmedThrough, through);
		for (const slot of this.slots.keys()) if (slot <= through) this.slots.delete(slot);
		if (this.lastAccepted && this.lastAccepted.slot <= through) this.lastAccepted = null;
	}

	#put(view: SlotView): void {
		this.slots.delete(view.slot);
		this.slots.set(view.slot, view);
		if (this.slots.size > SLOTS_KEPT_MAX) this.slots.delete(lowest(this.slots.keys()));
		const last = this.lastAccepted;
		if (view.acceptedBallot === '') {
			if (last?.slot === view.slot) this.lastAccepted = lastAcceptedOf(this.slots.values());
			return;
		}
		if (
			!last ||
			view.slot > last.slot ||
			(view.slot === last.slot && compareBallotTexts(view.acceptedBallot, last.acceptedBallot) >= 0)
		)
			this.lastAccepted = view;
	}
}

/** The phase 1 of a campaign that has just begun. */
export function phase1Begun({ ballot, chosenThrough }: Fact & { readonly kind: 'campaign' }): Phase1View {
	return { ballot, chosenThrough, recoveredThrough: chosenThrough, promises: [] };
}

/**
 * The phase 1 with this promise. The leader proposes nothing in slots that one of the quorum knows to be chosen.
 *
 * @param isLate it leads already: what is reported now may have been chosen under this very ballot
 */
export function withPromise(
	phase1: Phase1View,
	{ from, chosenThrough, reported }: Fact & { readonly kind: 'promiseCounted' },
	isLate: boolean,
): Phase1View {
	const others = phase1.promises.filter((promise) => promise.from !== from);
	const promises = [...others, { from, chosenThrough, reported }];
	if (isLate) return { ...phase1, promises };
	const slots = reported.map(({ slot }) => slot);
	return {
		...phase1,
		chosenThrough: Math.max(phase1.chosenThrough, chosenThrough),
		recoveredThrough: Math.max(phase1.recoveredThrough, chosenThrough, ...slots),
		promises,
	};
}

function withFault(
	faults: ReadonlyMap<NodeId, LinkFaultFrom> | null,
	{ from, cut, delayMs, loss, hold }: LinkFaultFrom,
): ReadonlyMap<NodeId, LinkFaultFrom> {
	const others = [...(faults ?? [])].filter(([sender]) => sender !== from);
	const fault = { from, cut, delayMs, loss, hold };
	return new Map(isFault(fault) ? [...others, [from, fault]] : others);
}

function lastAcceptedOf(views: Iterable<SlotView>): SlotView | null {
	let last: SlotView | null = null;
	for (const view of views) if (view.acceptedBallot !== '' && view.slot > (last?.slot ?? 0)) last = view;
	return last;
}

function lowest(slots: Iterable<Slot>): Slot {
	let least = Number.POSITIVE_INFINITY;
	for (const slot of slots) if (slot < least) least = slot;
	return least;
}
