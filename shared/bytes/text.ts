/**
 * Text as UTF-8 bytes, and the order of those bytes without making them. Keys are ordered so on every node
 * and towards every client; JavaScript's own order differs from it above U+D7FF.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
/** A decoder writes this character for bytes that are not UTF-8. A text may hold it too. */
const REPLACEMENT = '\ufffd';
const ASCII_CHARS_BY_HAND_MAX = 32;
const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const LEFT_TO_RIGHT_MARK = '\u200e';

export function toUtf8(text: string): Uint8Array {
	return encoder.encode(text);
}

/**
 * undefined where the bytes are not UTF-8. A byte order mark is kept: it is part of the text. A decoder that throws would
 * take several times as long where they are not, and values may be any bytes.
 */
export function fromUtf8(bytes: Uint8Array): string | undefined {
	const text = decoder.decode(bytes);
	return text.includes(REPLACEMENT) && !isFormOf(text, bytes) ? undefined : text;
}

function isFormOf(text: string, bytes: Uint8Array): boolean {
	const form = toUtf8(text);
	return form.length === bytes.length && form.every((byte, i) => byte === bytes[i]);
}

/** False where half of a surrogate pair stands alone: such text has no UTF-8 form. */
export function hasUtf8Form(text: string): boolean {
	return !/\p{Surrogate}/u.test(text);
}

/** The number of UTF-8 bytes of the text, without making them. */
export function utf8Length(text: string): number {
	let bytes = text.length;
	for (let i = 0; i < text.length; i++) {
		const unit = text.charCodeAt(i);
		if (unit <= 0x7f) continue;
		// A surrogate pair is two units and takes four bytes.
		bytes += unit <= 0x7ff || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
	}
	return bytes;
}

/**
 * Text of others as a part of a sentence that runs from left to right. A mark without a shape ends it where it runs from right
 * to left, because otherwise `key = value` of two such texts is drawn with the value first.
 *
 * @source Unicode Standard Annex 9, rule N1
 */
export function apart(text: string): string {
	return RIGHT_TO_LEFT.test(text) ? text + LEFT_TO_RIGHT_MARK : text;
}

/** Negative, zero or positive, as the UTF-8 bytes of `a` are below, equal to or above those of `b`. */
export function compareUtf8(a: string, b: string): number {
	const length = Math.min(a.length, b.length);
	for (let i = 0; i < length; i++) {
		const left = a.charCodeAt(i);
		const right = b.charCodeAt(i);
		if (left !== right) return rank(left) - rank(right);
	}
	return a.length - b.length;
}

/** Surrogates stand for code points above all others, yet lie below U+E000 to U+FFFF: swap the two ranges. */
function rank(unit: number): number {
	if (unit < 0xd800) return unit;
	return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The text of bytes that are ASCII; short ones are faster so than by a decoder. */
export function asciiText(bytes: Uint8Array, from: number, to: number): string {
	if (to - from > ASCII_CHARS_BY_HAND_MAX) return decoder.decode(bytes.subarray(from, to));
	let text = '';
	let at = from;
	for (; at + 8 <= to; at += 8) {
		text += String.fromCharCode(
			bytes[at] as number,
			bytes[at + 1] as number,
			bytes[at + 2] as number,
			bytes[at + 3] as number,
			bytes[at + 4] as number,
			bytes[at + 5] as number,
			bytes[at + 6] as number,
			bytes[at + 7] as number,
		);
	}
	for (; at < to; at++) text += String.fromCharCode(bytes[at] as number);
	return text;
}
