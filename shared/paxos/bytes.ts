/**
 * Writes and reads the few shapes that messages, records and saved states are made of. Little enough to be
 * its own: the pure rooms import no package, and what is durable for years should not depend on one.
 *
 * Integers are unsigned LEB128 up to 2^53 - 1; strings and byte arrays are preceded by their length.
 */
import { type Ballot, isWellFormed, type NodeId } from './ballot.ts';

/** What was read is not what was written: too short, too long, or out of range. */
export class MalformedError extends Error {
	override readonly name = 'MalformedError';
}

const VARINT_BYTES_MAX = 8;
/** So many bits of an integer, and then the rest, can be shifted: four bytes, and up to four more. */
const LOW_BITS = 28;
const LOW_RANGE = 2 ** LOW_BITS;
const NODE_ID_CHARS_MAX = 64;

/** Node ids that were read last, so that the few there are, in every ballot, are not made again each time. */
const idsRead: NodeId[] = [];
let idsReadNext = 0;
/** More than a swarm has nodes. */
const IDS_KEPT = 16;

/**
 * Writes one array after the other, each handed over by `take()`. They lie side by side in larger ones, for an
 * array of its own costs more than most that is written.
 */
export class Writer {
	#bytes: Uint8Array;
	/** Where what is not taken yet begins, and where it ends. */
	#start = 0;
	#end = 0;

	constructor(bytesInitial = 512) {
		this.#bytes = new Uint8Array(bytesInitial);
	}

	/** Of what is not taken yet. */
	get length(): number {
		return this.#end - this.#start;
	}

	u8(value: number): void {
		this.#room(1);
		this.#bytes[this.#end++] = value;
	}

	/** @param value an integer from 0 to 2^53 - 1 */
	int(value: number): void {
		this.#room(VARINT_BYTES_MAX);
		let rest = value;
		if (value >= LOW_RANGE) {
			rest = Math.floor(value / LOW_RANGE);
			const low = value - rest * LOW_RANGE;
			for (let shift = 0; shift < LOW_BITS; shift += 7) this.#bytes[this.#end++] = (low >>> shift) | 0x80;
		}
		while (rest >= 0x80) {
			this.#bytes[this.#end++] = rest | 0x80;
			rest >>>= 7;
		}
		this.#bytes[this.#end++] = rest;
	}

	bytes(value: Uint8Array): void {
		this.int(value.length);
		this.raw(value);
	}

	/** Without a length in front. */
	raw(value: Uint8Array): void {
		this.#room(value.length);
		this.#bytes.set(value, this.#end);
		this.#end += value.length;
	}

	/** A node id: ASCII, at most 64 characters. */
	node(id: NodeId): void {
		this.#room(1 + id.length);
		this.#bytes[this.#end++] = id.length;
		for (let i = 0; i < id.length; i++) this.#bytes[this.#end++] = id.charCodeAt(i);
	}

	ballot(ballot: Ballot): void {
		this.int(ballot.ms);
		this.int(ballot.ns);
		this.node(ballot.node);
	}

	bool(value: boolean): void {
		this.u8(value ? 1 : 0);
	}

	list<T>(items: Iterable<T>, write: (item: T) => void): void {
		const all = [...items];
		this.int(all.length);
		for (const item of all) write(item);
	}

	/** null, or something. */
	maybe<T>(item: T | null, write: (item: T) => void): void {
		this.bool(item !== null);
		if (item !== null) write(item);
	}

	/** What was written since the last time; nothing is written over it. */
	take(): Uint8Array {
		const taken = this.#bytes.subarray(this.#start, this.#end);
		this.#start = this.#end;
		return taken;
	}

	/** As much at a time as was ever needed at once. */
	#room(count: number): void {
		if (this.#end + count <= this.#bytes.length) return;
		const length = this.length;
		const bytes = new Uint8Array(Math.max(this.#bytes.length, 2 * (length + count)));
		bytes.set(this.#bytes.subarray(this.#start, this.#end));
		this.#bytes = bytes;
		this.#start = 0;
		this.#end = length;
	}
}

/** Reads what a `Writer` wrote. Every method throws `MalformedError` rather than return nonsense. */
export class Reader {
	readonly #bytes: Uint8Array;
	#at: number;
	readonly #end: number;

	constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
		this.#bytes = bytes;
		this.#at = at;
		this.#end = end;
	}

	/** Where the next read begins, in bytes from the start of the array. */
	get at(): number {
		return this.#at;
	}

	get done(): boolean {
		return this.#at >= this.#end;
	}

	u8(): number {
		if (this.#at >= this.#end) throw new MalformedError('ends too early');
		return this.#bytes[this.#at++] as number;
	}

	int(): number {
		let value = 0;
		let scale = 1;
		for (let i = 0; i < VARINT_BYTES_MAX; i++) {
			const byte = this.u8();
			value += (byte & 0x7f) * scale;
			if (byte < 0x80) {
				if (!Number.isSafeInteger(value)) break;
				return value;
			}
			scale *= 0x80;
		}
		throw new MalformedError('integer above 2^53 - 1');
	}

	/** A view into the array that is read, not a copy. */
	bytes(): Uint8Array {
		return this.raw(this.int());
	}

	raw(length: number): Uint8Array {
		if (length > this.#end - this.#at) throw new MalformedError('ends too early');
		const from = this.#at;
		this.#at += length;
		return this.#bytes.subarray(from, this.#at);
	}

	node(): NodeId {
		const length = this.u8();
		if (length > NODE_ID_CHARS_MAX) throw new MalformedError('node id too long');
		if (length > this.#end - this.#at) throw new MalformedError('ends too early');
		const from = this.#at;
		this.#at += length;
		for (const id of idsRead) if (this.#isAt(from, length, id)) return id;
		const id = String.fromCharCode(...this.#bytes.subarray(from, this.#at));
		idsRead[idsReadNext] = id;
		idsReadNext = (idsReadNext + 1) % IDS_KEPT;
		return id;
	}

	ballot(): Ballot {
		const ballot = { ms: this.int(), ns: this.int(), node: this.node() };
		if (!isWellFormed(ballot)) throw new MalformedError('ballot out of range');
		return ballot;
	}

	bool(): boolean {
		return this.u8() !== 0;
	}

	list<T>(read: () => T): T[] {
		const items: T[] = [];
		for (let left = this.int(); left > 0; left--) items.push(read());
		return items;
	}

	maybe<T>(read: () => T): T | null {
		return this.bool() ? read() : null;
	}

	/** Call when everything should have been read. */
	finish(): void {
		if (this.#at !== this.#end) throw new MalformedError('bytes left over');
	}

	#isAt(from: number, length: number, id: NodeId): boolean {
		if (id.length !== length) return false;
		for (let i = 0; i < length; i++) if (this.#bytes[from + i] !== id.charCodeAt(i)) return false;
		return true;
	}
}
