/**
 * Checks the arguments of a client's calls, because JavaScript does not hold callers to the types. Every function
 * returns a fault as the error that the call fails with, and throws nothing.
 */
import { hasUtf8Form, toUtf8 } from '../bytes/text.ts';
import { FLAGS_MAX } from '../store/batch-format.ts';
import { KEY_BYTES_MAX, keyFault, VALUE_BYTES_MAX } from '../store/key.ts';
import { attributesFault } from '../store/sessions.ts';
import { BadKeyError, BadOptionsError, BadValueError } from './errors.ts';
import { attributesOf, type SessionOptions } from './session-attributes.ts';

/** Why the key is refused; null for a good one. */
export function wrongKey(key: unknown): Error | null {
	if (typeof key !== 'string') return new BadKeyError(`the key is ${typeOf(key)}, not text`);
	// A text may have any length. Each character takes at least one byte, so a long one need not be encoded.
	if (key.length > KEY_BYTES_MAX) return new BadKeyError(`the key is larger than ${KEY_BYTES_MAX} bytes`);
	const fault = keyFault(key);
	return fault === null ? null : new BadKeyError(`the key ${fault}`);
}

/** Why the prefix is refused; null for a good one, such as the empty one. */
export function wrongPrefix(prefix: unknown): Error | null {
	return prefix === '' ? null : wrongKey(prefix);
}

/** The value's bytes, or why it is refused. */
export function bytesOf(value: unknown): Uint8Array | Error {
	if (typeof value === 'string') {
		if (value.length > VALUE_BYTES_MAX) return tooLarge(`more than ${VALUE_BYTES_MAX}`);
		if (!hasUtf8Form(value)) return new BadValueError('the value has half a surrogate pair, which has no UTF-8 form');
		const bytes = toUtf8(value);
		return bytes.length > VALUE_BYTES_MAX ? tooLarge(bytes.length) : bytes;
	}
	if (!isBytes(value)) return new BadValueError(`the value is ${typeOf(value)}, neither text nor a Uint8Array`);
	if (value.length > VALUE_BYTES_MAX) return tooLarge(value.length);
	if (!(value.buffer instanceof ArrayBuffer) && tagOf(value.buffer) === 'SharedArrayBuffer') {
		return new BadValueError('the value is in shared memory, which may change while it is read');
	}
	if (value.length === 0 && isGone(value)) return new BadValueError('the value is an array whose buffer is gone');
	return value;
}

/** Why the options of a write are refused; null for good ones. */
export function wrongWriteOptions(options: unknown): Error | null {
	if (!isObject(options)) return new BadOptionsError(`the options are ${typeOf(options)}, not an object`);
	const { flags, cas, signal } = options;
	const wrong = wrongFlags(flags);
	if (wrong) return wrong;
	// Null does not count as left out: a caller who lacks the revision by mistake must not overwrite whatever is there.
	if (cas !== undefined && !(Number.isSafeInteger(cas) && (cas as number) >= 0)) {
		return new BadValueError('a condition (cas) is a revision or 0');
	}
	return wrongSignal(signal);
}

function wrongFlags(flags: unknown): Error | null {
	if (flags === undefined || (typeof flags === 'bigint' && flags >= 0n && flags <= FLAGS_MAX)) return null;
	return new BadValueError('flags are a bigint of unsigned 64 bits');
}

/** Why the options of a read are refused; null for good ones. */
export function wrongReadOptions(options: unknown): Error | null {
	if (!isObject(options)) return new BadOptionsError(`the options are ${typeOf(options)}, not an object`);
	const { stale, signal } = options;
	if (stale !== undefined && typeof stale !== 'boolean') return new BadOptionsError('stale is true or false');
	return wrongSignal(signal);
}

/** Why the options of a watch are refused; null for good ones. */
export function wrongWatchOptions(options: unknown): Error | null {
	if (!isObject(options)) return new BadOptionsError(`the options are ${typeOf(options)}, not an object`);
	const { from, signal } = options;
	if (from !== undefined && !(Number.isSafeInteger(from) && (from as number) >= 0)) {
		return new BadOptionsError('from is a revision or 0');
	}
	return wrongSignal(signal);
}

/** Why the options of a call that has no others but a signal are refused; null for good ones. */
export function wrongCallOptions(options: unknown): Error | null {
	if (!isObject(options)) return new BadOptionsError(`the options are ${typeOf(options)}, not an object`);
	return wrongSignal(options.signal);
}

/** Why the options of a session are refused; null for good ones. */
export function wrongSessionOptions(options: unknown): Error | null {
	const wrong = wrongCallOptions(options);
	if (wrong) return wrong;
	const { ttlMs, behavior, name } = options as Readonly<Record<string, unknown>>;
	// The store has sessions without a time-out, but nobody would renew them, or notice that they are over.
	if (ttlMs === 0) return new BadOptionsError('ttlMs is above 0');
	if (behavior !== undefined && behavior !== 'release' && behavior !== 'delete') {
		return new BadOptionsError("behavior is 'release' or 'delete'");
	}
	if (name !== undefined && typeof name !== 'string') return new BadOptionsError('name is a text');
	const fault = attributesFault(attributesOf(options as SessionOptions));
	return fault === null ? null : new BadOptionsError(`the session ${fault}`);
}

/** Why the options of a lock are refused; null for good ones. Its value is not looked at. */
export function wrongLockOptions(options: unknown): Error | null {
	const wrong = wrongCallOptions(options);
	if (wrong) return wrong;
	const { flags, wait } = options as Readonly<Record<string, unknown>>;
	const wrongNumber = wrongFlags(flags);
	if (wrongNumber) return wrongNumber;
	return wait === undefined || typeof wait === 'boolean' ? null : new BadOptionsError('wait is true or false');
}

function wrongSignal(signal: unknown): Error | null {
	if (signal === undefined) return null;
	if (isObject(signal) && typeof signal.aborted === 'boolean' && typeof signal.addEventListener === 'function') {
		return null;
	}
	return new BadOptionsError('signal is an AbortSignal');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === 'object' && value !== null;
}

/** Whether it is a Uint8Array, of this realm or another one, such as a frame of the page. */
function isBytes(value: unknown): value is Uint8Array {
	return value instanceof Uint8Array || (ArrayBuffer.isView(value) && tagOf(value) === 'Uint8Array');
}

/** Whether the array only looks empty, because its buffer was transferred or has shrunk below it. */
function isGone(bytes: Uint8Array): boolean {
	try {
		bytes.at(0);
		return false;
	} catch {
		return true;
	}
}

function tagOf(value: object): string {
	return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

function typeOf(value: unknown): string {
	if (value === null || value === undefined) return String(value);
	return typeof value === 'object' ? tagOf(value) : typeof value;
}

function tooLarge(bytes: number | string): BadValueError {
	return new BadValueError(`the value has ${bytes} bytes, max size: ${VALUE_BYTES_MAX}`);
}
