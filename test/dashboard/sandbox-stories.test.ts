/** Each story of the sandbox comes to its end, and what its sentences say is so in the facts. */
import { describe, expect, test } from 'vitest';
import { ballotNode } from '../../dashboard/model/ballot-names.ts';
import { electionOf } from '../../dashboard/model/election.ts';
import { partInElection } from '../../dashboard/model/part.ts';
import type { Entry } from '../../dashboard/model/tape.ts';
import { Director } from '../../dashboard/sandbox/director.ts';
import type { StagedStory } from '../../dashboard/sandbox/scene.ts';
import { LEADER_KILLED } from '../../dashboard/sandbox/stories/leader-killed.ts';
import { STORIES } from '../../dashboard/sandbox/stories.ts';
import type { Fact } from '../../shared/fact.ts';
import { endScene, openSandbox, type Performed, perform } from './sandbox-page.ts';

type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>;

/** What has to be so at the end of each story. */
const CLAIMS: Readonly<Record<string, (performed: Performed) => void>> = {
	'first-decision': ({ facts, cast: [, a], story }) => {
		const [chosen] = of(facts, 'chosen');
		expect(ballotNode(chosen?.ballot ?? '')).toBe(a);
		const promised = of(facts, 'promised').filter(({ ballot }) => ballot === chosen?.ballot);
		expect(promised.length).toBeGreaterThanOrEqual(3);
		expect(of(facts, 'promised').every(({ reported }) => reported === 0)).toBe(true);
		for (const node of story.live.nodes)
			expect(node.slots.get(1)).toMatchObject({ chosen: true, value: { text: RED } });
	},
	rivals: ({ facts, cast: [, a, , c], answers }) => {
		const [halted] = of(facts, 'halted').filter(({ node }) => node === a || node === c);
		expect([a, c]).toContain(halted?.node);
		expect([a, c]).toContain(ballotNode(halted?.by ?? ''));
		expect(ballotNode(halted?.by ?? '')).not.toBe(halted?.node);
		const slots = answers.flatMap(({ answer }) =>
			answer.kind === 'propose' && answer.answer.outcome === 'chosen' ? [answer.answer.slot] : [],
		);
		expect(new Set(slots).size).toBe(2);
		const tries = of(facts, 'campaign').filter(({ node }) => node === halted?.node);
		expect(tries.length).toBeGreaterThan(1);
	},
	'dead-proposer': ({ facts, cast: [leader, a, b], story }) => {
		const [own] = of(facts, 'proposed').filter(({ node }) => node === a);
		const accepted = of(facts, 'accepted').filter(({ ballot }) => ballot === own?.ballot);
		expect(accepted.map(({ node }) => node).sort()).toEqual([leader, a, b].sort());
		expect(facts.some(({ node, kind }) => node === a && kind === 'chosen')).toBe(false);
		const [again] = of(facts, 'proposed').filter(({ origin }) => origin === 'reported');
		expect(again).toMatchObject({ reportedAt: own?.ballot, slot: own?.slot, value: { text: RED } });
		const [chosen] = of(facts, 'chosen').filter(({ how }) => how === 'counted');
		expect(chosen).toMatchObject({ ballot: again?.ballot, slot: own?.slot, value: { text: RED } });
		expect(again?.ballot).not.toBe(own?.ballot);
		expect(story.live.node(a)?.status).toBe('unknown');
	},
	'no-quorum': ({ facts, cast: [, , b], scenes: [, waits] }) => {
		// Between the crash of the three and the return of one of them nothing was chosen.
		expect(facts.slice(0, waits).some((fact) => fact.kind === 'chosen' && fact.how === 'counted')).toBe(false);
		const voters = of(facts, 'accepted').filter(({ value }) => value.text === RED);
		expect(voters.map(({ node }) => node)).toContain(b);
		expect(chosenSlots(facts, RED)).toHaveLength(1);
	},
	minority: ({ facts, cast: [leader, a, b, c, d] }) => {
		const [red] = of(facts, 'chosen').filter(({ how, value }) => how === 'counted' && value.text === RED);
		const [blue] = of(facts, 'chosen').filter(({ how, value }) => how === 'counted' && value.text === BLUE);
		const forRed = of(facts, 'accepted').filter(({ ballot, slot }) => ballot === red?.ballot && slot === red?.slot);
		for (const { node } of forRed.slice(0, 3)) expect([b, c, d]).toContain(node);
		expect(facts.indexOf(blue as Fact)).toBeGreaterThan(facts.indexOf(red as Fact));
		expect(blue?.slot).toBeGreaterThan(red?.slot ?? 0);
		// The old ballot got two votes, and never more.
		const [first] = of(facts, 'proposed').filter(({ node, value }) => node === leader && value.text === BLUE);
		const votes = of(facts, 'accepted').filter(({ ballot, value }) => ballot === first?.ballot && value.text === BLUE);
		expect(votes.map(({ node }) => node).sort()).toEqual([leader, a].sort());
	},
	'leader-killed': ({ facts, cast: [leader], stage }) => {
		const [campaign] = of(facts, 'campaign');
		const polls = facts.filter((fact) => fact.kind === 'sent' && fact.message.kind === 'poll');
		expect(facts.indexOf(polls[0] as Fact)).toBeLessThan(facts.indexOf(campaign as Fact));
		// No phase 1 is run for the value that is proposed afterwards.
		const elected = facts.findIndex((fact) => fact.kind === 'role' && fact.role === 'leader');
		expect(of(facts.slice(elected), 'campaign')).toEqual([]);
		expect(chosenSlots(facts, RED)).toHaveLength(1);
		expect(stage.snapshot(leader)?.role).toBe('follower');
	},
	'old-leader-read': ({ facts, cast: [leader], answers, scenes: [, , , asked] }) => {
		const [read] = answers.filter(({ answer }) => answer.kind === 'read');
		expect(read).toMatchObject({ of: { action: { node: leader } }, answer: { isConfirmed: true, value: 'blue' } });
		const before = facts.slice(0, asked);
		// While it was cut off it had applied “red”, and had not heard of “blue”.
		const applied = of(before, 'chosen').filter(({ node }) => node === leader);
		expect(applied.map(({ value }) => value.text)).toContain(RED);
		expect(applied.map(({ value }) => value.text)).not.toContain(BLUE);
		expect(chosenSlots(before, BLUE)).toHaveLength(1);
		expect(read?.at).toBeGreaterThan((read?.of.at ?? 0) + 100_000);
	},
	gap: ({ facts, cast: [leader], stage }) => {
		const [red] = of(facts, 'proposed').filter(({ value }) => value.text === RED);
		const gap = red?.slot ?? 0;
		const noop = of(facts, 'proposed').find(({ slot, origin }) => slot === gap && origin === 'noop');
		expect(noop?.node).not.toBe(leader);
		const accepted = of(facts, 'accepted').filter(({ slot, ballot }) => slot === gap && ballot === red?.ballot);
		expect(accepted.map(({ node }) => node)).toEqual([leader]);
		const chosen = of(facts, 'chosen').filter(({ how, slot }) => how === 'counted' && slot > gap);
		expect(chosen.at(-1)).toMatchObject({ slot: gap + 1, ballot: noop?.ballot, value: { text: 'put shape = blue' } });
		for (const id of stage.nodes.filter((id) => stage.presence(id) === 'up')) {
			expect(stage.snapshot(id)?.appliedThrough).toBeGreaterThan(gap);
		}
	},
	'lost-disk': ({ facts, cast: [, a], stage }) => {
		expect(stage.presence(a)).toBe('diskLost');
		const [inForce] = stage.snapshot('n6')?.swarm.sets.slice(-1) ?? [];
		const voters = inForce?.members.filter(({ isVoter }) => isVoter).map(({ id }) => id);
		expect(voters).toContain('n6');
		expect(voters).not.toContain(a);
		const votes = of(facts, 'accepted').filter(({ node }) => node === 'n6');
		expect(votes.length).toBeGreaterThan(0);
		// It first learned what was chosen, and then voted.
		const learned = of(facts, 'chosen').find(({ node, value }) => node === 'n6' && value.text === RED);
		expect(facts.indexOf(learned as Fact)).toBeLessThan(facts.indexOf(votes[0] as Fact));
	},
	'new-member': ({ facts }) => {
		const sizes = of(facts, 'members').map(({ members }) => members.filter(({ isVoter }) => isVoter).length);
		expect(new Set(sizes)).toEqual(new Set([5, 6]));
		const needed = of(facts, 'voteCounted').map((fact) => fact.needed);
		expect([needed[0], needed.at(-1)]).toEqual([3, 4]);
	},
	star: ({ facts, cast: [leader, a, b], stage }) => {
		expect(stage.snapshot(a)?.role).toBe('leader');
		expect(stage.snapshot(leader)?.role).toBe('follower');
		const forwarded = facts.some((fact) => fact.kind === 'sent' && fact.node === b && fact.message.kind === 'forward');
		expect(forwarded).toBe(true);
		expect(
			of(facts, 'role')
				.filter(({ role }) => role === 'leader')
				.every(({ node }) => node === a),
		).toBe(true);
	},
	chain: ({ facts, cast: [leader, a, b], stage }) => {
		expect(of(facts, 'campaign')).toEqual([]);
		expect(stage.snapshot(leader)?.role).toBe('leader');
		const passedOn = facts.filter((fact) => fact.kind === 'sent' && fact.message.kind === 'forward');
		expect(passedOn).toMatchObject([
			{ node: b, to: a },
			{ node: a, to: leader },
		]);
	},
};

/** With these a scene once did not come to its end, or a sentence was not so. */
const OTHER_SEEDS = [1, 17];

const RED = 'put color = red';
const BLUE = 'put color = blue';

describe.each(STORIES.map((story) => [story.id, story] as const))('the story %s', (id, story: StagedStory) => {
	test.each([story.seed, ...OTHER_SEEDS])('comes to its end, and is true, with the seed %i', (seed) => {
		const performed = perform({ ...story, seed });
		for (const said of performed.said) expect(said, id).toMatch(/^[^.!?]+\.$/);
		expect(performed.stage.violation).toBeNull();
		const claim = CLAIMS[id];
		if (!claim) throw new Error(`nothing is claimed of ${id}`);
		claim(performed);
	});
});

test('before anything is proposed under its ballot, an election shows its promises, and no vote of an earlier slot', () => {
	const page = openSandbox();
	// A leader was elected, and no node knows anything to be chosen.
	const first = page.story.decision(page.story.gather(0, []));
	expect([first.learned.size, first.rounds.length]).toEqual([0, 0]);
	const director = new Director(LEADER_KILLED, page.sandbox, false);
	director.begin();
	const parts = () => {
		const election = electionOf(page.story.live);
		return election && page.story.live.nodes.filter((node) => partInElection(election, node)).map(({ id }) => id);
	};
	endScene(page.sandbox, director);
	expect(parts()).toBeNull();
	director.next();
	endScene(page.sandbox, director);
	const asked = electionOf(page.story.live);
	const slots = page.story.live.newestSlot;
	expect(asked).toMatchObject({ from: slots + 1, counted: [] });
	expect(parts()).toEqual([asked?.candidate]);
	expect(asked?.electorate?.voters).toHaveLength(5);
	director.next();
	endScene(page.sandbox, director);
	const counted = electionOf(page.story.live)?.counted;
	expect(counted).toHaveLength(3);
	expect(parts()).toEqual(expect.arrayContaining([...(counted ?? [])]));
	// The leader proposes, and the decision is shown.
	director.next();
	endScene(page.sandbox, director);
	expect(parts()).toBeNull();
	const [elected] = page.story.tape.newest(1, ({ fact }) => fact.kind === 'role' && fact.role === 'leader');
	expect(electionOf(page.story.at(elected as Entry))).toMatchObject({ ballot: asked?.ballot, counted });
});

test('a decision is shown from the first request on, with the ballots of both rivals, and an election is none', () => {
	const page = openSandbox();
	expect(page.story.live.nodes.some(({ role }) => role === 'leader')).toBe(true);
	expect(page.story.live.newestSlot).toBe(0);
	const rivals = STORIES.find(({ id }) => id === 'rivals') as StagedStory;
	const director = new Director(rivals, page.sandbox, false);
	director.begin();
	endScene(page.sandbox, director);
	director.next();
	endScene(page.sandbox, director);
	expect(director.says).toContain('refuses the lower one');

	expect(page.story.live.newestSlot).toBe(1);
	const { rounds, chosen } = page.story.decision(page.story.gather(1, []));
	expect(chosen).toBeNull();
	expect(rounds.map(({ proposal, halted }) => [proposal, halted === null])).toEqual([
		[null, false],
		[null, true],
	]);
	expect(rounds.map(({ promise }) => [...promise.values()].some(({ state }) => state === 'promised'))).toEqual([
		true,
		true,
	]);
});

test('a story that is gone through event by event comes to its end too', () => {
	const page = openSandbox();
	const story = STORIES.find(({ id }) => id === 'gap') as StagedStory;
	const director = new Director(story, page.sandbox, false);
	director.begin();
	for (let steps = 0; !director.isOver && steps < 2_000; steps++) {
		if (director.isDone) director.next();
		else director.step();
	}
	expect(director.scene).toBe(story.scenes.length);
});

test('a story may be left, and another one begins anew', () => {
	const [first] = STORIES as [StagedStory];
	const left = perform(first);
	const again = perform(first);
	expect(again.said).toEqual(left.said);
	expect(again.stage.script).toEqual(left.stage.script);
});

function of<K extends Fact['kind']>(facts: readonly Fact[], kind: K): Of<K>[] {
	return facts.filter((fact): fact is Of<K> => fact.kind === kind);
}

/** The slots in which a leader counted a quorum for that value. */
function chosenSlots(facts: readonly Fact[], text: string): number[] {
	const chosen = of(facts, 'chosen').filter(({ how, value }) => how === 'counted' && value.text === text);
	return [...new Set(chosen.map(({ slot }) => slot))];
}
