/** The space-time diagram: where things lie on its axis, what becomes of messages, and what of it is drawn. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clockOffsets } from '../../dashboard/model/clock-offsets.ts';
import {
	itemAtPlace,
	placeThrough,
	type SpaceTime,
	spaceTimeBetween,
	spaceTimeOf,
} from '../../dashboard/model/space-time.ts';
import { drawn, pick, quorumMarks, quorumNames, type Window } from '../../dashboard/model/space-time-drawing.ts';
import {
	around,
	panned,
	stretchName,
	ticks,
	tickText,
	within,
	zoomed,
} from '../../dashboard/model/space-time-window.ts';
import { Story } from '../../dashboard/model/story.ts';
import type { Entry } from '../../dashboard/model/tape.ts';
import type { Fact } from '../../shared/fact.ts';
import { NO_FAULT } from '../../shared/lab.ts';
import { openSandbox } from './sandbox-page.ts';
import { type Told, toldSwarm } from './told.ts';

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'];
const BY_CLOCKS = { isExact: false };

function diagram({ story }: Pick<Told, 'story'>): SpaceTime {
	return spaceTimeOf([...story.tape.between(-1, Number.POSITIVE_INFINITY)], story.live, BY_CLOCKS);
}

function wholeOf(spaceTime: SpaceTime, px = 1000): Window {
	const { places } = spaceTime;
	const toMs = places.at(-1)?.ms ?? 0;
	return {
		fromMs: places[0]?.ms ?? 0,
		toMs,
		px,
		nodes: NODES,
		playheadMs: toMs,
		through: Number.POSITIVE_INFINITY,
		isOfDecision: () => true,
	};
}

function decided(): Told {
	const told = toldSwarm();
	told.swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	return told;
}

describe('the axis', () => {
	test('no effect lies before its cause, however wrong the clocks are', () => {
		const { facts } = decided();
		const skews = fc.array(fc.integer({ min: -3_600_000, max: 3_600_000 }), { minLength: 5, maxLength: 5 });
		fc.assert(
			fc.property(skews, (skewMs) => {
				const story = new Story(() => 0);
				for (const fact of facts) {
					const time = fact.time + (skewMs[NODES.indexOf(fact.node)] ?? 0);
					story.tape.push(fact.node, { kind: 'fact', fact: { ...fact, time } }, 0);
				}
				const { messages, places } = diagram({ story });
				expect(messages.length).toBeGreaterThan(15);
				for (const { sent, received } of messages) expect(received?.ms ?? 0).toBeGreaterThanOrEqual(sent.ms);
				for (const [i, { ms }] of places.entries()) expect(ms).toBeGreaterThanOrEqual(places[i - 1]?.ms ?? ms);
				// The whole takes some milliseconds, and wrong clocks do not make hours of it.
				expect((places.at(-1)?.ms ?? 0) - (places[0]?.ms ?? 0)).toBeLessThan(100);
			}),
			{ numRuns: 40 },
		);
	});

	test('clocks that contradict no message are believed', () => {
		expect([...clockOffsets(decided().facts).values()]).toEqual([]);
	});

	test('clocks that were set meanwhile, and so contradict each other for ever, end the search too', () => {
		const message = (node: string, from: string, id: string, sent: number, received: number): Fact[] => {
			const base = { epoch: 'e', seq: 1, messageId: id, message: { kind: 'confirm', round: 1 } };
			return [
				{ ...base, kind: 'sent', node: from, to: node, time: sent } as unknown as Fact,
				{ ...base, kind: 'received', node, from, time: received } as unknown as Fact,
			];
		};
		const offsets = clockOffsets([...message('b', 'a', '1', 10, 0), ...message('a', 'b', '2', 10, 0)]);
		for (const ms of offsets.values()) expect(Number.isFinite(ms)).toBe(true);
	});

	test('the places of the tape and those of the axis lead to each other', () => {
		const spaceTime = diagram(decided());
		for (const { item, ms } of spaceTime.places) {
			expect(placeThrough(spaceTime, item.at)).toBe(ms);
			expect(itemAtPlace(spaceTime, ms)?.at).toBeGreaterThanOrEqual(item.at);
		}
		expect(itemAtPlace(spaceTime, 0)).toBeUndefined();
	});
});

describe('what becomes of a message', () => {
	test('one that nobody received is lost once a later one has come the same way', () => {
		const { facts } = decided();
		const [first, later] = facts.filter((fact) => fact.kind === 'sent' && fact.node === 'n4' && fact.to === 'n5');
		if (first?.kind !== 'sent' || later?.kind !== 'sent') throw new Error('n4 sends n5 less');
		const told = (isReceived: (id: string) => boolean) => {
			const story = new Story(() => 0);
			for (const fact of facts)
				if (fact.kind !== 'received' || isReceived(fact.messageId))
					story.tape.push(fact.node, { kind: 'fact', fact }, 0);
			return diagram({ story }).messages.filter(({ isLost }) => isLost);
		};
		const toN5 = new Set(facts.flatMap((fact) => (fact.kind === 'sent' && fact.to === 'n5' ? [fact.messageId] : [])));
		expect(told((id) => !toN5.has(id))).toEqual([]);
		expect(told((id) => id !== first.messageId)).toMatchObject([{ id: first.messageId, received: null }]);
	});

	test('one that was sent before its link was cut is not lost by that', () => {
		const { swarm, story } = toldSwarm();
		swarm.propose('n1', { key: 'color', value: 'red', route: 'self', contest: 0 });
		swarm.fault('n2', 'n1', { ...NO_FAULT, cut: true });
		const items = [...story.tape.between(-1, Number.POSITIVE_INFINITY)].filter(
			({ told }) => !(told.kind === 'fact' && told.fact.kind === 'received' && told.fact.node === 'n2'),
		);
		const { messages } = spaceTimeOf(items, story.live, BY_CLOCKS);
		const between = messages.filter(({ from, to }) => from === 'n1' && to === 'n2');
		expect(between.length).toBeGreaterThan(1);
		expect(between.filter(({ isLost }) => isLost)).toEqual([]);
	});

	test('in a sandbox it is lost where nothing flies any more, and at each moment it has come as far as it had then', () => {
		const page = openSandbox();
		page.sandbox.act({ kind: 'cut', from: 'n1', to: 'n3' });
		void page.sandbox.propose('n1', { key: 'color', value: 'red', route: 'self', contest: 0 }, null);
		page.sandbox.speed = 0.1;
		for (let i = 0; i < 40; i++) page.sandbox.pass(10);
		const items = [...page.story.tape.between(-1, Number.POSITIVE_INFINITY)];
		const flying = page.sandbox.flightsAt(page.sandbox.nowMs()).filter(({ lost }) => !lost);
		const spaceTime = spaceTimeOf(items, page.story.live, {
			isExact: true,
			isFlying: (from, to, ms) => flying.some((one) => one.from === from && one.to === to && one.departMs === ms),
		});
		const cut = spaceTime.messages.filter(({ from, to, received }) => from === 'n1' && to === 'n3' && !received);
		expect(cut.some(({ kind, isLost }) => kind === 'prepare' && isLost)).toBe(true);
		expect(spaceTime.messages.filter(({ received, isLost }) => received && isLost)).toEqual([]);
		const nowMs = page.sandbox.nowMs();
		for (const { item, ms } of spaceTime.places.filter((_, i) => i % 25 === 0)) {
			const window = { ...wholeOf(spaceTime), toMs: nowMs, playheadMs: ms, through: item.at };
			const { arrows, playhead } = drawn(spaceTime, window);
			for (const { x1, x2, end, message } of arrows) {
				expect(x2).toBeLessThanOrEqual((playhead ?? 0) + 1e-6);
				expect(x2).toBeGreaterThanOrEqual(x1);
				if (end === 'lost') expect(message.received).toBe(null);
				if (end === 'arrived') expect(message.received?.entry.at).toBeLessThanOrEqual(item.at);
			}
		}
	});
});

describe('the lines', () => {
	test('a band is the highest promise of a node, as the node tells it', () => {
		const told = decided();
		const { bands } = diagram(told);
		for (const { id, promised } of told.model.nodes) {
			const own = bands.filter(({ node }) => node === id);
			expect(own.at(-1)).toMatchObject({ ballot: promised, toMs: Number.POSITIVE_INFINITY });
			for (const [i, { fromMs }] of own.entries()) if (i > 0) expect(own[i - 1]?.toMs).toBe(fromMs);
		}
	});

	test('a node that is not heard leaves a gap, until it is heard again', () => {
		const told = decided();
		const { swarm, story } = told;
		story.lost('n2', 0);
		swarm.propose('n4', { key: 'color', value: 'blue', route: 'leader', contest: 0 });
		const gaps = diagram(told).gaps;
		expect(gaps).toMatchObject([{ node: 'n2', kind: 'silent' }]);
		expect(gaps[0]?.toMs).toBeLessThan(Number.POSITIVE_INFINITY);
	});
});

describe('what is drawn', () => {
	test('what no fact of the stretch tells of a node is as it was then, and not as it is now', () => {
		const { swarm, story } = toldSwarm();
		swarm.kill('n5');
		const { ballot } = swarm.campaign('n1', 'noLeader');
		const then = story.tape.last;
		swarm.node('n5').alive = true;
		swarm.campaign('n2', 'noLeader');
		const { bands } = spaceTimeBetween(story, -1, then?.at ?? 0, BY_CLOCKS);
		expect(new Set(bands.map((band) => band.ballot))).toEqual(new Set([ballot]));
		expect(bands.map(({ node }) => node)).not.toContain('n5');
	});

	test('a gap is drawn from when it was noticed, and not at a moment before', () => {
		const told = decided();
		const [before] = told.story.tape.newest(1, () => true);
		told.story.lost('n5', 0);
		const spaceTime = diagram(told);
		const gapsAt = (through: number) => drawn(spaceTime, { ...wholeOf(spaceTime), through }).gaps;
		expect(spaceTime.gaps).toMatchObject([{ node: 'n5', kind: 'silent' }]);
		expect(gapsAt(before?.at ?? 0)).toEqual([]);
		expect(gapsAt(told.story.tape.last?.at ?? 0)).toHaveLength(1);
	});

	test('the quorums of a decision are where the proposer counted them', () => {
		const told = decided();
		const spaceTime = diagram(told);
		const marks = quorumMarks(spaceTime.happenings, () => true);
		expect(marks.map(({ kind, count, entry }) => [kind, count, entry.node])).toEqual([
			['promises', 3, 'n4'],
			['votes', 3, 'n4'],
		]);
		// Two that are counted almost at once are not written over each other, and each row is its own.
		const [promises, votes] = marks as [(typeof marks)[0], (typeof marks)[0]];
		const again = { ...votes, ms: votes.ms + 1 };
		const later = { ...votes, ms: votes.ms + 500 };
		const names = quorumNames([promises, votes, again, later], (ms) => ms - promises.ms, 520);
		expect([...names.keys()]).toEqual([later, again, promises]);
		expect(names.get(later)).toMatchObject({ text: '3 accepted: chosen', isBefore: true });
	});

	test('what lies on the same pixels is drawn once, so thousands of messages are few shapes', () => {
		const story = new Story(() => 0);
		for (let i = 0; i < 5_000; i++) {
			const [node, to] = [NODES[i % 5] as string, NODES[(i + 1 + (i % 4)) % 5] as string];
			const base = { epoch: 'e', seq: i + 1, messageId: `${i}`, message: { kind: 'confirm', round: i } };
			for (const fact of [
				{ ...base, kind: 'sent', node, to, time: i },
				{ ...base, kind: 'received', node: to, from: node, time: i + 2 },
			] as unknown as Fact[])
				story.tape.push(fact.node, { kind: 'fact', fact }, 0);
		}
		const spaceTime = diagram({ story });
		expect(spaceTime.messages.length).toBeGreaterThan(4_500);
		const { arrows, count } = drawn(spaceTime, wholeOf(spaceTime, 300));
		expect(arrows.reduce((sum, arrow) => sum + arrow.count, 0)).toBe(count);
		// For each few pixels there are at most the pairs of nodes that talk, times the kinds of their messages.
		expect(arrows.length).toBeLessThan((300 / 3) * 20 * 1.5);
		// Only what is in view is drawn.
		const { fromMs, toMs } = wholeOf(spaceTime);
		const part = drawn(spaceTime, { ...wholeOf(spaceTime), toMs: fromMs + (toMs - fromMs) / 100 });
		expect(part.count).toBeLessThan(count / 50);
	});

	test('where nothing was told yet, the playhead is at the beginning', () => {
		const spaceTime = diagram({ story: new Story(() => 0) });
		expect(drawn(spaceTime, wholeOf(spaceTime))).toMatchObject({ playhead: 0, count: 0 });
	});

	test('a pointer means the nearest thing, and nothing where nothing is near', () => {
		const told = decided();
		const spaceTime = diagram(told);
		const drawing = drawn(spaceTime, wholeOf(spaceTime));
		const yOf = (line: number) => line * 50;
		for (const arrow of drawing.arrows) {
			const middle = { x: (arrow.x1 + arrow.x2) / 2, y: yOf((arrow.line1 + arrow.line2) / 2) };
			const found = pick(drawing, middle, yOf, 8);
			expect(found).not.toBe(null);
		}
		const [first] = drawing.arrows;
		if (!first) throw new Error('no arrow');
		expect(pick(drawing, { x: -100, y: -100 }, yOf, 8)).toBe(null);
		const marked = drawing.marks.map(
			(mark) => pick(drawing, { x: mark.x, y: yOf(mark.line) }, yOf, 8) as { entry: Entry },
		);
		expect(marked.every(({ entry }) => entry !== undefined)).toBe(true);
	});
});

describe('the window', () => {
	test('it never leaves what the rail shows, and what lies under the pointer stays there', () => {
		const extent = { fromMs: 1000, toMs: 2000 };
		const ms = fc.double({ min: 900, max: 2100, noNaN: true });
		fc.assert(
			fc.property(ms, ms, fc.double({ min: 0.01, max: 100, noNaN: true }), (a, b, factor) => {
				const stretch = within({ fromMs: Math.min(a, b), toMs: Math.max(a, b) }, extent);
				const atMs = (stretch.fromMs + stretch.toMs * 2) / 3;
				const other = zoomed(stretch, factor, atMs, extent);
				const moved = panned(other, (factor - 50) * 10, extent);
				for (const { fromMs, toMs } of [stretch, other, moved]) {
					expect(fromMs).toBeGreaterThanOrEqual(1000);
					expect(toMs).toBeLessThanOrEqual(2000 + 1e-6);
					expect(toMs).toBeGreaterThan(fromMs);
				}
				expect(moved.toMs - moved.fromMs).toBeCloseTo(other.toMs - other.fromMs, 6);
				if (other.fromMs === 1000 || other.toMs > 2000 - 1e-6) return;
				const share = ({ fromMs, toMs }: typeof other) => (atMs - fromMs) / (toMs - fromMs);
				expect(share(other)).toBeCloseTo(share(stretch), 4);
			}),
		);
	});

	test('its name says what it shows', () => {
		const shown = [stretchName(0, false), stretchName(0, true), stretchName(1_200, true), stretchName(1_200, false)];
		expect(shown).toEqual(['Newest', 'Election', 'Slot 1,200', 'Newest']);
	});

	test('where nothing has happened yet it is short, and not empty', () => {
		const { story } = toldSwarm();
		const empty = { fromMs: 0, toMs: 0 };
		const { fromMs, toMs } = around(spaceTimeOf([], story.live, BY_CLOCKS), [], 0, empty);
		expect(toMs).toBeGreaterThan(fromMs);
		expect(ticks({ fromMs, toMs }, 0, 6).every(Number.isFinite)).toBe(true);
	});

	test('a decision is in view from its first fact to its choice', () => {
		const told = decided();
		const spaceTime = diagram(told);
		const { fromMs, toMs } = wholeOf(spaceTime);
		const { entries } = told.story.gather(1, []);
		const stretch = around(spaceTime, entries, toMs, { fromMs: fromMs - 50, toMs: toMs + 50 });
		const chosen = entries.find(({ fact }) => fact.kind === 'chosen' && fact.how === 'counted');
		expect(stretch.fromMs).toBeLessThan(placeThrough(spaceTime, entries[0]?.at ?? 0) ?? 0);
		expect(stretch.toMs).toBeGreaterThan(placeThrough(spaceTime, chosen?.at ?? 0) ?? Number.POSITIVE_INFINITY);
		// At its first fact there is room for its first message.
		const begun = around(spaceTime, entries.slice(0, 1), fromMs, { fromMs: fromMs - 50, toMs: toMs + 50 });
		expect(begun.toMs - begun.fromMs).toBeGreaterThan(spaceTime.usualMs);
		// The facts of it are not in the diagram, such as those that are older than the rail.
		const past = around(spaceTimeOf([], told.story.live, BY_CLOCKS), entries, toMs, { fromMs: toMs - 60_000, toMs });
		expect(past.toMs).toBe(toMs);
		expect(past.toMs - past.fromMs).toBeLessThan(1000);
	});

	test('the marks of the axis are round, and as many as there is room for', () => {
		const marks = ticks({ fromMs: 10.3, toMs: 12.4 }, 10.5, 6);
		expect(marks.map(tickText)).toEqual(['0', '+0.5 ms', '+1 ms', '+1.5 ms']);
		expect(tickText(-1500)).toBe('−1.5 s');
		expect(tickText(0.02)).toBe('+20 µs');
	});
});
