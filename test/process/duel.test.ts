/** Two proposers that run both phases against each other, and a slot that already has votes. */
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import type { ProposeAnswer } from '../../shared/feed.ts';
import { get } from './client.ts';
import { chosenValues, readDisk, replay } from './disk-log.ts';
import { Swarm } from './swarm.ts';
import { Watch } from './watch.ts';

let swarm: Swarm;
let watches: Watch[];
beforeAll(async () => {
	swarm = await Swarm.create({ size: 5, timings: { requestMs: 60_000 } });
	await swarm.start();
	watches = await Promise.all(swarm.nodes.map(Watch.open));
});
beforeEach(() => onTestFailed(() => swarm.report()));
afterAll(async () => {
	for (const watch of watches) watch.close();
	await swarm.dispose();
});

test('a contested slot keeps its value and says so, at whichever node it is contested', async () => {
	const red = await (watches[1] as Watch).propose({ key: 'color', value: 'red', route: 'self' });
	if (red.outcome !== 'chosen') throw new Error(`not chosen: ${JSON.stringify(red)}`);
	for (const index of [3, 0, 1]) {
		const watch = watches[index] as Watch;
		const answer = await watch.propose({ key: 'color', value: 'blue', route: 'self', contest: red.slot });
		expect(answer).toMatchObject({ outcome: 'kept', slot: red.slot });
		if (answer.outcome !== 'kept') throw new Error('not kept');
		expect(answer.value.text).toContain('red');
		expect(answer.value.text).not.toContain('blue');
		expect(answer.attempts.length).toBeGreaterThan(0);
		expect(answer.ballot).toMatch(new RegExp(`@n${index + 1}$`));
	}
	for (const node of swarm.nodes) expect(await get(node, 'color')).toBe('red');
});

test('a slot that nothing was proposed for, with others open before it, cannot be contested', async () => {
	const answer = await (watches[2] as Watch).propose({ key: 'shade', value: 'red', route: 'self', contest: 1_000 });
	expect(answer).toMatchObject({ outcome: 'refused', why: expect.stringMatching(/slot/) });
	expect(await get(swarm.node('n1'), 'shade')).toBeNull();
});

test('a duel of 200 proposals at each of two nodes ends, each applied once, at a ballot of its own node', async () => {
	const [first, second] = [watches[1] as Watch, watches[3] as Watch];
	const before = watches.map(({ facts }) => facts.length);
	const answers = (await Promise.all([proposeMany(first, 'n2'), proposeMany(second, 'n4')])).flat();
	expect(answers).toHaveLength(400);
	expect(answers.filter(({ answer }) => answer.outcome !== 'chosen')).toEqual([]);
	const revisions = new Set<number>();
	for (const { at, answer } of answers) {
		if (answer.outcome !== 'chosen') throw new Error('not chosen');
		expect(answer.ballot).toMatch(new RegExp(`@${at}$`));
		expect(answer.attempts.length).toBeGreaterThan(0);
		for (const { ballot } of answer.attempts) expect(ballot).toMatch(new RegExp(`@${at}$`));
		revisions.add(answer.revision);
	}
	expect(revisions.size).toBe(400);

	const facts = watches.flatMap((watch, index) => watch.facts.slice(before[index]));
	const nacks = facts.filter((fact) => fact.kind === 'refused');
	expect(nacks.length).toBeGreaterThan(0);
	const halted = answers.flatMap(({ answer }) => answer.attempts).filter(({ haltedBy }) => haltedBy !== '');
	expect(halted.length).toBeGreaterThan(0);
	expect(watches.map(({ gaps }) => gaps)).toEqual([0, 0, 0, 0, 0]);

	await Promise.all(swarm.nodes.map((node) => node.stop()));
	const { store, commands } = replay(chosenValues(swarm.nodes.map(readDisk)));
	// One key is of the tests before.
	expect(store.keysCount).toBe(401);
	expect([...commands.values()].filter(({ revisions }) => revisions.length !== 1)).toEqual([]);
});

/** Makes 200 proposals, up to 20 at a time. */
async function proposeMany(watch: Watch, at: string): Promise<{ at: string; answer: ProposeAnswer }[]> {
	const answers: { at: string; answer: ProposeAnswer }[] = [];
	let next = 0;
	const propose = async (): Promise<void> => {
		while (next < 200) {
			const key = `${at}-${next++}`;
			answers.push({ at, answer: await watch.propose({ key, value: 'x', route: 'self' }) });
		}
	};
	await Promise.all(Array.from({ length: 20 }, propose));
	return answers;
}
