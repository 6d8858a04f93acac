/**
 * Reads of `/v1/kv`: a look at the store, once it may answer. Answers that may be long go through `LongReads`, and show
 * the state of one moment too.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Entry, ViewedEntry } from '../../shared/store/entry.ts';
import type { View } from '../../shared/store/views.ts';
import { answer, answerJson, answerNothing, HttpError, isSet } from './answer.ts';
import { entriesBody, entryBody, keysBody, type ListOptions, rawBody, VALUE_SLICE_BYTES } from './kv-bodies.ts';
import type { LongAnswer, LongReads } from './long-reads.ts';
import { limitOf } from './query.ts';
import { type ReadOptions, whenReadable } from './read.ts';

export interface KvReadOptions extends ReadOptions {
	readonly longReads: LongReads;
}

/** Whether the read is of all keys that begin with the given one, as `keys` and `recurse` ask for. */
export function isOfMany(query: URLSearchParams): boolean {
	return isSet(query, 'keys') || isSet(query, 'recurse');
}

/** @param key a key that was checked; a prefix, where the read `isOfMany` */
export async function read(
	options: KvReadOptions,
	req: IncomingMessage,
	res: ServerResponse,
	key: string,
	query: URLSearchParams,
): Promise<void> {
	const { longReads } = options;
	const { store } = options.service;
	const many = isOfMany(query);
	const list = listOptions(key, query);
	const readable = await whenReadable(options, req, res, query, { kind: many ? 'prefix' : 'key', name: key });
	if (!readable) return;
	if (many) {
		return longReads.answer(req, res, () => {
			const again = readable.again();
			if (again !== null) return again;
			const view = store.view(key, list.after);
			if (!view) throw new HttpError(503, 'Too many long reads are under way at this node.');
			readable.setHeaders(store.indexOfPrefix(key));
			return isSet(query, 'keys') ? beginKeys(res, view, list) : beginEntries(res, view, list);
		});
	}
	const look = (): Entry | undefined => {
		readable.setHeaders(store.indexOfKey(key));
		const entry = store.get(key);
		if (!entry) answerNothing(res, 404);
		return entry;
	};
	const entry = look();
	if (!entry) return;
	const raw = isSet(query, 'raw');
	if (entry.value.length > VALUE_SLICE_BYTES) {
		return longReads.answer(req, res, () => {
			const again = readable.again();
			if (again !== null) return again;
			const now = look();
			return now ? beginValue(res, asViewed(now), raw, list.pretty) : null;
		});
	}
	if (!raw) return answerJson(res, [entryJson(entry)], list.pretty);
	answer(res, 200, 'text/plain', asBuffer(entry.value));
}

function listOptions(prefix: string, query: URLSearchParams): ListOptions {
	return {
		prefix,
		separator: query.get('separator') ?? '',
		after: query.get('after') ?? '',
		itemsMax: limitOf(query),
		pretty: isSet(query, 'pretty'),
	};
}

/** Where there are no keys, the answer is 404; but an empty list for the root, and for a page behind the last one. */
function beginKeys(res: ServerResponse, view: View, options: ListOptions): LongAnswer | null {
	if (view.isAtEnd && options.prefix !== '' && options.after === '') return nothing(res, view);
	res.setHeader('Content-Type', JSON_TYPE);
	return keysBody(view, options);
}

function beginEntries(res: ServerResponse, view: View, options: ListOptions): LongAnswer | null {
	if (view.isAtEnd && options.after === '') return nothing(res, view);
	res.setHeader('Content-Type', JSON_TYPE);
	return entriesBody(view, options);
}

function beginValue(res: ServerResponse, entry: ViewedEntry, raw: boolean, pretty: boolean): LongAnswer {
	res.setHeader('Content-Type', raw ? 'text/plain; charset=utf-8' : JSON_TYPE);
	if (raw) return rawBody(entry);
	const body = entryBody(entry, pretty);
	res.setHeader('Content-Length', body.length);
	return body;
}

const JSON_TYPE = 'application/json; charset=utf-8';

function nothing(res: ServerResponse, view: View): null {
	view.close();
	answerNothing(res, 404);
	return null;
}

/** An entry as the API tells it. */
export function entryJson(entry: Entry): object {
	return {
		LockIndex: entry.lock.index,
		Key: entry.key,
		Flags: entry.flags,
		Value: entry.value.length === 0 ? null : asBuffer(entry.value).toString('base64'),
		...(entry.lock.session !== '' && { Session: entry.lock.session }),
		CreateIndex: entry.createRevision,
		ModifyIndex: entry.modifyRevision,
	};
}

function asViewed({ value, ...entry }: Entry): ViewedEntry {
	return { ...entry, bytes: value, start: 0, end: value.length };
}

/** A view of the same bytes. */
function asBuffer(value: Uint8Array): Buffer {
	return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
