import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
	intAt,
	intLength,
	MalformedError,
	putInt,
	Reader,
	VARINT_BYTES_MAX,
	Writer,
} from '../../shared/bytes/bytes.ts';
import { utf8Length } from '../../shared/bytes/text.ts';

/** Every length has its first and its last integer. */
const edges = Array.from({ length: VARINT_BYTES_MAX }, (_, i) => 2 ** (7 * (i + 1))).flatMap((edge) => [
	edge - 1,
	edge,
]);
const integer = fc.oneof(
	fc.nat({ max: Number.MAX_SAFE_INTEGER }),
	fc.nat({ max: 300 }),
	fc.constantFrom(0, 2 ** 28 - 1, 2 ** 28, Number.MAX_SAFE_INTEGER, ...edges.filter(Number.isSafeInteger)),
);

describe('an integer', () => {
	it('reads back as it was written, wherever it is', () => {
		fc.assert(
			fc.property(integer, fc.nat({ max: 3 }), (value, at) => {
				const bytes = new Uint8Array(at + VARINT_BYTES_MAX).fill(0xff);
				const end = putInt(bytes, at, value);
				expect(intLength(bytes, at, bytes.length)).toBe(end - at);
				expect(intAt(bytes, at, end - at)).toBe(value);
				const out = new Writer(1);
				out.int(value);
				const written = out.take();
				expect(written).toEqual(bytes.slice(at, end));
				expect(new Reader(written).int()).toBe(value);
			}),
		);
	});

	it('that is cut short is none', () => {
		fc.assert(
			fc.property(integer, (value) => {
				const bytes = new Uint8Array(VARINT_BYTES_MAX);
				const end = putInt(bytes, 0, value);
				for (let cut = 0; cut < end; cut++) {
					expect(intLength(bytes, 0, cut)).toBe(0);
					expect(() => new Reader(bytes, 0, cut).int()).toThrow(MalformedError);
				}
			}),
		);
	});

	it.each([
		['2^53', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]],
		['above 2^53', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
		['zero in two bytes', [0x80, 0x00]],
		['one in eight bytes', [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
		['of nine bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
	])('%s is none', (_, bytes) => {
		expect(intLength(Uint8Array.from(bytes), 0, bytes.length)).toBe(0);
		expect(() => new Reader(Uint8Array.from(bytes)).int()).toThrow(MalformedError);
	});
});

describe('text', () => {
	it('reads back as it was written, as its UTF-8 bytes with their number in front', () => {
		fc.assert(
			fc.property(fc.string({ unit: 'grapheme' }), fc.nat({ max: 300 }), (text, repeats) => {
				const long = `${text}${'x'.repeat(repeats)}`;
				const utf8 = new TextEncoder().encode(long);
				const out = new Writer(1);
				out.text(long);
				const written = out.take();
				out.part(utf8, 0, utf8.length);
				expect(out.take()).toEqual(written);
				expect(new Reader(written).bytes()).toEqual(utf8);
				expect(new Reader(written).text()).toBe(long);
				expect(utf8Length(long)).toBe(utf8.length);
			}),
		);
	});

	it('that is not UTF-8, or cut short, is none', () => {
		for (const bytes of [
			[1, 0xff],
			[2, 0xc3, 0x28],
			[3, 0x61, 0x62],
		]) {
			expect(() => new Reader(Uint8Array.from(bytes)).text()).toThrow(MalformedError);
		}
	});
});
