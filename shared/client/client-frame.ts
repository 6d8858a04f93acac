/**
 * The frames from a client to a node, to bytes and back: see `protocol.ts`. Reading throws a MalformedError for bytes that
 * these writers could not have written.
 */
import { MalformedError, Reader, type Writer } from '../bytes/bytes.ts';
import {
	AUTH,
	HELLO,
	IN_FLIGHT_MAX,
	LIST,
	PING,
	PROTOCOL_VERSION,
	READ,
	READ_KEYS_MAX,
	READ_MODES,
	type ReadMode,
	TRACE,
	TRACES_PER_BATCH_MAX,
	UNWATCH,
	WATCH,
	WRITE,
} from './protocol.ts';
import { readText, writeText } from './text-format.ts';

/** The bound on the sections of a client's frame. Its smallest batches fill a frame with fewer. */
const SECTIONS_MAX = 16_384;
const BATCH_LENGTH_BYTES = 4;

export type ClientSection =
	| { readonly kind: 'hello'; readonly version: number; readonly clientId: string }
	/** The batch is in the frame, from `from` to before `to`. */
	| { readonly kind: 'write'; readonly from: number; readonly to: number }
	/** `after` is null for a read of these keys. Otherwise the only one is a prefix, and the page begins behind `after`. */
	| {
			readonly kind: 'read';
			readonly mode: ReadMode;
			readonly first: number;
			readonly keys: readonly string[];
			readonly after: string | null;
	  }
	/** `after` is null for a watch that begins with the present state. */
	| { readonly kind: 'watch'; readonly id: number; readonly after: number | null; readonly prefix: string }
	| { readonly kind: 'unwatch'; readonly id: number }
	| { readonly kind: 'auth'; readonly token: string }
	/** `traceparents` are texts as of the header of W3C Trace Context. */
	| {
			readonly kind: 'trace';
			readonly clientId: string;
			readonly first: number;
			readonly traceparents: readonly string[];
	  }
	| { readonly kind: 'ping' };

export function writeHello(out: Writer, clientId: string, version = PROTOCOL_VERSION): void {
	out.u8(HELLO);
	out.int(version);
	out.id(clientId);
}

export function writeAuth(out: Writer, token: string): void {
	out.u8(AUTH);
	writeText(out, token);
}

/** @param traceparents up to TRACES_PER_BATCH_MAX */
export function writeTrace(out: Writer, clientId: string, first: number, traceparents: readonly string[]): void {
	out.u8(TRACE);
	out.id(clientId);
	out.int(first);
	out.list(traceparents, (traceparent) => out.id(traceparent));
}

export function writeRead(out: Writer, mode: ReadMode, first: number, keys: readonly string[]): void {
	out.u8(READ);
	out.u8(READ_MODES.indexOf(mode));
	out.int(first);
	out.int(keys.length);
	for (const key of keys) writeText(out, key);
}

export function writeList(out: Writer, mode: ReadMode, id: number, prefix: string, after: string): void {
	out.u8(LIST);
	out.u8(READ_MODES.indexOf(mode));
	out.int(id);
	writeText(out, prefix);
	writeText(out, after);
}

/** @param after as of the section */
export function writeWatch(out: Writer, id: number, after: number | null, prefix: string): void {
	out.u8(WATCH);
	out.int(id);
	out.int(after === null ? 0 : after + 1);
	writeText(out, prefix);
}

export function writeUnwatch(out: Writer, id: number): void {
	out.u8(UNWATCH);
	out.int(id);
}

export function writePing(out: Writer): void {
	out.u8(PING);
}

/**
 * All sections of a client's frame. It has a bounded number of them, and asks for no more than twice the keys that a
 * client may wait for.
 *
 * @throws MalformedError
 */
export function readClientFrame(frame: Uint8Array): ClientSection[] {
	const from = new Reader(frame);
	const sections: ClientSection[] = [];
	let keys = 0;
	do {
		const section = readClientSection(from, frame);
		if (section.kind === 'read') keys += section.keys.length;
		if (sections.push(section) > SECTIONS_MAX || keys > 2 * IN_FLIGHT_MAX) {
			throw new MalformedError('more in one frame than any client sends');
		}
	} while (!from.done);
	return sections;
}

function readClientSection(from: Reader, frame: Uint8Array): ClientSection {
	switch (from.u8()) {
		case HELLO:
			return { kind: 'hello', version: from.int(), clientId: from.id() };
		case WRITE: {
			const start = from.at;
			const length = from.raw(BATCH_LENGTH_BYTES).reduceRight((sum, byte) => sum * 256 + byte, 0);
			from.raw(length);
			return { kind: 'write', from: start, to: from.at };
		}
		case READ: {
			const mode = READ_MODES[from.u8()];
			if (mode === undefined) throw new MalformedError('unknown mode of reading');
			const first = from.int();
			const count = from.int();
			if (count === 0 || count > READ_KEYS_MAX) throw new MalformedError('too many keys, or none');
			const keys: string[] = [];
			for (let i = 0; i < count; i++) keys.push(readText(from, frame));
			return { kind: 'read', mode, first, keys, after: null };
		}
		case LIST: {
			const mode = READ_MODES[from.u8()];
			if (mode === undefined) throw new MalformedError('unknown mode of reading');
			const first = from.int();
			const prefix = readText(from, frame);
			return { kind: 'read', mode, first, keys: [prefix], after: readText(from, frame) };
		}
		case WATCH: {
			const id = from.int();
			const after = from.int() - 1;
			return { kind: 'watch', id, after: after < 0 ? null : after, prefix: readText(from, frame) };
		}
		case UNWATCH:
			return { kind: 'unwatch', id: from.int() };
		case TRACE: {
			const [clientId, first, traceparents] = [from.id(), from.int(), from.list(() => from.id())];
			if (traceparents.length > TRACES_PER_BATCH_MAX) throw new MalformedError('too many traces of a batch');
			return { kind: 'trace', clientId, first, traceparents };
		}
		case AUTH:
			return { kind: 'auth', token: readText(from, frame) };
		case PING:
			return { kind: 'ping' };
		default:
			throw new MalformedError('unknown kind of section');
	}
}
