/**
 * The value of a slot: one byte that names its kind, and then the bytes of that kind. The agent reads the kind and
 * nothing else, because the commands of a batch are the state machine's business.
 */

import { MalformedError, type Reader } from '../bytes/bytes.ts';
import { SLOT_VALUE_BYTES_MAX } from './bounds.ts';

/** The bytes of a slot's value. They are encoded once and never changed. The first one is a `ValueKind`. */
export type Value = Uint8Array;

/** The number is the byte on the wire and on disk: only ever add at the end. */
export const VALUE_KIND = {
	/** Nothing follows. It fills a slot that phase 1 left free below one that it did not. */
	noop: 0,
	/** Batches of commands follow, one behind the other. */
	batch: 1,
	/** A change of members. Reserved: it is neither proposed nor read yet. */
	members: 2,
} as const;

export const NOOP: Value = Uint8Array.of(VALUE_KIND.noop);

/** How many bytes the kind takes in front of what belongs to it. */
export const KIND_BYTES = 1;

/** @param commands batches, one behind the other; at least one byte */
export function batchValue(commands: Uint8Array): Value {
	const value = new Uint8Array(KIND_BYTES + commands.length);
	value[0] = VALUE_KIND.batch;
	value.set(commands, KIND_BYTES);
	return value;
}

/** What the state machine applies: the batches of commands in the value; no bytes for a no-op. A view, not a copy. */
export function commandsOf(value: Value): Uint8Array {
	return value.subarray(KIND_BYTES);
}

/** How many bytes the value adds to a batch that it is put into. */
export function commandsLength(value: Value): number {
	return value.length - KIND_BYTES;
}

export function isBatch(value: Value): boolean {
	return value[0] === VALUE_KIND.batch && value.length > KIND_BYTES;
}

export function isNoop(value: Value): boolean {
	return value[0] === VALUE_KIND.noop && value.length === KIND_BYTES;
}

/** One batch value with the commands of all `values`, which are batch values, in their order. */
export function joinBatches(values: readonly Value[]): Value {
	let length = KIND_BYTES;
	for (const value of values) length += commandsLength(value);
	const joined = new Uint8Array(length);
	joined[0] = VALUE_KIND.batch;
	let at = KIND_BYTES;
	for (const value of values) {
		joined.set(commandsOf(value), at);
		at += commandsLength(value);
	}
	return joined;
}

/** @throws MalformedError for a value that is too large, or of a kind that this version cannot carry out */
export function readValue(from: Reader): Value {
	const value = from.bytes();
	if (value.length > SLOT_VALUE_BYTES_MAX) throw new MalformedError('a value above the largest');
	if (!isBatch(value) && !isNoop(value)) throw new MalformedError('a value of unknown kind');
	return value;
}
