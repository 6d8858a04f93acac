/** `status` says what is wrong at a node, in a line for each. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeSwarm } from './fake-swarm.ts';

let fake: FakeSwarm;
beforeEach(async () => {
	fake = await FakeSwarm.create();
});
afterEach(() => fake.close());

/** What a node says of itself. */
function says(node: string, more: object, clockAheadMs: number | null): { body: string } {
	const member = (id: string, ahead: number | null) => ({
		...{ id, url: `http://127.0.0.1/${id}`, isVoter: true, replaces: null, role: 'follower', ballot: '' },
		...{ linked: true, behind: 0, heardMs: 0, clockAheadMs: ahead },
	});
	const others = ['n1', 'n2'].map((id) => member(id, id === node ? 0 : clockAheadMs));
	const numbers = { chosenThrough: 7, appliedThrough: 7, revision: 7, keys: 1 };
	return { body: JSON.stringify({ node, leader: 'n1', isChanging: false, ...numbers, members: others, ...more }) };
}

it('a disk that does not answer, a state that differs, a clock that is off, and a loop that stood still', async () => {
	const loop = { longestMs: 812.4, over20Ms: 9, over50Ms: 5, over250Ms: 3, ranOver50Ms: 2 };
	const faults = { diskFault: 'the disk has not answered for 3.1 s', stateFault: 'its state is not that of n1' };
	fake.first.answer = says('n1', { diskFault: null, stateFault: null, loop: { ...loop, over250Ms: 0 } }, 7_200_000);
	fake.second.answer = says('n2', { ...faults, loop }, -9_000);
	const { status, stdout } = await fake.run('status');
	expect(status).toBe(0);
	expect(stdout.split('\n').slice(4)).toEqual([
		"n1: the clock of n2 is 2 hours ahead of this node's.",
		'n2: the disk has not answered for 3.1 s.',
		'n2: its state is not that of n1.',
		'n2: its event loop stood still for more than 250 ms 3 times, 812.4 ms at most.',
		'',
	]);
});

it('nothing of that where a node of an earlier version does not tell it', async () => {
	fake.first.answer = says('n1', {}, null);
	fake.second.answer = says('n2', {}, null);
	expect((await fake.run('status')).stdout.trimEnd().split('\n')).toHaveLength(4);
});
