/** The swarm at any moment of what the page was told: every part of the page agrees with every other one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBallotTexts } from '../../dashboard/model/ballot-names.ts';
import { roundToShow } from '../../dashboard/model/decision.ts';
import { ballotLadder } from '../../dashboard/model/ladder.ts';
import { NodeModel } from '../../dashboard/model/node-model.ts';
import { partOf } from '../../dashboard/model/part.ts';
import { playbackOf } from '../../dashboard/model/playback.ts';
import { slotGrid } from '../../dashboard/model/slot-grid.ts';
import { Story } from '../../dashboard/model/story.ts';
import type { SwarmModel } from '../../dashboard/model/swarm-model.ts';
import { type Item, isEntry } from '../../dashboard/model/tape.ts';
import type { Fact } from '../../shared/fact.ts';
import type { NodeSnapshot } from '../../shared/feed.ts';
import { ALPHA, FakeSwarm, fakeMembers } from './fake-swarm.ts';
import { START_MS, toldSwarm } from './told.ts';

const ids = ['n1', 'n2', 'n3', 'n4', 'n5'];

/** A run with elections, decisions, a contest, a duel, a death, trimmed slots and other members. */
function recorded(proposals = 1): { snapshots: NodeSnapshot[]; facts: Fact[] } {
	const facts: Fact[] = [];
	const swarm = new FakeSwarm(fakeMembers(5), START_MS, (fact) => facts.push(fact));
	const snapshots = ids.map((id) => swarm.snapshot(id));
	swarm.campaign('n3', 'noLeader');
	for (let i = 0; i < proposals; i++) {
		swarm.propose('n1', { key: 'color', value: `red ${i}`, route: 'leader', contest: 0 });
	}
	swarm.propose('n4', { key: 'color', value: 'teal', route: 'self', contest: 1 });
	swarm.duel('n2', 'n5', 'n5');
	swarm.trim('n2', 1);
	swarm.kill('n1');
	swarm.change(swarm.members.filter(({ id }) => id !== 'n1'));
	for (let i = 0; i < ALPHA; i++) swarm.propose('n2', { key: 'k', value: `${i}`, route: 'leader', contest: 0 });
	return { snapshots, facts };
}

interface Run {
	readonly story: Story;
	readonly items: readonly Item[];
}

/** A story that gets the nodes' facts in batches, of which each may be late. */
function tell({ snapshots, facts }: ReturnType<typeof recorded>, sizes: readonly number[], itemsMax?: number): Run {
	let nowMs = 0;
	const story = new Story(() => nowMs++, itemsMax);
	for (const snapshot of snapshots) story.snapshot(snapshot.node, snapshot);
	const queues = ids.map((node) => facts.filter((fact) => fact.node === node));
	for (let i = 0; queues.some((queue) => queue.length > 0); i++) {
		// Every node's batches come in turn, but of different sizes, so some nodes are far behind others.
		const batch = queues[i % ids.length]?.splice(0, sizes[i % sizes.length]) ?? [];
		const [first] = batch;
		if (first) story.batch(first.node, { epoch: first.epoch, from: first.seq, facts: batch, skipped: {} });
	}
	return { story, items: itemsOf(story) };
}

function itemsOf({ tape }: Story): Item[] {
	return [...tape.between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)];
}

/** A node's state after its own facts alone. */
function alone(id: string, items: readonly Item[], through: Item): NodeModel {
	const node = new NodeModel(id);
	for (const { node: of, told, at } of items) {
		if (of !== id || at > through.at) continue;
		if (told.kind === 'snapshot') node.snapshot(told.snapshot);
		if (told.kind === 'fact') node.fold(told.fact);
	}
	return node;
}

function stateOf(node: NodeModel | undefined) {
	const { status, seq, role, promised, leader, chosenThrough, trimmedThrough, slots, linked } = node ?? {};
	return { status, seq, role, promised, leader, chosenThrough, trimmedThrough, slots, linked };
}

/** What the cards, the grid, the ladder and a decision show at one moment. */
function panelsOf(story: Story, moment: Item) {
	const swarm = story.at(moment);
	const decisions = [];
	for (let slot = 1; slot <= swarm.newestSlot; slot++) {
		decisions.push(story.decision(story.gather(slot, []), moment));
	}
	return {
		cards: swarm.nodes.map(stateOf),
		grid: slotGrid(swarm, 64),
		ladder: ballotLadder(swarm, story.index.ballots(moment.at), 64),
		decisions,
		health: swarm.health,
	};
}

function expectAgreement(story: Story, moment: Item, swarm: SwarmModel): void {
	const { decisions, grid, ladder } = panelsOf(story, moment);
	for (const decision of decisions) {
		const { slot, chosen } = decision;
		const knowing = swarm.nodes.filter(({ isUp, slots, trimmedThrough, chosenThrough }) => {
			return isUp && slot > trimmedThrough && (slots.get(slot)?.chosen || slot <= chosenThrough);
		});
		expect([...decision.learned.keys()]).toEqual(expect.arrayContaining(knowing.map(({ id }) => id)));
		if (chosen === null) expect(knowing).toEqual([]);
		if (knowing.length > 0) expect(swarm.knowsChosen(slot)).toBe(true);
		if (chosen === null && !swarm.isTrimmed(slot)) expect(swarm.knowsChosen(slot)).toBe(false);
		for (const round of decision.rounds) {
			for (const [id, cell] of round.promise) {
				if (cell.state !== 'promised') continue;
				expect(compareBallotTexts(swarm.node(id)?.promised ?? '', round.ballot)).toBeGreaterThanOrEqual(0);
			}
			for (const [id, cell] of round.vote) {
				const view = swarm.node(id)?.slots.get(slot);
				if (cell.state !== 'accepted' || slot <= (swarm.node(id)?.trimmedThrough ?? 0)) continue;
				expect(compareBallotTexts(view?.acceptedBallot ?? '', round.ballot)).toBeGreaterThanOrEqual(0);
			}
			expect(ladder.ballots).toContain(round.ballot);
		}
		const marks = grid.find((column) => column.slot === slot)?.marks ?? [];
		const marked = marks.filter(({ mark }) => mark === 'chosen').map(({ node }) => node);
		expect(marked.sort()).toEqual(knowing.map(({ id }) => id).sort());
	}
	for (const { node, at } of ladder.rails) {
		if (at !== undefined) expect(ladder.ballots[at] ?? '').toBe(swarm.node(node)?.promised);
	}
}

test('at each moment each node is as its own facts say, and all panels agree, however late batches are', () => {
	const run = recorded();
	fc.assert(
		fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 9 }), (sizes) => {
			const { story, items } = tell(run, sizes);
			expect(items).toHaveLength(run.facts.length + run.snapshots.length);
			for (const moment of items.filter((_, i) => i % 7 === 0)) {
				const swarm = story.at(moment);
				for (const id of ids) {
					if (swarm.node(id)?.status === 'connecting') continue;
					expect(stateOf(swarm.node(id))).toEqual(stateOf(alone(id, items, moment)));
				}
				if (items.indexOf(moment) >= run.snapshots.length) expectAgreement(story, moment, swarm);
			}
		}),
		{ numRuns: 15 },
	);
});

test('a moment shows of a decision what was shown when it was now', () => {
	// The page came after the election and two decisions. It has lost the leader since, and slot 1 was contested.
	const facts: Fact[] = [];
	const swarm = new FakeSwarm(fakeMembers(5), START_MS, (fact) => facts.push(fact));
	swarm.campaign('n3', 'noLeader');
	for (const value of ['red', 'blue']) swarm.propose('n1', { key: 'color', value, route: 'leader', contest: 0 });
	const snapshots = ids.map((id) => swarm.snapshot(id));
	const came = facts.length;
	for (const value of ['teal', 'pink']) swarm.propose('n1', { key: 'color', value, route: 'leader', contest: 0 });
	swarm.propose('n4', { key: 'color', value: 'green', route: 'self', contest: 1 });
	const { story } = tell({ snapshots, facts: facts.slice(came) }, [7]);
	story.lost('n3', 0);
	let compared = 0;
	const then = new Story(() => 0);
	for (const item of itemsOf(story)) {
		then.replayed(item);
		if (item.index % 5 > 0) continue;
		for (let slot = 1; slot <= then.live.newestSlot; slot++) {
			const { rounds, chosen, learned } = then.decision(then.gather(slot, []));
			const past = story.decision(story.gather(slot, []), item);
			expect([past.chosen, past.learned]).toEqual([chosen, learned]);
			// That a campaign belongs to the slot may be known only by what it proposes in the end.
			const isKnown = (ballot: string) => rounds.some((round) => round.ballot === ballot);
			expect(past.rounds.filter(({ ballot }) => isKnown(ballot))).toEqual(rounds);
			compared++;
		}
	}
	expect(compared).toBeGreaterThan(100);
});

test('the last moment is now', () => {
	const { story, items } = tell(recorded(), [9, 2, 40]);
	const now = {
		cards: story.live.nodes.map(stateOf),
		grid: slotGrid(story.live, 64),
		ladder: ballotLadder(story.live, story.index.ballots(), 64),
		health: story.live.health,
	};
	expect(panelsOf(story, items.at(-1) as Item)).toMatchObject(now);
	for (let slot = 1; slot <= story.live.newestSlot; slot++) {
		const gathered = story.gather(slot, []);
		expect(story.decision(gathered, items.at(-1))).toEqual(story.decision(gathered));
	}
});

test('a moment shows the same, wherever the page was before', () => {
	const { story, items } = tell(recorded(100), [30]);
	expect(items.length).toBeGreaterThan(5000);
	const seeks = fc.array(fc.nat({ max: items.length - 1 }), { minLength: 2, maxLength: 4 });
	fc.assert(
		fc.property(seeks, (places) => {
			const to = items[places.at(-1) as number] as Item;
			for (const place of places) story.at(items[place] as Item);
			for (const id of ids) expect(stateOf(story.at(to).node(id))).toEqual(stateOf(alone(id, items, to)));
		}),
		{ numRuns: 40 },
	);
});

test('facts that come late are put in their place, also where the page shows that moment', () => {
	const run = recorded();
	const { story } = tell({ ...run, facts: run.facts.filter(({ node }) => node !== 'n2') }, [50]);
	const moment = itemsOf(story).find((item) => isEntry(item) && item.fact.kind === 'givenUp') ?? itemsOf(story).at(-9);
	if (!moment) throw new Error('no moment');
	expect(story.at(moment).node('n2')?.promised).toBe('');
	const late = run.facts.filter(({ node }) => node === 'n2');
	const [first] = late;
	story.batch('n2', { epoch: first?.epoch ?? '', from: first?.seq ?? 0, facts: late, skipped: {} });
	const items = itemsOf(story);
	expect(story.at(moment).node('n2')?.promised).not.toBe('');
	expect(stateOf(story.at(moment).node('n2'))).toEqual(stateOf(alone('n2', items, moment)));
});

test('what the tape has dropped is in the swarm of its first moment', () => {
	const run = recorded(20);
	const whole = tell(run, [30]);
	const { story, items } = tell(run, [30], 300);
	expect(items.length).toBeLessThanOrEqual(300);
	for (const moment of [items[0], items[150], items.at(-1)] as Item[]) {
		const same = whole.items.find(({ index }) => index === moment.index) as Item;
		for (const id of ids) {
			const { seq: _, ...state } = stateOf(story.at(moment).node(id));
			const { seq: __, ...expected } = stateOf(alone(id, whole.items, same));
			expect(state).toEqual(expected);
		}
	}
});

test('a moment that was shown while older ones were dropped lacks nothing when a later one is shown', () => {
	const { snapshots, facts } = recorded(100);
	const [story, whole] = [1500, undefined].map((itemsMax) => tell({ snapshots, facts: [] }, [1], itemsMax).story);
	if (!story || !whole) throw new Error('no story');
	const tellAll = (told: readonly Fact[]): void => {
		for (const fact of told) {
			for (const each of [story, whole]) {
				each.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} });
			}
		}
	};
	tellAll(facts.slice(0, 1000));
	// It is so long ago that nothing is put before it any more, and the tape drops it while the page stays there.
	story.at(itemsOf(story)[20] as Item);
	tellAll(facts.slice(1000));
	const first = story.tape.first as Item;
	expect(first.index).toBeGreaterThan(1000);
	const same = itemsOf(whole).find(({ index }) => index === first.index) as Item;
	for (const id of ids) {
		const { seq: _, ...state } = stateOf(story.at(first).node(id));
		const { seq: __, ...expected } = stateOf(alone(id, itemsOf(whole), same));
		expect(state).toEqual(expected);
	}
});

test('a page hears no quorum only where too many voters are silent', () => {
	const { story } = tell(recorded(), [30]);
	const [a, b, c] = ['n2', 'n3', 'n4'] as const;
	expect(story.live.withoutQuorum).toBeNull();
	// Four members are left, of which three are needed. A node that catches up, or cannot be watched, is heard.
	story.batch(a, { epoch: 'another life', from: 1, facts: [], skipped: {} });
	story.refused(b, '64 pages watch it already');
	story.newer(c);
	expect(story.live.withoutQuorum).toBeNull();
	story.lost(a, START_MS);
	expect(story.live.withoutQuorum).toBeNull();
	story.lost(b, START_MS);
	expect(story.live.withoutQuorum).toMatchObject({ heard: 2, of: 4, needed: 3 });
});

test('a node that falls silent is known until then and unknown afterwards', () => {
	const { story } = tell(recorded(), [30]);
	const before = story.tape.last as Item;
	story.lost('n3', START_MS);
	const after = story.tape.last as Item;
	expect(after).not.toBe(before);
	expect([before, after, before].map((moment) => story.at(moment).node('n3')?.status)).toEqual(['up', 'unknown', 'up']);
	expect(story.landmarks.at(-1)).toMatchObject({ item: after, text: 'n3 is not heard any more' });
});

test('the steps of a playback are moments that never go back, from one before the decision to its end', () => {
	const { story } = tell(recorded(), [12, 3, 30]);
	for (let slot = 1; slot <= story.live.newestSlot; slot++) {
		const gathered = story.gather(slot, []);
		const { steps } = playbackOf(gathered.entries);
		expect(steps.length).toBeGreaterThan(5);
		const places = steps.map(({ moment }) => moment.at);
		expect(places).toEqual([...places].sort((a, b) => a - b));
		const before = itemsOf(story).findLast(({ at }) => at < (gathered.entries[0]?.at ?? 0));
		if (before) expect(story.decision(gathered, before).rounds).toEqual([]);
		const end = story.decision(gathered, steps.at(-1)?.moment);
		expect(end.chosen).toEqual(story.decision(gathered).chosen);
	}
});

test('in a playback a node is drawn as one that promised, then accepted, then knows what is chosen, and never goes back', () => {
	const order = [null, 'promised', 'accepted', 'chosen'];
	const { story } = tell(recorded(), [12, 3, 30]);
	const seen = new Set<string | null>();
	for (const slot of [1, 2]) {
		const gathered = story.gather(slot, []);
		const { steps } = playbackOf(gathered.entries);
		const before = new Map<string, number>();
		for (const { moment, ballot } of steps) {
			const decision = story.decision(gathered, moment);
			const round = roundToShow(decision, ballot, null);
			expect(round?.ballot).toBe(ballot);
			for (const node of story.at(moment).nodes) {
				const part = partOf(decision, round, node);
				const key = `${ballot} ${node.id}`;
				expect(order.indexOf(part)).toBeGreaterThanOrEqual(before.get(key) ?? 0);
				before.set(key, order.indexOf(part));
				seen.add(part);
			}
		}
	}
	expect([...seen].sort()).toEqual([...order].sort());
});

test('many refusals push no election off the rail', () => {
	const { swarm, story } = toldSwarm();
	const { ballot } = swarm.campaign('n4', 'noLeader');
	const { epoch, seq, time } = swarm.snapshot('n5');
	const refused = { node: 'n5', epoch, time, kind: 'refused', refused: 'prepare', from: 'n1', slot: 0 } as const;
	const facts = Array.from({ length: 300 }, (_, i) => ({
		...refused,
		seq: seq + 1 + i,
		ballot: '1@n1',
		promised: ballot,
	}));
	story.batch('n5', { epoch, from: seq + 1, facts, skipped: {} });
	const texts = story.landmarks.map(({ text }) => text);
	expect(texts.filter((text) => text === 'n5 refuses prepare')).toHaveLength(200);
	expect(texts[0]).toMatch(/^n4 became leader, because /);
});
