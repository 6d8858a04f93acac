/**
 * The first moments of a page. Each node tells what it remembers of the time before, and the page is to show all of that in
 * one order. So what comes is held back until every node that is known has told its own, which takes some ten milliseconds,
 * or until the time for that is over, because one does not answer.
 */
import type { Recall } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Recalled, SourceListener } from '../model/source.ts';

/** The bound on that time, from the first answer on, milliseconds. */
export const OPENING_MS = 800;

export class Opening {
	readonly #listener: SourceListener;
	/** What was told meanwhile, in order. */
	readonly #held: (() => void)[] = [];
	/** By node, each in the order of time. */
	readonly #recalled: Recalled[][] = [];
	/** The addresses that have not answered. */
	readonly #awaited = new Set<string>();
	#timer: ReturnType<typeof setTimeout> | null = null;
	#isOver = false;

	constructor(listener: SourceListener) {
		this.#listener = listener;
	}

	/** Tells the listener, once the opening is over. */
	tell(tell: (listener: SourceListener) => void): void {
		if (this.#isOver) tell(this.#listener);
		else this.#held.push(() => tell(this.#listener));
	}

	awaits(url: string): void {
		if (!this.#isOver) this.#awaited.add(url);
	}

	/** @param nodeMs the time of the node's own clock at `nowMs` of the page's */
	recall(node: NodeId, { snapshot, facts }: Recall, nodeMs: number, nowMs: number): void {
		if (this.#isOver) return;
		const sinceMs = nowMs - nodeMs;
		// The node's clock may have been set back meanwhile.
		let atMs = Number.NEGATIVE_INFINITY;
		const whenMs = (time: number): number => {
			atMs = Math.max(atMs, time);
			return Math.min(sinceMs + atMs, nowMs);
		};
		const past: Recalled[] = [{ node, told: { kind: 'snapshot', snapshot }, whenMs: whenMs(snapshot.time) }];
		for (const fact of facts) past.push({ node, told: { kind: 'fact', fact }, whenMs: whenMs(fact.time) });
		this.#recalled.push(past);
	}

	/** The address has told all that it had to tell, or cannot. */
	answered(url: string): void {
		if (this.#isOver) return;
		this.#awaited.delete(url);
		if (this.#awaited.size === 0) return this.end();
		this.#timer ??= setTimeout(() => this.end(), OPENING_MS);
	}

	end(): void {
		if (this.#isOver) return;
		this.#isOver = true;
		if (this.#timer !== null) clearTimeout(this.#timer);
		// The order of what one node tells stays as it is where times are equal.
		const past = this.#recalled.flat().sort((a, b) => a.whenMs - b.whenMs);
		if (past.length > 0) this.#listener.recalled(past);
		for (const tell of this.#held.splice(0)) tell();
	}
}
