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
import { type Decision, decisionOf } from './decision.ts';
import { DecisionIndex, type Gathered } from './decision-index.ts';
import { type BallotIdentity, Lamps } from './lamps.ts';
import { type Landmark, Landmarks } from './landmarks.ts';
import type { QuorumSize } from './members.ts';
import { Metrics } from './metrics.ts';
import type { Recalled } from './source.ts';
import { SwarmModel } from './swarm-model.ts';
import { type Entry, type Item, isEntry, Tape } from './tape.ts';
import { Untold } from './untold.ts';

/** So much is gone back to, of what never ends, and decisions of so many slots are kept. */
const ITEMS_MAX = 20_000;
const SLOTS_MAX = 256;
/** So many items lie between two models that are kept, so that going back does not fold everything again. */
const CHECKPOINT_EVERY = 2000;
/** Of what ends all is kept. A slot has at least so many items. */
const ITEMS_OF_SLOT_MIN = 20;

/** The swarm after the item at place `at`. */
interface Checkpoint {
	readonly at: number;
	readonly model: SwarmModel;
}

export class Story {
	/** The swarm as of everything that was told. */
	readonly live: SwarmModel;
	readonly index: DecisionIndex;
	/** What must never happen, and whether it has. */
	readonly lamps: Lamps;
	readonly metrics = new Metrics();
	readonly tape: Tape;
	/** How many facts nodes added up instead of sending them, since the page was opened. */
	skippedCount = 0;
	readonly untold = new Untold();
	readonly #landmarks = new Landmarks();
	/** The swarm before the first item that the tape still has. */
	readonly #base: SwarmModel;
	/** In the order of the tape. */
	#checkpoints: Checkpoint[] = [];
	/** The moment that was asked for last. Its model is folded on when a later one is asked for. */
	#past: { at: number; readonly model: SwarmModel } | null = null;
	readonly #nowMs: () => number;

	/**
	 * @param nowMs the page's clock; it never goes back
	 * @param itemsMax so much is gone back to
	 * @param quorumSize a majority by default
	 * @param identityOf which ballots are the same one; each by itself by default
	 */
	constructor(nowMs: () => number, itemsMax = ITEMS_MAX, quorumSize?: QuorumSize, identityOf?: BallotIdentity) {
		this.#nowMs = nowMs;
		this.lamps = new Lamps(identityOf);
		this.live = new SwarmModel(quorumSize);
		this.#base = new SwarmModel(quorumSize);
		this.index = new DecisionIndex(Math.max(SLOTS_MAX, itemsMax > ITEMS_MAX ? itemsMax / ITEMS_OF_SLOT_MIN : 0));
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
		if (node?.status === 'unknown') this.#tell(id, { kind: 'heard' });
		const entries = facts.map((fact) => this.#tell(id, { kind: 'fact', fact }) as Entry);
		// A snapshot follows by itself.
		const { skipped, took } = batch;
		const isSkipping = Object.keys(skipped).length > 0;
		if (isSkipping && node?.isUp) this.#tell(id, { kind: 'missing', skipped, ...(took && { took }) });
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
	at(moment: Pick<Item, 'at'>): SwarmModel {
		this.tape.settle();
		const last = this.#past;
		if (last?.at === moment.at) return last.model;
		const start = this.#startOf(moment);
		const past =
			last !== null && last.at >= start.at && last.at <= moment.at
				? last
				: { at: start.at, model: start.model.clone() };
		let keptAt = this.#checkpoints.at(-1)?.at ?? (this.tape.first?.at ?? 0) - 1;
		for (const { node, told, at } of this.tape.between(past.at, moment.at)) {
			past.model.fold(node, told);
			past.at = at;
			if (at - keptAt < CHECKPOINT_EVERY) continue;
			this.#checkpoints.push({ at, model: past.model.clone() });
			keptAt = at;
		}
		this.#past = past;
		return past.model;
	}

	/** The swarm just before the item; as early as the tape reaches, where that is longer ago. Valid as `at`. */
	before({ at }: Item): SwarmModel {
		return this.at({ at: at - 1 });
	}

	/** Folds what was told so far, so that each moment of a long past can be shown at once. */
	prepare(): void {
		const { settledLast } = this.tape;
		if (settledLast && settledLast.at - (this.#checkpoints.at(-1)?.at ?? 0) > CHECKPOINT_EVERY) this.at(settledLast);
	}

	/** @param attempts ballots that an answer listed as tried for the slot */
	gather(slot: Slot, attempts: readonly string[]): Gathered {
		this.tape.settle();
		return this.index.gather(slot, attempts, leadershipsOf(this.live));
	}

	/** The decision as it stands at `moment`; as it stands now where that is null. */
	decision({ slot, ballots }: Gathered, moment: Item | null = null): Decision {
		const swarm = moment ? this.at(moment) : this.live;
		return decisionOf(this.index.gather(slot, ballots, leadershipsOf(swarm), moment?.at), swarm);
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

	/** The nearest model that is kept and not later than `moment`, where the tape reaches that far. */
	#startOf(moment: Pick<Item, 'at'>): Checkpoint {
		const first = this.tape.first?.at ?? 0;
		while (this.#checkpoints[0] && this.#checkpoints[0].at < first) this.#checkpoints.shift();
		return this.#checkpoints.findLast(({ at }) => at <= moment.at) ?? { at: first - 1, model: this.#base };
	}

	#tell(node: NodeId, told: Told, isInOrder = false): Item {
		const item = this.tape.push(node, told, this.#nowMs());
		if (isInOrder) this.tape.keepOrder();
		this.#landmarks.add(item, this.live);
		const wasHeard = this.live.nodes.some(({ isUp }) => isUp);
		this.live.fold(node, told);
		this.metrics.add(item, this.live, wasHeard);
		this.untold.add(told, item.whenMs);
		if (told.kind === 'missing') for (const count of Object.values(told.skipped)) this.skippedCount += count;
		if (isEntry(item)) {
			this.index.add(item);
			this.lamps.add(item);
		}
		return item;
	}
}

function leadershipsOf({ nodes }: SwarmModel): Phase1View[] {
	return nodes.flatMap((node) => (node.isUp && node.phase1 ? [node.phase1] : []));
}
