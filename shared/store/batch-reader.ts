/**
 * Reads the batches of a slot's value, command by command. It makes no object for a command, because every node reads
 * every write by it. A batch is checked as a whole before its first command is read: either all of its commands are
 * read, or the batch is void and none is.
 */

import { intAt, intLength } from '../bytes/bytes.ts';
import { asciiText, fromUtf8 } from '../bytes/text.ts';
import {
	CAS_MAX,
	CLIENT_AT,
	CLIENT_CHARS_MAX,
	COUNT_AT,
	HAS_CAS,
	HAS_FLAGS,
	IS_TRANSACTION,
	KIND_ACQUIRE,
	KIND_CHECK,
	KIND_CHECK_SESSION,
	KIND_COMMAND,
	KIND_CREATE_SESSION,
	KIND_DELETE,
	KIND_DELETE_PREFIX,
	KIND_END_SESSION,
	KIND_MASK,
	KIND_PUT,
	KIND_READ,
	KIND_READ_TREE,
	KIND_REGISTER_CLIENT,
	KIND_RELEASE,
	KIND_RENEW_SESSION,
	KIND_TICK,
	TRANSACTION_COMMANDS_MAX,
} from './batch-format.ts';
import type { Operation } from './command.ts';
import { hashOfBytes } from './key-table.ts';
import { attributesAt, isSessionId, SESSION_ID_CHARS, type SessionAttributes } from './sessions.ts';

export class BatchReader {
	/** Why the first void batch was void; null where none was. */
	fault: string | null = null;

	// The present batch
	client = '';
	/** The sequence of the batch's first command. */
	first = 0;
	receivedThrough = 0;
	/** The number of commands in the batch. */
	count = 0;
	/** Whether all commands have their effect, or none has. */
	isTransaction = false;
	/** Whether every key in the batch surely follows the rules of `key.ts`: see `textOf`. */
	hasPlainKeys = true;
	largestKeyBytes = 0;
	largestValueBytes = 0;
	/** The shortest time-out of the sessions that the batch creates, milliseconds; Infinity for none. */
	shortestTtlMs = Number.POSITIVE_INFINITY;
	/** Whether the batch begins with the registration of its client. */
	registers = false;

	// The present command
	sequence = 0;
	/** One of the kinds in `batch-format.ts`. */
	kind = KIND_PUT;
	/**
	 * The key of the command; the prefix of a deletion of a prefix; the id of a session that is created, renewed or ended;
	 * empty for a registration, for a tick and for a command of a machine.
	 */
	key = '';
	/** `hashOf(key)` */
	keyHash = 0;
	/** The command's value is at these offsets in `bytes`; they are equal where it has none. */
	valueStart = 0;
	valueEnd = 0;
	flags = 0n;
	cas: number | null = null;
	/** The session of an operation on a lock. */
	session = '';

	readonly bytes: Uint8Array;
	#at = 0;
	/** The batch begins at `#start` and ends before `#end`. */
	#start = 0;
	#end = 0;
	#commandsAt = 0;
	/** The number of commands of the batch that were not read yet. */
	#left = 0;
	#text: Text = PLAIN;
	#keyAt = 0;
	#keyEnd = 0;
	#wrong: string | null = null;

	constructor(bytes: Uint8Array) {
		this.bytes = bytes;
	}

	/** Goes to the next batch that is well formed, past void ones. @returns false when there is none */
	nextBatch(): boolean {
		while (this.#end < this.bytes.length) {
			this.#start = this.#end;
			this.#wrong = null;
			this.#readHeader();
			if (this.#wrong === null) this.#checkCommands();
			if (this.#wrong === null) {
				this.rewind();
				return true;
			}
			this.fault ??= this.#wrong;
		}
		return false;
	}

	/** Goes to the next command of the batch. @returns false when there is none */
	nextCommand(): boolean {
		if (this.#left === 0) return false;
		this.#left--;
		this.sequence++;
		this.#command();
		this.key = this.#keyText() ?? '';
		this.keyHash = hashOfBytes(this.bytes, this.#keyAt, this.#keyEnd);
		return true;
	}

	/** The command's value, as a new view of `bytes` at each call. A caller that keeps it has to copy it. */
	get value(): Uint8Array {
		return this.bytes.subarray(this.valueStart, this.valueEnd);
	}

	/** The attributes of a session that is created; undefined where the value is none. */
	get attributes(): SessionAttributes | undefined {
		return attributesAt(this.bytes, this.valueStart, this.valueEnd);
	}

	/** The present command as an object. Its value is a view of `bytes`. */
	operation(): Operation {
		const { key, value, flags, cas, session } = this;
		switch (this.kind) {
			case KIND_PUT:
				return { kind: 'put', key, value, flags, cas };
			case KIND_DELETE:
				return { kind: 'delete', key, cas };
			case KIND_DELETE_PREFIX:
				return { kind: 'deletePrefix', prefix: key };
			case KIND_CHECK:
				return { kind: 'check', key, cas };
			case KIND_READ:
				return { kind: 'read', key };
			case KIND_READ_TREE:
				return { kind: 'readTree', prefix: key };
			case KIND_ACQUIRE:
				return { kind: 'acquire', key, value, flags, session };
			case KIND_RELEASE:
				return { kind: 'release', key, value, flags, session };
			case KIND_CHECK_SESSION:
				return { kind: 'checkSession', key, session };
			case KIND_CREATE_SESSION:
				return { kind: 'createSession', session: key, attributes: this.attributes as SessionAttributes };
			case KIND_RENEW_SESSION:
				return { kind: 'renewSession', session: key };
			case KIND_END_SESSION:
				return { kind: 'endSession', session: key, renewed: cas };
			case KIND_TICK:
				return { kind: 'tick' };
			case KIND_COMMAND:
				return { kind: 'command', bytes: value };
			default:
				return { kind: 'registerClient', client: this.client };
		}
	}

	/** Goes back to before the first command of the batch. */
	rewind(): void {
		this.#at = this.#commandsAt;
		this.#left = this.count;
		this.sequence = this.first - 1;
	}

	#readHeader(): void {
		const bytes = this.bytes;
		const start = this.#start;
		const left = bytes.length - start;
		this.#end = bytes.length;
		if (left <= CLIENT_AT) return this.#void('ends too early');
		const length = this.#u32(start) + COUNT_AT;
		if (length > left || length <= CLIENT_AT) return this.#void('a batch with a wrong length');
		this.#end = start + length;
		const count = this.#u32(start + COUNT_AT);
		this.isTransaction = count >= IS_TRANSACTION;
		this.count = this.isTransaction ? count - IS_TRANSACTION : count;
		const clientChars = bytes[start + CLIENT_AT] as number;
		this.#at = start + CLIENT_AT + 1 + clientChars;
		if (clientChars === 0 || clientChars > CLIENT_CHARS_MAX) return this.#void('a batch without a client');
		if (this.#at > this.#end) return this.#void('ends too early');
		if (textOf(bytes, this.#at - clientChars, this.#at) === OTHER) return this.#void('a client that is not ASCII');
		this.client = asciiText(bytes, this.#at - clientChars, this.#at);
		this.first = this.#int();
		this.receivedThrough = this.#int();
		if (this.first === 0) return this.#void('sequences begin at 1');
		if (this.isTransaction && this.count > TRANSACTION_COMMANDS_MAX)
			return this.#void('a transaction that is too long');
		if (!Number.isSafeInteger(this.first + this.count - 1)) return this.#void('a sequence above 2^53 - 1');
		this.#commandsAt = this.#at;
	}

	#checkCommands(): void {
		// A command takes at least one byte.
		if (this.count > this.#end - this.#at) return this.#void('a batch with fewer commands than its count');
		this.hasPlainKeys = true;
		this.largestKeyBytes = 0;
		this.largestValueBytes = 0;
		this.shortestTtlMs = Number.POSITIVE_INFINITY;
		for (let left = this.count; left > 0 && this.#wrong === null; left--) {
			this.#command();
			const registers = this.kind === KIND_REGISTER_CLIENT;
			if (left === this.count) this.registers = registers;
			if (registers && this.isTransaction) return this.#void('a registration in a transaction');
			if (this.isTransaction && isOfSession(this.kind)) return this.#void('a session or a tick in a transaction');
			if (this.isTransaction && this.kind === KIND_COMMAND)
				return this.#void('a command of a machine in a transaction');
			if (this.#text !== PLAIN) this.hasPlainKeys = false;
			if (this.#text === OTHER && this.#wrong === null && this.#keyText() === undefined) {
				this.#void('a key that is not UTF-8');
			}
			if (isOfSession(this.kind) && this.#wrong === null) this.#checkSession();
			this.largestKeyBytes = Math.max(this.largestKeyBytes, this.#keyEnd - this.#keyAt);
			this.largestValueBytes = Math.max(this.largestValueBytes, this.valueEnd - this.valueStart);
		}
		if (this.#wrong === null && this.#at !== this.#end) this.#void('a batch with bytes behind its commands');
	}

	/** Reads one command, and notes its fields. */
	#command(): void {
		const head = this.#u8();
		const kind = head & KIND_MASK;
		this.kind = kind;
		this.flags = 0n;
		this.cas = null;
		this.session = '';
		this.#text = PLAIN;
		this.#keyAt = this.#at;
		this.#keyEnd = this.#at;
		this.valueStart = this.#at;
		this.valueEnd = this.#at;
		if (kind > KIND_COMMAND || (head & ~KIND_MASK & ~(MAY_HAVE[kind] as number)) !== 0) {
			return this.#void('unknown kind of command');
		}
		if (kind === KIND_REGISTER_CLIENT || kind === KIND_TICK) return;
		if (kind !== KIND_COMMAND) {
			const keyBytes = this.#int();
			this.#keyAt = this.#at;
			this.#skip(keyBytes);
			this.#keyEnd = this.#at;
			if (this.#wrong !== null) return;
			this.#text = textOf(this.bytes, this.#keyAt, this.#keyEnd);
		} else {
			// It has no key. The door of clients has to look at it, and refuses it.
			this.#text = ASCII;
		}
		if (hasValue(kind)) {
			const valueBytes = this.#int();
			this.valueStart = this.#at;
			this.#skip(valueBytes);
			this.valueEnd = this.#at;
		}
		if ((head & HAS_FLAGS) !== 0) this.#readFlags();
		if ((head & HAS_CAS) !== 0) {
			const cas = this.#int();
			if (cas > CAS_MAX) return this.#void('a condition above the largest revision');
			this.cas = cas;
		}
		if (kind === KIND_ACQUIRE || kind === KIND_RELEASE || kind === KIND_CHECK_SESSION) this.#readSession();
	}

	#readSession(): void {
		const chars = this.#int();
		if (chars > SESSION_ID_CHARS) return this.#void('no id of a session');
		const at = this.#at;
		this.#skip(chars);
		if (this.#wrong !== null) return;
		this.session = asciiText(this.bytes, at, this.#at);
		const mayBeNone = this.kind === KIND_CHECK_SESSION && chars === 0;
		if (!mayBeNone && !isSessionId(this.session)) this.#void('no id of a session');
	}

	/** The present command creates, renews or ends a session, or is a tick. */
	#checkSession(): void {
		if (this.kind === KIND_TICK) return;
		if (!isSessionId(this.#keyText() ?? '')) this.#void('no id of a session');
		if (this.kind !== KIND_CREATE_SESSION) return;
		const { attributes } = this;
		if (!attributes) return this.#void('a session with wrong attributes');
		if (attributes.ttlMs > 0) this.shortestTtlMs = Math.min(this.shortestTtlMs, attributes.ttlMs);
	}

	#readFlags(): void {
		const at = this.#at;
		this.#skip(8);
		if (this.#wrong === null) this.flags = (BigInt(this.#u32(at)) << 32n) | BigInt(this.#u32(at + 4));
	}

	#keyText(): string | undefined {
		if (this.#text !== OTHER) return asciiText(this.bytes, this.#keyAt, this.#keyEnd);
		return fromUtf8(this.bytes.subarray(this.#keyAt, this.#keyEnd));
	}

	#void(why: string): void {
		this.#wrong ??= why;
	}

	#skip(bytes: number): void {
		if (bytes > this.#end - this.#at) return this.#void('ends too early');
		this.#at += bytes;
	}

	#u8(): number {
		if (this.#at >= this.#end) {
			this.#void('ends too early');
			return KIND_MASK;
		}
		return this.bytes[this.#at++] as number;
	}

	#int(): number {
		const length = intLength(this.bytes, this.#at, this.#end);
		if (length === 0) {
			this.#void('an integer that is cut short, too long or above 2^53 - 1');
			return 0;
		}
		const value = intAt(this.bytes, this.#at, length);
		this.#at += length;
		return value;
	}

	#u16(at: number): number {
		return (this.bytes[at] as number) | ((this.bytes[at + 1] as number) << 8);
	}

	#u32(at: number): number {
		return (this.#u16(at) | (this.#u16(at + 2) << 16)) >>> 0;
	}
}

/** What a command of a kind may have beside its key and its value. */
const MAY_HAVE: readonly number[] = Array.from({ length: KIND_COMMAND + 1 }, (_, kind) => {
	switch (kind) {
		case KIND_PUT:
			return HAS_FLAGS | HAS_CAS;
		case KIND_DELETE:
		case KIND_CHECK:
		case KIND_END_SESSION:
			return HAS_CAS;
		case KIND_ACQUIRE:
		case KIND_RELEASE:
			return HAS_FLAGS;
		default:
			return 0;
	}
});

function hasValue(kind: number): boolean {
	switch (kind) {
		case KIND_PUT:
		case KIND_ACQUIRE:
		case KIND_RELEASE:
		case KIND_CREATE_SESSION:
		case KIND_COMMAND:
			return true;
		default:
			return false;
	}
}

/** Whether the command creates, renews or ends a session, or is a tick. */
function isOfSession(kind: number): boolean {
	return kind === KIND_TICK || (kind >= KIND_CREATE_SESSION && kind <= KIND_END_SESSION);
}

type Text = 0 | 1 | 2;
const OTHER = 0;
const ASCII = 1;
const PLAIN = 2;

/**
 * OTHER is not ASCII. PLAIN is visible ASCII that is not empty and breaks no rule for keys except perhaps its length.
 */
function textOf(bytes: Uint8Array, from: number, to: number): Text {
	let text: Text = from < to && bytes[from] !== SLASH ? PLAIN : ASCII;
	let before = 0;
	for (let i = from; i < to; i++) {
		const byte = bytes[i] as number;
		if (byte > 0x7f) return OTHER;
		if (byte <= 0x20 || byte === 0x7f || byte === PERCENT || (byte === DOT && before === DOT)) text = ASCII;
		before = byte;
	}
	return text;
}

const SLASH = 0x2f;
const DOT = 0x2e;
/** It may stand before the digits of a dot. */
const PERCENT = 0x25;
