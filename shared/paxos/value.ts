/**
 * The value of a slot: one byte that names its kind, and then the bytes of that kind. A batch goes on with two bytes,
 * little-endian: the milliseconds by which it moves the state machine's time. The leader that first proposes the value
 * writes them. A later leader that proposes it again changes nothing of it, because it may be chosen. The agent reads
 * no further in a batch, because its commands are the state machine's business.
 */

import { MalformedError, Reader, sameBytes, Writer } from '../bytes/bytes.ts';
import { ELAPSED_MS_MAX, SLOT_VALUE_BYTES_MAX } from './bounds.ts';
import { type MembersChange, readChange, writeChange } from './change.ts';

/** The bytes of a slot's value. They are encoded once and never changed. The first one is a `ValueKind`. */
export type Value = Uint8Array;

/** The number is the byte on the wire and on disk: only ever add at the end. */
export const VALUE_KIND = {
	/** Nothing follows. It fills a slot that phase 1 left free below one that it did not. */
	noop: 0,
	/** The milliseconds follow, and then batches of commands, one behind the other. */
	batch: 1,
	/** A change of members follows: see `change.ts`. */
	members: 2,
} as const;

/** @source Paxos Made Simple 3: "a special 'noop' command that leaves the state unchanged" */
export const NOOP: Value = Uint8Array.of(VALUE_KIND.noop);

/** How many bytes a batch value has in front of its commands. */
export const BATCH_AT = 3;

/** A batch value that moves no time. @param commands batches, one behind the other; at least one byte */
export function batchValue(commands: Uint8Array): Value {
	const value = new Uint8Array(BATCH_AT + commands.length);
	value[0] = VALUE_KIND.batch;
	value.set(commands, BATCH_AT);
	return value;
}

/** What the state machine applies: the batches of commands in the value; no bytes for another kind. A view, not a copy. */
export function commandsOf(value: Value): Uint8Array {
	return value.subarray(isBatch(value) ? BATCH_AT : value.length);
}

/** How many bytes the value adds to a batch that it is put into. */
export function commandsLength(value: Value): number {
	return value.length - BATCH_AT;
}

/** Whether both hold the same commands, whatever time they carry. */
export function sameCommands(a: Value, b: Value): boolean {
	return sameBytes(commandsOf(a), commandsOf(b));
}

/** By how much the value moves the state machine's time, milliseconds; 0 for a no-op. */
export function elapsedMsOf(value: Value): number {
	return isBatch(value) ? (value[1] as number) | ((value[2] as number) << 8) : 0;
}

export function isBatch(value: Value): boolean {
	return value[0] === VALUE_KIND.batch && value.length > BATCH_AT;
}

export function isNoop(value: Value): boolean {
	return value[0] === VALUE_KIND.noop && value.length === 1;
}

export function isMembersChange(value: Value): boolean {
	return value[0] === VALUE_KIND.members;
}

export function membersValue(change: MembersChange): Value {
	const out = new Writer();
	out.u8(VALUE_KIND.members);
	writeChange(out, change);
	return out.take();
}

/** @throws MalformedError for a value that is no change of members, or one to members that no swarm can have */
export function changeOf(value: Value): MembersChange {
	if (!isMembersChange(value)) throw new MalformedError('no change of members');
	const from = new Reader(value, 1);
	const change = readChange(from);
	from.finish();
	return change;
}

/**
 * One batch value with the commands of all `values`, which are batch values, in their order. It is a copy also of a
 * single value, because a proposal that is proposed a second time is a value with another time.
 *
 * @param elapsedMs by how much it moves the state machine's time; 0 to ELAPSED_MS_MAX
 */
export function joinBatches(values: readonly Value[], elapsedMs: number): Value {
	let length = BATCH_AT;
	for (const value of values) length += commandsLength(value);
	const joined = new Uint8Array(length);
	joined[0] = VALUE_KIND.batch;
	joined[1] = elapsedMs;
	joined[2] = elapsedMs >>> 8;
	let at = BATCH_AT;
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
	if (isMembersChange(value)) changeOf(value);
	else if (!isBatch(value) && !isNoop(value)) throw new MalformedError('a value of unknown kind');
	if (elapsedMsOf(value) > ELAPSED_MS_MAX) throw new MalformedError('a value that moves the time too far');
	return value;
}

/** The value of a proposal. @throws MalformedError as `readValue`, and for one without commands */
export function readBatch(from: Reader): Value {
	const value = readValue(from);
	if (!isBatch(value)) throw new MalformedError('a proposal without commands');
	return value;
}
