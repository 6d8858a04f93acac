/** The page finds out by itself whether a rule is broken: each lamp is green over what nodes do, and is seen to turn red. */
import { describe, expect, test } from 'vitest';
import { Lamps, RULES, type Rule } from '../../dashboard/model/lamps.ts';
import type { Story } from '../../dashboard/model/story.ts';
import { STORIES } from '../../dashboard/sandbox/stories.ts';
import type { Fact, FactBody } from '../../shared/fact.ts';
import { perform } from './sandbox-page.ts';
import { type Told, toldSwarm } from './told.ts';

const NOW = Number.POSITIVE_INFINITY;
const OTHER = { digest: 'ffff', bytes: 4, commands: 1, text: 'put color = other' };

function broken(story: Story, at = NOW): Rule[] {
	return RULES.filter((rule) => story.lamps.breach(rule, at) !== null);
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
		expect(told.story.lamps.breach(rule, NOW)?.entry.fact).toMatchObject({ node: 'n2' });
		expect(broken(told.story, before?.at)).toEqual([]);
	});
});

function bodyOf<K extends 'chosen' | 'accepted'>(facts: readonly Fact[], kind: K): Extract<Fact, { kind: K }> {
	const fact = facts.findLast((each) => each.kind === kind);
	if (!fact) throw new Error(`nothing is ${kind}`);
	const { node: _node, epoch: _epoch, seq: _seq, time: _time, ...body } = fact;
	return body as Extract<Fact, { kind: K }>;
}

describe('a promise binds a node in its next life', () => {
	const stamp = (epoch: string, seq: number) => ({ node: 'n2', epoch, seq, time: seq });
	const high = '1763889731207000009@n3';
	const low = '1763889731207000003@n1';
	const made: Fact = { ...stamp('1', 1), kind: 'promised', ballot: high, previous: '', reported: 0 };
	const left: Fact = {
		...stamp('1', 2),
		kind: 'sent',
		to: 'n3',
		messageId: 'n2-1:1',
		message: { kind: 'promise', ballot: high, part: 0, parts: 1, chosenThrough: 0, accepted: [] },
	};
	const broken: Fact = { ...stamp('2', 1), kind: 'promised', ballot: low, previous: '', reported: 0 };

	function lampsOver(facts: readonly Fact[]): Lamps {
		const lamps = new Lamps();
		for (const [i, fact] of facts.entries()) {
			lamps.add({ node: fact.node, told: { kind: 'fact', fact }, fact, index: i, at: i, whenMs: i });
		}
		return lamps;
	}

	test('where it has left it', () => {
		expect(lampsOver([made, left, broken]).breach('promises', NOW)?.entry.fact).toBe(broken);
	});

	test('and not where it was lost in a crash before it left', () => {
		expect(lampsOver([made, broken]).breach('promises', NOW)).toBeNull();
	});

	test('and always in the same life', () => {
		const sameLife: Fact = { ...broken, epoch: '1', seq: 2 };
		expect(lampsOver([made, sameLife]).breach('promises', NOW)?.entry.fact).toBe(sameLife);
	});
});
