import { expect, test } from 'vitest';
import { nameBallots } from '../../dashboard/model/ballot-names.ts';
import { factText, groupOf } from '../../dashboard/model/fact-text.ts';
import { inspect } from '../../dashboard/model/inspection.ts';
import { isEntry } from '../../dashboard/model/tape.ts';
import { ballotsOfAnswer, outcomeSentence } from '../../dashboard/model/why.ts';
import type { ProposeAnswer } from '../../shared/feed.ts';
import { summary } from './fake-swarm.ts';
import { START_MS, toldSwarm } from './told.ts';

const FIRST = `${START_MS}000000@n4`;
const HIGHER = `${START_MS + 94}000000@n2`;
const SECOND = `${START_MS + 200}000000@n4`;
const chosen: ProposeAnswer = {
	outcome: 'chosen',
	ok: true,
	slot: 41,
	ballot: SECOND,
	chosenAt: SECOND,
	revision: 57,
	attempts: [
		{ ballot: FIRST, haltedBy: HIGHER, givenUp: false },
		{ ballot: SECOND, haltedBy: '', givenUp: false },
	],
};

function sentence(answer: ProposeAnswer): string {
	return outcomeSentence(answer, nameBallots(ballotsOfAnswer(answer)));
}

test('a chosen proposal is told with slot, ballot, revision and every attempt', () => {
	const names = nameBallots(ballotsOfAnswer(chosen));
	expect(sentence(chosen)).toBe(
		`chosen in slot 41 under ${names.full(SECOND)}, revision 57, second attempt: the first was halted by ${names.full(HIGHER)}.`,
	);
});

test('no name of a kind or of a field is shown as the code writes it', () => {
	const { swarm, story } = toldSwarm();
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	story.live.node('n2')?.missing();
	const entries = [...story.tape.between(-1, Number.POSITIVE_INFINITY)].filter(isEntry);
	const inspections = entries.map((entry) => inspect({ kind: 'fact', entry }, story, null, 1));
	const said = inspections.flatMap(({ fields }) => fields.map(({ term }) => term));
	const kinds = inspections.flatMap(({ fields }) =>
		fields.filter(({ term }) => term === 'kind').map(({ value }) => value),
	);
	expect(kinds).toContain('promise counted');
	expect(said).toContain('chosen through');
	const status = inspect({ kind: 'node', node: 'n2' }, story, null, 1).subtitle;
	expect(status).toBe('catching up: what it holds now is not known');
	for (const text of [...said, ...kinds]) expect(text).not.toMatch(/[a-z][A-Z]/);
	const ignored = {
		node: 'n1',
		epoch: '1',
		seq: 1,
		time: 0,
		kind: 'ignored',
		from: 'n2',
		why: 'nobody asked',
	} as const;
	expect(factText({ ...ignored, message: 'pollReply' }, nameBallots([]))).toBe(
		'ignores poll reply of n2: nobody asked',
	);
});

test('a proposal whose condition did not hold is told so', () => {
	expect(sentence({ ...chosen, ok: false, attempts: [] })).toMatch(
		/^chosen in slot 41 .*changed nothing: another write came first\.$/,
	);
});

test('a contested slot that keeps its value is told so', () => {
	const answer: ProposeAnswer = {
		outcome: 'kept',
		slot: 41,
		ballot: SECOND,
		value: summary('put color = red'),
		attempts: [{ ballot: SECOND, haltedBy: '', givenUp: false }],
	};
	expect(sentence(answer)).toBe('slot 41 keeps “put color = red”; yours was not chosen.');
});

test('an attempt that ended by itself is not said to have lacked answers, which is one cause of several', () => {
	const attempts = [{ ballot: FIRST, haltedBy: '', givenUp: true }];
	expect(sentence({ outcome: 'unknown', why: 'timeout', attempts })).toBe(
		'unknown: timeout. It may have happened or may yet: the first was given up.',
	);
});

test('refused means that it surely did not happen, unknown that it may have', () => {
	expect(sentence({ outcome: 'refused', why: 'no leader', attempts: [] })).toBe(
		'refused: no leader. It surely did not happen.',
	);
	expect(sentence({ outcome: 'unknown', why: 'timeout', attempts: [] })).toBe(
		'unknown: timeout. It may have happened or may yet.',
	);
});

test('every fact has a line and a kind', () => {
	const { swarm, facts } = toldSwarm();
	swarm.campaign('n3', 'noLeader');
	swarm.duel('n2', 'n4', 'n4');
	swarm.kill('n5');
	swarm.revive('n5');
	const names = nameBallots([]);
	for (const fact of facts) {
		expect(factText(fact, names)).not.toMatch(/undefined|\[object|NaN/);
		expect(groupOf(fact)).toBeTruthy();
	}
	expect(new Set(facts.map(groupOf)).size).toBeGreaterThanOrEqual(8);
});
