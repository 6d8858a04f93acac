/** The numbers over time are those of the facts, at every moment, and say where nothing is known. */
import { beforeEach, describe, expect, test } from 'vitest';
import { behindOf, type Metrics, standOf } from '../../dashboard/model/metrics.ts';
import { Story } from '../../dashboard/model/story.ts';
import type { Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { classOf, quantileMs } from '../../shared/write-times.ts';
import { FakeSwarm, fakeMembers } from './fake-swarm.ts';
import { START_MS } from './told.ts';

let nowMs: number;
let swarm: FakeSwarm;
let story: Story;
let metrics: Metrics;
let facts: Fact[];
/** What these nodes tell does not reach the page. */
let unheard: Set<NodeId>;

beforeEach(() => {
	nowMs = 0;
	facts = [];
	unheard = new Set();
	story = new Story(() => ++nowMs);
	({ metrics } = story);
	swarm = new FakeSwarm(fakeMembers(5), START_MS, (fact) => {
		if (unheard.has(fact.node)) return;
		facts.push(fact);
		story.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
	});
	for (const { id } of swarm.nodes) story.snapshot(id, swarm.snapshot(id));
	swarm.campaign('n3', 'noLeader');
});

function put(count: number): void {
	for (let i = 0; i < count; i++) swarm.propose('n3', { key: 'k', value: `${i}`, route: 'leader', contest: 0 });
}

/** By the leader's clock, from proposed until applied. */
function durationsOf(slots: number): number[] {
	return Array.from({ length: slots }, (_, i) => {
		const own = facts.filter(({ node }) => node === 'n3');
		const proposed = own.find((fact) => fact.kind === 'proposed' && fact.slot === i + 1);
		const applied = own.find((fact) => fact.kind === 'applied' && fact.through >= i + 1);
		return (applied?.time ?? Number.NaN) - (proposed?.time ?? Number.NaN);
	}).sort((a, b) => a - b);
}

describe('the numbers of some time', () => {
	test('are the commands that were applied, and how long the leader took for them', () => {
		put(7);
		const { perSecond, p50Ms, p99Ms, refusals, leader } = metrics.before(nowMs, nowMs);
		expect(perSecond).toBeCloseTo((1000 * 7) / nowMs);
		const durations = durationsOf(7);
		expect(p50Ms).toBeGreaterThan((durations[3] as number) / 1.05);
		expect(p50Ms).toBeLessThan((durations[3] as number) * 1.05);
		expect(p99Ms).toBeGreaterThan((durations[6] as number) / 1.05);
		expect(p99Ms).toBeLessThan((durations[6] as number) * 1.05);
		expect({ refusals, leader }).toEqual({ refusals: 0, leader: 'n3' });
	});

	test('have the refusals of prepares and accepts among all answers, also those that were only counted', () => {
		swarm.duel('n2', 'n5', 'blue');
		const count = (...kinds: string[]) => facts.filter(({ kind }) => kinds.includes(kind)).length;
		const [granted, refused] = [count('promised', 'accepted'), count('refused')];
		expect(refused).toBeGreaterThan(0);
		expect(metrics.before(nowMs, nowMs).refusals).toBeCloseTo(refused / (granted + refused));
		const { seq, epoch } = swarm.node('n4');
		story.batch('n4', { epoch, from: seq + 1, facts: [], skipped: { refused: 3, accepted: 5, sent: 9 } });
		const { refusals } = metrics.before(nowMs, nowMs);
		expect(refusals).toBeCloseTo((refused + 3) / (granted + refused + 8));
	});

	test('have the durations that a node has counted, and none of a write of which a part is missing', () => {
		put(1);
		const { seq, epoch } = swarm.node('n3');
		const began = nowMs;
		unheard.add('n3');
		put(1);
		const took = { [classOf(40)]: 98, [classOf(200)]: 2 };
		story.batch('n3', { epoch, from: seq + 1, facts: [], skipped: { applied: 100 }, took });
		story.snapshot('n3', swarm.snapshot('n3'));
		unheard.clear();
		const { p50Ms, p99Ms } = metrics.before(nowMs, nowMs - began);
		expect(p50Ms).toBeCloseTo(40, -1);
		expect(p99Ms).toBeCloseTo(200, -2);
	});

	test('of a time without writes have no durations, and no commands', () => {
		put(2);
		nowMs += 5_000;
		expect(metrics.before(nowMs, 100)).toMatchObject({ perSecond: 0, p50Ms: null, refusals: null, leader: 'n3' });
	});

	test('are not known while no node is heard, and what was applied meanwhile is counted nowhere', () => {
		put(2);
		const before = nowMs;
		for (const { id } of swarm.nodes) story.lost(id, START_MS);
		for (const { id } of swarm.nodes) unheard.add(id);
		put(20);
		nowMs += 1_000;
		expect(metrics.before(nowMs, 500)).toMatchObject({ perSecond: null, leader: null });
		expect(metrics.before(nowMs, 500).behind.size).toBe(0);
		for (const { id } of swarm.nodes) story.snapshot(id, swarm.snapshot(id));
		expect(metrics.before(nowMs, nowMs - before)).toMatchObject({ perSecond: 0, leader: 'n3' });
		unheard.clear();
		put(1);
		expect(metrics.before(nowMs, nowMs - before).perSecond).toBeCloseTo(1000 / (nowMs - before));
	});

	test('are the same at a moment whatever happened later', () => {
		put(3);
		const at = nowMs;
		const then = [metrics.before(at, 20), metrics.before(at, at)];
		swarm.duel('n2', 'n5', 'blue');
		put(3);
		expect([metrics.before(at, 20), metrics.before(at, at)]).toEqual(then);
	});

	test('stay bounded in number, and lose nothing while they are added up', () => {
		let puts = 0;
		for (let i = 0; i < 40; i++) {
			put(5);
			puts += 5;
			nowMs += 700;
		}
		const columns = metrics.columns(0, nowMs, 64);
		expect(columns.length).toBeLessThanOrEqual(65);
		const sum = columns.reduce(
			(all, { perSecond, fromMs, toMs }) => all + ((perSecond ?? 0) * (toMs - fromMs)) / 1000,
			0,
		);
		expect(Math.round(sum)).toBe(puts);
		for (const [i, column] of columns.entries()) if (i > 0) expect(column.fromMs).toBe(columns[i - 1]?.toMs);
		// Once an interval is a second long, the oldest go.
		for (let i = 0; i < 2_000; i++) {
			nowMs += 1_100;
			swarm.heartbeat();
		}
		expect(metrics.beginMs).toBeGreaterThan(nowMs - 2_000 * 1_200);
		expect(metrics.before(nowMs, 1_000).leader).toBe('n3');
	});
});

describe('a node that is behind', () => {
	test('is so many slots behind the leader, since the leader had applied what it has not', () => {
		put(2);
		unheard.add('n4');
		const before = nowMs;
		put(3);
		nowMs += 300;
		const behind = behindOf(standOf(story.live));
		expect(Object.fromEntries(behind)).toEqual({ n1: 0, n2: 0, n3: 0, n4: 3, n5: 0 });
		expect(metrics.before(nowMs, 10).behind.get('n4')).toBe(3);
		expect(metrics.behindMs('n1', nowMs)).toBe(0);
		const sinceMs = metrics.behindMs('n4', nowMs) as number;
		expect(sinceMs).toBeGreaterThan(300);
		expect(sinceMs).toBeLessThan(nowMs - before);
	});

	test('is not compared with a leader that nobody knows, nor where it is not heard', () => {
		put(1);
		story.lost('n4', START_MS);
		expect(metrics.before(nowMs, 10).behind.has('n4')).toBe(false);
		expect(metrics.behindMs('n4', nowMs)).toBeNull();
		story.lost('n3', START_MS);
		expect(metrics.before(nowMs, 10)).toMatchObject({ leader: '' });
		expect(metrics.before(nowMs, 10).behind.size).toBe(0);
		expect(metrics.behindMs('n1', nowMs)).toBeNull();
	});
});

describe('durations', () => {
	test('are known within a twelfth', () => {
		for (let ms = 0.02; ms < 60_000; ms *= 1.37) {
			const counted = quantileMs({ [classOf(ms)]: 1 }, 0.5) as number;
			expect(Math.abs(Math.log(counted / ms))).toBeLessThan(Math.log(13 / 12));
		}
		expect(classOf(0)).toBe(0);
	});

	test('have the one that so large a part is not longer than', () => {
		const counts = { [classOf(1)]: 98, [classOf(10)]: 1, [classOf(100)]: 1 };
		expect(quantileMs(counts, 0.5)).toBeCloseTo(1, 1);
		expect(quantileMs(counts, 0.99)).toBeCloseTo(10, 0);
		expect(quantileMs(counts, 1)).toBeCloseTo(100, -1);
		expect(quantileMs({}, 0.5)).toBeNull();
	});
});
