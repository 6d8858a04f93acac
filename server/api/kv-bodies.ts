/**
 * The bodies of reads of `/v1/kv`, in pieces: lists of keys, lists of entries, single values. Making one piece takes a
 * bounded time, however long the body is. The pieces together must be what `printJson` prints for the whole.
 */
import { compareUtf8 } from '../../shared/bytes/text.ts';
import type { ViewedEntry } from '../../shared/store/entry.ts';
import type { View } from '../../shared/store/views.ts';
import { printJson } from './answer.ts';
import { type LongAnswer, PIECE_BYTES } from './long-reads.ts';

export interface ListOptions {
	readonly prefix: string;
	/** Keys are cut after its first occurrence behind the prefix, and each such beginning is listed once. '' for none. */
	readonly separator: string;
	/** Items up to and including this one are left out. '' for none. */
	readonly after: string;
	readonly itemsMax: number;
	readonly pretty: boolean;
}

/**
 * So many bytes of a value are printed at a time: a multiple of three, because three bytes are four characters of
 * Base64.
 */
export const VALUE_SLICE_BYTES = 49_152;

/** A JSON list of the keys that `view` shows. */
export function keysBody(view: View, options: ListOptions): LongAnswer {
	return new ListBody(view, printList(keyItems(view, options), options.pretty));
}

/** A JSON list of the entries that `view` shows. */
export function entriesBody(view: View, options: ListOptions): LongAnswer {
	return new ListBody(view, printList(entryItems(view, options), options.pretty));
}

/** A JSON list of one entry, whose value must never be overwritten, with the length of the body in bytes. */
export function entryBody(entry: ViewedEntry, pretty: boolean): LongAnswer & { readonly length: number } {
	const [head, tail] = printedAround(entry, pretty);
	const length = Buffer.byteLength(head) + base64Length(entry) + tail.length + printedEnds(pretty);
	const body = new ListBody(
		{ isClosed: false, close: () => undefined },
		printList([entryParts(entry, pretty)], pretty),
	);
	return Object.assign(body, { length });
}

/** A JSON list of these items, each printed with `newlineOfItems`. */
export function listBody(items: Iterable<string>, pretty: boolean): LongAnswer {
	return new ListBody({ isClosed: false, close: () => undefined }, printList(items, pretty));
}

/** As `printJson` takes it. */
export function newlineOfItems(pretty: boolean): string | null {
	return pretty ? NEWLINE_OF_ITEMS : null;
}

/** The bytes of a value, which must never be overwritten. */
export function rawBody({ bytes, start, end }: ViewedEntry): LongAnswer {
	return { isDone: true, isLost: false, next: () => bytes.subarray(start, end), close: () => undefined };
}

/** The entry in one line, as an item of a list. */
export function entryText(entry: ViewedEntry): string {
	return printEntry(entry, base64Of(entry.bytes, entry.start, entry.end), false);
}

class ListBody implements LongAnswer {
	isDone = false;
	readonly #view: Pick<View, 'isClosed' | 'close'>;
	readonly #parts: Iterator<string>;
	#isClosed = false;

	constructor(view: Pick<View, 'isClosed' | 'close'>, parts: Iterator<string>) {
		this.#view = view;
		this.#parts = parts;
	}

	/** Whether the view was closed to make room. */
	get isLost(): boolean {
		return this.#view.isClosed && !this.#isClosed;
	}

	next(): string {
		let piece = '';
		while (piece.length < PIECE_BYTES && !this.isDone && !this.isLost) {
			const { value, done } = this.#parts.next();
			if (done) this.isDone = true;
			else piece += value;
		}
		return piece;
	}

	close(): void {
		this.#isClosed = true;
		this.#view.close();
	}
}

/** A large item is given in parts. */
type Item = string | Iterable<string>;

function* printList(items: Iterable<Item>, pretty: boolean): Iterator<string> {
	const newline = pretty ? NEWLINE_OF_ITEMS : '';
	let before = `[${newline}`;
	for (const item of items) {
		if (typeof item === 'string') {
			yield before + item;
		} else {
			yield before;
			yield* item;
		}
		before = `,${newline}`;
	}
	if (before[0] === '[') yield '[]';
	else yield pretty ? '\n]' : ']';
}

const NEWLINE_OF_ITEMS = '\n    ';

function printedEnds(pretty: boolean): number {
	return pretty ? '['.length + NEWLINE_OF_ITEMS.length + '\n]'.length : '[]'.length;
}

function* keyItems(view: View, { prefix, separator, after, itemsMax }: ListOptions): Iterable<string> {
	let left = itemsMax;
	for (let entry = left > 0 ? view.next() : undefined; entry; entry = left > 0 ? view.next() : undefined) {
		const { key } = entry;
		const at = separator === '' ? -1 : key.indexOf(separator, prefix.length);
		const name = at < 0 ? key : key.slice(0, at + separator.length);
		// The beginning may be on an earlier page, though the key comes after the last item of that page.
		if (at < 0 || after === '' || compareUtf8(name, after) > 0) {
			left--;
			yield JSON.stringify(name);
		}
		if (at >= 0) view.skip((other) => compareUtf8(other, name) < 0 || other.startsWith(name));
	}
}

function* entryItems(view: View, { itemsMax, pretty }: ListOptions): Iterable<Item> {
	for (let left = itemsMax; left > 0; left--) {
		const entry = view.next();
		if (!entry) return;
		if (entry.end - entry.start > VALUE_SLICE_BYTES) yield entryParts(entry, pretty);
		else yield printEntry(entry, base64Of(entry.bytes, entry.start, entry.end), pretty);
	}
}

function* entryParts(entry: ViewedEntry, pretty: boolean): Iterable<string> {
	const { bytes, end } = entry;
	const [head, tail] = printedAround(entry, pretty);
	yield head;
	for (let at = entry.start; at < end; at += VALUE_SLICE_BYTES) {
		yield base64Of(bytes, at, Math.min(end, at + VALUE_SLICE_BYTES));
	}
	yield tail;
}

/** The text before and behind the value of an entry. */
function printedAround(entry: ViewedEntry, pretty: boolean): [head: string, tail: string] {
	const printed = printEntry(entry, '~', pretty);
	// No key can hold this: a quotation mark inside a string has a backslash before it.
	const at = printed.indexOf(pretty ? '"Value": "~"' : '"Value":"~"');
	const value = printed.indexOf('~', at);
	return [printed.slice(0, value), printed.slice(value + 1)];
}

/** The entry as an item of a list. An empty value is printed as null. */
function printEntry(entry: ViewedEntry, value: string, pretty: boolean): string {
	const { key, flags, lock, createRevision, modifyRevision } = entry;
	const { session } = lock;
	if (pretty) {
		const json = {
			LockIndex: lock.index,
			Key: key,
			Flags: flags,
			Value: value === '' ? null : value,
			...(session !== '' && { Session: session }),
			CreateIndex: createRevision,
			ModifyIndex: modifyRevision,
		};
		return printJson(json, NEWLINE_OF_ITEMS);
	}
	const printedValue = value === '' ? 'null' : `"${value}"`;
	const printedKey = JSON.stringify(key);
	const printedSession = session === '' ? '' : `"Session":"${session}",`;
	return `{"LockIndex":${lock.index},"Key":${printedKey},"Flags":${flags},"Value":${printedValue},${printedSession}"CreateIndex":${createRevision},"ModifyIndex":${modifyRevision}}`;
}

function base64Of({ buffer, byteOffset }: Uint8Array, start: number, end: number): string {
	return Buffer.from(buffer, byteOffset + start, end - start).toString('base64');
}

function base64Length({ start, end }: ViewedEntry): number {
	return 4 * Math.ceil((end - start) / 3);
}
