/**
 * Commands to bytes and back, as a slot's value holds them. Decoding depends on the bytes alone and never guesses,
 * because every replica must read the same commands from them.
 *
 * A slot's value is a concatenation of batches, so a proposer may append one batch to another without looking inside. An
 * empty value is the no-op. A batch is one client's commands under consecutive sequences. It begins with its length, so
 * that a malformed batch is void by itself and the batches beside it are not.
 *
 *     u32 bytes that follow | u32 commands | client | first sequence | receivedThrough | commands ...
 *
 * The highest bit of the number of commands makes the batch a transaction: all commands have their effect, or none has.
 *
 * Integers named with their size are little-endian; all others are varints.
 */
import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import { BatchReader } from './batch-reader.ts';
import { BatchWriter } from './batch-writer.ts';
import type { SessionAttributes } from './sessions.ts';

/** One operation of a client on the store. */
export type Operation = PartOfTransaction | OfSession | Tick | OwnCommand | RegisterClient;
/** An operation that may be one of several in a transaction. */
export type PartOfTransaction = Write | OfLock | Check | Read | ReadTree;
export type Write = Put | Delete | DeletePrefix;

export interface Put {
	readonly kind: 'put';
	readonly key: string;
	readonly value: Uint8Array;
	/** Opaque to the store, unsigned 64 bits. */
	readonly flags: bigint;
	/** 0: only where the key is absent. Above 0: only where the key has this modifyRevision. null: in any case. */
	readonly cas: number | null;
}

export interface Delete {
	readonly kind: 'delete';
	readonly key: string;
	/** Only where the key has this modifyRevision, or is absent and there is nothing to delete. null: in any case. */
	readonly cas: number | null;
}

export interface DeletePrefix {
	readonly kind: 'deletePrefix';
	/** The empty prefix deletes every key. */
	readonly prefix: string;
}

/** Changes nothing, and is of use in a transaction only. */
export interface Check {
	readonly kind: 'check';
	readonly key: string;
	/**
	 * Above 0: holds where the key has this modifyRevision. 0: holds where the key is absent. null: holds where the key is
	 * there and the transaction has not read too much, because its value may be read then, as of `Read`.
	 */
	readonly cas: number | null;
}

/**
 * Changes nothing: its place in a transaction is the state at which its proposer reads the key. It does not hold where too
 * much is read: see `READ_BYTES_MAX`.
 */
export interface Read {
	readonly kind: 'read';
	readonly key: string;
}

/** The same for all keys below a prefix. It does not hold where they are too many either: see `TREE_KEYS_MAX`. */
export interface ReadTree {
	readonly kind: 'readTree';
	readonly prefix: string;
}

export type OfLock = Acquire | Release | CheckSession;

/**
 * Writes a key and holds it for a session. It does so where the session is there, no other one holds the key, the key does
 * not wait after the end of another one, and the session holds few enough keys.
 */
export interface Acquire {
	readonly kind: 'acquire';
	readonly key: string;
	readonly value: Uint8Array;
	readonly flags: bigint;
	/** The id of the session. */
	readonly session: string;
}

/** Writes a key and lets it go, where this session holds it. */
export interface Release {
	readonly kind: 'release';
	readonly key: string;
	readonly value: Uint8Array;
	readonly flags: bigint;
	readonly session: string;
}

/** Changes nothing. Holds where the key is there and this session holds it; '': where nobody does. */
export interface CheckSession {
	readonly kind: 'checkSession';
	readonly key: string;
	readonly session: string;
}

export type OfSession = CreateSession | RenewSession | EndSession;

/** Fails where the session is there already, or there are `SESSIONS_MAX`. */
export interface CreateSession {
	readonly kind: 'createSession';
	/** A UUID in small letters that no other session has or ever had: who creates a session draws it. */
	readonly session: string;
	readonly attributes: SessionAttributes;
}

/** The time-out of the session begins anew. Fails where there is no such session. */
export interface RenewSession {
	readonly kind: 'renewSession';
	readonly session: string;
}

/** Ends the session: the keys that it holds are let go, or deleted. It may have ended before. */
export interface EndSession {
	readonly kind: 'endSession';
	readonly session: string;
	/** Only where this is the revision of its last renewal: its time-out is over. null: in any case. */
	readonly renewed: number | null;
}

/** Changes nothing: its slot carries the time, which something waits for. */
export interface Tick {
	readonly kind: 'tick';
}

/**
 * The command of a machine of the user's own. It has no effect on the key-value store, and no other command has one on such
 * a machine.
 */
export interface OwnCommand {
	readonly kind: 'command';
	/** As its codec has written it. */
	readonly bytes: Uint8Array;
}

export interface RegisterClient {
	readonly kind: 'registerClient';
	/** The same name as in the command's identity. */
	readonly client: string;
}

/** The identity of a command, by which it is applied at most once, however often it is sent. */
export interface Identity {
	/** A nanoid. The client is registered by a command before its others. */
	readonly client: string;
	/** The number of the command among those of the client, from 1. */
	readonly sequence: number;
	/** The client has the answers of all its commands up to this sequence, or has given up on them. */
	readonly receivedThrough: number;
}

export interface Command {
	readonly identity: Identity;
	readonly operation: Operation;
}

/** One writer for all calls of `encodeCommand`. */
const single = new BatchWriter();

/**
 * Encodes a batch of one command.
 *
 * @throws RangeError where the command has no encoding, which the doors must have refused before
 */
export function encodeCommand({ client, sequence, receivedThrough }: Identity, operation: Operation): Uint8Array {
	single.begin(client, sequence, receivedThrough);
	single.add(operation);
	return single.take();
}

/**
 * All commands of a slot's value, in the order of application; none for the no-op. The bytes of values are views of
 * `value`. This is for people and tests: the store reads commands one by one.
 *
 * @throws MalformedError where a batch in it is void
 */
export function readCommands(value: Uint8Array): Command[] {
	const from = new BatchReader(value);
	const commands: Command[] = [];
	while (from.nextBatch()) {
		const { client, receivedThrough } = from;
		while (from.nextCommand()) {
			const identity = { client, sequence: from.sequence, receivedThrough };
			commands.push({ identity, operation: from.operation() });
		}
	}
	if (from.fault !== null) throw new MalformedError(from.fault);
	return commands;
}

/** Writes flags in two halves, because an integer of `Writer` has to be below 2^53. */
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
