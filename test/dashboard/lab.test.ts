/** The page of a lab says what came of the last thing that a person did. The test answers in the place of nodes. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { actOn, heldNow, said, setAll, setFault } from '../../dashboard/lab/acting.ts';
import { beginStory, story } from '../../dashboard/view/state.ts';
import { NO_FAULT } from '../../shared/lab.ts';
import { FakeSwarm, fakeMembers } from './fake-swarm.ts';
import { START_MS } from './told.ts';

/** The requests without an answer so far. A node that is given no answer here does not answer. */
let asked: { readonly path: string; readonly answer: (body?: object) => void }[];

beforeEach(() => {
	asked = [];
	vi.stubGlobal('fetch', (path: string) => {
		return new Promise((resolve, reject) => {
			const answer = (body?: object) =>
				body ? resolve(Response.json(body)) : reject(new TypeError('failed to fetch'));
			asked.push({ path, answer });
		});
	});
	beginStory({});
	const swarm = new FakeSwarm(fakeMembers(3), START_MS, () => undefined);
	for (const { id } of swarm.nodes) {
		const faults = id === 'n1' ? [{ ...NO_FAULT, from: 'n2', hold: true }] : [];
		story.snapshot(id, { ...swarm.snapshot(id), faults });
	}
});
afterEach(() => vi.unstubAllGlobals());

test('to look at what is held says nothing, also where the node does not answer', async () => {
	const done = actOn('pause', 'n3');
	asked[0]?.answer({});
	await done;
	const held = heldNow();
	asked[1]?.answer();
	expect(await held).toEqual([]);
	expect(said.value).toBe('n3 is paused.');
});

test('an answer that comes late does not take the place of what came of the next thing', async () => {
	const first = setFault([['n1', 'n2']], { cut: true });
	const second = setFault([['n2', 'n3']], { hold: true });
	asked[1]?.answer({});
	await second;
	asked[0]?.answer();
	await first;
	expect(said.value).toBe('The messages of n2 to n3 wait until they are released.');
});

test('a node that does not answer is named beside those of which it was done', async () => {
	const done = setAll({ delayMs: 200 });
	expect(asked).toHaveLength(3);
	asked[0]?.answer({});
	asked[1]?.answer();
	asked[2]?.answer({});
	await done;
	expect(said.value).toBe('n2 does not answer. The messages to the others come 200 ms late.');
});
