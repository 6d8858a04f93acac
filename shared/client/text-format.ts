/** The texts of frames to bytes and back. Short ones of ASCII are most of them, and take a way without a decoder. */
import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import { asciiText, fromUtf8, toUtf8 } from '../bytes/text.ts';

const SHORT_CHARS_MAX = 32;

export function writeText(out: Writer, text: string): void {
	let ascii = text.length <= SHORT_CHARS_MAX;
	for (let i = 0; ascii && i < text.length; i++) ascii = text.charCodeAt(i) < 0x80;
	if (!ascii) return out.bytes(toUtf8(text));
	out.int(text.length);
	for (let i = 0; i < text.length; i++) out.u8(text.charCodeAt(i));
}

/** @throws MalformedError for bytes that are not UTF-8 */
export function readText(from: Reader, frame: Uint8Array): string {
	const length = from.int();
	const at = from.at;
	from.raw(length);
	let ascii = length <= SHORT_CHARS_MAX;
	for (let i = at; ascii && i < at + length; i++) ascii = (frame[i] as number) < 0x80;
	if (ascii) return asciiText(frame, at, at + length);
	const text = fromUtf8(frame.subarray(at, at + length));
	if (text === undefined) throw new MalformedError('a text that is not UTF-8');
	return text;
}
