/**
 * Integers, short identifiers and lists to bytes and back: the few shapes that messages, records and saved states
 * are made of. The pure rooms import no package, and a format that is durable for years should not depend on one.
 * It must never know what the bytes mean.
 *
 * Integers are unsigned LEB128 up to 2^53 - 1, in as few bytes as they need, so that equal bytes and equal values are
 * the same thing. Strings and byte arrays are preceded by their length.
 */
import { asciiText, fromUtf8, toUtf8 } from './text.ts';

/** The bytes that were read are not what a `Writer` wrote: they are too few, too many, or out of range. */
export class MalformedError extends Error {
	override readonly name = 'MalformedError';
}

/** How many bytes the largest integer takes. */
export const VARINT_BYTES_MAX = 8;
/** JavaScript shifts 32 bits. An integer is therefore written as its low 28 bits, four bytes of seven, and the rest. */
const LOW_BITS = 28;
const LOW_RANGE = 2 ** LOW_BITS;
/** Up to this length it is faster to copy byte by byte than to make a view for `set`. */
const BY_HAND_MAX = 48;
/** From this length on it is faster to compare word by word, although that needs two views of the bytes. */
const BY_WORDS_MIN = 256;

/** The longest identifier, in characters. */
export const ID_CHARS_MAX = 64;

/** The identifiers that were read last. A swarm has few, and every ballot names one: they are not made anew each time. */
const idsRead: string[] = [];
let idsReadNext = 0;
/** This is more than the nodes of a swarm. */
const IDS_KEPT = 16;

/**
 * Writes one array after the other. `take()` hands over what was written since the last `take()`. The arrays lie
 * side by side in larger ones, because an array of its own would cost more than most messages do.
 */
export class Writer {
	#bytes: Uint8Array;
	/** What was written and not taken yet begins at `#start` and ends before `#end`. */
	#start = 0;
	#end = 0;

	constructor(bytesInitial = 512) {
		this.#bytes = new Uint8Array(bytesInitial);
	}

	/** How many bytes were written and not taken yet. */
	get length(): number {
		return this.#end - this.#start;
	}

	u8(value: number): void {
		this.#makeRoom(1);
		this.#bytes[this.#end++] = value;
	}

	/** @param value an integer from 0 to 2^53 - 1 */
	int(value: number): void {
		this.#makeRoom(VARINT_BYTES_MAX);
		this.#end = putInt(this.#bytes, this.#end, value);
	}

	bytes(value: Uint8Array): void {
		this.int(value.length);
		this.raw(value);
	}

	/** Writes a part of an array as `bytes` does. */
	part(bytes: Uint8Array, start: number, end: number): void {
		const length = end - start;
		this.int(length);
		this.#makeRoom(length);
		copyBytes(this.#bytes, this.#end, bytes, start, end);
		this.#end += length;
	}

	/** Writes the bytes without their length in front. */
	raw(value: Uint8Array): void {
		this.#makeRoom(value.length);
		this.#bytes.set(value, this.#end);
		this.#end += value.length;
	}

	/** Writes text as UTF-8, with the number of its bytes in front. @param text has no half of a surrogate pair */
	text(text: string): void {
		const { length } = text;
		this.#makeRoom(VARINT_BYTES_MAX + length);
		let at = putInt(this.#bytes, this.#end, length);
		for (let i = 0; i < length; i++) {
			const unit = text.charCodeAt(i);
			if (unit > 0x7f) return this.bytes(toUtf8(text));
			this.#bytes[at++] = unit;
		}
		this.#end = at;
	}

	/** @param id ASCII, at most `ID_CHARS_MAX` characters */
	id(id: string): void {
		this.#makeRoom(1 + id.length);
		this.#bytes[this.#end++] = id.length;
		for (let i = 0; i < id.length; i++) this.#bytes[this.#end++] = id.charCodeAt(i);
	}

	bool(value: boolean): void {
		this.u8(value ? 1 : 0);
	}

	list<T>(items: Iterable<T>, write: (item: T) => void): void {
		const all = [...items];
		this.int(all.length);
		for (const item of all) write(item);
	}

	/** Writes an item that may be null. */
	maybe<T>(item: T | null, write: (item: T) => void): void {
		this.bool(item !== null);
		if (item !== null) write(item);
	}

	/** Returns a view of the last `count` bytes that were written. Nothing is written over it before a call of `reuse`. */
	tail(count: number): Uint8Array {
		return this.#bytes.subarray(this.#end - count, this.#end);
	}

	/** Hands over what was written since the last call. Nothing is written over it before a call of `reuse`. */
	take(): Uint8Array {
		const taken = this.#bytes.subarray(this.#start, this.#end);
		this.#start = this.#end;
		return taken;
	}

	/** Writes over all that was taken, because nobody reads it any more. Nothing happens while some bytes are not taken. */
	reuse(): void {
		if (this.length > 0) return;
		this.#start = 0;
		this.#end = 0;
	}

	/** A larger array takes over what is not taken yet. It is twice as large as that, so that growing stays rare. */
	#makeRoom(count: number): void {
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
		const length = intLength(this.#bytes, this.#at, this.#end);
		if (length === 0) throw new MalformedError('an integer that is cut short, too long or above 2^53 - 1');
		const value = intAt(this.#bytes, this.#at, length);
		this.#at += length;
		return value;
	}

	/** Returns a view into the array that is read, not a copy. */
	bytes(): Uint8Array {
		return this.raw(this.int());
	}

	/** Returns a view of so many bytes. */
	raw(length: number): Uint8Array {
		if (length > this.#end - this.#at) throw new MalformedError('ends too early');
		const from = this.#at;
		this.#at += length;
		return this.#bytes.subarray(from, this.#at);
	}

	/** Reads what `Writer.text` wrote. */
	text(): string {
		const length = this.int();
		if (length > this.#end - this.#at) throw new MalformedError('ends too early');
		const from = this.#at;
		this.#at += length;
		for (let i = from; i < this.#at; i++) {
			if ((this.#bytes[i] as number) <= 0x7f) continue;
			const text = fromUtf8(this.#bytes.subarray(from, this.#at));
			if (text === undefined) throw new MalformedError('text that is not UTF-8');
			return text;
		}
		return asciiText(this.#bytes, from, this.#at);
	}

	id(): string {
		const length = this.u8();
		if (length > ID_CHARS_MAX) throw new MalformedError('identifier too long');
		if (length > this.#end - this.#at) throw new MalformedError('ends too early');
		const from = this.#at;
		this.#at += length;
		for (const id of idsRead) if (this.#isAt(from, length, id)) return id;
		const id = String.fromCharCode(...this.#bytes.subarray(from, this.#at));
		idsRead[idsReadNext] = id;
		idsReadNext = (idsReadNext + 1) % IDS_KEPT;
		return id;
	}

	bool(): boolean {
		return this.u8() !== 0;
	}

	/** Each item takes at least one byte, so a list cannot claim more items than there are bytes left. */
	list<T>(read: () => T): T[] {
		const count = this.int();
		if (count > this.#end - this.#at) throw new MalformedError('ends too early');
		const items: T[] = [];
		for (let left = count; left > 0; left--) items.push(read());
		return items;
	}

	maybe<T>(read: () => T): T | null {
		return this.bool() ? read() : null;
	}

	/** Call it when everything should have been read. */
	finish(): void {
		if (this.#at !== this.#end) throw new MalformedError('bytes left over');
	}

	#isAt(from: number, length: number, id: string): boolean {
		if (id.length !== length) return false;
		for (let i = 0; i < length; i++) if (this.#bytes[from + i] !== id.charCodeAt(i)) return false;
		return true;
	}
}

/**
 * Writes an integer where there is room for `VARINT_BYTES_MAX`. Returns where the next byte goes.
 *
 * @param value from 0 to 2^53 - 1
 */
export function putInt(bytes: Uint8Array, at: number, value: number): number {
	let end = at;
	let rest = value;
	if (value >= LOW_RANGE) {
		rest = Math.floor(value / LOW_RANGE);
		const low = value - rest * LOW_RANGE;
		for (let shift = 0; shift < LOW_BITS; shift += 7) bytes[end++] = (low >>> shift) | 0x80;
	}
	while (rest >= 0x80) {
		bytes[end++] = rest | 0x80;
		rest >>>= 7;
	}
	bytes[end++] = rest;
	return end;
}

/**
 * How many bytes the integer at `at` takes. Returns 0 where it is cut short by `end`, is above 2^53 - 1, or takes more
 * bytes than it needs.
 */
export function intLength(bytes: Uint8Array, at: number, end: number): number {
	if (at < end && (bytes[at] as number) < 0x80) return 1;
	for (let i = at + 1; i < end && i < at + VARINT_BYTES_MAX; i++) {
		const byte = bytes[i] as number;
		if (byte >= 0x80) continue;
		if (byte === 0) return 0;
		// The eighth byte has room for four bits: seven times seven are below it.
		return i - at === VARINT_BYTES_MAX - 1 && byte > 0x0f ? 0 : i - at + 1;
	}
	return 0;
}

/** The integer at `at`. @param length what `intLength` said, not 0 */
export function intAt(bytes: Uint8Array, at: number, length: number): number {
	let value = bytes[at + length - 1] as number;
	for (let i = at + length - 2; i >= at; i--) value = value * 0x80 + ((bytes[i] as number) & 0x7f);
	return value;
}

/** Copies the bytes from `start` to before `end` of `from` to the place `at` of `to`. */
export function copyBytes(to: Uint8Array, at: number, from: Uint8Array, start: number, end: number): void {
	const length = end - start;
	if (length > BY_HAND_MAX) return to.set(from.subarray(start, end), at);
	for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
	return a === b || (a.length === b.length && sameParts(a, 0, b, 0, a.length));
}

/** Whether the `length` bytes from `aStart` of `a` are those from `bStart` of `b`. Long ones are compared word by word. */
export function sameParts(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
	let at = 0;
	if (length >= BY_WORDS_MIN) {
		const left = new DataView(a.buffer, a.byteOffset + aStart, length);
		const right = new DataView(b.buffer, b.byteOffset + bStart, length);
		for (const last = length - 4; at <= last; at += 4) if (left.getInt32(at) !== right.getInt32(at)) return false;
	}
	for (; at < length; at++) if (a[aStart + at] !== b[bStart + at]) return false;
	return true;
}
