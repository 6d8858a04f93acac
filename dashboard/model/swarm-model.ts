/**
 * All nodes of the swarm, their recent facts and decisions: what the whole page is drawn from. It is fed by a
 * source, folds what it is told, and asks back only for a snapshot. It knows no time, no socket and no DOM.
 */
import type { Fact } from '../../shared/fact.ts';
import type { FactBatch, Member, NodeSnapshot, Phase1View } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { type Decision, decisionFromNodes, foldDecision } from './decision.ts';
import { DecisionIndex, type Gathered } from './decision-index.ts';
import { NodeModel } from './node-model.ts';
import { type Entry, Tape } from './tape.ts';

const TAPE_FACTS_MAX = 6000;

export class SwarmModel {
	name = '';
	readonly tape = new Tape(TAPE_FACTS_MAX);
	readonly index = new DecisionIndex();
	/** How many facts nodes added up instead of sending them, since the page was opened. */
	skippedCount = 0;
	newestSlot: Slot = 0;
	/** Why the page's own node cannot be watched, while it has not told the members; '' for no such reason. */
	entryRefusal = '';
	/** How many snapshots were folded. A snapshot may tell more of a decision than its facts do. */
	snapshotsCount = 0;
	readonly #byId = new Map<NodeId, NodeModel>();
	#nodes: readonly NodeModel[] = [];

	/** The nodes, in the order of the member list. */
	get nodes(): readonly NodeModel[] {
		return this.#nodes;
	}

	get upCount(): number {
		return this.#nodes.filter((node) => node.isUp).length;
	}

	get needed(): number {
		return Math.floor(this.#nodes.length / 2) + 1;
	}

	node(id: NodeId): NodeModel | undefined {
		return this.#byId.get(id);
	}

	members(members: readonly Member[], name: string): void {
		this.entryRefusal = '';
		this.name = name;
		for (const member of members) if (!this.#byId.has(member.id)) this.#byId.set(member.id, new NodeModel(member));
		this.#nodes = [...this.#byId.values()];
	}

	snapshot(id: NodeId, snapshot: NodeSnapshot): void {
		this.#byId.get(id)?.snapshot(snapshot);
		this.snapshotsCount++;
		this.newestSlot = Math.max(this.newestSlot, snapshot.chosenThrough, snapshot.slots.at(-1)?.slot ?? 0);
	}

	/** Returns the entries that were new, or `gap`, after which the node must be asked for a snapshot. */
	batch(id: NodeId, batch: FactBatch): readonly Entry[] | 'gap' {
		const facts = this.#byId.get(id)?.batch(batch) ?? [];
		if (facts === 'gap') return 'gap';
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

	gather(slot: Slot, attempts: readonly string[]): Gathered {
		return this.index.gather(slot, attempts, this.#leaderships());
	}

	/** The decision as it stands, or as it stood after `through` of its facts. */
	decision(gathered: Gathered, through?: number): Decision {
		const nodes = this.nodes;
		if (gathered.entries.length === 0) return decisionFromNodes(gathered.slot, nodes);
		const decision = foldDecision(gathered, nodes.length, through);
		if (through === undefined) this.#addKnown(decision);
		return decision;
	}

	/** Whether a node that is heard says that the slot is chosen, and that only its snapshot stands for it. */
	isTrimmed(slot: Slot): boolean {
		return this.nodes.some((node) => node.isUp && slot <= node.trimmedThrough);
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
