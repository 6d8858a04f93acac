/**
 * Things that happen again and again, told at a bounded rate: the first of a kind at once, then one for all that
 * followed in an interval, with their number. So a stranger who knocks a thousand times a second fills neither the
 * log nor the feed, and is not overlooked.
 */

/** How often one kind may be told, in milliseconds. */
const REPEATS_EVERY_MS = 10_000;
/** How many kinds are told apart in an interval; all others count as one. */
const KINDS_MAX = 64;
const OTHERS = '';

interface Repeated<T> {
	/** Since it was last told. */
	count: number;
	last: T;
}

export class Repeats<T> {
	readonly #tell: (item: T, count: number) => void;
	readonly #everyMs: number;
	readonly #kinds = new Map<string, Repeated<T>>();
	#timer: NodeJS.Timeout | undefined;

	/** @param tell is told of the last item, and how many there were since the kind was last told */
	constructor(tell: (item: T, count: number) => void, everyMs = REPEATS_EVERY_MS) {
		this.#tell = tell;
		this.#everyMs = everyMs;
	}

	note(kind: string, item: T): void {
		const known = this.#kinds.has(kind) || this.#kinds.size < KINDS_MAX ? kind : OTHERS;
		const repeated = this.#kinds.get(known);
		if (repeated) {
			repeated.count++;
			repeated.last = item;
			return;
		}
		this.#kinds.set(known, { count: 0, last: item });
		this.#timer ??= setTimeout(() => this.#intervalEnds(), this.#everyMs).unref();
		this.#tell(item, 1);
	}

	/** Tells what was not told yet. */
	stop(): void {
		clearTimeout(this.#timer);
		for (const { count, last } of this.#kinds.values()) if (count > 0) this.#tell(last, count);
		this.#kinds.clear();
	}

	/** A kind that goes on has been told for this interval, and is counted in the next one. */
	#intervalEnds(): void {
		this.#timer = undefined;
		for (const [kind, repeated] of this.#kinds) {
			const { count, last } = repeated;
			if (count === 0) this.#kinds.delete(kind);
			else {
				repeated.count = 0;
				this.#tell(last, count);
			}
		}
		if (this.#kinds.size > 0) this.#timer = setTimeout(() => this.#intervalEnds(), this.#everyMs).unref();
	}
}

/** What sentences of one kind have in common: all but what they quote and their numbers. */
export function kindOfText(text: string): string {
	return text.replace(/"[^"]*"|\d+/g, '');
}
