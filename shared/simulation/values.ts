/** Numbers for byte arrays, so that the ledger compares numbers. None is ever forgotten. */
import { sameBytes } from '../bytes/bytes.ts';
import { isNoop, NOOP, type Value } from '../paxos/value.ts';

/** A value's bytes, known by a number. 0 is the no-op. */
export type ValueId = number;

/** Numbers for byte arrays, equal for equal bytes. */
export class ValueIds {
	/** The arrays by number. */
	readonly #bytes: Value[] = [NOOP];
	readonly #idsByHash = new Map<number, ValueId[]>();
	/** The last array, because the same one is often looked up several times in a row. */
	#last = this.#bytes[0];
	#lastId: ValueId = 0;

	/** @param likely a number that is tried first */
	of(bytes: Value, likely: ValueId = 0): ValueId {
		if (bytes !== this.#last) {
			this.#lastId = this.#is(likely, bytes) ? likely : this.#find(bytes);
			this.#last = bytes;
		}
		return this.#lastId;
	}

	#find(bytes: Value): ValueId {
		if (isNoop(bytes)) return 0;
		const hash = hashOf(bytes);
		let ids = this.#idsByHash.get(hash);
		if (!ids) {
			ids = [];
			this.#idsByHash.set(hash, ids);
		}
		for (const id of ids) if (this.#is(id, bytes)) return id;
		ids.push(this.#bytes.length);
		return this.#bytes.push(bytes.slice()) - 1;
	}

	#is(id: ValueId, bytes: Value): boolean {
		return sameBytes(this.#bytes[id] as Value, bytes);
	}
}

/** FNV-1a, 32 bits. */
export function hashOf(bytes: Uint8Array): number {
	let hash = 0x811c9dc5;
	for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
	return hash >>> 0;
}
