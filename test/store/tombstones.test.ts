import { describe, expect, it } from 'vitest';
import { TOMBSTONE_MS_MIN, TOMBSTONES_MAX, Tombstones } from '../../shared/store/tombstones.ts';

function shown(tombstones: Tombstones, revision: number) {
	const { droppedThrough, all } = tombstones.cut(revision);
	const seen = [];
	for (let next = all.next(); !next.done; next = all.next()) {
		const { key, isOfPrefix, modifyRevision, timeMs } = next.value;
		seen.push({ key, isOfPrefix, modifyRevision, timeMs });
	}
	return { droppedThrough, seen };
}

function restored(from: ReturnType<typeof shown>): Tombstones {
	const tombstones = new Tombstones();
	tombstones.restoreFloor(from.droppedThrough);
	for (const each of from.seen) tombstones.restore(each);
	return tombstones;
}

describe('the deletions that are remembered', () => {
	it('are bounded: a deleted prefix of any size shrinks to the bound, also while more is deleted', () => {
		const tombstones = new Tombstones();
		const surplus = 100;
		for (let i = 0; i < TOMBSTONES_MAX + surplus; i++) tombstones.add(`k${i}`, 5, 0);
		for (let i = 0; i < surplus; i++) {
			tombstones.trim(0, 6 + i);
			tombstones.add(`x${i}`, 6 + i, 0);
		}
		tombstones.trim(0, 6 + surplus);
		expect(tombstones.size).toBe(TOMBSTONES_MAX);
	});

	it('go once they are old, a few with each command', () => {
		const tombstones = new Tombstones();
		for (let i = 0; i < 5; i++) tombstones.add(`k${i}`, 5 + i, 1000);
		tombstones.trim(1000 + TOMBSTONE_MS_MIN - 1, 10);
		expect(tombstones.size).toBe(5);
		const sizes = [0, 1, 2, 3].map(() => {
			tombstones.trim(1000 + TOMBSTONE_MS_MIN, 10);
			return tombstones.size;
		});
		expect(sizes).toEqual([3, 1, 0, 0]);
	});

	it('leave their highest revision behind when they go, also through a restore', () => {
		const tombstones = new Tombstones();
		tombstones.add('a', 7, 0);
		tombstones.add('b', 9, TOMBSTONE_MS_MIN);
		expect([tombstones.indexOf('a'), tombstones.indexOf('none')]).toEqual([7, 0]);
		tombstones.trim(TOMBSTONE_MS_MIN, 10);
		const copy = restored(shown(tombstones, 10));
		for (const each of [tombstones, copy]) {
			expect([each.size, each.indexOf('a'), each.indexOf('b'), each.indexOf('none')]).toEqual([1, 7, 9, 7]);
		}
		expect(shown(copy, 10)).toEqual(shown(tombstones, 10));
	});
});
