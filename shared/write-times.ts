/**
 * How long the writes of leaders take: from when one proposes a value of its own until it has applied it, by its own
 * clock. The way of a command to the leader, and that of its answer, are not in it.
 *
 * Durations are counted in classes, of which each is a twelfth longer than the one before, so that they can be added up.
 */
import type { NodeId } from './paxos/ballot.ts';
import type { Slot } from './paxos/message.ts';

/** Counts of durations, by class. */
export type DurationCounts = Readonly<Record<number, number>>;

/** The part of a fact that is looked at. */
interface Timed {
	readonly kind: string;
	readonly node: NodeId;
	readonly time: number;
}

type Proposed = Timed & { readonly slot: Slot; readonly origin: string };
type Applied = Timed & { readonly through: Slot };

const SHORTEST_MS = 0.01;
const CLASSES_PER_DOUBLING = 9;
const CLASS_MAX = 27 * CLASSES_PER_DOUBLING;
/** The bound on proposals of one node that wait. What is older was chosen under another leader, or never. */
const WAITING_MAX = 256;

export class WriteTimes {
	readonly #waiting = new Map<NodeId, Proposed[]>();
	readonly #took: (durationMs: number) => void;

	/** @param took is told each duration, milliseconds */
	constructor(took: (durationMs: number) => void) {
		this.#took = took;
	}

	note(fact: Timed): void {
		if (fact.kind === 'proposed') return this.#proposed(fact as Proposed);
		if (fact.kind === 'applied') this.#applied(fact as Applied);
	}

	/** Facts of the node are missing. */
	forget(node: NodeId): void {
		this.#waiting.delete(node);
	}

	/** Facts of all nodes are missing. */
	forgetAll(): void {
		this.#waiting.clear();
	}

	#proposed(fact: Proposed): void {
		if (fact.origin !== 'own') return;
		const waiting = this.#waiting.get(fact.node);
		if (!waiting) this.#waiting.set(fact.node, [fact]);
		else if (waiting.push(fact) > WAITING_MAX) waiting.shift();
	}

	#applied({ node, time, through }: Applied): void {
		const waiting = this.#waiting.get(node);
		if (!waiting) return;
		const left: Proposed[] = [];
		for (const each of waiting) {
			if (each.slot > through) left.push(each);
			// A clock that was set back has measured nothing.
			else if (time >= each.time) this.#took(time - each.time);
		}
		this.#waiting.set(node, left);
	}
}

export function classOf(durationMs: number): number {
	if (durationMs <= SHORTEST_MS) return 0;
	return Math.min(CLASS_MAX, Math.round(CLASSES_PER_DOUBLING * Math.log2(durationMs / SHORTEST_MS)));
}

/**
 * The duration that so large a part of all were not longer than, milliseconds; null for none.
 *
 * @param part such as 0.99
 */
export function quantileMs(counts: DurationCounts, part: number): number | null {
	// Keys that are numbers come in their order.
	const classes = Object.entries(counts);
	const rank = Math.ceil(part * classes.reduce((sum, [, count]) => sum + count, 0));
	let before = 0;
	for (const [name, count] of classes) {
		before += count;
		if (before >= rank) return SHORTEST_MS * 2 ** (Number(name) / CLASSES_PER_DOUBLING);
	}
	return null;
}
