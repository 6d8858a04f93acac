/**
 * Tells events that repeat at a bounded rate: the first of a kind at once, and then the last one of each interval with
 * their number. So a stranger who knocks a thousand times a second fills neither the log nor the feed, and is not
 * overlooked.
 */

/** One kind is told once in this interval, milliseconds. */
const REPEATS_EVERY_MS = 10_000;
/** So many kinds are told apart in an interval. All others count as one kind. */
const KINDS_MAX = 64;
const OTHERS = '';

interface Repeated<T> {
	/** The number of events since the kind was last told. */
	count: number;
	last: T;
}

export class Repeats<T> {
	readonly #tell: (item: T, count: number) => void;
	readonly #everyMs: number;
	readonly #kinds = new Map<string, Repeated<T>>();
	#timer: NodeJS.Timeout | undefined;

	/** @param tell gets the last item, and the number of items since the kind was last told */
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

	/** Tells the items that were not told yet. */
	stop(): void {
		clearTimeout(this.#timer);
		for (const { count, last } of this.#kinds.values()) if (count > 0) this.#tell(last, count);
		this.#kinds.clear();
	}

	/** Tells each kind that repeated in this interval, and forgets those that did not. */
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

/** The kind of a sentence: the sentence without its quotations and numbers. */
export function kindOfText(text: string): string {
	return text.replace(/"[^"]*"|\d+/g, '');
}
