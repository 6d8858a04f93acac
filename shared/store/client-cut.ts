/**
 * The table of clients as it was at one moment, in the order of use, to be written while the table goes on changing.
 * Taking it costs nothing: it walks the table's own ring. A client that changes before it was written is copied first,
 * and where it leaves its place in the ring, the copy waits for its turn.
 */
import type { ClientEntry } from './client-table.ts';
import { Heap } from './heap.ts';

/** A client as it was at one moment. */
export interface ClientImage {
	readonly id: string;
	readonly openedRevision: number;
	readonly receivedThrough: number;
	readonly highest: number;
	/** Pairs of a sequence and its packed outcome, in the order of their revisions. */
	readonly outcomes: Float64Array;
	/** Its place in the order of use. */
	readonly usedAt: number;
}

/** A client, or so many of its outcomes that one piece is soon written. The first piece begins at 0. */
export interface ClientPiece {
	readonly client: ClientImage;
	/** The first outcome of the piece. */
	readonly from: number;
	readonly to: number;
}

/** A client with more outcomes is written in pieces. */
export const OUTCOMES_OF_PIECE_MAX = 1024;

/** The memory of an image without its outcomes, and of an outcome in it. */
const IMAGE_BYTES = 160;
const OUTCOME_BYTES = 16;

export class ClientsCut {
	readonly count: number;
	readonly outcomesCount: number;
	readonly #usedThrough: number;
	/** The next client of the ring; not of this cut where it was used after `#usedThrough`. */
	#next: ClientEntry;
	/** The place in the order of use of the client that was written last. */
	#writtenThrough = 0;
	/** Copies of clients that have changed, and are still in their places. */
	readonly #changed = new Map<ClientEntry, ClientImage>();
	/** Copies of clients that have left their places, in the order of use. */
	readonly #left = new Heap<ClientImage>((a, b) => a.usedAt < b.usedAt);
	#evicted: readonly string[];
	readonly #evictedFirst: number;
	#keptBytes = 0;

	/**
	 * @param first the least recently used client
	 * @param usedThrough the place of the client that was used last
	 * @param evicted a ring of names that is not changed any more; the first one is at `evictedFirst`
	 */
	constructor(
		first: ClientEntry,
		usedThrough: number,
		count: number,
		outcomesCount: number,
		evicted: readonly string[],
		evictedFirst: number,
	) {
		this.#next = first;
		this.#usedThrough = usedThrough;
		this.count = count;
		this.outcomesCount = outcomesCount;
		this.#evicted = evicted;
		this.#evictedFirst = evictedFirst;
	}

	/** The bytes of copies that are kept for this cut. */
	get keptBytes(): number {
		return this.#keptBytes;
	}

	get evictedCount(): number {
		return this.#evicted.length;
	}

	/** Called before a client is changed. The first change costs a walk over the client's outcomes. */
	changes(client: ClientEntry): void {
		if (!this.#awaits(client) || this.#changed.has(client)) return;
		this.#changed.set(client, this.#kept(client.image()));
	}

	/** Called before a client leaves its place in the ring. */
	leaves(client: ClientEntry): void {
		if (client === this.#next) this.#next = client.next;
		if (!this.#awaits(client)) return;
		this.#left.add(this.#changed.get(client) ?? this.#kept(client.image()));
		this.#changed.delete(client);
	}

	/** All clients in the order of use. It may be walked once. */
	*pieces(): Generator<ClientPiece, undefined> {
		for (let client = this.#take(); client !== undefined; client = this.#take()) {
			const count = client.outcomes.length / 2;
			for (let from = 0; from === 0 || from < count; from += OUTCOMES_OF_PIECE_MAX) {
				yield { client, from, to: Math.min(count, from + OUTCOMES_OF_PIECE_MAX) };
			}
		}
	}

	/** The names of evicted clients, the first one first. It may be walked once. */
	*evicted(): Generator<string, undefined> {
		const { length } = this.#evicted;
		for (let i = 0; i < length; i++) yield this.#evicted[(this.#evictedFirst + i) % length] as string;
	}

	/** Whether the client is of this cut, and not written yet. */
	#awaits({ usedAt }: ClientEntry): boolean {
		return usedAt > this.#writtenThrough && usedAt <= this.#usedThrough;
	}

	#kept(image: ClientImage): ClientImage {
		this.#keptBytes += bytesOf(image);
		return image;
	}

	#take(): ClientImage | undefined {
		const image = this.#nextImage();
		if (image !== undefined) this.#writtenThrough = image.usedAt;
		return image;
	}

	#nextImage(): ClientImage | undefined {
		const next = this.#next;
		const left = this.#left.first;
		if (left !== undefined && left.usedAt < next.usedAt) {
			this.#left.removeFirst();
			this.#keptBytes -= bytesOf(left);
			return left;
		}
		if (next.usedAt > this.#usedThrough) return undefined;
		this.#next = next.next;
		const image = this.#changed.get(next);
		if (image === undefined) return next.image();
		this.#changed.delete(next);
		this.#keptBytes -= bytesOf(image);
		return image;
	}
}

function bytesOf({ outcomes }: ClientImage): number {
	return IMAGE_BYTES + (outcomes.length / 2) * OUTCOME_BYTES;
}
