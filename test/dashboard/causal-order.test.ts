import fc from 'fast-check';
import { expect, test } from 'vitest';
import { causalOrder } from '../../dashboard/model/causal-order.ts';
import { type Entry, type Item, Tape } from '../../dashboard/model/tape.ts';
import type { Fact } from '../../shared/fact.ts';
import { toldSwarm } from './told.ts';

function history(): Fact[] {
	const { swarm, facts } = toldSwarm();
	swarm.campaign('n3', 'noLeader');
	swarm.propose('n1', { key: 'color', value: 'red', route: 'leader', contest: 0 });
	swarm.duel('n2', 'n4', 'n4');
	return facts;
}

/** The facts of each node in their order, with the nodes' batches interleaved as they may reach a page. */
function arrivals(facts: readonly Fact[], picks: readonly number[]): Entry[] {
	const queues = ['n1', 'n2', 'n3', 'n4', 'n5'].map((node) => facts.filter((fact) => fact.node === node));
	const arrived: Entry[] = [];
	for (let i = 0; arrived.length < facts.length; i++) {
		const left = queues.filter((queue) => queue.length > 0);
		const fact = left[(picks[i % picks.length] ?? 0) % left.length]?.shift();
		if (fact) arrived.push(entryOf(fact, arrived.length));
	}
	return arrived;
}

function entryOf(fact: Fact, index: number): Entry {
	return { node: fact.node, told: { kind: 'fact', fact }, fact, index, at: index, whenMs: 0 };
}

function expectCausal(ordered: readonly Entry[]): void {
	const lastSeq = new Map<string, number>();
	const sent = new Set<string>();
	for (const { fact } of ordered) {
		expect(fact.seq).toBeGreaterThan(lastSeq.get(fact.node) ?? 0);
		lastSeq.set(fact.node, fact.seq);
		if (fact.kind === 'sent') sent.add(fact.messageId);
		if (fact.kind === 'received') expect(sent.has(fact.messageId)).toBe(true);
	}
}

test('no effect stands before its cause, however batches mix and however wrong the clocks are', () => {
	const facts = history();
	const picks = fc.array(fc.nat(), { minLength: 1, maxLength: 40 });
	const skews = fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 5, maxLength: 5 });
	fc.assert(
		fc.property(picks, skews, (order, skewMs) => {
			const skewed = facts.map((fact) => ({
				...fact,
				time: fact.time + (skewMs[Number(fact.node.slice(1)) - 1] ?? 0),
			}));
			const ordered = causalOrder(arrivals(skewed, order));
			expect(ordered).toHaveLength(facts.length);
			expectCausal(ordered);
		}),
		{ numRuns: 60 },
	);
});

test('with right clocks it is the order in which things happened, each step’s messages leaving with the step', () => {
	const facts = history();
	const happened = (fact: Fact) => fact.kind !== 'sent';
	const ordered = causalOrder(arrivals(facts, [3, 1, 4, 1, 5]));
	expect(ordered.map(({ fact }) => fact).filter(happened)).toEqual(facts.filter(happened));
});

test('facts that contradict themselves are all kept', () => {
	const [first] = history().filter((fact) => fact.kind === 'sent');
	if (!first) throw new Error('no message was sent');
	const received: Fact = { ...first, kind: 'received', from: first.to, node: first.node, seq: first.seq - 1 };
	const ordered = causalOrder([entryOf(received, 0), entryOf(first, 1)]);
	expect(ordered).toHaveLength(2);
});

test('the tape puts a late batch in its place, and keeps no more than its bound', () => {
	const facts = history();
	const dropped: Item[] = [];
	const tape = new Tape(50, { dropped: (item) => dropped.push(item), reordered: () => undefined });
	for (const { fact } of arrivals(facts, [4, 4, 0])) tape.push(fact.node, { kind: 'fact', fact }, 0);
	const kept = tape.newest(1000, () => true);
	expect(kept.length).toBeLessThanOrEqual(50);
	expect(kept[0]?.fact).toEqual(facts.at(-1));
});

test('what the page has noticed of a node never makes an effect stand before its cause', () => {
	const facts = history().filter(({ node }) => node === 'n1' || node === 'n3');
	const sent = facts.find((fact) => fact.kind === 'sent' && fact.node === 'n3' && fact.to === 'n1');
	if (sent?.kind !== 'sent') throw new Error('no message was sent');
	const received = facts.find((fact) => fact.kind === 'received' && fact.messageId === sent.messageId);
	if (!received) throw new Error('it was not received');
	// n1 tells first, then n3 is not heard for a moment, and then its own facts come.
	const lost: Item = { node: 'n3', told: { kind: 'lost', sinceMs: 0 }, index: 1, at: 1, whenMs: 0 };
	const ordered = causalOrder([entryOf(received, 0), lost, entryOf(sent, 2)]);
	expect(ordered.map(({ index }) => index)).toEqual([1, 2, 0]);
});
