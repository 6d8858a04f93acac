/**
 * Each kind of bad input that comes over a socket, once, at real nodes. `npm run fuzz` throws more, and judges the longest
 * steps of the event loops too, which depend on the machine.
 */
import { expect, test } from 'vitest';
import { fuzz } from './run.ts';
import { WAYS } from './ways.ts';

test('there are more than a hundred kinds, each with a name of its own', () => {
	const names = WAYS.flatMap(({ name, kinds }) => kinds.map((kind) => `${name}: ${kind.name}`));
	expect(new Set(names).size).toBe(names.length);
	expect(names.length).toBeGreaterThan(100);
});

test('whatever is thrown at a swarm is answered as documented, and nothing that was acknowledged is lost', async () => {
	// The others take a process for each input.
	const ways = WAYS.filter(({ name }) => name !== 'files' && name !== 'flags');
	const options = { seed: 1, firstRound: 1, rounds: 1, only: '', ways, pauseMs: 25, judgesSteps: false };
	expect(await fuzz(options, () => undefined)).toEqual([]);
});
