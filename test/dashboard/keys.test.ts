/** Which keys the page shows: those of the snapshot as far as it goes, and what the node answers beyond. */
import { expect, test } from 'vitest';
import { fitsField, keysShown, type Listed, lostSentence, mustAsk, noneSentence } from '../../dashboard/model/keys.ts';
import type { EntryView } from '../../shared/feed.ts';

const some = [entry('color'), entry('cow'), entry('dog')];

function entry(key: string): EntryView {
	return { key, value: 'x', bytes: 1, isWhole: true, flags: '0', modifyRevision: 5 };
}

function node(entriesCount: number, revision = 7) {
	return { id: 'n1', entries: some, entriesCount, entriesRevision: 7, revision };
}

function keysOf(...args: Parameters<typeof keysShown>): string[] {
	return keysShown(...args).entries.map(({ key }) => key);
}

test('where the snapshot has all keys, it is searched, and nobody is asked', () => {
	expect(mustAsk(node(3), 'co', null)).toBe(false);
	expect(keysOf(node(3), '', null)).toEqual(['color', 'cow', 'dog']);
	expect(keysOf(node(3), 'co', null)).toEqual(['color', 'cow']);
	expect(keysShown(node(3), 'co', null)).toMatchObject({ revision: 7, rest: '' });
	expect(keysOf(node(3), 'x', null)).toEqual([]);
});

test('where it has not, the node is asked, again once it has applied more, and for its own answer only', () => {
	const listed: Listed = { node: 'n1', prefix: 'z', revision: 7, entries: [entry('zebra')], isAll: true };
	expect(mustAsk(node(3_000), '', null)).toBe(false);
	expect(mustAsk(node(3_000), 'z', null)).toBe(true);
	expect(mustAsk(node(3_000), 'z', listed)).toBe(false);
	expect(mustAsk(node(3_000, 8), 'z', listed)).toBe(true);
	expect(mustAsk(node(3_000), 'ze', listed)).toBe(true);
	expect(mustAsk({ ...node(3_000), id: 'n2' }, 'z', listed)).toBe(true);
	expect(keysOf(node(3_000), 'z', listed)).toEqual(['zebra']);
	expect(keysOf(node(3_000), 'co', listed)).toEqual(['color', 'cow']);
});

test('what is missing is said', () => {
	const listed: Listed = { node: 'n1', prefix: 'c', revision: 7, entries: some.slice(0, 2), isAll: false };
	expect(keysShown(node(3_000), '', null).rest).toBe(', the first 3 of 3,000');
	expect(keysShown(node(3_000), 'c', null).rest).toBe(', of the first 3 of 3,000 keys');
	expect(keysShown(node(3_000), 'c', listed).rest).toContain('the first 2;');
	expect(keysShown(node(3_000), 'c', { ...listed, isAll: true }).rest).toBe('');
});

test('where no key is shown, the revision is said at which there was none', () => {
	const none = { ...node(0, 75), entries: [], entriesRevision: 0 };
	expect(noneSentence({ ...none, revision: 0 }, '', keysShown(none, '', null))).toBe('At revision 0 n1 holds no key.');
	expect(noneSentence(none, '', keysShown(none, '', null))).toBe(
		'At revision 0 n1 holds no key. What it holds at revision 75 is not known here.',
	);
	const many = node(3_000);
	expect(noneSentence(many, 'x', keysShown(many, 'x', null))).toBe(
		'At revision 7 n1 holds no key that begins so, of the first 3 of 3,000 keys.',
	);
});

test('a value that a field of one line would change is not put into it', () => {
	expect(fitsField(entry('color'))).toBe(true);
	expect(fitsField({ ...entry('color'), value: 'a\nb' })).toBe(false);
	expect(fitsField({ ...entry('color'), value: '7 bytes', isWhole: false })).toBe(false);
});

test('who comes too late reads what came first', () => {
	const present = { ...entry('color'), value: 'blue', modifyRevision: 1_200 };
	expect(lostSentence('color', present)).toContain('color is “blue” at revision 1,200 now');
	expect(lostSentence('color', undefined)).toContain('color is deleted');
});
