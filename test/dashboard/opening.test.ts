/** A page that is opened tells what its nodes remember in the order of time, before what happens since. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { OPENING_MS, Opening } from '../../dashboard/live/opening.ts';
import type { Recalled, SourceListener } from '../../dashboard/model/source.ts';
import { Story } from '../../dashboard/model/story.ts';
import { type Item, isEntry } from '../../dashboard/model/tape.ts';
import { type Fact, isBeat } from '../../shared/fact.ts';
import type { NodeSnapshot, Recall } from '../../shared/feed.ts';
import { toldSwarm } from './told.ts';

describe('an opening', () => {
	let told: string[];
	let opening: Opening;
	beforeEach(() => {
		vi.useFakeTimers();
		told = [];
		const listener: SourceListener = {
			begin: () => undefined,
			moved: () => undefined,
			entry: (node) => told.push(`entry ${node}`),
			recalled: (past) => told.push(...past.map(({ node, told: { kind }, whenMs }) => `${node} ${kind} ${whenMs}`)),
			snapshot: (node) => told.push(`snapshot ${node}`),
			batch: (node) => told.push(`batch ${node}`),
			lost: (node) => told.push(`lost ${node}`),
			refused: (node) => told.push(`refused ${node}`),
			newer: (node) => told.push(`newer ${node}`),
			replayed: () => undefined,
			shows: () => undefined,
		};
		opening = new Opening(listener);
		opening.awaits('a');
		opening.awaits('b');
		return () => vi.useRealTimers();
	});

	/** @param times of the snapshot, and of the facts */
	function recall([first, ...times]: readonly [number, ...number[]]): Recall {
		const facts = times.map((time) => ({ time, kind: 'linkUp' }) as Fact);
		return { snapshot: { time: first } as NodeSnapshot, facts };
	}

	test('waits for every address, and puts what they remember in one order', () => {
		opening.recall('n1', recall([1_000, 1_010, 1_030]), 1_050, 50);
		opening.tell((listener) => listener.entry('n1'));
		opening.answered('a');
		expect(told).toEqual([]);
		// The clock of n2 is 500 ms ahead.
		opening.recall('n2', recall([1_505, 1_520]), 1_560, 60);
		opening.answered('b');
		expect(told).toEqual(['n1 snapshot 0', 'n2 snapshot 5', 'n1 fact 10', 'n2 fact 20', 'n1 fact 30', 'entry n1']);
		opening.tell((listener) => listener.lost('n2', 0));
		expect(told.at(-1)).toBe('lost n2');
	});

	test('waits for one that does not answer no longer than a moment', () => {
		opening.recall('n1', recall([1_000, 1_010]), 1_050, 50);
		opening.answered('a');
		vi.advanceTimersByTime(OPENING_MS - 1);
		expect(told).toEqual([]);
		vi.advanceTimersByTime(1);
		expect(told).toEqual(['n1 snapshot 0', 'n1 fact 10']);
		opening.recall('n2', recall([1_000, 1_010]), 1_050, 500);
		opening.answered('b');
		expect(told).toHaveLength(2);
	});

	test('keeps the order of a node whose clock was set back, and tells nothing of the future', () => {
		opening.recall('n1', recall([1_000, 1_040, 1_020, 1_090]), 1_050, 50);
		opening.answered('a');
		opening.answered('b');
		expect(told).toEqual(['n1 snapshot 0', 'n1 fact 40', 'n1 fact 40', 'n1 fact 50']);
	});

	test('tells the state before what followed, where the clock was set back behind both', () => {
		opening.recall('n1', recall([2_000, 2_010, 1_030]), 1_050, 50);
		opening.answered('a');
		opening.answered('b');
		expect(told).toEqual(['n1 snapshot 50', 'n1 fact 50', 'n1 fact 50']);
	});

	test('tells nothing before where no node remembers anything', () => {
		opening.tell((listener) => listener.snapshot('n1', {} as NodeSnapshot));
		opening.answered('a');
		opening.answered('b');
		expect(told).toEqual(['snapshot n1']);
	});
});

test('a page that was loaded again shows every moment as the page before it', () => {
	const { swarm, story: before } = toldSwarm();
	const first = new Map(swarm.nodes.map(({ id }) => [id, swarm.snapshot(id)]));
	swarm.duel('n2', 'n4', 'n4');
	swarm.propose('n1', { key: 'a', value: '1', route: 'leader', contest: 0 });
	swarm.heartbeat();
	swarm.propose('n5', { key: 'a', value: '2', route: 'self', contest: 0 });

	let nowMs = 0;
	const again = new Story(() => nowMs);
	const told: Recalled[] = [];
	const opening = new Opening({
		recalled: (past: readonly Recalled[]) => told.push(...past),
	} as unknown as SourceListener);
	for (const { id } of swarm.nodes) opening.awaits(id);
	const facts = itemsOf(before).filter(isEntry);
	for (const { id } of swarm.nodes) {
		const own = facts.filter(({ node, fact }) => node === id && !isBeat(fact)).map(({ fact }) => fact);
		opening.recall(id, { snapshot: first.get(id) as NodeSnapshot, facts: own }, swarm.snapshot(id).time, 0);
		opening.answered(id);
	}
	for (const each of told) {
		nowMs = each.whenMs;
		again.recalled(each);
	}
	nowMs = 0;
	for (const { id } of swarm.nodes) again.snapshot(id, swarm.snapshot(id));

	const shown = itemsOf(again).filter(isEntry);
	expect(shown.map(({ fact }) => fact)).toEqual(facts.filter(({ fact }) => !isBeat(fact)).map(({ fact }) => fact));
	expect(shown[0]?.whenMs).toBeLessThan(0);
	expect(again.landmarks.map(({ text }) => text)).toEqual(before.landmarks.map(({ text }) => text));
	for (const entry of shown) {
		const own = facts.find(({ fact }) => fact.node === entry.fact.node && fact.seq === entry.fact.seq) as Item;
		for (const { id } of swarm.nodes) {
			const { promised, role, leader, chosenThrough } = again.at(entry).node(id) ?? {};
			expect({ promised, role, leader, chosenThrough }).toEqual(pick(before, own, id));
		}
	}
});

function pick(story: Story, moment: Item, id: string) {
	const { promised, role, leader, chosenThrough } = story.at(moment).node(id) ?? {};
	return { promised, role, leader, chosenThrough };
}

function itemsOf({ tape }: Story): Item[] {
	return [...tape.between(-1, Number.POSITIVE_INFINITY)];
}
