/**
 * All that the page was told, and the swarm at any moment of it. It is fed by a source, and asks back only for a snapshot.
 * It knows no socket and no DOM.
 *
 * A moment is the one just after an item of the tape. The swarm at a moment is folded from the items through it by the
 * same fold as the swarm of now, so every part of the page can show the same moment.
 */
import type { FactBatch, NodeSnapshot, Phase1View } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { Told } from '../../shared/trace-file.ts';
import { type Decision, decisionFromNodes, foldDecision } from './decision.ts';
import { DecisionIndex, type Gathered } from './decision-index.ts';
import { Lamps } from './lamps.ts';
import { type Landmark, Landmarks } from './landmarks.ts';
import type { Recalled } from './source.ts';
import { SwarmModel } from './swarm-model.ts';
import { type Entry, type Item, isEntry, Tape } from './tape.ts';

const ITEMS_MAX = 20_000;
/** So many items lie between two models that are kept, so that going back does not fold everything again. */
const CHECKPOINT_EVERY = 2000;

/** The swarm after the item at place `at`. */
interface Checkpoint {
	readonly at: number;
	readonly model: SwarmModel;
}

export class Story {
	/** The swarm as of everything that was told. */
	readonly live = new SwarmModel();
	readonly index = new DecisionIndex();
	/** What must never happen, and whether it has. */
	readonly lamps = new Lamps();
	readonly tape: Tape;
	/** How many facts nodes added up instead of sending them, since the page was opened. */
	skippedCount = 0;
	readonly #landmarks = new Landmarks();
	/** The swarm before the first item that the tape still has. */
	readonly #base = new SwarmModel();
	#checkpoints: Checkpoint[] = [];
	/** The moment that was asked for last. Its model is folded on when a later one is asked for. */
	#past: { at: number; readonly model: SwarmModel } | null = null;
	readonly #nowMs: () => number;

	/** @param nowMs the page's clock; it never goes back */
	constructor(nowMs: () => number, itemsMax = ITEMS_MAX) {
		this.#nowMs = nowMs;
		this.tape = new Tape(itemsMax, {
			dropped: ({ node, told, at }) => {
				this.#base.fold(node, told);
				// A model that has not folded this item can never fold it any more.
				if (this.#past !== null && this.#past.at < at) this.#past = null;
			},
			reordered: (from) => {
				this.#checkpoints = this.#checkpoints.filter(({ at }) => at < from);
				if (this.#past !== null && this.#past.at >= from) this.#past = null;
			},
		});
	}

	/** Takes what was before the page was opened. Its time is that of the clock, and nothing was told before. */
	recalled({ node, told }: Recalled): void {
		this.#tell(node, told);
	}

	/** Takes what another page was told, and leaves it in its order. Its time is that of the clock. */
	replayed({ node, told }: Recalled): void {
		this.#tell(node, told, true);
	}

	snapshot(node: NodeId, snapshot: NodeSnapshot): void {
		this.#tell(node, { kind: 'snapshot', snapshot });
	}

	/** Returns the entries that were new, or `gap`, after which the node must be asked for a snapshot. */
	batch(id: NodeId, batch: FactBatch): readonly Entry[] | 'gap' {
		const node = this.live.node(id);
		const facts = node?.fresh(batch) ?? [];
		if (facts === 'gap') {
			this.#tell(id, { kind: 'missing', skipped: {} });
			return 'gap';
		}
		if (node?.status === 'unknown' && facts.length === 0) this.#tell(id, { kind: 'heard' });
		const entries = facts.map((fact) => this.#tell(id, { kind: 'fact', fact }) as Entry);
		// A snapshot follows by itself.
		const isSkipping = Object.keys(batch.skipped).length > 0;
		if (isSkipping && node?.isUp) this.#tell(id, { kind: 'missing', skipped: batch.skipped });
		return entries;
	}

	lost(node: NodeId, sinceMs: number): void {
		this.#tell(node, { kind: 'lost', sinceMs });
	}

	/** @param node null: the page's own node, whose name it has not told */
	refused(node: NodeId | null, why: string): void {
		this.#tell(node ?? '', { kind: 'refused', why });
	}

	newer(node: NodeId): void {
		this.#tell(node, { kind: 'newer' });
	}

	entry(node: NodeId): void {
		this.#tell(node, { kind: 'entry' });
	}

	/** A former member is drawn no more from now on. */
	forget(node: NodeId): void {
		this.#tell(node, { kind: 'forgotten' });
	}

	/**
	 * The swarm just after `moment`; as early as the tape reaches, where that is longer ago. The model is valid until the
	 * next call.
	 */
	at(moment: Item): SwarmModel {
		this.tape.settle();
		const past = this.#past !== null && this.#past.at <= moment.at ? this.#past : this.#startOf(moment);
		let left = CHECKPOINT_EVERY;
		for (const { node, told, at } of this.tape.between(past.at, moment.at)) {
			past.model.fold(node, told);
			past.at = at;
			if (--left > 0) continue;
			this.#checkpoints.push({ at, model: past.model.clone() });
			left = CHECKPOINT_EVERY;
		}
		this.#past = past;
		return past.model;
	}

	/** @param attempts ballots that an answer listed as tried for the slot */
	gather(slot: Slot, attempts: readonly string[]): Gathered {
		this.tape.settle();
		return this.index.gather(slot, attempts, leadershipsOf(this.live));
	}

	/** The decision as it stands at `moment`; as it stands now where that is null. */
	decision(gathered: Gathered, moment: Item | null = null): Decision {
		const swarm = moment ? this.at(moment) : this.live;
		if (gathered.entries.length === 0) return decisionFromNodes(gathered.slot, swarm.nodes, swarm.history);
		const through = moment ? gathered.entries.filter(({ at }) => at <= moment.at).length : undefined;
		const decision = foldDecision(gathered, swarm.history, through);
		addKnown(decision, swarm);
		return decision;
	}

	/** The swarm before the first item of the tape. */
	get beginning(): SwarmModel {
		this.tape.settle();
		return this.#base;
	}

	/** What happened on the tape, in its order. */
	get landmarks(): readonly Landmark[] {
		return this.#landmarks.since(this.tape.first?.at ?? 0);
	}

	/** A model to fold on from, which is not later than `moment` where the tape reaches that far. */
	#startOf(moment: Item): { at: number; readonly model: SwarmModel } {
		const first = this.tape.first?.at ?? 0;
		this.#checkpoints = this.#checkpoints.filter(({ at }) => at >= first);
		let nearest: Checkpoint = { at: first - 1, model: this.#base };
		for (const each of this.#checkpoints) if (each.at <= moment.at && each.at > nearest.at) nearest = each;
		return { at: nearest.at, model: nearest.model.clone() };
	}

	#tell(node: NodeId, told: Told, isInOrder = false): Item {
		const item = this.tape.push(node, told, this.#nowMs());
		if (isInOrder) this.tape.keepOrder();
		this.#landmarks.add(item, this.live);
		this.live.fold(node, told);
		if (told.kind === 'missing') for (const count of Object.values(told.skipped)) this.skippedCount += count;
		if (isEntry(item)) {
			this.index.add(item);
			this.lamps.add(item);
		}
		return item;
	}
}

/** The nodes that know the slot to be chosen although the page missed the fact. */
function addKnown(decision: Decision, swarm: SwarmModel): void {
	for (const node of swarm.nodes) {
		const view = node.slots.get(decision.slot);
		if (!node.isUp || !view?.chosen || !view.value || decision.learned.has(node.id)) continue;
		decision.learned.set(node.id, { how: 'known', ballot: view.acceptedBallot });
		decision.chosen ??= { ballot: view.acceptedBallot, value: view.value };
	}
}

function leadershipsOf({ nodes }: SwarmModel): Phase1View[] {
	return nodes.flatMap((node) => (node.isUp && node.phase1 ? [node.phase1] : []));
}
