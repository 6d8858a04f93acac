/** Bytes are UTF-8 or not, whatever they are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromUtf8, toUtf8 } from '../../shared/bytes/text.ts';

describe('text of bytes', () => {
	it('is the text that was written, also where that holds what stands for bytes that are none', () => {
		for (const text of ['', 'red', 'größer \u{1f980}', '\ufeffmarked', '\ufffd', 'a\ufffdb', '\0']) {
			expect(fromUtf8(toUtf8(text))).toBe(text);
		}
	});

	it('is none where the bytes are not UTF-8', () => {
		// The last one is as long as the sign that stands for it.
		for (const bytes of [
			[0xff],
			[0x61, 0x80],
			[0xc3],
			[0xed, 0xa0, 0x80],
			[0xef, 0xbf, 0xbd, 0xfe],
			[0xf0, 0x9f, 0x98],
		]) {
			expect(fromUtf8(Uint8Array.from(bytes))).toBeUndefined();
		}
	});

	it('is none exactly where a strict decoder takes none', () => {
		const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
		const byte = fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.constantFrom(0xef, 0xbf, 0xbd, 0xe2, 0x82, 0xac));
		fc.assert(
			fc.property(fc.array(byte, { maxLength: 12 }), (bytes) => {
				const taken = fromUtf8(Uint8Array.from(bytes));
				if (taken === undefined) expect(() => strict.decode(Uint8Array.from(bytes))).toThrow();
				else expect(taken).toBe(strict.decode(Uint8Array.from(bytes)));
			}),
		);
	});
});
