/** Searches in items that lie in the order of their keys' UTF-8 bytes, in one array or in several. */
import { compareUtf8 } from '../bytes/text.ts';

interface Keyed {
	readonly key: string;
}

/** A position before the item at `item` of the chunk at `chunk`. At the end, `chunk` is the number of chunks. */
export interface Position {
	readonly chunk: number;
	readonly item: number;
}

/**
 * The position of the first item for whose key `isBelow` is false. `isBelow` must be true for the lowest keys only.
 */
export function seek<T extends Keyed>(
	chunksCount: number,
	itemsOf: (chunk: number) => readonly T[],
	isBelow: (key: string) => boolean,
): Position {
	const chunk = countBelow(chunksCount, (at) => isBelow((itemsOf(at)[0] as T).key)) - 1;
	if (chunk < 0) return { chunk: 0, item: 0 };
	const items = itemsOf(chunk);
	const item = countBelow(items.length, (at) => isBelow((items[at] as T).key));
	return item < items.length ? { chunk, item } : { chunk: chunk + 1, item: 0 };
}

function countBelow(count: number, isBelow: (at: number) => boolean): number {
	let low = 0;
	let high = count;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (isBelow(middle)) low = middle + 1;
		else high = middle;
	}
	return low;
}

/** The position of the first item whose key is not below `key`. */
export function positionIn<T extends Keyed>(items: readonly T[], key: string): number {
	let low = 0;
	let high = items.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (compareUtf8((items[middle] as T).key, key) < 0) low = middle + 1;
		else high = middle;
	}
	return low;
}
