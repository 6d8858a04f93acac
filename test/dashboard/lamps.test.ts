/** The page finds out by itself whether a rule is broken: each lamp is green over what nodes do, and is seen to turn red. */
import { describe, expect, test } from 'vitest';
import { RULES, type Rule } from '../../dashboard/model/lamps.ts';
import type { Story } from '../../dashboard/model/story.ts';
import { STORIES } from '../../dashboard/sandbox/stories.ts';
import type { Fact, FactBody } from '../../shared/fact.ts';
import { perform } from './sandbox-page.ts';
import { type Told, toldSwarm } from './told.ts';

const NOW = Number.POSITIVE_INFINITY;
const OTHER = { digest: 'ffff', bytes: 4, commands: 1, text: 'put color = other' };

function broken(story: Story, at = NOW): Rule[] {
	return RULES.filter((rule) => story.lamps.brokenBy(rule, at) !== null);
}

/** A node tells something that cannot be. */
function lie({ story, facts }: Told, node: string, body: FactBody): void {
	const last = facts.findLast((fact) => fact.node === node);
	if (!last) throw new Error(`${node} has told nothing`);
	const { epoch, time } = last;
	const fact = { node, epoch, seq: last.seq + 1, time, ...body } as Fact;
	facts.push(fact);
	story.batch(node, { epoch, from: fact.seq, facts: [fact], skipped: {} });
}

function decided(): Told {
	const told = toldSwarm();
	told.swarm.campaign('n1', 'noLeader');
	told.swarm.propose('n1', { key: 'color', value: 'red', route: 'leader', contest: 0 });
	return told;
}

test('all are green over elections, decisions and duels', () => {
	const told = decided();
	told.swarm.propose('n3', { key: 'color', value: 'blue', route: 'self', contest: 0 });
	told.swarm.duel('n2', 'n4', 'green');
	expect(broken(told.story)).toEqual([]);
});

test.each(STORIES.map((story) => [story.id, story] as const))('all are green over the story %s', (_, story) => {
	expect(broken(perform(story).story)).toEqual([]);
});

describe('each turns red with the fact that breaks the rule, and not a moment before', () => {
	const lies: readonly (readonly [Rule, (told: Told) => FactBody])[] = [
		['oneValue', ({ facts }) => ({ ...bodyOf(facts, 'chosen'), value: OTHER })],
		['oneProposal', ({ facts }) => ({ ...bodyOf(facts, 'accepted'), value: OTHER })],
		['promises', () => ({ kind: 'promised', ballot: '1000000000000000000@n5', previous: '', reported: 0 })],
	];
	test.each(lies)('%s', (rule, body) => {
		const told = decided();
		const before = told.story.tape.last;
		lie(told, 'n2', body(told));
		expect(broken(told.story)).toEqual([rule]);
		expect(told.story.lamps.brokenBy(rule, NOW)?.fact).toMatchObject({ node: 'n2' });
		expect(broken(told.story, before?.at)).toEqual([]);
	});
});

function bodyOf<K extends 'chosen' | 'accepted'>(facts: readonly Fact[], kind: K): Extract<Fact, { kind: K }> {
	const fact = facts.findLast((each) => each.kind === kind);
	if (!fact) throw new Error(`nothing is ${kind}`);
	const { node: _node, epoch: _epoch, seq: _seq, time: _time, ...body } = fact;
	return body as Extract<Fact, { kind: K }>;
}
