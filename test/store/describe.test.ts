import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCommand, type Operation } from '../../shared/store/command.ts';
import { describeValue } from '../../shared/store/describe.ts';
import { keyFault, prefixFault } from '../../shared/store/key.ts';
import { concat, identity, opening, put } from './commands.ts';

function textOf(...operations: readonly Operation[]): string {
	return describeValue(concat(...operations.map((operation) => encodeCommand(identity(2), operation)))).text;
}

describe('a value as people read it', () => {
	it('says what its first command does, and how many follow', () => {
		expect(textOf(put('color', 'red'))).toBe('put color = red');
		expect(textOf(put('color', ''))).toBe('put color = ""');
		expect(textOf(put('color', 'red', 0))).toBe('put color = red if absent');
		expect(textOf(put('color', 'red', 7))).toBe('put color = red if at revision 7');
		expect(textOf(put('color', Uint8Array.of(0xff, 0xfe)))).toBe('put color = 2 bytes');
		expect(textOf(put('color', Uint8Array.of(0)))).toBe('put color = 1 byte');
		expect(textOf({ kind: 'delete', key: 'color', cas: null })).toBe('delete color');
		expect(textOf({ kind: 'deletePrefix', prefix: 'a/' })).toBe('delete all under a/');
		expect(textOf({ kind: 'deletePrefix', prefix: '' })).toBe('delete all under ""');
		expect(textOf(put('a', '1'), put('b', '2'), put('c', '3'))).toBe('put a = 1 + 2 more');
		expect(describeValue(opening('Vx3longer')).text).toBe('register client Vx3…, so that no write counts twice');
		expect(describeValue(opening('n4.longer')).text).toBe('register client n4…, so that no write counts twice');
		expect(textOf({ kind: 'registerClient', client: identity(1).client }, put('a', '1'))).toBe('put a = 1');
	});

	it('puts the key first also where both run from right to left', () => {
		expect(textOf(put('\u05d0', '\u05d1'))).toBe('put \u05d0\u200e = \u05d1\u200e');
		expect(textOf(put('\u0627', '\u0628', 3))).toBe('put \u0627\u200e = \u0628\u200e if at revision 3');
		expect(textOf(put('\u05d0', '1'), put('b', '2'))).toBe('put \u05d0\u200e = 1 + 1 more');
		expect(textOf({ kind: 'deletePrefix', prefix: '\u05d0' })).toBe('delete all under \u05d0\u200e');
	});

	it('is a no-op where it is empty', () => {
		expect(describeValue(new Uint8Array())).toEqual({ digest: '811c9dc5', bytes: 0, commands: 0, text: 'no-op' });
	});

	it('is cut between characters', () => {
		expect(textOf(put('k', '\u{1f980}'.repeat(500)))).toBe(`put k = ${'\u{1f980}'.repeat(51)}…`);
		expect(textOf(put('k', `a${'\u{1f980}'.repeat(500)}`))).toBe(`put k = a${'\u{1f980}'.repeat(50)}…`);
	});

	it('tells two values apart, and equal ones not', () => {
		const red = encodeCommand(identity(2), put('color', 'red'));
		const blue = encodeCommand(identity(2), put('color', 'rec'));
		expect(describeValue(red).digest).not.toBe(describeValue(blue).digest);
		expect(describeValue(red)).toEqual(describeValue(red.slice()));
	});

	it('never throws, whatever was chosen', () => {
		expect(describeValue(Uint8Array.of(1, 1)).text).toBe('unreadable (ends too early)');
		fc.assert(fc.property(fc.uint8Array(), (bytes) => describeValue(bytes).bytes === bytes.length));
	});
});

describe('a key', () => {
	it.each(['a', 'a/b', 'a/', 'ç', 'a b', '\u{1f980}', '..a', 'a..', '.', 'a//b', '%', '%2e', '%2e%2ea', '?'])(
		'%j is taken',
		(key) => {
			expect(keyFault(key)).toBeNull();
		},
	);

	it.each([
		['', 'is empty'],
		['/a', 'begins with a slash'],
		['..', 'has the segment ".."'],
		['a/../b', 'has the segment ".."'],
		['a/..', 'has the segment ".."'],
		['%2e%2E', 'has the segment ".."'],
		['a/.%2e/b', 'has the segment ".."'],
		['a%2F..%2fb', 'has the segment ".."'],
		[' a', 'begins or ends with a space'],
		['a ', 'begins or ends with a space'],
		['a\nb', 'has the character U+000A, which cannot be printed'],
		['a\u0000', 'has the character U+0000, which cannot be printed'],
		['a\u200bb', 'has the character U+200B, which cannot be printed'],
		['a\u{e0001}\u200b', 'has the character U+E0001, which cannot be printed'],
		['a\ud800', 'has half a surrogate pair, which has no UTF-8 form'],
		['ç'.repeat(2049), 'has 4098 bytes, max size: 4096 bytes'],
	])('%j is refused', (key, fault) => {
		expect(keyFault(key)).toBe(fault);
	});

	it('may be as long as the limit, and a prefix may be empty', () => {
		expect(keyFault('ç'.repeat(2048))).toBeNull();
		expect(prefixFault('')).toBeNull();
	});
});
