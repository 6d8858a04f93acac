/**
 * A set of keys in the order of their UTF-8 bytes. Adding and removing cost a binary search and a short
 * copy, whatever the size, because keys lie in chunks; it must never sort or copy the whole.
 */
import { compareUtf8 } from '../bytes/text.ts';

const CHUNK_KEYS_MAX = 256;

export class SortedKeys {
	/** Each sorted and not empty, each below the next. */
	readonly #chunks: string[][] = [];

	/** @param key not in the set */
	add(key: string): void {
		const at = Math.max(0, this.#chunkOf(key));
		const chunk = this.#chunks[at];
		if (!chunk) {
			this.#chunks.push([key]);
			return;
		}
		chunk.splice(positionIn(chunk, key), 0, key);
		if (chunk.length > CHUNK_KEYS_MAX) this.#chunks.splice(at + 1, 0, chunk.splice(CHUNK_KEYS_MAX / 2));
	}

	/** @param key in the set */
	delete(key: string): void {
		const at = this.#chunkOf(key);
		const chunk = this.#chunks[at];
		if (!chunk) return;
		const position = positionIn(chunk, key);
		if (chunk[position] !== key) return;
		chunk.splice(position, 1);
		if (chunk.length === 0) this.#chunks.splice(at, 1);
	}

	/** In order. The set must not change meanwhile. */
	*startingWith(prefix: string): Iterable<string> {
		for (let at = Math.max(0, this.#chunkOf(prefix)); at < this.#chunks.length; at++) {
			for (const key of this.#chunks[at] as string[]) {
				if (key.startsWith(prefix)) yield key;
				else if (compareUtf8(key, prefix) > 0) return;
			}
		}
	}

	/** The last chunk whose first key is not above `key`; -1 where even the first chunk begins above it. */
	#chunkOf(key: string): number {
		let low = 0;
		let high = this.#chunks.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (compareUtf8(this.#chunks[middle]?.[0] as string, key) <= 0) low = middle + 1;
			else high = middle;
		}
		return low - 1;
	}
}

/** The position of the first key that is not below `key`. */
function positionIn(chunk: readonly string[], key: string): number {
	let low = 0;
	let high = chunk.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (compareUtf8(chunk[middle] as string, key) < 0) low = middle + 1;
		else high = middle;
	}
	return low;
}
