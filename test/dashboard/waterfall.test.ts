/** Where the time of a round went: by the clock of its proposer alone, at every moment, and nothing that was not told. */
import { describe, expect, test } from 'vitest';
import type { Story } from '../../dashboard/model/story.ts';
import { type Span, type Waterfall, waterfallOf } from '../../dashboard/model/waterfall.ts';
import type { Fact, FactBody } from '../../shared/fact.ts';
import { openSandbox } from './sandbox-page.ts';
import { type Told, toldSwarm } from './told.ts';

const SELF = { key: 'color', value: 'red', route: 'self', contest: 0 } as const;
const LEADER = { ...SELF, route: 'leader' } as const;

function at(story: Story, slot: number, through?: number): Waterfall | 'notTold' | 'setBack' {
	const gathered = story.gather(slot, []);
	const round = story.decision(gathered).rounds.at(-1);
	if (!round) throw new Error('no round');
	return waterfallOf(round, gathered.entries, story.tape, through);
}

function spansOf(waterfall: Waterfall | 'notTold' | 'setBack'): readonly Span[] {
	if (typeof waterfall === 'string') throw new Error(waterfall);
	return waterfall.spans;
}

/** The same facts, told to another page. @param change gives what is told in the place of a fact */
function retold({ swarm, facts }: Told, change: (fact: Fact) => readonly (FactBody & { time: number })[]): Story {
	const { story } = toldSwarm(swarm.nodes.length);
	const seqs = new Map<string, number>();
	for (const fact of facts) {
		for (const body of change(fact)) {
			const seq = (seqs.get(fact.node) ?? 0) + 1;
			seqs.set(fact.node, seq);
			const changed = { ...body, node: fact.node, epoch: fact.epoch, seq };
			if (story.batch(fact.node, { epoch: fact.epoch, from: seq, facts: [changed], skipped: {} }) === 'gap')
				throw new Error('a gap');
		}
	}
	return story;
}

function flushed(fact: Fact, ms: number): FactBody & { time: number } {
	return { kind: 'flushed', records: 1, bytes: 512, ms, time: fact.time };
}

test('both phases are told, each answer from when the proposer asked until it had it and counted it', () => {
	const told = toldSwarm();
	told.swarm.propose('n4', SELF);
	const spans = spansOf(at(told.story, 1));
	const of = (phase: string) => spans.filter(({ kind }) => kind === phase).map(({ node }) => node);
	expect(of('promise')).toEqual(['n4', 'n1', 'n2', 'n3', 'n5']);
	expect(of('vote')).toEqual(['n4', 'n1', 'n2', 'n3', 'n5']);
	const own = told.facts.filter(({ node }) => node === 'n4');
	const time = (is: (fact: Fact) => boolean) => (own.find(is)?.time ?? Number.NaN) - (own[0]?.time ?? Number.NaN);
	expect(own[0]?.kind).toBe('campaign');
	expect(spans.find(({ kind, node }) => kind === 'vote' && node === 'n2')).toEqual({
		kind: 'vote',
		node: 'n2',
		fromMs: time((fact) => fact.kind === 'sent' && fact.to === 'n2' && fact.message.kind === 'accept'),
		toMs: time((fact) => fact.kind === 'received' && fact.from === 'n2' && fact.message.kind === 'accepted'),
		countedMs: time((fact) => fact.kind === 'voteCounted' && fact.from === 'n2'),
		isRefusal: false,
		diskMs: null,
	});
	const ends = (kind: string) => spans.find((span) => span.kind === kind);
	expect(ends('proposed')?.toMs).toBe(time((fact) => fact.kind === 'proposed'));
	expect(ends('chosen')?.toMs).toBe(time((fact) => fact.kind === 'voteCounted' && fact.voters.length === 3));
	expect(ends('applied')).toMatchObject({
		fromMs: ends('chosen')?.toMs,
		toMs: time((fact) => fact.kind === 'applied'),
	});
});

test('a round under a stable leader begins with its proposal', () => {
	const told = toldSwarm();
	told.swarm.campaign('n3', 'noLeader');
	told.swarm.propose('n1', LEADER);
	told.swarm.propose('n1', LEADER);
	const waterfall = at(told.story, 2);
	expect(waterfall).toMatchObject({ since: 'proposed' });
	const spans = spansOf(waterfall);
	expect(spans.map(({ kind }) => kind)).toEqual([...Array(5).fill('vote'), 'chosen', 'applied']);
	expect(spans.at(-2)?.fromMs).toBe(0);
});

test('the clocks of other nodes change nothing', () => {
	const told = toldSwarm();
	told.swarm.propose('n4', SELF);
	const shifts = new Map([
		['n1', 4000],
		['n2', -7000],
	]);
	const shifted = retold(told, (fact) => [{ ...fact, time: fact.time + (shifts.get(fact.node) ?? 0) }]);
	expect(at(shifted, 1)).toEqual(at(told.story, 1));
});

test('a proposer whose clock was set back meanwhile tells no times', () => {
	const told = toldSwarm();
	told.swarm.propose('n4', SELF);
	const back = retold(told, (fact) => [{ ...fact, time: fact.time - (fact.kind === 'proposed' ? 4000 : 0) }]);
	expect(at(back, 1)).toBe('setBack');
});

describe('at a moment', () => {
	/** Every time that is told at any moment is told at the end as well, and never again taken back. */
	function neverTakenBack(story: Story, slot: number): number {
		const end = new Map(spansOf(at(story, slot)).map((span) => [`${span.kind} ${span.node}`, span]));
		let before = 0;
		for (const { at: moment } of story.gather(slot, []).entries) {
			const now = at(story, slot, moment);
			if (now === 'notTold') continue;
			const known = spansOf(now).flatMap((span) => {
				const { fromMs, toMs, countedMs, diskMs } = span;
				const times = Object.entries({ fromMs, toMs, countedMs, diskMs }).filter(([, ms]) => ms !== null);
				expect(end.get(`${span.kind} ${span.node}`)).toMatchObject(Object.fromEntries(times));
				return times;
			});
			expect(known.length).toBeGreaterThanOrEqual(before);
			before = known.length;
		}
		return before;
	}

	test('what has not happened yet is not told, in a fake swarm', () => {
		const told = toldSwarm();
		told.swarm.propose('n4', SELF);
		expect(neverTakenBack(told.story, 1)).toBeGreaterThan(20);
		const proposed = told.story.gather(1, []).entries.find(({ fact }) => fact.kind === 'proposed');
		expect(spansOf(at(told.story, 1, proposed?.at)).map(({ kind }) => kind)).not.toContain('chosen');
	});

	test('nor in the sandbox, where the clocks of the nodes differ', async () => {
		const page = openSandbox();
		const { sandbox } = page;
		const answered = sandbox.propose('n2', SELF, null);
		sandbox.speed = 1;
		sandbox.pass(50);
		const answer = await answered;
		if (answer.outcome !== 'chosen') throw new Error(answer.outcome);
		// The votes that come after the quorum are still on their way.
		sandbox.play();
		sandbox.pass(50);
		neverTakenBack(page.story, answer.slot);
		const spans = spansOf(at(page.story, answer.slot));
		for (const { fromMs, toMs } of spans) {
			if (fromMs === null || toMs === null) throw new Error('not known');
			expect(toMs).toBeGreaterThanOrEqual(fromMs);
		}
		expect(spans.filter(({ kind, countedMs }) => kind === 'vote' && countedMs !== null)).toHaveLength(3);
		expect(spans.filter(({ kind, countedMs }) => kind === 'vote' && countedMs === null)).toHaveLength(2);
		expect(spans.at(-1)?.kind).toBe('applied');
	});
});

describe('the disk', () => {
	const isVoteOf = (fact: Fact, node: string) => fact.kind === 'accepted' && fact.node === node;
	const diskMs = (story: Story) =>
		spansOf(at(story, 1)).flatMap(({ kind, node, diskMs }) => (diskMs === null ? [] : [[kind, node, diskMs]]));

	test('is told where one flush ended between the vote and its answer, also at the proposer', () => {
		const told = toldSwarm();
		told.swarm.propose('n4', SELF);
		const story = retold(told, (fact) => {
			if (isVoteOf(fact, 'n2')) return [fact, flushed(fact, 1.5)];
			return isVoteOf(fact, 'n4') ? [fact, flushed(fact, 0.25)] : [fact];
		});
		expect(diskMs(story)).toEqual([
			['vote', 'n4', 0.25],
			['vote', 'n2', 1.5],
		]);
	});

	test('is not told where it may have been another flush', () => {
		const told = toldSwarm();
		told.swarm.propose('n4', SELF);
		const two = retold(told, (fact) => (isVoteOf(fact, 'n2') ? [fact, flushed(fact, 1.5), flushed(fact, 2)] : [fact]));
		expect(diskMs(two)).toEqual([]);
		const before = retold(told, (fact) => (isVoteOf(fact, 'n2') ? [flushed(fact, 1.5), fact] : [fact]));
		expect(diskMs(before)).toEqual([]);
	});
});

test('an acceptor that does not answer has no time, and a refusal is told as one', () => {
	const told = toldSwarm();
	told.swarm.duel('n2', 'n4', 'n4');
	const { ballot } = told.swarm.duel('n5', 'n1', 'n1').lost;
	const [halted] = told.story.decision(told.story.gather(2, [ballot])).rounds;
	if (halted?.ballot !== ballot) throw new Error('no halted round');
	const spans = spansOf(waterfallOf(halted, told.story.gather(2, [ballot]).entries, told.story.tape));
	const refusal = spans.find(({ isRefusal }) => isRefusal);
	expect(refusal).toMatchObject({ kind: 'promise', countedMs: null });
	expect(refusal?.toMs).toBeGreaterThan(refusal?.fromMs ?? Number.POSITIVE_INFINITY);
	expect(spans.at(-1)?.kind).toBe('halted');

	const silent = toldSwarm();
	silent.swarm.propose('n4', SELF);
	const deaf = retold(silent, (fact) => (fact.kind === 'received' && fact.from === 'n5' ? [] : [fact]));
	const vote = spansOf(at(deaf, 1)).find(({ kind, node }) => kind === 'vote' && node === 'n5');
	expect(vote).toMatchObject({ toMs: null, isRefusal: false });
	expect(vote?.fromMs).not.toBeNull();
});

test('what the page was not told is not made up', () => {
	const told = toldSwarm();
	told.swarm.propose('n4', SELF);
	const late = retold(told, (fact) => (fact.kind === 'campaign' || fact.kind === 'proposed' ? [] : [fact]));
	expect(at(late, 1)).toBe('notTold');

	// Slot 2 was applied later, which does not tell when slot 1 was.
	told.swarm.propose('n4', LEADER);
	const { story } = toldSwarm();
	for (const fact of told.facts) {
		const { node, epoch, seq } = fact;
		const isMissed = node === 'n4' && fact.kind === 'applied' && fact.through === 1;
		if (isMissed) story.snapshot(node, { ...told.swarm.snapshot(node), seq });
		else story.batch(node, { epoch, from: seq, facts: [fact], skipped: {} });
	}
	expect(spansOf(at(story, 1)).at(-1)?.kind).toBe('chosen');
	expect(spansOf(at(story, 2)).at(-1)?.kind).toBe('applied');
});
