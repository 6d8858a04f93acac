import { expect, test } from 'vitest';
import type { Round } from '../../dashboard/model/decision.ts';
import { passageOf, type RowName } from '../../dashboard/model/paper.ts';
import type { Story } from '../../dashboard/model/story.ts';
import { toldSwarm } from './told.ts';

const ROWS: readonly RowName[] = ['1a', '1b', '2a', '2b', 'learned'];

/** By row, of one round of a slot: the section of the paper and its words. */
function quoted(story: Story, slot: number, which: number): Record<string, [string, string]> {
	const round = story.decision(story.gather(slot, [])).rounds[which] as Round;
	return Object.fromEntries(
		ROWS.map((row) => {
			const { section, words } = passageOf(row, round);
			return [row, [section, words]];
		}),
	);
}

test('a lone proposer carries out both phases of section 2.2', () => {
	const { swarm, story } = toldSwarm();
	swarm.propose('n4', { key: 'color', value: 'red', route: 'self', contest: 0 });
	expect(quoted(story, 1, 0)).toEqual({
		'1a': ['2.2, phase 1 (a)', expect.stringContaining('prepare request with number n to a majority')],
		'1b': ['2.2, phase 1 (b)', expect.stringContaining('promise not to accept')],
		'2a': ['2.2, phase 2 (a)', expect.stringContaining('reported no proposals')],
		'2b': ['2.2, phase 2 (b)', expect.stringContaining('accepts the proposal unless')],
		learned: ['2.3', expect.stringContaining('learner')],
	});
});

test('a leader has run phase 1 once, as section 3 says', () => {
	const { swarm, story } = toldSwarm();
	swarm.campaign('n3', 'noLeader');
	swarm.propose('n1', { key: 'a', value: '1', route: 'leader', contest: 0 });
	expect(quoted(story, 1, 0)['1a']).toEqual(['3', expect.stringContaining('infinitely many instances')]);
});

test('who contests a slot is bound by what was reported', () => {
	const { swarm, story } = toldSwarm();
	swarm.propose('n3', { key: 'color', value: 'red', route: 'self', contest: 0 });
	swarm.propose('n1', { key: 'color', value: 'blue', route: 'self', contest: 1 });
	expect(quoted(story, 1, 1)['2a']).toEqual(['2.2, phase 2 (a)', expect.stringContaining('highest-numbered proposal')]);
});

test('a halted proposer abandons its ballot in the phase that it was in', () => {
	const { swarm, story } = toldSwarm();
	swarm.duel('n2', 'n4', 'n4');
	const answer = swarm.propose('n2', { key: 'duel', value: 'n2', route: 'self', contest: 0 });
	if (answer.outcome !== 'chosen') throw new Error(answer.outcome);
	const halted = quoted(story, answer.slot, 0);
	expect(halted['1b']).toEqual(['2.2', expect.stringContaining('abandon a proposal')]);
	expect(halted['2a']).toEqual(['2.2, phase 2 (a)', expect.stringContaining('sends an accept request')]);
	expect(halted['2b']?.[1]).toContain('accepts the proposal unless');
});

test('a leader that is halted while a slot is open abandons it in phase 2', () => {
	const { swarm, story } = toldSwarm();
	swarm.campaign('n4', 'noLeader');
	for (const id of ['n1', 'n3', 'n5']) swarm.kill(id);
	swarm.propose('n4', { key: 'color', value: 'red', route: 'leader', contest: 0 });
	swarm.halt('n4', 'n2');
	const halted = quoted(story, 1, 0);
	expect(halted['1b']?.[1]).toContain('promise not to accept');
	expect(halted['2b']?.[1]).toContain('abandon a proposal');
});
