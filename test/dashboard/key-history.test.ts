/** The versions of a key: in their slots, with their ballots, and with a gap where the page was not told of all changes. */
import { describe, expect, test, vi } from 'vitest';
import {
	differenceOf,
	type KeyHistory,
	keyHistory,
	type Version,
	versionText,
} from '../../dashboard/model/key-history.ts';
import { Story } from '../../dashboard/model/story.ts';
import type { Item } from '../../dashboard/model/tape.ts';
import type { Fact, FactBody } from '../../shared/fact.ts';
import type { KeyChange } from '../../shared/key-change.ts';
import { FakeSwarm, fakeMembers } from './fake-swarm.ts';
import { openSandbox } from './sandbox-page.ts';
import { START_MS } from './told.ts';

describe('in a run', () => {
	async function run() {
		const page = openSandbox();
		page.sandbox.speed = 1;
		const write = (key: string, value: string | null) => {
			void page.sandbox.propose('n2', { key, value, route: 'leader', contest: 0 }, null);
			for (let i = 0; i < 6; i++) {
				page.sandbox.play();
				page.sandbox.pass(100);
			}
		};
		write('color', 'red');
		write('color', 'dark red');
		write('shape', 'round');
		write('color', null);
		write('color', 'blue');
		return page;
	}

	test('each version has its slot, its ballot and its time, and what was before', async () => {
		const { story } = await run();
		const { versions, isFromBeginning, isUpToDate } = keyHistory(story, 'color', null);
		expect(versions.map(({ cause, holds }) => [cause, holds?.value])).toEqual([
			['put', 'red'],
			['put', 'dark red'],
			['delete', undefined],
			['put', 'blue'],
		]);
		expect({ isFromBeginning, isUpToDate }).toEqual({ isFromBeginning: true, isUpToDate: true });
		expect(versions.slice(1).every(({ followsBefore }) => followsBefore)).toBe(true);
		for (const { slots, ballot, timeMs, holds } of versions) {
			expect(slots?.from).toBe(slots?.through);
			const chosen = story.tape.newest(
				Number.POSITIVE_INFINITY,
				({ fact }) => fact.kind === 'chosen' && fact.slot === slots?.from,
			);
			expect(chosen.some(({ fact }) => fact.kind === 'chosen' && fact.ballot === ballot)).toBe(true);
			expect(timeMs).toBeGreaterThan(0);
			const said = chosen[0]?.fact;
			expect(said?.kind === 'chosen' && said.value.text).toContain(holds ? `color = ${holds.value}` : 'delete color');
		}
	});

	test('a moment of the past has the versions of then, for each moment', async () => {
		const { story } = await run();
		const all = keyHistory(story, 'color', null).versions;
		const items: Item[] = [...story.tape.between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)];
		const counts = items.map((item) => keyHistory(story, 'color', item).versions.length);
		expect(counts[0]).toBe(0);
		expect(counts.at(-1)).toBe(all.length);
		for (const [i, count] of counts.entries()) expect(count).toBeGreaterThanOrEqual(counts[i - 1] ?? 0);
	});
});

test('what was told is put in order once, however many versions a key has', () => {
	const story = new Story(() => 0);
	const swarm = new FakeSwarm(fakeMembers(2), START_MS, () => undefined);
	for (const id of ['n1', 'n2']) story.snapshot(id, swarm.snapshot(id));
	const holds = { value: 'red', bytes: 3, isWhole: true, flags: '0', session: '', lockIndex: 0 };
	const { epoch, seq } = swarm.snapshot('n1');
	// One node is far behind the other, so what they tell does not follow upon each other.
	const applied = (node: string, revision: number, place: number) => {
		const change: KeyChange = { revision, key: 'color', cause: 'put', isTogether: false, written: holds };
		const changes = { after: revision - 1, list: [change] };
		const fact: Fact = { node, epoch, seq: place, time: 0, kind: 'applied', through: revision, revision, changes };
		story.recalled({ node, told: { kind: 'fact', fact }, whenMs: 0 });
	};
	for (let i = 1; i <= 200; i++) {
		applied('n1', i + 200, seq + i);
		applied('n2', i, seq + i);
	}
	const sort = vi.spyOn(Array.prototype, 'sort');
	const { versions, isFromBeginning, isUpToDate } = keyHistory(story, 'color', null);
	expect(versions).toHaveLength(400);
	expect(versions.slice(1).every(({ followsBefore }) => followsBefore)).toBe(true);
	expect({ isFromBeginning, isUpToDate }).toEqual({ isFromBeginning: true, isUpToDate: true });
	expect(sort.mock.calls.length).toBeLessThan(10);
});

describe('of what was told', () => {
	const swarm = new FakeSwarm(fakeMembers(3), START_MS, () => undefined);

	/** A page that n1 alone tells how far it is, and what has changed. */
	function told(bodies: readonly (FactBody & { kind: 'applied' })[], revision = 10): Story {
		const story = new Story(() => 0);
		const snapshot = { ...swarm.snapshot('n1'), revision, appliedThrough: 10 };
		story.snapshot('n1', snapshot);
		for (const [i, body] of bodies.entries()) {
			const fact: Fact = { node: 'n1', epoch: snapshot.epoch, seq: snapshot.seq + i + 1, time: START_MS + i, ...body };
			expect(story.batch('n1', { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} })).not.toBe('gap');
		}
		return story;
	}

	function applied(through: number, revision: number, after: number, ...list: KeyChange[]) {
		return { kind: 'applied', through, revision, changes: { after, list } } as const;
	}

	function change(revision: number, value: string | null, more: Partial<KeyChange> = {}): KeyChange {
		const shown = { value: value ?? '', bytes: 1, isWhole: true, flags: '0', session: '', lockIndex: 0 };
		const cause = value === null ? 'delete' : 'put';
		return { key: 'k', cause, revision, isTogether: false, written: value === null ? null : shown, ...more };
	}

	function linesOf({ versions }: KeyHistory): string[] {
		return versions.map(
			(each, i) => `${each.revision} ${versionText(each, each.followsBefore ? versions[i - 1] : undefined)}`,
		);
	}

	test('a version between which and the next the page was told less is not said to follow', () => {
		const story = told([
			applied(11, 12, 10, change(11, 'a')),
			applied(19, 40, 31, change(35, 'b')),
			applied(20, 41, 40),
		]);
		const history = keyHistory(story, 'k', null);
		expect(history.versions.map(({ revision, followsBefore }) => [revision, followsBefore])).toEqual([
			[11, false],
			[35, false],
		]);
		expect(history).toMatchObject({ isFromBeginning: false, isUpToDate: true });
		expect(history.versions.map(({ slots }) => slots)).toEqual([
			{ from: 11, through: 11 },
			{ from: 12, through: 19 },
		]);
	});

	test('facts that tell of no changes, as those of older files, leave all open', () => {
		const story = told([{ kind: 'applied', through: 11, revision: 12 }]);
		expect(keyHistory(story, 'k', null)).toEqual({ versions: [], isFromBeginning: false, isUpToDate: false });
	});

	test('what a node held when it told its state is a version, of which no more is known', () => {
		const story = new Story(() => 0);
		const entry = { key: 'k', value: 'v', bytes: 1, isWhole: true, flags: '7', modifyRevision: 4 };
		story.snapshot('n1', { ...swarm.snapshot('n1'), revision: 10, entries: [entry] });
		const { versions } = keyHistory(story, 'k', null);
		expect(versions).toMatchObject([{ revision: 4, cause: null, slots: null, timeMs: null, holds: { flags: '7' } }]);
	});

	test('a prefix that was deleted ends the keys that were there, and no others', () => {
		const cut = change(12, null, { cause: 'deletePrefix', key: '' });
		const story = told([applied(1, 1, 0), applied(2, 11, 1, change(11, 'a')), applied(3, 12, 11, cut)], 0);
		expect(linesOf(keyHistory(story, 'k', null))).toEqual(['11 written', '12 deleted with all keys']);
		expect(keyHistory(story, 'other', null)).toMatchObject({ versions: [], isFromBeginning: true });
	});

	test('locks, sessions and transactions are named', () => {
		const held = (session: string, lockIndex: number) => ({
			...{ value: 'v', bytes: 1, isWhole: true, flags: '0', session, lockIndex },
		});
		const story = told([
			applied(11, 11, 10, change(11, 'v', { cause: 'acquire', written: held('a…', 1) })),
			applied(12, 12, 11, change(12, 'v', { cause: 'acquire', written: held('a…', 1) })),
			applied(13, 13, 12, change(13, 'v', { cause: 'release' })),
			applied(14, 14, 13, change(14, 'v', { cause: 'acquire', written: held('b…', 2) })),
			applied(15, 15, 14, change(15, 'v', { cause: 'letGoAtTimeOut' })),
			applied(16, 16, 15, change(16, 'v', { cause: 'acquire', written: held('c…', 3) })),
			applied(17, 17, 16, change(17, null, { cause: 'deletedAtEnd', isTogether: true })),
			applied(18, 18, 17, change(18, 'v', { isTogether: true })),
		]);
		expect(linesOf(keyHistory(story, 'k', null))).toEqual([
			'11 acquired for session a…',
			'12 written for session a…, which holds it',
			'13 released by session a…',
			'14 acquired for session b…',
			'15 let go, because session b… was not renewed in time',
			'16 acquired for session c…',
			'17 deleted, because session c… has ended',
			'18 created, together with others',
		]);
	});
});

test('a difference is what is between the ends that two texts have in common', () => {
	expect(differenceOf('dark red', 'dark blue')).toEqual({ start: 'dark ', removed: 'red', added: 'blue', end: '' });
	expect(differenceOf('aa', 'aaa')).toEqual({ start: 'aa', removed: '', added: 'a', end: '' });
	expect(differenceOf('x👍y', 'x👎y')).toEqual({ start: 'x', removed: '👍', added: '👎', end: 'y' });
	expect(differenceOf('', 'a')).toEqual({ start: '', removed: '', added: 'a', end: '' });
});

test('where there was nothing before, a key is created', () => {
	const version = { cause: 'put', holds: null, key: 'k', isTogether: false } as unknown as Version;
	expect([null, undefined].map((before) => versionText(version, before))).toEqual(['created', 'written']);
});
