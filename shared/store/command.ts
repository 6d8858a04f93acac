/**
 * Commands to bytes and back: what a slot's value holds. Decoding throws rather than guess,
 * and never depends on anything but the bytes: every replica must read the same from them.
 *
 * A slot's value is a concatenation of batches, and an empty value is the no-op; so whoever proposes may
 * append one batch to another without looking inside. A batch is: the proposer's wall time, how many commands,
 * and the commands.
 */
import { MalformedError, Reader, Writer } from '../paxos/bytes.ts';
import { fromUtf8, hasUtf8Form, toUtf8 } from './text.ts';

/** What a client wants done. */
export type Operation = Write | OpenSession;
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

export interface OpenSession {
	readonly kind: 'openSession';
	/** The one that the command's identity names. */
	readonly session: string;
}

/** Who asks, so that a command is never applied twice whatever is sent again on the way. */
export interface Identity {
	/** A nanoid; opened by a command of its own. */
	readonly session: string;
	/** From 1, one for each command of the session. */
	readonly sequence: number;
	/** The session has the answers of all its commands up to here, or has given up on them. */
	readonly receivedThrough: number;
}

export interface Command {
	/** The proposer's wall time, milliseconds since 1970; not monotone before it is applied. */
	readonly timeMs: number;
	readonly identity: Identity;
	readonly operation: Operation;
}

/** One below the largest: on the wire a condition is one more than its revision. */
export const CAS_MAX = Number.MAX_SAFE_INTEGER - 1;
export const FLAGS_MAX = 2n ** 64n - 1n;

/** The position is the byte: only ever add at the end. */
const KINDS: readonly Operation['kind'][] = ['put', 'delete', 'deletePrefix', 'openSession'];

const writer = new Writer(4096);

/** @throws RangeError for what has no encoding: a caller's mistake, to be refused at the doors. */
export function encodeCommand(identity: Identity, operation: Operation): Uint8Array {
	checkEncodable(identity, operation);
	writer.node(identity.session);
	writer.int(identity.sequence);
	writer.int(identity.receivedThrough);
	writer.u8(KINDS.indexOf(operation.kind));
	switch (operation.kind) {
		case 'put':
			writer.bytes(toUtf8(operation.key));
			writer.bytes(operation.value);
			writeFlags(writer, operation.flags);
			writeCas(operation.cas);
			break;
		case 'delete':
			writer.bytes(toUtf8(operation.key));
			writeCas(operation.cas);
			break;
		case 'deletePrefix':
			writer.bytes(toUtf8(operation.prefix));
			break;
		case 'openSession':
			break;
	}
	return writer.take();
}

/** @param timeMs the proposer's wall time, milliseconds since 1970 */
export function encodeBatch(timeMs: number, commands: readonly Uint8Array[]): Uint8Array {
	writer.int(Math.max(0, Math.floor(timeMs)));
	writer.int(commands.length);
	for (const command of commands) writer.raw(command);
	return writer.take();
}

/**
 * All commands of a slot's value, in the order in which they apply; none for the no-op. The bytes of values
 * are views into `value`.
 *
 * @throws MalformedError for any value that is not a concatenation of batches; the whole of it is then void
 */
export function readCommands(value: Uint8Array): Command[] {
	const from = new Reader(value);
	const commands: Command[] = [];
	while (!from.done) {
		const timeMs = from.int();
		for (let left = from.int(); left > 0; left--) commands.push(readCommand(from, timeMs));
	}
	return commands;
}

function readCommand(from: Reader, timeMs: number): Command {
	const identity = { session: from.node(), sequence: from.int(), receivedThrough: from.int() };
	if (identity.session === '') throw new MalformedError('a command of no session');
	if (identity.sequence === 0) throw new MalformedError('sequences begin at 1');
	return { timeMs, identity, operation: readOperation(from, identity.session) };
}

function readOperation(from: Reader, session: string): Operation {
	const kind = KINDS[from.u8()];
	switch (kind) {
		case 'put':
			return { kind, key: readText(from), value: from.bytes(), flags: readFlags(from), cas: readCas(from) };
		case 'delete':
			return { kind, key: readText(from), cas: readCas(from) };
		case 'deletePrefix':
			return { kind, prefix: readText(from) };
		case 'openSession':
			return { kind, session };
		default:
			throw new MalformedError('unknown kind of command');
	}
}

function readText(from: Reader): string {
	const text = fromUtf8(from.bytes());
	if (text === undefined) throw new MalformedError('a key that is not UTF-8');
	return text;
}

/** In two halves: an integer of `Writer` ends at 2^53. */
export function writeFlags(out: Writer, flags: bigint): void {
	out.int(Number(flags >> 32n));
	out.int(Number(flags & 0xffff_ffffn));
}

export function readFlags(from: Reader): bigint {
	const high = from.int();
	const low = from.int();
	if (high > 0xffff_ffff || low > 0xffff_ffff) throw new MalformedError('flags above 64 bits');
	return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low);
}

function readCas(from: Reader): number | null {
	const written = from.int();
	return written === 0 ? null : written - 1;
}

function writeCas(cas: number | null): void {
	writer.int(cas === null ? 0 : cas + 1);
}

function checkEncodable(identity: Identity, operation: Operation): void {
	if (!/^[\x20-\x7e]{1,64}$/.test(identity.session))
		throw new RangeError('a session is named in 1 to 64 ASCII characters');
	if (!Number.isSafeInteger(identity.sequence) || identity.sequence < 1) throw new RangeError('sequences begin at 1');
	if (!Number.isSafeInteger(identity.receivedThrough) || identity.receivedThrough < 0) {
		throw new RangeError('receivedThrough is 0 or more');
	}
	switch (operation.kind) {
		case 'put':
			if (operation.flags < 0n || operation.flags > FLAGS_MAX) throw new RangeError('flags are unsigned 64 bits');
			checkText(operation.key);
			return checkCas(operation.cas);
		case 'delete':
			checkText(operation.key);
			return checkCas(operation.cas);
		case 'deletePrefix':
			return checkText(operation.prefix);
		case 'openSession':
			if (operation.session !== identity.session) throw new RangeError('a session opens itself');
	}
}

function checkText(text: string): void {
	if (!hasUtf8Form(text)) throw new RangeError('half a surrogate pair has no UTF-8 form');
}

function checkCas(cas: number | null): void {
	if (cas !== null && !(Number.isSafeInteger(cas) && cas >= 0 && cas <= CAS_MAX)) {
		throw new RangeError('a condition is a revision or 0');
	}
}
