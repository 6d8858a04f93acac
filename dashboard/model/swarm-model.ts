/**
 * The swarm at one moment: all nodes, the members, and whether they make quorums. It is folded from what the page was
 * told, item by item, and knows no time.
 */
import type { BallotText, Fact } from '../../shared/fact.ts';
import type { NodeSnapshot } from '../../shared/feed.ts';
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { Told } from '../../shared/trace-file.ts';
import { aimOf } from './decision-index.ts';
import { type Deciders, electorateOf, MemberHistory, type QuorumSize } from './members.ts';
import { NodeModel } from './node-model.ts';
import { type Standing, standingOf } from './standing.ts';

/** How many voters of a set are up, of those that govern the slots from `from` on. */
export interface Health {
	readonly up: number;
	readonly of: number;
	readonly needed: number;
	readonly from: Slot;
}

export class SwarmModel {
	name = '';
	/** The last slot in which something is known, or for which a node has begun to ask. */
	newestSlot: Slot = 0;
	/** The ballot of the newest campaign for all open slots, while nothing was proposed since it began; '' for none. */
	campaignedAs: BallotText = '';
	history: MemberHistory;
	/** The node that the page comes from; '' while it has not told. */
	entry: NodeId = '';
	/** Why the page's own node cannot be watched, while it has not told the members; '' for no such reason. */
	entryRefusal = '';
	/** How many snapshots were folded. A snapshot may tell more of a decision than its facts do. */
	snapshotsCount = 0;
	#byId = new Map<NodeId, NodeModel>();
	#addresses = new Map<NodeId, string>();
	#nodes: readonly NodeModel[] = [];
	/** All names, in the order in which they were told. */
	#names = new Set<string>();
	#sets: readonly Deciders[] = [];
	/** The furthest slot through which a node has told to know all. */
	#chosenThrough: Slot = 0;

	constructor(quorumSize?: QuorumSize) {
		this.history = new MemberHistory(quorumSize);
	}

	/** All nodes that are drawn, those of one name beside each other. Former members are among them until `forget`. */
	get nodes(): readonly NodeModel[] {
		return this.#nodes;
	}

	/** The set in force, and behind it that of a change which is chosen and not yet in force. None while it is unknown. */
	get sets(): readonly Deciders[] {
		return this.#sets;
	}

	/** The furthest slot through which a node has told to know all. */
	get chosenThrough(): Slot {
		return this.#chosenThrough;
	}

	/** One for each of `sets`. */
	get health(): readonly Health[] {
		return this.#sets.map((set) => {
			const { voters, needed } = electorateOf(set);
			const up = voters.filter((voter) => this.#byId.get(voter)?.isUp);
			return { up: up.length, of: voters.length, needed, from: set.from };
		});
	}

	/**
	 * The set of which so many voters are silent that the others are no quorum; null where there is none. A node that is
	 * heard and catches up, or that cannot be watched, is not silent, and one that was never heard may yet be.
	 */
	get withoutQuorum(): { readonly heard: number; readonly of: number; readonly needed: number } | null {
		for (const set of this.#sets) {
			const { voters, needed } = electorateOf(set);
			const heard = voters.filter((voter) => this.#byId.get(voter)?.status !== 'unknown').length;
			if (heard < needed) return { heard, of: voters.length, needed };
		}
		return null;
	}

	/** The nodes that vote now; all nodes where the page was not told. */
	get voters(): readonly NodeModel[] {
		const [inForce] = this.#sets;
		if (!inForce) return this.#nodes;
		const { voters } = electorateOf(inForce);
		return this.#nodes.filter(({ id }) => voters.includes(id));
	}

	/** The nodes that are no members any more, or that are none and not heard. */
	get gone(): readonly NodeModel[] {
		return this.#nodes.filter(({ id, isUp }) => {
			const { place } = this.standing(id);
			return place === 'gone' || (place === 'outside' && !isUp);
		});
	}

	node(id: NodeId): NodeModel | undefined {
		return this.#byId.get(id);
	}

	/** A node with a new disk stands beside the one that it replaces. */
	inOrder(ids: readonly NodeId[]): NodeId[] {
		const names = [...this.#names];
		return [...ids].sort((a, b) => names.indexOf(nameOf(a)) - names.indexOf(nameOf(b)));
	}

	standing(id: NodeId): Standing {
		return standingOf(id, this.#sets, this.history.leftFrom(id));
	}

	/** Where the node is reached; '' where that was not told. */
	addressOf(id: NodeId): string {
		return this.#addresses.get(id) ?? '';
	}

	/** Takes in one thing that was told of a node. */
	fold(id: NodeId, told: Told): void {
		switch (told.kind) {
			case 'fact':
				return this.#fact(id, told.fact);
			case 'snapshot':
				return this.#snapshot(id, told.snapshot);
			case 'missing':
				return this.#byId.get(id)?.missing();
			case 'heard':
				return this.#byId.get(id)?.heard();
			case 'lost':
				return this.#byId.get(id)?.lost(told.sinceMs);
			case 'refused':
				if (id === '') this.entryRefusal = told.why;
				return this.#byId.get(id)?.refused(told.why);
			case 'newer':
				return this.#byId.get(id)?.newer();
			case 'entry':
				this.entry = id;
				return;
			case 'forgotten':
				if (this.gone.some((node) => node.id === id) && this.#byId.delete(id)) this.#order();
		}
	}

	/** A copy that is folded on apart from this one. */
	clone(): SwarmModel {
		const copy = Object.assign(new SwarmModel(), this, { history: this.history.clone() });
		copy.#byId = new Map([...this.#byId].map(([id, node]) => [id, node.clone()]));
		copy.#addresses = new Map(this.#addresses);
		copy.#names = new Set(this.#names);
		copy.#sets = this.#sets;
		copy.#chosenThrough = this.#chosenThrough;
		copy.#order();
		return copy;
	}

	/** Whether a node that is heard says that the slot is chosen, and that only its snapshot stands for it. */
	isTrimmed(slot: Slot): boolean {
		return this.nodes.some((node) => node.isUp && slot <= node.trimmedThrough);
	}

	/** Whether a node has told that the slot is chosen, also one that is not heard any more. */
	knowsChosen(slot: Slot): boolean {
		return this.nodes.some(({ chosenThrough, slots }) => slot <= chosenThrough || slots.get(slot)?.chosen === true);
	}

	#snapshot(id: NodeId, snapshot: NodeSnapshot): void {
		const { name, members, sets } = snapshot.swarm;
		this.entryRefusal = '';
		this.name = name;
		for (const member of members) this.#addresses.set(member.id, member.url);
		const before = this.#byId.get(id);
		if (before) this.#learnMembers(before);
		this.#learnMembers({ sets, chosenThrough: snapshot.chosenThrough });
		if (sets.length === 0) for (const member of members) this.#meet(member.id);
		this.#meet(id).snapshot(snapshot);
		this.snapshotsCount++;
		this.newestSlot = Math.max(this.newestSlot, snapshot.chosenThrough, snapshot.slots.at(-1)?.slot ?? 0);
	}

	#fact(id: NodeId, fact: Fact): void {
		const node = this.#byId.get(id);
		if (!node) return;
		node.fold(fact);
		if (this.#chosenThrough < node.chosenThrough || fact.kind === 'members') this.#learnMembers(node);
		if (fact.kind === 'proposed' || fact.kind === 'accepted' || fact.kind === 'chosen')
			this.newestSlot = Math.max(this.newestSlot, fact.slot);
		if (fact.kind === 'proposed') this.campaignedAs = '';
		if (fact.kind !== 'campaign') return;
		this.newestSlot = Math.max(this.newestSlot, aimOf(fact));
		this.campaignedAs = fact.why === 'noLeader' || fact.why === 'handedOver' ? fact.ballot : '';
	}

	/** Folds who the members are, as far as this node has told. */
	#learnMembers({ sets, chosenThrough }: Pick<NodeModel, 'sets' | 'chosenThrough'>): void {
		this.history.told(sets, chosenThrough);
		this.#chosenThrough = Math.max(this.#chosenThrough, chosenThrough, this.history.last?.chosenAt ?? 0);
		this.#sets = this.history.at(this.#chosenThrough);
		for (const { members } of this.#sets) for (const { id } of members) this.#meet(id);
	}

	#meet(id: NodeId): NodeModel {
		const known = this.#byId.get(id);
		if (known) return known;
		const node = new NodeModel(id);
		this.#byId.set(id, node);
		this.#order();
		return node;
	}

	#order(): void {
		for (const id of this.#byId.keys()) this.#names.add(nameOf(id));
		this.#nodes = this.inOrder([...this.#byId.keys()]).flatMap((id) => this.#byId.get(id) ?? []);
	}
}
