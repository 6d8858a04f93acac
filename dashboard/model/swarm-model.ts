/**
 * All nodes of the swarm, their recent facts and decisions: what the whole page is drawn from. It is fed by a
 * source, folds what it is told, and asks back only for a snapshot. It knows no time, no socket and no DOM.
 */
import type { Fact } from '../../shared/fact.ts';
import type { FactBatch, MembersView, NodeSnapshot, Phase1View } from '../../shared/feed.ts';
import { nameOf } from '../../shared/member-name.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { type Decision, decisionFromNodes, foldDecision } from './decision.ts';
import { DecisionIndex, type Gathered } from './decision-index.ts';
import { electorateOf, MemberHistory } from './members.ts';
import { NodeModel } from './node-model.ts';
import { type Standing, standingOf } from './standing.ts';
import { type Entry, Tape } from './tape.ts';

const TAPE_FACTS_MAX = 6000;

/** How many voters of a set are up, of those that govern the slots from `from` on. */
export interface Health {
	readonly up: number;
	readonly of: number;
	readonly needed: number;
	readonly from: Slot;
}

export class SwarmModel {
	name = '';
	readonly tape = new Tape(TAPE_FACTS_MAX);
	readonly index = new DecisionIndex();
	/** How many facts nodes added up instead of sending them, since the page was opened. */
	skippedCount = 0;
	newestSlot: Slot = 0;
	readonly history = new MemberHistory();
	/** The node that the page comes from; '' while it has not told. */
	entry: NodeId = '';
	/** Why the page's own node cannot be watched, while it has not told the members; '' for no such reason. */
	entryRefusal = '';
	/** How many snapshots were folded. A snapshot may tell more of a decision than its facts do. */
	snapshotsCount = 0;
	readonly #byId = new Map<NodeId, NodeModel>();
	readonly #addresses = new Map<NodeId, string>();
	#nodes: readonly NodeModel[] = [];
	/** All names, in the order in which they were told. */
	readonly #names = new Set<string>();
	#sets: readonly MembersView[] = [];
	/** The furthest slot through which a node has told to know all. */
	#chosenThrough: Slot = 0;

	/** All nodes that are drawn, those of one name beside each other. Former members are among them until `forget`. */
	get nodes(): readonly NodeModel[] {
		return this.#nodes;
	}

	/** The set in force, and behind it that of a change which is chosen and not yet in force. None while it is unknown. */
	get sets(): readonly MembersView[] {
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

	/** A node of `gone` is drawn no more. */
	forget(id: NodeId): void {
		if (this.gone.some((node) => node.id === id) && this.#byId.delete(id)) this.#order();
	}

	snapshot(id: NodeId, snapshot: NodeSnapshot): void {
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

	/** Returns the entries that were new, or `gap`, after which the node must be asked for a snapshot. */
	batch(id: NodeId, batch: FactBatch): readonly Entry[] | 'gap' {
		const node = this.#byId.get(id);
		const facts = node?.batch(batch) ?? [];
		if (facts === 'gap') return 'gap';
		if (node && (this.#chosenThrough < node.chosenThrough || facts.some(({ kind }) => kind === 'members')))
			this.#learnMembers(node);
		for (const count of Object.values(batch.skipped)) this.skippedCount += count;
		return facts.map((fact) => this.#keep(fact));
	}

	lost(id: NodeId, sinceMs: number): void {
		this.#byId.get(id)?.lost(sinceMs);
	}

	refused(id: NodeId | null, why: string): void {
		if (id === null) this.entryRefusal = why;
		else this.#byId.get(id)?.refused(why);
	}

	newer(id: NodeId): void {
		this.#byId.get(id)?.newer();
	}

	gather(slot: Slot, attempts: readonly string[]): Gathered {
		return this.index.gather(slot, attempts, this.#leaderships());
	}

	/** The decision as it stands, or as it stood after `through` of its facts. */
	decision(gathered: Gathered, through?: number): Decision {
		const nodes = this.nodes;
		if (gathered.entries.length === 0) return decisionFromNodes(gathered.slot, nodes, this.history);
		const decision = foldDecision(gathered, this.history, through);
		if (through === undefined) this.#addKnown(decision);
		return decision;
	}

	/** Whether a node that is heard says that the slot is chosen, and that only its snapshot stands for it. */
	isTrimmed(slot: Slot): boolean {
		return this.nodes.some((node) => node.isUp && slot <= node.trimmedThrough);
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

	/** The nodes that know the slot to be chosen although the page missed the fact. */
	#addKnown(decision: Decision): void {
		for (const node of this.nodes) {
			const view = node.slots.get(decision.slot);
			if (!node.isUp || !view?.chosen || !view.value || decision.learned.has(node.id)) continue;
			decision.learned.set(node.id, { how: 'known', ballot: view.acceptedBallot });
			decision.chosen ??= { ballot: view.acceptedBallot, value: view.value };
		}
	}

	#leaderships(): Phase1View[] {
		return this.nodes.flatMap((node) => (node.isUp && node.phase1 ? [node.phase1] : []));
	}

	#keep(fact: Fact): Entry {
		const entry = this.tape.push(fact);
		this.index.add(entry);
		if ('slot' in fact && (fact.kind === 'proposed' || fact.kind === 'accepted' || fact.kind === 'chosen'))
			this.newestSlot = Math.max(this.newestSlot, fact.slot);
		return entry;
	}
}
