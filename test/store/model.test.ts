import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Operation } from '../../shared/store/command.ts';
import { CHUNK_ITEMS_MAX } from '../../shared/store/key-index.ts';
import { restoredStore } from '../../shared/store/restore.ts';
import { TOMBSTONE_MS_MIN } from '../../shared/store/tombstones.ts';
import type { View } from '../../shared/store/views.ts';
import { Client, put, textOf } from './commands.ts';
import { Model } from './model.ts';

/** Few letters, of one, two, three and four bytes in UTF-8, so that keys are each other's prefixes. */
const letter = fc.constantFrom('a', '/', 'ç', '\uff01', '\u{1f980}');
const key = fc.string({ unit: letter, maxLength: 2 });
/** Prefixes are short, so that there are keys below them. */
const prefix = fc.string({ unit: letter, maxLength: 1 });
const step = fc.oneof(
	{
		weight: 6,
		arbitrary: fc.record({
			do: fc.constant('put' as const),
			key,
			value: fc.string({ unit: fc.constantFrom('x', 'y'), maxLength: 2 }),
		}),
	},
	{ weight: 4, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
	{ weight: 3, arbitrary: fc.record({ do: fc.constant('deletePrefix' as const), key: fc.oneof(key, prefix) }) },
	/** More keys than a chunk holds, not in their order. */
	{ weight: 2, arbitrary: fc.record({ do: fc.constant('fill' as const), key: prefix }) },
	{
		weight: 1,
		arbitrary: fc.record({ do: fc.constant('thin' as const), key: prefix, keep: fc.integer({ min: 2, max: 9 }) }),
	},
	{ weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: TOMBSTONE_MS_MIN }) }) },
	{ weight: 1, arbitrary: fc.record({ do: fc.constant('tidy' as const), items: fc.nat({ max: 1000 }) }) },
	{ weight: 4, arbitrary: fc.record({ do: fc.constant('open' as const), key: prefix, after: fc.oneof(prefix, key) }) },
	{
		weight: 4,
		arbitrary: fc.record({ do: fc.constant('read' as const), view: fc.nat(), items: fc.nat({ max: 700 }) }),
	},
	{ weight: 2, arbitrary: fc.record({ do: fc.constant('close' as const), view: fc.nat() }) },
);
const steps = fc.array(step, { minLength: 15, maxLength: 40, size: 'max' });
const FILLED = 2 * CHUNK_ITEMS_MAX + 9;

it('whatever is written, deleted and read meanwhile, the store does what one without any tricks does', () => {
	fc.assert(
		fc.property(steps, key, (all, prefix) => {
			const swarm = new Replicas();
			for (const each of all) swarm.carryOut(each);
			swarm.compare([prefix, '', 'a', 'a/', 'ç']);
		}),
		{ numRuns: 30 },
	);
});

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface OpenView {
	readonly view: View;
	/** The entries that are still to be read, as they were when the view was opened. */
	readonly expected: string[];
}

/** A model, a store that is read and tidied at random times, and a store that is not. */
class Replicas {
	readonly #model = new Model();
	readonly #read = new Client();
	readonly #plain = new Client();
	readonly #views: OpenView[] = [];

	carryOut(each: Step): void {
		switch (each.do) {
			case 'put':
				this.#model.put(each.key, each.value);
				return this.#apply(put(each.key, each.value));
			case 'delete':
				this.#model.delete(each.key);
				return this.#apply({ kind: 'delete', key: each.key, cas: null });
			case 'deletePrefix':
				this.#model.deletePrefix(each.key);
				return this.#apply({ kind: 'deletePrefix', prefix: each.key });
			case 'fill':
				for (let i = 0; i < FILLED; i++) {
					const key = `${each.key}${(i * 211) % FILLED}`;
					this.carryOut({ do: 'put', key, value: String(i) });
				}
				return;
			case 'thin':
				for (const [i, key] of this.#model.keys(each.key).entries()) {
					if (i % each.keep !== 0) this.carryOut({ do: 'delete', key });
				}
				return;
			case 'wait':
				this.#read.wait(each.ms);
				this.#plain.wait(each.ms);
				this.#model.timeMs += each.ms;
				return;
			case 'tidy':
				return this.#read.store.tidy(each.items);
			case 'open':
				return this.#open(each.key, each.after);
			case 'read':
				return this.#readOn(this.#views[each.view % this.#views.length], each.items);
			case 'close': {
				const [closed] = this.#views.splice(each.view % (this.#views.length || 1), 1);
				closed?.view.close();
			}
		}
	}

	compare(prefixes: readonly string[]): void {
		const { store } = this.#read;
		const saved = this.#plain.store.save();
		expect(store.save()).toEqual(saved);
		const restored = restoredStore(saved);
		expect(restored.save()).toEqual(saved);
		expect([store.keysCount, store.revision]).toEqual([this.#model.entries.size, this.#model.revision]);
		for (const prefix of prefixes) {
			const index = this.#model.indexOfPrefix(prefix);
			for (const each of [store, this.#plain.store, restored]) expect(each.indexOfPrefix(prefix)).toBe(index);
			expect(store.list(prefix).map(({ key, value }) => [key, textOf(value)])).toEqual(
				this.#model.keys(prefix).map((key) => [key, this.#model.entries.get(key)?.value]),
			);
		}
		for (const view of this.#views) this.#readOn(view, Number.POSITIVE_INFINITY);
		while (store.isUntidy) store.tidy(100);
		expect(store.save()).toEqual(saved);
	}

	#apply(operation: Operation): void {
		const [result, same] = [this.#read.apply(operation), this.#plain.apply(operation)];
		const expected = { kind: 'applied', revision: this.#model.revision, ok: true };
		// Most comparisons are equal, and `expect` would take longer than all the rest of the test.
		for (const each of [result, same]) if (!isDeepStrictEqual(each, expected)) expect(each).toEqual(expected);
	}

	#open(prefix: string, after: string): void {
		const view = this.#read.store.view(prefix, after);
		if (!view) throw new Error('too many views');
		const expected = this.#model
			.keys(prefix)
			.filter((key) => after === '' || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0)
			.map((key) => shown(key, this.#model.entries.get(key)));
		this.#views.push({ view, expected });
	}

	#readOn(open: OpenView | undefined, itemsMax: number): void {
		if (!open) return;
		for (let i = 0; i < itemsMax; i++) {
			const entry = open.view.next();
			const expected = open.expected.shift();
			if (!entry) return expect(expected).toBeUndefined();
			const value = textOf(entry.bytes.subarray(entry.start, entry.end)) as string;
			const seen = shown(entry.key, { ...entry, value });
			if (seen !== expected) expect(seen).toBe(expected);
		}
	}
}

function shown(
	key: string,
	entry: { value: string; createRevision: number; modifyRevision: number } | undefined,
): string {
	return `${key} = ${entry?.value} ${entry?.createRevision} ${entry?.modifyRevision}`;
}
