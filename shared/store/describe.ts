/** A short description of a slot's value, for people and JSON. It must never throw, because any bytes may be chosen. */
import { MalformedError } from '../bytes/bytes.ts';
import { apart, fromUtf8 } from '../bytes/text.ts';
import { type Command, type Operation, readCommands } from './command.ts';

/** The description of a slot's value. `bytes` is 0 for the no-op. */
export interface ValueSummary {
	/** A digest of the whole value, by which people tell two values apart: equal bytes give equal digests. */
	readonly digest: string;
	readonly bytes: number;
	/** The number of commands in the value. */
	readonly commands: number;
	/**
	 * The first command, cut, and how many follow: `put color = red + 3 more`, `no-op`. A
	 * registration is named only where no other command is there.
	 */
	readonly text: string;
}

const TEXT_CHARS_MAX = 60;
/** So many bytes of a value are decoded, which is enough to fill the text. */
const VALUE_BYTES_SHOWN_MAX = 4 * TEXT_CHARS_MAX;
const CLIENT_CHARS_SHOWN = 3;
const SESSION_CHARS_SHOWN = 8;

export function describeValue(value: Uint8Array): ValueSummary {
	const digest = valueDigest(value);
	try {
		const commands = readCommands(value);
		return { digest, bytes: value.length, commands: commands.length, text: describeCommands(commands) };
	} catch (error) {
		if (!(error instanceof MalformedError)) throw error;
		return { digest, bytes: value.length, commands: 0, text: `unreadable (${error.message})` };
	}
}

function describeCommands(commands: readonly Command[]): string {
	const writes = commands.filter(({ operation }) => operation.kind !== 'registerClient');
	const shown = writes.length > 0 ? writes : commands;
	const [first] = shown;
	if (!first) return 'no-op';
	const text = cut(describeOperation(first.operation), TEXT_CHARS_MAX);
	return shown.length === 1 ? text : `${text} + ${shown.length - 1} more`;
}

function describeOperation(operation: Operation): string {
	switch (operation.kind) {
		case 'put':
			return `put ${apart(operation.key)} = ${describeBytes(operation.value)}${describeCas(operation.cas)}`;
		case 'delete':
			return `delete ${apart(operation.key)}${describeCas(operation.cas)}`;
		case 'deletePrefix':
			return `delete all under ${describePrefix(operation.prefix)}`;
		case 'check':
			return `check ${apart(operation.key)}${describeCas(operation.cas)}`;
		case 'read':
			return `read ${apart(operation.key)}`;
		case 'readTree':
			return `read all under ${describePrefix(operation.prefix)}`;
		case 'acquire':
			return `acquire ${apart(operation.key)} = ${describeBytes(operation.value)} for session ${shortId(operation.session)}`;
		case 'release':
			return `release ${apart(operation.key)} = ${describeBytes(operation.value)} of session ${shortId(operation.session)}`;
		case 'checkSession': {
			const { key, session } = operation;
			return session === ''
				? `check that nobody holds ${apart(key)}`
				: `check that session ${shortId(session)} holds ${apart(key)}`;
		}
		case 'createSession':
			return `create session ${shortId(operation.session)}${describeName(operation.attributes.name)}`;
		case 'renewSession':
			return `renew session ${shortId(operation.session)}`;
		case 'endSession':
			return `end session ${shortId(operation.session)}${operation.renewed === null ? '' : ', which was not renewed'}`;
		case 'tick':
			return 'let time pass';
		case 'command':
			return describeBytes(operation.bytes);
		case 'registerClient':
			return `register client ${clientShown(operation.client)}…, so that no write counts twice`;
	}
}

/** The beginning of a client's id, which no sign ends that stands between its parts. */
function clientShown(client: string): string {
	return client.slice(0, CLIENT_CHARS_SHOWN).replace(/[^\p{L}\p{N}]+$/u, '');
}

/** As much of a session's id as people need to tell sessions apart. */
export function shortId(session: string): string {
	return `${session.slice(0, SESSION_CHARS_SHOWN)}…`;
}

function describeName(name: string): string {
	return name === '' ? '' : ` "${apart(name)}"`;
}

function describePrefix(prefix: string): string {
	return prefix === '' ? '""' : apart(prefix);
}

function describeCas(cas: number | null): string {
	if (cas === null) return '';
	return cas === 0 ? ' if absent' : ` if at revision ${cas}`;
}

/** The value as text where it is UTF-8, else its length: `red`, `""`, `12 bytes`. */
function describeBytes(value: Uint8Array): string {
	if (value.length === 0) return '""';
	const text = fromUtf8(wholeCharacters(value, VALUE_BYTES_SHOWN_MAX));
	if (text === undefined || /\p{Cc}/u.test(text)) return value.length === 1 ? '1 byte' : `${value.length} bytes`;
	return apart(cut(text, TEXT_CHARS_MAX));
}

/** The beginning of the value, of at most `bytesMax` bytes, cut where a UTF-8 character ends. */
export function wholeCharacters(value: Uint8Array, bytesMax: number): Uint8Array {
	if (value.length <= bytesMax) return value;
	let end = bytesMax;
	while (end > bytesMax - 4 && ((value[end] as number) & 0xc0) === 0x80) end--;
	return value.subarray(0, end);
}

function cut(text: string, charsMax: number): string {
	const chars = [...text];
	return chars.length <= charsMax ? text : `${chars.slice(0, charsMax - 1).join('')}…`;
}

/**
 * It tells values apart for people, and proves nothing.
 *
 * @source FNV-1a, 32 bits, by Fowler, Noll and Vo
 */
export function valueDigest(value: Uint8Array): string {
	let hash = 0x811c9dc5;
	for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ (value[i] as number), 0x01000193);
	return (hash >>> 0).toString(16).padStart(8, '0');
}
