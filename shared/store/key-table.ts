/**
 * A hash table of items by their keys. JavaScript's own `Map` moves all its items when it grows or shrinks, which takes
 * 50 ms for a million keys; this one is made of many small tables, which grow and shrink one by one. It also takes the
 * hash from its caller, who may have the key as bytes.
 *
 * It has no order that is the same on every node, so it cannot be walked.
 */
import { toUtf8 } from '../bytes/text.ts';

export interface Hashed {
	readonly key: string;
	/** `hashOf(key)` */
	readonly hash: number;
}

/** 256 tables. With 16 million keys, the largest step is the growth of a table with 64 thousand items. */
const TABLE_BITS = 8;
const TABLES = 2 ** TABLE_BITS;
const SLOTS_MIN = 8;
/** A hash has 30 bits, so that JavaScript engines keep it as a small integer. */
const HASH_MASK = 0x3fff_ffff;

interface Table<T> {
	/**
	 * A power of two of slots. An item is in the first slot, from that of its hash on, that was free when it was added.
	 */
	slots: (T | undefined)[];
	count: number;
}

export class KeyTable<T extends Hashed> {
	readonly #tables: (Table<T> | undefined)[] = new Array(TABLES).fill(undefined);

	get(key: string, hash: number): T | undefined {
		const table = this.#tables[hash & (TABLES - 1)];
		if (table === undefined) return undefined;
		const { slots } = table;
		const mask = slots.length - 1;
		for (let at = (hash >>> TABLE_BITS) & mask; ; at = (at + 1) & mask) {
			const item = slots[at];
			if (item === undefined || (item.hash === hash && item.key === key)) return item;
		}
	}

	/** Adds the item, in place of another one with its key. */
	set(item: T): void {
		let table = this.#tables[item.hash & (TABLES - 1)];
		if (table === undefined) {
			table = { slots: new Array(SLOTS_MIN).fill(undefined), count: 0 };
			this.#tables[item.hash & (TABLES - 1)] = table;
		}
		if (!put(table.slots, item)) return;
		table.count++;
		// At most three of four slots are in use, because a search takes many steps in a table that is almost full.
		if (4 * table.count > 3 * table.slots.length) resize(table, 2 * table.slots.length);
	}

	/** Nothing happens where the item is not in the table. */
	delete(item: T): void {
		const table = this.#tables[item.hash & (TABLES - 1)];
		if (table === undefined) return;
		const { slots } = table;
		const mask = slots.length - 1;
		let at = (item.hash >>> TABLE_BITS) & mask;
		while (slots[at] !== item) {
			if (slots[at] === undefined) return;
			at = (at + 1) & mask;
		}
		slots[at] = undefined;
		closeGap(slots, at);
		table.count--;
		if (slots.length > SLOTS_MIN && 8 * table.count < slots.length) resize(table, slots.length / 2);
	}
}

const OFFSET_BASIS = 0x811c9dc5;
let basis = OFFSET_BASIS;

/**
 * Makes the hashes of this process differ from those of others. Otherwise a client could choose many keys with one hash,
 * and each search for one of them would pass all the others. It has to be called before the first key is hashed, because
 * items keep their hashes.
 *
 * @param seed a random integer of 32 bits
 */
export function seedHashes(seed: number): void {
	basis = OFFSET_BASIS ^ seed;
}

/** @source FNV-1a, 32 bits, by Fowler, Noll and Vo, folded to 30 bits */
export function hashOfBytes(bytes: Uint8Array, from: number, to: number): number {
	let hash = basis;
	for (let i = from; i < to; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
	return (hash ^ (hash >>> 15)) & HASH_MASK;
}

/** `hashOfBytes` of the key's UTF-8 bytes. */
export function hashOf(key: string): number {
	let hash = basis;
	for (let i = 0; i < key.length; i++) {
		const unit = key.charCodeAt(i);
		if (unit > 0x7f) {
			const bytes = toUtf8(key);
			return hashOfBytes(bytes, 0, bytes.length);
		}
		hash = Math.imul(hash ^ unit, 0x01000193);
	}
	return (hash ^ (hash >>> 15)) & HASH_MASK;
}

/** @returns false where the item has replaced another one with its key */
function put<T extends Hashed>(slots: (T | undefined)[], item: T): boolean {
	const mask = slots.length - 1;
	for (let at = (item.hash >>> TABLE_BITS) & mask; ; at = (at + 1) & mask) {
		const other = slots[at];
		if (other !== undefined && (other.hash !== item.hash || other.key !== item.key)) continue;
		slots[at] = item;
		return other === undefined;
	}
}

/** Moves items back into the empty slot, because a search for them would stop there. */
function closeGap<T extends Hashed>(slots: (T | undefined)[], empty: number): void {
	const mask = slots.length - 1;
	let gap = empty;
	for (let at = (gap + 1) & mask; ; at = (at + 1) & mask) {
		const item = slots[at];
		if (item === undefined) return;
		const stepsFromHome = (at - (item.hash >>> TABLE_BITS)) & mask;
		if (stepsFromHome < ((at - gap) & mask)) continue;
		slots[gap] = item;
		slots[at] = undefined;
		gap = at;
	}
}

function resize<T extends Hashed>(table: Table<T>, slotsCount: number): void {
	const slots: (T | undefined)[] = new Array(slotsCount).fill(undefined);
	for (const item of table.slots) if (item !== undefined) put(slots, item);
	table.slots = slots;
}
