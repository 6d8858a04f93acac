import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedError } from '../../shared/bytes/bytes.ts';
import { encodeCommand } from '../../shared/store/command.ts';
import { restoredStore } from '../../shared/store/restore.ts';
import { Store } from '../../shared/store/store.ts';
import { TOMBSTONE_MS_MIN } from '../../shared/store/tombstones.ts';
import { bytesOf, CLIENT, Client, concat, identity, opening, put, savedState, textOf } from './commands.ts';

describe('a revision', () => {
	it('is taken by every applied command, whatever came of it', () => {
		const client = new Client();
		expect(client.store.revision).toBe(1);
		expect(client.apply(put('a', '1'))).toEqual({ kind: 'applied', revision: 2, ok: true });
		expect(client.apply(put('a', '2', 0))).toEqual({ kind: 'applied', revision: 3, ok: false });
		expect(client.apply({ kind: 'delete', key: 'none', cas: null })).toEqual({
			kind: 'applied',
			revision: 4,
			ok: true,
		});
		expect(client.apply({ kind: 'deletePrefix', prefix: 'none' })).toEqual({ kind: 'applied', revision: 5, ok: true });
		new Client(client.store, 'another');
		expect(client.store.revision).toBe(6);
	});

	it('is not taken by a no-op', () => {
		const { store } = new Client();
		const before = savedState(store);
		expect(store.apply(new Uint8Array())).toBe(true);
		expect(savedState(store)).toEqual(before);
	});
});

describe('put', () => {
	it('with cas 0 only creates', () => {
		const client = new Client();
		expect(client.apply(put('a', '1', 0))).toMatchObject({ ok: true });
		expect(client.apply(put('a', '2', 0))).toMatchObject({ ok: false });
		expect(textOf(client.store.get('a')?.value)).toBe('1');
	});

	it('with cas N writes only over modifyRevision N', () => {
		const client = new Client();
		expect(client.apply(put('a', '0', 7))).toMatchObject({ ok: false });
		client.apply(put('a', '1'));
		expect(client.apply(put('a', '2', 2))).toMatchObject({ ok: false });
		expect(client.apply(put('a', '2', 3))).toMatchObject({ ok: true });
		expect(client.store.get('a')).toMatchObject({ createRevision: 3, modifyRevision: 5, value: bytesOf('2') });
	});

	it('that changes nothing keeps modifyRevision; another value or other flags raise it', () => {
		const client = new Client();
		client.apply(put('a', 'red', null, 1n));
		client.apply(put('a', 'red', null, 1n));
		expect(client.store.get('a')).toMatchObject({ createRevision: 2, modifyRevision: 2 });
		client.apply(put('a', 'red', null, 2n));
		expect(client.store.get('a')).toMatchObject({ createRevision: 2, modifyRevision: 4, flags: 2n });
		client.apply(put('a', 'rex', null, 2n));
		expect(client.store.get('a')).toMatchObject({ createRevision: 2, modifyRevision: 5 });
	});

	it('keeps no more than a slab of 8 KiB or twice its own bytes, whatever the size of the slot it came in', () => {
		const client = new Client();
		client.apply(put('small', 'x'));
		client.apply(put('large', new Uint8Array(100_000).fill(7)));
		client.apply(put('written again', 'x'));
		client.apply(put('written again', 'y'));
		for (const { value } of client.store.list('')) {
			expect(value.buffer.byteLength).toBeLessThanOrEqual(Math.max(8192, 2 * value.length));
		}
		expect(client.store.get('large')?.value).toEqual(new Uint8Array(100_000).fill(7));
	});
});

describe('an entry', () => {
	it.each([1, 128, 1024, 1025, 9000])(
		'of %i bytes is what it was when it was asked for, whatever is written later',
		(length) => {
			const client = new Client();
			client.apply(put('a', new Uint8Array(length).fill(1)));
			const entry = client.store.get('a');
			const [listed] = client.store.list('a');
			client.apply(put('a', new Uint8Array(length).fill(2)));
			client.apply(put('b', new Uint8Array(length).fill(3)));
			for (const earlier of [entry, listed]) {
				expect(earlier).toMatchObject({ modifyRevision: 2, value: new Uint8Array(length).fill(1) });
			}
			expect(client.store.get('a')).toMatchObject({ modifyRevision: 3, value: new Uint8Array(length).fill(2) });
			expect(client.store.get('b')?.value).toEqual(new Uint8Array(length).fill(3));
		},
	);
});

describe('delete', () => {
	it('with cas removes only that modifyRevision, and is fine with a missing key', () => {
		const client = new Client();
		client.apply(put('a', '1'));
		expect(client.apply({ kind: 'delete', key: 'a', cas: 0 })).toMatchObject({ ok: false });
		expect(client.apply({ kind: 'delete', key: 'a', cas: 9 })).toMatchObject({ ok: false });
		expect(client.store.keysCount).toBe(1);
		expect(client.apply({ kind: 'delete', key: 'a', cas: 2 })).toMatchObject({ ok: true });
		expect(client.apply({ kind: 'delete', key: 'a', cas: 2 })).toMatchObject({ ok: true });
		expect(client.store.keysCount).toBe(0);
	});

	it('of a prefix removes what begins with it, and nothing else', () => {
		const client = new Client();
		for (const key of ['a', 'a/', 'a/b', 'a/b/c', 'a0', 'b', '/a/']) client.apply(put(key, ''));
		client.apply({ kind: 'deletePrefix', prefix: 'a/' });
		expect(client.store.list('').map(({ key }) => key)).toEqual(['/a/', 'a', 'a0', 'b']);
		client.apply({ kind: 'deletePrefix', prefix: '' });
		expect(client.store.keysCount).toBe(0);
	});
});

describe('the order of keys', () => {
	it('is that of their UTF-8 bytes, also where JavaScript orders otherwise', () => {
		const client = new Client();
		const keys = ['z', 'ç', '\u{1f980}', '\uff01', '\ufffd', 'a', '\u{10000}', '\ue000', '\ud7ff', ''];
		for (const key of keys) client.apply(put(key, ''));
		expect(client.store.list('').map(({ key }) => key)).toEqual(inByteOrder(keys));
	});

	it('holds through any mix of writes and deletions, for every prefix', () => {
		const key = fc.string({
			unit: fc.constantFrom('a', 'b', '/', 'ç', '\uff01', '\u{1f980}'),
			minLength: 1,
			maxLength: 3,
		});
		fc.assert(
			fc.property(fc.array(fc.tuple(key, fc.boolean()), { maxLength: 60 }), key, (changes, prefix) => {
				const client = new Client();
				const model = new Set<string>();
				for (const [key, isPut] of changes) {
					client.apply(isPut ? put(key, '') : { kind: 'delete', key, cas: null });
					if (isPut) model.add(key);
					else model.delete(key);
				}
				const expected = inByteOrder([...model]).filter((key) => key.startsWith(prefix));
				expect(client.store.list(prefix).map(({ key }) => key)).toEqual(expected);
			}),
		);
	});

	it('holds for more keys than one chunk has', () => {
		const client = new Client();
		const keys = Array.from({ length: 3000 }, (_, i) => `k${(i * 7919) % 3000}`);
		for (const key of keys) client.apply(put(key, ''));
		expect(client.store.list('').map(({ key }) => key)).toEqual(inByteOrder(keys));
		client.apply({ kind: 'deletePrefix', prefix: 'k1' });
		const left = inByteOrder(keys).filter((key) => !key.startsWith('k1'));
		expect(client.store.list('k').map(({ key }) => key)).toEqual(left);
		expect(client.store.list('k', 5).map(({ key }) => key)).toEqual(left.slice(0, 5));
	});
});

describe('the index', () => {
	it('of a key is its modifyRevision, of a missing one the revision of the store, and never 0', () => {
		expect(new Store().indexOfKey('a')).toBe(1);
		expect(new Store().indexOfPrefix('a')).toBe(1);
		const client = new Client();
		client.apply(put('a', ''));
		client.apply(put('b', ''));
		expect(client.store.indexOfKey('a')).toBe(2);
		expect(client.store.indexOfKey('none')).toBe(3);
	});

	it('of a prefix is the highest of its entries and of the deletions in it', () => {
		const client = new Client();
		for (const key of ['a/1', 'a/2', 'b']) client.apply(put(key, ''));
		expect(client.store.indexOfPrefix('a/')).toBe(3);
		client.apply({ kind: 'delete', key: 'a/1', cas: null });
		client.apply(put('b', 'x'));
		expect(client.store.indexOfPrefix('a/')).toBe(5);
		client.apply({ kind: 'deletePrefix', prefix: 'a/' });
		expect(client.store.indexOfPrefix('a/')).toBe(7);
		expect(client.store.indexOfPrefix('b')).toBe(6);
		client.apply(put('a/2', ''));
		expect(client.store.indexOfPrefix('a/')).toBe(8);
	});

	it('of a key that comes and goes is that of its last going', () => {
		const client = new Client();
		const comeAndGo = (): void => {
			client.apply(put('a', ''));
			client.apply({ kind: 'delete', key: 'a', cas: null });
		};
		comeAndGo();
		const once = client.store.save().length;
		comeAndGo();
		comeAndGo();
		expect(client.store.indexOfPrefix('a')).toBe(7);
		expect(client.store.save().length).toBe(once);
		// Once the key is there again, its tombstone is gone.
		client.apply(put('a', ''));
		const neverGone = new Client();
		neverGone.apply(put('a', ''));
		expect(client.store.save().length).toBe(neverGone.store.save().length);
	});

	it('of a prefix remembers a deletion for 15 minutes of the log, and never goes back after', () => {
		const client = new Client();
		client.apply(put('a', ''));
		client.apply(put('b', ''));
		client.apply({ kind: 'delete', key: 'a', cas: null });
		client.wait(TOMBSTONE_MS_MIN - 1);
		client.apply(put('c', ''));
		expect(client.store.indexOfPrefix('a')).toBe(4);
		expect(client.store.indexOfPrefix('b')).toBe(3);
		client.wait(1);
		client.apply(put('c', ''));
		expect(client.store.indexOfPrefix('a')).toBe(6);
		// A reader that waits at b cannot be told any more that the deletion does not concern it.
		expect(client.store.indexOfPrefix('b')).toBe(4);
	});

	it('of a prefix without entries is the revision of the store, also once deletions of other keys are forgotten', () => {
		const client = new Client();
		client.apply(put('a', ''));
		client.apply({ kind: 'delete', key: 'a', cas: null });
		client.apply(put('b', ''));
		const { store } = client;
		expect([store.indexOfPrefix('none'), store.indexOfPrefix('a')]).toEqual([4, 3]);
		client.wait(TOMBSTONE_MS_MIN);
		client.apply(put('b', 'x'));
		for (const each of [store, restoredStore(store.save())]) {
			expect([each.indexOfPrefix('none'), each.indexOfPrefix('a')]).toEqual([5, 5]);
			expect(each.indexOfPrefix('b')).toBe(5);
			// A reader that has seen nothing after the deletion is told at once.
			expect(each.changeOfPrefix('none')).toBe(3);
		}
	});
});

describe("the log's time", () => {
	it('is the sum of what slots say, and nothing that a batch holds moves it', () => {
		const client = new Client();
		expect(client.store.timeMs).toBe(0);
		client.wait(300);
		client.apply(put('a', ''));
		client.wait(0);
		client.wait(1000);
		expect(client.store.timeMs).toBe(1300);
		expect(restoredStore(client.store.save()).timeMs).toBe(1300);
	});
});

describe('batches', () => {
	it('put together apply as they do one after the other', () => {
		const command = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.option(fc.nat({ max: 12 })), fc.boolean());
		fc.assert(
			fc.property(fc.array(fc.array(command, { maxLength: 4 }), { maxLength: 6 }), (groups) => {
				let sequence = 1;
				const batches = groups.map((group) =>
					concat(
						...group.map(([key, cas, isPut]) =>
							encodeCommand(identity(++sequence), isPut ? put(key, `${sequence}`, cas) : { kind: 'delete', key, cas }),
						),
					),
				);
				const apart = new Client().store;
				const together = new Client().store;
				for (const batch of batches) apart.apply(batch);
				together.apply(concat(...batches));
				expect(savedState(together)).toEqual(savedState(apart));
			}),
		);
	});
});

describe('a saved state', () => {
	function busyClient(): Client {
		const client = new Client();
		client.apply(put('color', 'red', null, 0x2ddccbc058a50c18n));
		client.apply(put('\u{1f980}', new Uint8Array(300).fill(9)));
		client.apply(put('gone', ''));
		client.apply({ kind: 'delete', key: 'gone', cas: null });
		client.send(identity(40), put('unanswered', '1'));
		client.send(identity(30), put('unanswered', '2', 0));
		new Client(client.store, 'another');
		return client;
	}

	it('restores to a store that saves the same and goes on the same', () => {
		const client = busyClient();
		const restored = restoredStore(client.store.save());
		expect(restored.save()).toEqual(client.store.save());
		expect(restored.list('')).toEqual(client.store.list(''));
		expect(restored.get('color')?.flags).toBe(0x2ddccbc058a50c18n);
		expect([restored.revision, restored.timeMs]).toEqual([client.store.revision, client.store.timeMs]);
		const next = concat(
			encodeCommand(identity(41), put('a', 'b')),
			encodeCommand(identity(40), put('unanswered', 'again')),
			encodeCommand(identity(31), { kind: 'deletePrefix', prefix: '' }),
		);
		const results: unknown[][] = [[], []];
		client.store.apply(next, (...result) => results[0]?.push(result));
		restored.apply(next, (...result) => results[1]?.push(result));
		expect(results[1]).toEqual(results[0]);
		expect(restored.save()).toEqual(client.store.save());
		expect(restored.indexOfPrefix('gone')).toBe(client.store.indexOfPrefix('gone'));
	});

	it('still knows every outcome: a retry across a restore is not applied again', () => {
		const client = busyClient();
		const restored = new Client(restoredStore(client.store.save()));
		expect(restored.send(identity(40), put('unanswered', 'again'))).toMatchObject({ kind: 'duplicate', ok: true });
		expect(restored.send(identity(30), put('unanswered', 'again'))).toMatchObject({ kind: 'duplicate', ok: false });
		expect(textOf(restored.store.get('unanswered')?.value)).toBe('1');
	});

	it('that was cut, lengthened or made by other rules is refused', () => {
		const saved = busyClient().store.save();
		for (let length = 0; length < saved.length; length++) {
			expect(() => restoredStore(saved.subarray(0, length))).toThrow(MalformedError);
		}
		expect(() => restoredStore(concat(saved, Uint8Array.of(0)))).toThrow(MalformedError);
		expect(() => restoredStore(concat(saved.subarray(0, 3), Uint8Array.of(3), saved.subarray(4)))).toThrow(
			MalformedError,
		);
	});
});

it('a store of one client counts one', () => {
	const { store } = new Client();
	store.apply(opening(CLIENT));
	expect([store.clientsCount, store.keysCount]).toEqual([1, 0]);
});

function inByteOrder(keys: readonly string[]): string[] {
	return [...new Set(keys)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
