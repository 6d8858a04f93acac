/**
 * Commands to bytes and back: what a slot's value holds. Decoding never depends on anything but the bytes, and
 * never guesses: every replica must read the same from them.
 *
 * A slot's value is a concatenation of batches, and an empty value is the no-op; so whoever proposes may
 * append one batch to another without looking inside. A batch is one client's commands under consecutive
 * sequences. It says its own length, so that a malformed one is void alone, not those beside it.
 *
 *     u32 bytes that follow | u48 proposer's wall time | u32 commands | client | first sequence
 *       | receivedThrough | commands ...
 *
 * Integers named with their size are little-endian; all others are varints.
 */
import { concatenate, MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import { BatchReader } from './batch-reader.ts';
import { BatchWriter, stampBatches } from './batch-writer.ts';

/** What a client wants done. */
export type Operation = Write | RegisterClient;
export type Write = Put | Delete | DeletePrefix;

export interface Put {
	readonly kind: 'put';
	readonly key: string;
	readonly value: Uint8Array;
	/** Opaque to the store, unsigned 64 bits. */
	readonly flags: bigint;
	/** 0: only where the key is absent; above: only where its modifyRevision is that; null: unconditionally. */
	readonly cas: number | null;
}

export interface Delete {
	readonly kind: 'delete';
	readonly key: string;
	/** Only where the key's modifyRevision is that, or where it is absent anyway; null: unconditionally. */
	readonly cas: number | null;
}

export interface DeletePrefix {
	readonly kind: 'deletePrefix';
	/** Empty for every key there is. */
	readonly prefix: string;
}

export interface RegisterClient {
	readonly kind: 'registerClient';
	/** The one that the command's identity names. */
	readonly client: string;
}

/** Who asks, so that a command is never applied twice whatever is sent again on the way. */
export interface Identity {
	/** A nanoid; opened by a command of its own. */
	readonly client: string;
	/** From 1, one for each command of the client. */
	readonly sequence: number;
	/** The client has the answers of all its commands up to here, or has given up on them. */
	readonly receivedThrough: number;
}

export interface Command {
	/** The proposer's wall time, milliseconds since 1970; not monotone before it is applied. */
	readonly timeMs: number;
	readonly identity: Identity;
	readonly operation: Operation;
}

/** Room for one batch of one command, used again and again. */
const single = new BatchWriter();

/**
 * A batch of one command, its time still to be stamped.
 *
 * @throws RangeError for what has no encoding: a caller's mistake, to be refused at the doors.
 */
export function encodeCommand({ client, sequence, receivedThrough }: Identity, operation: Operation): Uint8Array {
	single.begin(client, sequence, receivedThrough);
	single.add(operation);
	return single.take();
}

/**
 * Batches as one value to propose, under one time.
 *
 * @param timeMs the proposer's wall time, milliseconds since 1970
 */
export function encodeBatch(timeMs: number, batches: readonly Uint8Array[]): Uint8Array {
	const value = concatenate(batches);
	stampBatches(value, timeMs);
	return value;
}

/**
 * All commands of a slot's value, in the order in which they apply; none for the no-op. The bytes of values
 * are views into `value`. For people and tests: what applies them reads them one by one.
 *
 * @throws MalformedError where a batch of it is void
 */
export function readCommands(value: Uint8Array): Command[] {
	const from = new BatchReader(value);
	const commands: Command[] = [];
	while (from.nextBatch()) {
		const { timeMs, client, receivedThrough } = from;
		while (from.nextCommand()) {
			const identity = { client, sequence: from.sequence, receivedThrough };
			commands.push({ timeMs, identity, operation: from.operation() });
		}
	}
	if (from.fault !== null) throw new MalformedError(from.fault);
	return commands;
}

/** In two halves: an integer of `Writer` ends at 2^53. */
export function writeFlags(out: Writer, flags: bigint): void {
	out.int(flags === 0n ? 0 : Number(flags >> 32n));
	out.int(flags === 0n ? 0 : Number(flags & 0xffff_ffffn));
}

export function readFlags(from: Reader): bigint {
	const high = from.int();
	const low = from.int();
	if (high > 0xffff_ffff || low > 0xffff_ffff) throw new MalformedError('flags above 64 bits');
	return high === 0 && low === 0 ? 0n : (BigInt(high) << 32n) | BigInt(low);
}
