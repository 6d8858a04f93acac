/** The state that the parts of the page share, without a page: what is shown, and when it is drawn again. */
import { afterEach, expect, test, vi } from 'vitest';
import { tabStop } from '../../dashboard/model/columns.ts';
import type { Source, SourceListener } from '../../dashboard/model/source.ts';
import { start } from '../../dashboard/view/folding.ts';
import { pickedBallot } from '../../dashboard/view/shown-decision.ts';
import { stageDuel, toggleTraffic, traffic } from '../../dashboard/view/staging.ts';
import { calm, listenTo, newestShown, story } from '../../dashboard/view/state.ts';
import { showSlot } from '../../dashboard/view/steering.ts';
import type { ProposeAnswer } from '../../shared/feed.ts';
import { FakeSwarm, fakeMembers } from './fake-swarm.ts';
import { START_MS } from './told.ts';

/** A swarm that tells nothing, and refuses each proposal. */
const SILENT: Source = {
	isDirected: false,
	start: () => undefined,
	resync: () => undefined,
	list: () => Promise.resolve(null),
	propose: () => Promise.resolve({ outcome: 'refused', why: 'nobody answers', attempts: [] }),
	nowMs: () => performance.now(),
	wallMs: () => Date.now(),
	spanMs: () => 60_000,
	flightsAt: () => null,
};

afterEach(() => {
	vi.useRealTimers();
	vi.unstubAllGlobals();
});

test('while nobody tells anything, what is said of the present is drawn again each second', () => {
	vi.useFakeTimers();
	vi.stubGlobal('requestAnimationFrame', (then: (ms: number) => void) => setTimeout(() => then(performance.now()), 16));
	start(SILENT);
	for (let second = 0; second < 3; second++) {
		const before = calm.peek();
		vi.advanceTimersByTime(1_200);
		expect(calm.peek()).toBeGreaterThan(before);
	}
	// The decision is drawn in parts once, when there is a first one.
	showSlot(1);
	vi.advanceTimersByTime(100);
	showSlot(null);
});

test.each([
	['which a person directs, follows', true, 2],
	['of a swarm, stays for a while before it follows', false, 1],
])('the decision %s the newest slot', (_, isDirected, shown) => {
	vi.useFakeTimers();
	vi.stubGlobal('requestAnimationFrame', (then: (ms: number) => void) => setTimeout(() => then(performance.now()), 16));
	let listener: SourceListener | undefined;
	start({
		...SILENT,
		isDirected,
		start: (to) => {
			listener = to;
		},
	});
	listener?.begin();
	const swarm = new FakeSwarm(fakeMembers(3), START_MS, (fact) => {
		listener?.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
	});
	for (const { id } of swarm.nodes) listener?.snapshot(id, swarm.snapshot(id));
	for (const value of ['red', 'blue']) {
		swarm.propose('n1', { key: 'color', value, route: 'self', contest: 0 });
		vi.advanceTimersByTime(400);
	}
	expect(story.live.newestSlot).toBe(2);
	expect(newestShown.value).toBe(shown);
});

test('a duel of which nothing was chosen says so, and the tour asks for it again', async () => {
	listenTo(SILENT);
	expect(await stageDuel('n1', 'n2')).toBe(false);
});

test('an answer to traffic that was stopped is not counted among that which was begun after it', async () => {
	vi.useFakeTimers();
	const answers: ((answer: ProposeAnswer) => void)[] = [];
	listenTo({ ...SILENT, propose: () => new Promise((resolve) => answers.push(resolve)) });
	const swarm = new FakeSwarm(fakeMembers(3), START_MS, () => undefined);
	for (const { id } of swarm.nodes) story.snapshot(id, swarm.snapshot(id));
	toggleTraffic();
	vi.advanceTimersByTime(400);
	toggleTraffic();
	toggleTraffic();
	vi.advanceTimersByTime(400);
	expect(answers).toHaveLength(2);
	for (const answer of answers) answer({ outcome: 'refused', why: 'no leader', attempts: [] });
	await vi.advanceTimersByTimeAsync(0);
	expect(traffic.value).toMatchObject({ asked: 1, refused: 1 });
	toggleTraffic();
});

test('a ballot that was picked is that of one slot, and another slot shows its own', () => {
	showSlot(1);
	pickedBallot.value = '1@n1';
	showSlot(2);
	expect(pickedBallot.value).toBeNull();
});

test('the Tab key stops in each row of a decision, also where nothing was told of its proposer', () => {
	const nodes = ['n1', 'n2', 'n3'];
	expect(tabStop(nodes, 'n2', () => true)).toBe('n2');
	expect(tabStop(nodes, 'n2', (id) => id === 'n3')).toBe('n3');
	expect(tabStop(nodes, 'n2', () => false)).toBeUndefined();
});
