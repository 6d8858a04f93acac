import { describe, expect, it } from 'vitest';
import type { Entry } from '../../shared/store/entry.ts';
import { Kept } from '../../shared/store/entry.ts';
import { KeyIndex } from '../../shared/store/key-index.ts';
import type { View } from '../../shared/store/views.ts';
import { VIEWS_MAX, Views } from '../../shared/store/views.ts';
import { Client, put, textOf } from './commands.ts';

function keysOf(view: View): string[] {
	const keys: string[] = [];
	for (let entry = view.next(); entry; entry = view.next()) keys.push(entry.key);
	return keys;
}

function filled(count: number): Client {
	const client = new Client();
	for (let i = 0; i < count; i++) client.apply(put(`k${String(i).padStart(5, '0')}`, `value ${i}`));
	return client;
}

describe('a view', () => {
	it('shows one moment, whatever is put, deleted or cut while it is read', () => {
		const client = filled(2000);
		const before = client.store.list('k').map(shown);
		const view = client.store.view('k') as View;
		const seen: string[] = [];
		for (let i = 0; i < 2000; i++) {
			const entry = view.next();
			if (!entry) break;
			seen.push(shown({ ...entry, value: entry.bytes.slice(entry.start, entry.end) }));
			if (i % 3 === 0) client.apply(put(`k${String(i * 7).padStart(5, '0')}`, 'written while it is read'));
			if (i % 5 === 0) client.apply({ kind: 'delete', key: `k${String(1999 - i).padStart(5, '0')}`, cas: null });
			if (i === 1000) client.apply({ kind: 'deletePrefix', prefix: 'k01' });
			if (i === 1200) client.apply({ kind: 'deletePrefix', prefix: '' });
		}
		expect(seen).toEqual(before);
		expect(view.next()).toBeUndefined();
	});

	it.each([1, 128, 1024, 1025, 9000])('shows values of %i bytes as they were', (length) => {
		const client = new Client();
		client.apply(put('a', new Uint8Array(length).fill(1)));
		const views = [client.store.view('') as View];
		client.apply(put('a', new Uint8Array(length).fill(2)));
		views.push(client.store.view('') as View);
		client.apply(put('a', new Uint8Array(length).fill(3)));
		client.apply(put('b', new Uint8Array(length).fill(4)));
		for (const [index, view] of views.entries()) {
			const entry = view.next();
			expect(entry?.bytes.slice(entry.start, entry.end)).toEqual(new Uint8Array(length).fill(index + 1));
			expect(view.next()).toBeUndefined();
		}
		expect(client.store.get('a')?.value).toEqual(new Uint8Array(length).fill(3));
	});

	it('begins above a key, and passes over any number of keys at once', () => {
		const client = filled(1000);
		expect(keysOf(client.store.view('k00', 'k00997') as View)).toEqual(['k00998', 'k00999']);
		expect(keysOf(client.store.view('k00', 'k00997x') as View)).toEqual(['k00998', 'k00999']);
		expect(keysOf(client.store.view('k00', 'z') as View)).toEqual([]);
		expect(keysOf(client.store.view('k0099', 'a') as View)).toHaveLength(10);
		const view = client.store.view('k') as View;
		view.skip((key) => key < 'k00998');
		view.skip((key) => key < 'k00005');
		expect(keysOf(view)).toEqual(['k00998', 'k00999']);
	});

	it('that is closed shows nothing more, and what is written then is written in place again', () => {
		const client = filled(3);
		const view = client.store.view('k') as View;
		view.next();
		view.close();
		expect([view.isClosed, view.next()]).toEqual([true, undefined]);
		view.close();
		client.apply(put('k00000', 'after'));
		expect(textOf(client.store.get('k00000')?.value)).toBe('after');
	});
});

describe('views', () => {
	it('are bounded in number: no other one is opened, until one is closed', () => {
		const { store } = filled(3);
		const views = Array.from({ length: VIEWS_MAX }, () => store.view('k') as View);
		expect(store.view('k')).toBeNull();
		views[7]?.close();
		expect(keysOf(store.view('k') as View)).toHaveLength(3);
	});

	it('keep bounded memory: beyond it the oldest is closed, and the others go on', () => {
		const { views, entries, write } = small(6000);
		const oldest = views.open(entries, '', '', 10) as View;
		for (let i = 0; i < 10; i++) write(i, 11, 100);
		const newer = views.open(entries, '', '', 12) as View;
		for (let i = 0; i < 5; i++) write(i, 13, 100);
		expect([oldest.isClosed, newer.isClosed]).toEqual([false, false]);
		for (let i = 5; i < 10; i++) write(i, 14, 100);
		expect([oldest.isClosed, newer.isClosed]).toEqual([true, false]);
		for (let i = 20; i < 40; i++) write(i, 15, 100);
		expect(newer.isClosed).toBe(true);
		expect([views.size, views.keptBytes, views.through]).toEqual([0, 0, 0]);
	});

	it('count what is kept until no view can show it', () => {
		const { views, entries, write } = small(Number.POSITIVE_INFINITY);
		const [oldest, middle, newest] = [10, 11, 12].map((at) => views.open(entries, '', '', at)) as [View, View, View];
		const opened = views.keptBytes;
		write(0, 13, 100);
		const kept = views.keptBytes - opened;
		expect(kept).toBeGreaterThan(100);
		newest.close();
		middle.close();
		expect(views.keptBytes).toBeGreaterThanOrEqual(kept);
		oldest.close();
		expect(views.keptBytes).toBe(0);
	});

	it('do not count what only a view showed that is closed', () => {
		const { views, entries, write } = small(Number.POSITIVE_INFINITY);
		views.open(entries, '', '', 10);
		write(0, 11, 100);
		const kept = views.keptBytes;
		for (let i = 0; i < 50; i++) {
			const quick = views.open(entries, '', '', 12 + 2 * i) as View;
			write(0, 13 + 2 * i, 100);
			quick.close();
		}
		expect(views.keptBytes).toBe(kept);
	});
});

describe('the view of a cut', () => {
	it('is never closed to make room, and what it holds is not charged to readers, older or newer', () => {
		const { views, entries, write } = small(6000);
		const older = views.open(entries, '', '', 10) as View;
		const cut = views.openForCut(entries, 11);
		const newer = views.open(entries, '', '', 11) as View;
		const [opened, openedCut] = [views.keptBytes, views.cutBytes];
		for (let i = 0; i < 90; i++) write(i, 12 + i, 100);
		expect([older.isClosed, cut.isClosed, newer.isClosed]).toEqual([false, false, false]);
		expect(views.keptBytes).toBe(opened);
		expect(views.cutBytes).toBeGreaterThan(openedCut + 90 * 100);
		// What the cut never showed is a reader's alone.
		const newest = views.open(entries, '', '', 200) as View;
		for (let i = 0; i < 90; i++) write(i, 201 + i, 100);
		expect([older.isClosed, cut.isClosed, newer.isClosed, newest.isClosed]).toEqual([true, false, true, true]);
		expect([views.size, views.keptBytes]).toEqual([0, 0]);
		cut.close();
		expect([views.cutBytes, views.through]).toEqual([0, 0]);
	});

	it('leaves to readers what they hold too, and their bound is kept from then on', () => {
		const { views, entries, write } = small(6000);
		const older = views.open(entries, '', '', 10) as View;
		const cut = views.openForCut(entries, 10);
		const newer = views.open(entries, '', '', 10) as View;
		for (let i = 0; i < 10; i++) write(i, 11 + i, 100);
		const kept = views.cutBytes;
		cut.close();
		expect([older.isClosed, newer.isClosed, views.cutBytes]).toEqual([false, false, 0]);
		expect(views.keptBytes).toBeGreaterThan(10 * 100);
		expect(views.keptBytes).toBeLessThanOrEqual(kept + 100);
		for (let i = 10; i < 80; i++) write(i, 21 + i, 100);
		expect([older.isClosed, newer.isClosed, views.keptBytes]).toEqual([true, true, 0]);
	});

	it('takes over what a newer view held with it', () => {
		const { views, entries, write } = small(6000);
		const cut = views.openForCut(entries, 10);
		const newer = views.open(entries, '', '', 11) as View;
		for (let i = 0; i < 10; i++) write(i, 12 + i, 100);
		newer.close();
		expect(views.cutBytes).toBeGreaterThan(10 * 100);
		cut.close();
		expect([views.cutBytes, views.keptBytes]).toEqual([0, 0]);
	});
});

/** Views of 100 entries of revision 5, with a bound of their own. `write` changes one entry as the store does. */
function small(keptBytesMax: number) {
	const views = new Views(keptBytesMax);
	const entries = new KeyIndex<Kept>(views);
	for (let i = 0; i < 100; i++) {
		const kept = new Kept(`k${i}`);
		kept.modifyRevision = 5;
		entries.add(kept);
	}
	function write(i: number, revision: number, valueBytes: number): void {
		const kept = entries.get(`k${i}`) as Kept;
		const fresh = new Kept(kept.key);
		fresh.modifyRevision = kept.modifyRevision;
		entries.replace(kept, fresh);
		views.keptEntry(kept.modifyRevision, valueBytes);
		fresh.modifyRevision = revision;
		entries.changed(fresh);
	}
	return { views, entries, write };
}

function shown({ key, value, createRevision, modifyRevision }: Omit<Entry, 'flags'>): string {
	return `${key} = ${textOf(value)} ${createRevision} ${modifyRevision}`;
}
