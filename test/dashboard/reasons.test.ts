/** Why something happened: one sentence, made of what was told up to the moment that is shown, and the facts behind it. */
import { beforeAll, describe, expect, test } from 'vitest';
import { nameBallots } from '../../dashboard/model/ballot-names.ts';
import { factText } from '../../dashboard/model/fact-text.ts';
import { type EntryOf, isOf } from '../../dashboard/model/reasons/past.ts';
import { isAnswered, type Question, type Reason, reasonOf } from '../../dashboard/model/reasons/reason.ts';
import type { Story } from '../../dashboard/model/story.ts';
import { type Item, isEntry } from '../../dashboard/model/tape.ts';
import { STORIES } from '../../dashboard/sandbox/stories.ts';
import type { Fact, FactBody, FactKind } from '../../shared/fact.ts';
import type { ProposeAnswer } from '../../shared/feed.ts';
import { summary } from './fake-swarm.ts';
import { type Performed, perform } from './sandbox-page.ts';
import { toldSwarm } from './told.ts';

/** A ballot above all that the fake swarm makes. */
const LATER = '2000000000000000000@n4';

const performed = new Map<string, Performed>();

function of(id: string): Performed {
	const staged = STORIES.find((story) => story.id === id);
	if (!staged) throw new Error(`no story ${id}`);
	const known = performed.get(id) ?? perform(staged);
	performed.set(id, known);
	return known;
}

function itemsOf({ tape }: Story): Item[] {
	return [...tape.between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)];
}

/** The last fact of the kind with that property. */
function last<K extends FactKind>(story: Story, kind: K, is: (fact: EntryOf<K>['fact']) => boolean): EntryOf<K> {
	const found = itemsOf(story).findLast((item) => isOf(item, kind) && is(item.fact));
	if (!found || !isOf(found, kind)) throw new Error(`no ${kind}`);
	return found;
}

function why(story: Story, item: Item, moment: Item | null = null): Reason {
	return reasonOf({ kind: 'item', item }, story, moment);
}

/** The lines of the facts behind it. */
function lines({ facts }: Reason): string[] {
	return facts.map((item) =>
		isEntry(item) ? `${item.node} ${factText(item.fact, nameBallots([]))}` : `${item.node} ${item.told.kind}`,
	);
}

describe.each(STORIES.map(({ id }) => [id] as const))('in the story %s', (id) => {
	let story: Story;
	let answered: Item[];
	beforeAll(() => {
		({ story } = of(id));
		answered = itemsOf(story).filter(isAnswered);
	});

	test('all that is answered is answered in one sentence, by facts that came before', () => {
		expect(answered.length).toBeGreaterThan(10);
		for (const item of answered) {
			const { sentence, unknown, facts } = why(story, item);
			expect(sentence).toMatch(/^\S.*[^.]\.$/);
			for (const said of [sentence, ...unknown]) expect(said).not.toMatch(/undefined|NaN|\.\s+[A-Z].*\./);
			const places = facts.map(({ at }) => at);
			expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
			expect(places.at(-1)).toBe(item.at);
		}
	});

	test('before the moment of the event nothing is said of it', () => {
		const [first] = itemsOf(story);
		for (const item of answered.slice(1, 40)) expect(why(story, item, first ?? null).sentence).toBeNull();
	});
});

describe('a change of leader', () => {
	test('names who promised, what ended the leader before, and who heard none either', () => {
		const { story, facts, cast } = of('leader-killed');
		const lead = last(story, 'role', ({ role }) => role === 'leader');
		const { node, fact } = lead;
		const { sentence, unknown, facts: behind } = why(story, lead);
		const start = `${node} became leader because its ballot ${nameBallots([fact.ballot]).full(fact.ballot)} was promised by `;
		expect(sentence?.startsWith(start)).toBe(true);
		expect(sentence).toMatch(/ was promised by n\d, n\d and n\d \(3 of 5\), after /);
		expect(sentence).toContain(`its link with ${cast[0]}, which led, had ended`);
		expect(sentence).toMatch(/, and n\d and n\d heard no leader either\.$/);
		expect(unknown).toEqual([]);
		for (const promiser of fact.by) {
			expect(sentence).toContain(promiser);
			const promise = facts.find(
				(one) => one.kind === 'promised' && one.node === promiser && one.ballot === fact.ballot,
			);
			expect(behind.some((item) => isEntry(item) && item.fact === promise)).toBe(true);
		}
		for (const kind of ['linkDown', 'received', 'campaign', 'promised'] as const) {
			expect(behind.some((item) => isOf(item, kind))).toBe(true);
		}
	});

	test('says for how long at least the leader was silent, as the node has told', () => {
		const leads = STORIES.flatMap(({ id }) => {
			const { story } = of(id);
			return itemsOf(story).flatMap((item, i, all) => {
				if (!isOf(item, 'role') || item.fact.role !== 'leader') return [];
				const before = all.slice(0, i).findLast((one) => one.node === item.node && isOf(one, 'role'));
				return before && isOf(before, 'role') && before.fact.why === 'leaderSilent' ? [{ story, item, before }] : [];
			});
		});
		expect(leads.length).toBeGreaterThan(0);
		for (const { story, item, before } of leads) {
			const { silentMs, by } = before.fact;
			expect(silentMs).toBeGreaterThan(100);
			expect(why(story, item).sentence).toContain(`it had not heard ${by[0]} for at least ${Math.round(silentMs)} ms`);
			expect(why(story, before).sentence).toContain(`heard neither ${by[0]} nor a candidate for at least`);
		}
	});

	test('by a proposal for which a node runs both phases is no failure of anybody', () => {
		const { story } = of('first-decision');
		const lead = last(story, 'role', ({ role }) => role === 'leader');
		expect(why(story, lead).sentence).toMatch(/, after it was asked to run both phases itself for a proposal\.$/);
	});

	test('by a leader that handed over names that leader, and why', () => {
		const { story, facts, swarm } = toldSwarm();
		swarm.campaign('n1', 'noLeader');
		const ballot = swarm.node('n1').leader;
		tell(story, facts, 'n1', { kind: 'handsOver', ballot, to: 'n2', why: 'leaving' });
		const next = '1900000000000000000@n2';
		tell(story, facts, 'n2', { kind: 'campaign', ballot: next, why: 'handedOver', contest: 0, chosenThrough: 0 });
		const by = ['n2', 'n3', 'n4'];
		for (const node of by) tell(story, facts, node, { kind: 'promised', ballot: next, previous: ballot, reported: 0 });
		const role = { kind: 'role', role: 'leader', ballot: next, leader: next, why: 'promisedByQuorum' } as const;
		tell(story, facts, 'n2', { ...role, by, silentMs: 0 });
		const { sentence } = why(
			story,
			last(story, 'role', ({ ballot }) => ballot === next),
		);
		expect(sentence).toMatch(
			/^n2 became leader because .* was promised by n2, n3 and n4 \(3 of 5\), after n1, which led, asked it to lead instead: n1 is about to stop or has no vote any more\.$/,
		);
	});

	test('by a leader that handed over and is not heard names that one, and no leader before it', () => {
		const { swarm, story } = toldSwarm();
		const { ballot } = swarm.campaign('n1', 'noLeader');
		swarm.tell('n1', { kind: 'handsOver', ballot, to: 'n3', why: 'wanted' });
		swarm.campaign('n3', 'noLeader');
		swarm.campaign('n2', 'noLeader');
		const message = { kind: 'handOver', ballot: swarm.snapshot('n2').promised } as const;
		swarm.tell('n3', { kind: 'received', from: 'n2', messageId: 'handing-over', message });
		swarm.tell('n3', { kind: 'campaign', ballot: LATER, why: 'handedOver', contest: 0, chosenThrough: 0 });
		const { sentence, unknown } = why(
			story,
			last(story, 'campaign', ({ why }) => why === 'handedOver'),
		);
		expect(sentence).toMatch(/ because n2 asked it to lead instead\.$/);
		expect(unknown).toEqual(['Why n2 asked is not known.']);
	});

	test('whose beginning was not told says so', () => {
		const { story, facts } = toldSwarm();
		const ballot = '1900000000000000000@n2';
		const role = { kind: 'role', role: 'leader', ballot, leader: ballot, why: 'promisedByQuorum' } as const;
		tell(story, facts, 'n2', { ...role, by: ['n2', 'n3', 'n4'], silentMs: 0 });
		const { sentence, unknown } = why(
			story,
			last(story, 'role', () => true),
		);
		expect(sentence).toMatch(/ was promised by n2, n3 and n4\.$/);
		expect(unknown).toEqual(['Why n2 stood for election is not known: the page was not told when it began.']);
	});

	test('that a leader without a quorum brings about names the links that had ended', () => {
		const { story, cast } = of('no-quorum');
		const [leader] = cast;
		const stopped = last(story, 'role', ({ node, why }) => node === leader && why === 'lostQuorum');
		expect(why(story, stopped).sentence).toMatch(
			new RegExp(`^${leader} stopped leading under .* because no quorum answered it for a whole election period`),
		);
	});
});

describe('a refused proposal', () => {
	test('names the higher ballot, and when it was promised', () => {
		const { story } = of('rivals');
		const refused = last(story, 'refused', ({ refused }) => refused === 'prepare');
		const { promised, ballot, node } = refused.fact;
		const names = nameBallots([promised, ballot]);
		const { sentence, facts } = why(story, refused);
		expect(sentence).toContain(
			`${node} refused to promise under ${names.full(ballot)} because it had promised the higher`,
		);
		expect(sentence).toContain(names.full(promised));
		expect(facts.some((item) => isOf(item, 'promised') && item.fact.ballot === promised && item.node === node)).toBe(
			true,
		);
	});

	test('says no duration where the clock of its node was set back', () => {
		const { swarm, facts } = toldSwarm();
		swarm.duel('n2', 'n4', 'n4');
		const { story } = toldSwarm();
		for (const fact of facts) {
			const time = fact.kind === 'refused' ? fact.time - 3_600_000 : fact.time;
			story.batch(fact.node, { epoch: fact.epoch, from: fact.seq, facts: [{ ...fact, time }], skipped: {} });
		}
		const refused = last(story, 'refused', () => true);
		expect(why(story, refused).sentence).toMatch(/because it had promised the higher ballot n\d [\d:.]+\.$/);
	});

	test('is one by a node that is bound by what it has accepted', () => {
		const { swarm, story } = toldSwarm();
		const { ballot } = swarm.campaign('n2', 'noLeader');
		const refusal = { kind: 'refused', refused: 'accept', slot: 1, ballot, promised: LATER } as const;
		swarm.tell('n5', { kind: 'accepted', ballot: LATER, slot: 1, value: summary('put color = red') });
		swarm.tell('n5', refusal);
		const { sentence, unknown } = why(
			story,
			last(story, 'refused', () => true),
		);
		expect(sentence).toMatch(
			/^n5 refused to accept under n2 .* because it had accepted under the higher ballot n4 [\d:.]+\.$/,
		);
		expect(unknown).toEqual([]);
	});

	test('tells its proposer who knew of the higher ballot', () => {
		const { story } = of('rivals');
		const halted = last(story, 'halted', () => true);
		expect(why(story, halted).sentence).toMatch(/^n\d gave up its ballot n\d .* because (n\d|it) .*higher ballot/);
	});

	test('is answered by what its node heard when it ended, whatever it hears later', () => {
		const { swarm, story } = toldSwarm();
		swarm.campaign('n3', 'noLeader');
		const settledMs = story.tape.last?.whenMs ?? 0;
		const answer: ProposeAnswer = { outcome: 'unknown', why: 'no answer came in time', attempts: [] };
		const sentence = () => reasonOf({ kind: 'answer', node: 'n1', answer, settledMs }, story, null).sentence;
		const before = sentence();
		expect(before).toBe('It may have happened or may yet because no answer came in time.');
		const { promised: ballot } = swarm.snapshot('n1');
		const why = 'leaderSilent';
		swarm.tell('n1', { kind: 'role', role: 'follower', ballot, leader: '', why, by: ['n3'], silentMs: 400 });
		expect(sentence()).toBe(before);
	});

	test('is behind the answer to it', () => {
		const { story, answers } = of('rivals');
		const sentences = answers.flatMap(({ of: { action }, answer }) =>
			action.kind === 'propose' && answer.kind === 'propose'
				? [reasonOf({ kind: 'answer', node: action.node, answer: answer.answer, settledMs: 0 }, story, null).sentence]
				: [],
		);
		expect(sentences).toHaveLength(2);
		for (const sentence of sentences)
			expect(sentence).toMatch(/^“put color = \w+” is chosen in slot \d+ because .*\.$/);
		expect(sentences.filter((sentence) => /ballot .*failed: n\d gave up its ballot/.test(sentence ?? ''))).toHaveLength(
			1,
		);
	});
});

test('a free choice names all promises that were counted, also those that the page was not told one by one', () => {
	const { swarm, facts } = toldSwarm();
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	const second = facts.filter(({ kind }) => kind === 'promiseCounted')[2] as Fact;
	const { story } = toldSwarm();
	for (const fact of facts.slice(facts.indexOf(second)))
		story.recalled({ node: fact.node, told: { kind: 'fact', fact }, whenMs: 0 });
	const { sentence } = why(
		story,
		last(story, 'proposed', () => true),
	);
	expect(sentence).toMatch(/ because no promise of n1, n2, n3, n4 and n5 under /);
});

describe('a recovered value', () => {
	test('names who reported it, and under which ballot', () => {
		const { story } = of('dead-proposer');
		const again = last(story, 'proposed', ({ origin }) => origin === 'reported');
		const { sentence, facts } = why(story, again);
		expect(sentence).toMatch(/^n\d has to propose “put color = red” again in slot 1 because .* reported it under n2 /);
		expect(facts.some((item) => isOf(item, 'accepted') && item.fact.ballot === again.fact.reportedAt)).toBe(true);
	});

	test('is a no-op where none was reported', () => {
		const { story } = of('gap');
		const noop = last(story, 'proposed', ({ origin }) => origin === 'noop');
		expect(why(story, noop).sentence).toMatch(
			/^n\d fills slot \d+ with a no-op because no promise of n\d, n\d and n\d reported a value for it/,
		);
	});
});

describe('a slot that is open', () => {
	const open = (story: Story, slot: number, moment: Item | null): Reason =>
		reasonOf({ kind: 'open', slot }, story, moment);

	test('is chosen without anybody knowing, where the one that would count has died', () => {
		const { story, cast } = of('dead-proposer');
		const lost = itemsOf(story).find(({ node, told }) => node === cast[1] && told.kind === 'lost');
		const { sentence, facts } = open(story, 1, lost ?? null);
		expect(sentence).toMatch(
			/^n1, n2 and n3 \(3 of 5\) have accepted “put color = red” in slot 1 under n2 .*, so it is chosen, but n2, which is not heard, is not known to have counted their votes\.$/,
		);
		expect(facts.filter((item) => isOf(item, 'accepted'))).toHaveLength(3);
		expect(open(story, 1, null).sentence).toMatch(/^“put color = red” is chosen in slot 1 because /);
	});

	test('is chosen by the votes that are known also while another ballot asks for promises', () => {
		const { story } = of('dead-proposer');
		const again = last(story, 'proposed', ({ origin, slot }) => origin === 'reported' && slot === 1);
		const campaign = last(story, 'campaign', ({ ballot }) => ballot === again.fact.ballot);
		const between = itemsOf(story).filter(({ at }) => at >= campaign.at && at < again.at);
		expect(between.length).toBeGreaterThan(10);
		for (const moment of between) {
			expect(open(story, 1, moment).sentence).toMatch(
				/^n1, n2 and n3 \(3 of 5\) have accepted .*, so it is chosen, but n2, /,
			);
		}
	});

	test('lacks the votes of those that are not heard', () => {
		const { story, facts, cast } = of('no-quorum');
		const [leader] = cast;
		const slot = Math.max(
			...facts.flatMap((fact) => (fact.kind === 'proposed' && fact.node === leader ? [fact.slot] : [])),
		);
		const second = itemsOf(story).find(
			(item) => isOf(item, 'voteCounted') && item.fact.slot === slot && item.fact.voters.length === 2,
		);
		if (!second) throw new Error('no second vote');
		expect(open(story, slot, second).sentence).toMatch(
			/^Slot \d+ is open because only n1 and n2 have accepted “put color = red” under n1 .* \(2 of 5, 3 are needed\): n3, n4 and n5 are not heard\.$/,
		);
		const { sentence, facts: behind } = reasonOf({ kind: 'noQuorum' }, story, second);
		expect(sentence).toBe(
			'Nothing can be chosen now because n3, n4 and n5 are not heard, and n1 and n2 (2 of 5) are no quorum, for which 3 are needed.',
		);
		expect(lines({ facts: behind, sentence, unknown: [] })).toEqual(['n3 lost', 'n4 lost', 'n5 lost']);
		expect(reasonOf({ kind: 'noQuorum' }, story, null).sentence).toBeNull();
	});

	test('has no proposal that is known', () => {
		const { story } = toldSwarm();
		expect(open(story, 3, null).sentence).toBe(
			'Nothing is known to be chosen in slot 3 because nobody is known to have proposed for it.',
		);
	});
});

describe('a node that is not heard', () => {
	test('was killed, where people did that, and is heard again as another process', () => {
		const { story, facts, swarm } = toldSwarm();
		tell(story, facts, 'n2', { kind: 'linkUp', peer: 'n1' });
		tell(story, facts, 'n1', { kind: 'nodeFault', act: 'kill', target: 'n2' });
		tell(story, facts, 'n1', { kind: 'linkDown', peer: 'n2', why: 'reset' });
		story.lost('n2', 0);
		const [lost] = itemsOf(story).slice(-1) as [Item];
		const { sentence, unknown } = why(story, lost);
		expect(sentence).toMatch(/^n2 is not heard because it is killed: .* n1 lost the link with it too\.$/);
		expect(unknown).toEqual([]);
		story.snapshot('n2', { ...swarm.snapshot('n2'), epoch: 'another' });
		const [heard] = itemsOf(story).slice(-1) as [Item];
		expect(why(story, heard).sentence).toMatch(/^n2 is heard again .* because its process was started again\.$/);
	});

	test('may only be out of reach, where nobody knows', () => {
		const { story, cast } = of('minority');
		const lost = itemsOf(of('leader-killed').story).find(({ told }) => told.kind === 'lost');
		if (!lost) throw new Error('nobody is lost');
		expect(why(of('leader-killed').story, lost).unknown[0]).toContain('has stopped or only cannot be reached');
		expect(itemsOf(story).some(({ told, node }) => told.kind === 'lost' && node === cast[0])).toBe(false);
	});
});

describe('the rows of a decision', () => {
	const rows = ['1a', '1b', '2a', '2b', 'learned'] as const;

	test('have the facts behind what they say, up to the moment', () => {
		const { story } = of('first-decision');
		const { ballots, entries } = story.gather(1, []);
		const ballot = ballots.at(-1) ?? '';
		const ask = (row: (typeof rows)[number], moment: Item | null): Reason => {
			const question: Question = { kind: 'row', row, slot: 1, ballot, attempts: [] };
			return reasonOf(question, story, moment);
		};
		const kinds = (row: (typeof rows)[number]): Set<string> =>
			new Set(ask(row, null).facts.map((item) => (isEntry(item) ? item.fact.kind : item.told.kind)));
		expect(kinds('1a')).toEqual(new Set(['campaign']));
		expect(kinds('1b')).toEqual(new Set(['promised', 'promiseCounted']));
		expect(kinds('2a')).toEqual(new Set(['campaign', 'promiseCounted', 'proposed']));
		expect(kinds('2b')).toEqual(new Set(['accepted', 'voteCounted']));
		expect(kinds('learned')).toEqual(new Set(['chosen']));
		for (const moment of entries) {
			for (const row of rows) for (const { at } of ask(row, moment).facts) expect(at).toBeLessThanOrEqual(moment.at);
		}
	});
});

/** The node tells one thing more. */
function tell(story: Story, facts: Fact[], node: string, body: FactBody): void {
	const before = facts.findLast((fact) => fact.node === node);
	const model = story.live.node(node);
	if (!model) throw new Error(`no node ${node}`);
	const fact = { node, epoch: model.epoch, seq: model.seq + 1, time: (before?.time ?? 0) + 1, ...body } as Fact;
	facts.push(fact);
	if (story.batch(node, { epoch: fact.epoch, from: fact.seq, facts: [fact], skipped: {} }) === 'gap')
		throw new Error('a gap');
}
