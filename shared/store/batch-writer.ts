/**
 * Writes one batch after the other straight into bytes, because every write of a client passes through here. A command
 * that has no encoding is refused with a RangeError, and the batch is as it was before.
 */

import { putInt, VARINT_BYTES_MAX } from '../bytes/bytes.ts';
import { hasUtf8Form, toUtf8 } from '../bytes/text.ts';
import {
	CAS_MAX,
	CLIENT_AT,
	CLIENT_CHARS_MAX,
	COUNT_AT,
	FLAGS_MAX,
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
	KIND_PUT,
	KIND_READ,
	KIND_READ_TREE,
	KIND_REGISTER_CLIENT,
	KIND_RELEASE,
	KIND_RENEW_SESSION,
	KIND_TICK,
} from './batch-format.ts';
import type { OfLock, Operation } from './command.ts';
import { attributesFault, encodeAttributes, isSessionId, type SessionAttributes } from './sessions.ts';

const BYTES_INITIAL = 4096;

export class BatchWriter {
	#bytes = new Uint8Array(BYTES_INITIAL);
	#length = 0;
	#count = 0;
	#client = '';
	#isTransaction = false;

	/** The bytes of the batch so far. */
	get length(): number {
		return this.#length;
	}

	/**
	 * Begins a batch, and drops one that was not taken.
	 *
	 * @param first the sequence of the first command; the others have the sequences after it
	 * @param receivedThrough the client has the answers of all its commands up to this sequence
	 * @param isTransaction whether all commands have their effect, or none has
	 * @throws RangeError
	 */
	begin(client: string, first: number, receivedThrough: number, isTransaction = false): void {
		if (!/^[\x20-\x7e]+$/.test(client) || client.length > CLIENT_CHARS_MAX) {
			throw new RangeError(`a client is named in 1 to ${CLIENT_CHARS_MAX} ASCII characters`);
		}
		if (!Number.isSafeInteger(first) || first < 1) throw new RangeError('sequences begin at 1');
		if (!Number.isSafeInteger(receivedThrough) || receivedThrough < 0) {
			throw new RangeError('receivedThrough is 0 or more');
		}
		this.#client = client;
		this.#isTransaction = isTransaction;
		this.#count = 0;
		this.#length = CLIENT_AT;
		this.#room(1 + client.length);
		this.#bytes[this.#length++] = client.length;
		this.#ascii(client);
		this.#int(first);
		this.#int(receivedThrough);
	}

	/** @throws RangeError where the operation has no encoding; the batch is as it was */
	add(operation: Operation): void {
		switch (operation.kind) {
			case 'put':
				return this.put(operation.key, operation.value, operation.flags, operation.cas);
			case 'delete':
				return this.delete(operation.key, operation.cas);
			case 'deletePrefix':
				this.#begin(KIND_DELETE_PREFIX, operation.prefix, null);
				break;
			case 'check':
				this.#begin(KIND_CHECK, operation.key, operation.cas);
				return this.#end(operation.cas);
			case 'read':
				this.#begin(KIND_READ, operation.key, null);
				break;
			case 'readTree':
				this.#begin(KIND_READ_TREE, operation.prefix, null);
				break;
			case 'acquire':
			case 'release':
			case 'checkSession':
				return this.#ofLock(operation);
			case 'createSession':
				return this.#createSession(operation.session, operation.attributes);
			case 'renewSession':
				this.#begin(KIND_RENEW_SESSION, sessionId(operation.session), null);
				break;
			case 'endSession':
				this.#begin(KIND_END_SESSION, sessionId(operation.session), operation.renewed);
				return this.#end(operation.renewed);
			case 'tick':
				this.#room(1);
				this.#bytes[this.#length++] = KIND_TICK;
				break;
			case 'command':
				return this.#command(operation.bytes);
			case 'registerClient':
				if (operation.client !== this.#client) throw new RangeError('a client registers only itself');
				this.#room(1);
				this.#bytes[this.#length++] = KIND_REGISTER_CLIENT;
		}
		this.#count++;
	}

	/** @throws RangeError */
	put(key: string, value: Uint8Array, flags: bigint, cas: number | null): void {
		this.#write(KIND_PUT, key, value, flags, cas);
		this.#end(cas);
	}

	/** @throws RangeError */
	delete(key: string, cas: number | null): void {
		this.#begin(KIND_DELETE, key, cas);
		this.#end(cas);
	}

	/** Ends the batch. @returns its bytes, in an array of their own that has `spaceBytes` zeros in front of them */
	take(spaceBytes = 0): Uint8Array {
		put32(this.#bytes, 0, this.#length - COUNT_AT);
		put32(this.#bytes, COUNT_AT, this.#isTransaction ? this.#count + IS_TRANSACTION : this.#count);
		const taken = new Uint8Array(spaceBytes + this.#length);
		taken.set(this.#bytes.subarray(0, this.#length), spaceBytes);
		this.#length = 0;
		this.#count = 0;
		return taken;
	}

	/** Writes all of a write but its condition, or its session. */
	#write(kind: number, key: string, value: Uint8Array, flags: bigint, cas: number | null): void {
		const plain = flags === 0n;
		if (!plain && (flags < 0n || flags > FLAGS_MAX)) throw new RangeError('flags are unsigned 64 bits');
		this.#begin(plain ? kind : kind | HAS_FLAGS, key, cas);
		this.#room(VARINT_BYTES_MAX + value.length + 8);
		this.#int(value.length);
		this.#bytes.set(value, this.#length);
		this.#length += value.length;
		if (plain) return;
		put32(this.#bytes, this.#length, Number(flags >> 32n));
		put32(this.#bytes, this.#length + 4, Number(flags & 0xffff_ffffn));
		this.#length += 8;
	}

	#ofLock(operation: OfLock): void {
		const { kind, key, session } = operation;
		if (kind === 'checkSession') {
			if (session !== '') sessionId(session);
			this.#begin(KIND_CHECK_SESSION, key, null);
		} else {
			sessionId(session);
			this.#write(kind === 'acquire' ? KIND_ACQUIRE : KIND_RELEASE, key, operation.value, operation.flags, null);
		}
		this.#room(VARINT_BYTES_MAX + session.length);
		this.#int(session.length);
		this.#ascii(session);
		this.#count++;
	}

	#createSession(session: string, attributes: SessionAttributes): void {
		const fault = attributesFault(attributes);
		if (fault !== null) throw new RangeError(`a session ${fault}`);
		this.#write(KIND_CREATE_SESSION, sessionId(session), encodeAttributes(attributes), 0n, null);
		this.#count++;
	}

	#command(bytes: Uint8Array): void {
		this.#room(1 + VARINT_BYTES_MAX + bytes.length);
		this.#bytes[this.#length++] = KIND_COMMAND;
		this.#int(bytes.length);
		this.#bytes.set(bytes, this.#length);
		this.#length += bytes.length;
		this.#count++;
	}

	/** Writes the kind and the key. Everything that can be wrong is checked before the batch is changed. */
	#begin(kind: number, key: string, cas: number | null): void {
		if (cas !== null && !(Number.isSafeInteger(cas) && cas >= 0 && cas <= CAS_MAX)) {
			throw new RangeError('a condition is a revision or 0');
		}
		this.#room(1 + VARINT_BYTES_MAX + key.length);
		const start = this.#length;
		this.#bytes[this.#length++] = cas === null ? kind : kind | HAS_CAS;
		this.#int(key.length);
		if (this.#ascii(key)) return;
		this.#length = start + 1;
		if (!hasUtf8Form(key)) {
			this.#length = start;
			throw new RangeError('half a surrogate pair has no UTF-8 form');
		}
		const utf8 = toUtf8(key);
		this.#room(VARINT_BYTES_MAX + utf8.length);
		this.#int(utf8.length);
		this.#bytes.set(utf8, this.#length);
		this.#length += utf8.length;
	}

	#end(cas: number | null): void {
		if (cas !== null) {
			this.#room(VARINT_BYTES_MAX);
			this.#int(cas);
		}
		this.#count++;
	}

	/** Writes an ASCII text, for which there must be room. @returns false, with the length as it was, for another text */
	#ascii(text: string): boolean {
		const bytes = this.#bytes;
		const start = this.#length;
		for (let i = 0; i < text.length; i++) {
			const unit = text.charCodeAt(i);
			if (unit > 0x7f) return false;
			bytes[start + i] = unit;
		}
		this.#length = start + text.length;
		return true;
	}

	#int(value: number): void {
		this.#room(VARINT_BYTES_MAX);
		this.#length = putInt(this.#bytes, this.#length, value);
	}

	#room(bytes: number): void {
		const needed = this.#length + bytes;
		if (needed <= this.#bytes.length) return;
		const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
		grown.set(this.#bytes.subarray(0, this.#length));
		this.#bytes = grown;
	}
}

/** @throws RangeError for what names no session */
function sessionId(id: string): string {
	if (!isSessionId(id)) throw new RangeError('a session is named by a UUID in small letters');
	return id;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
	bytes[at] = value;
	bytes[at + 1] = value >>> 8;
	bytes[at + 2] = value >>> 16;
	bytes[at + 3] = value >>> 24;
}
