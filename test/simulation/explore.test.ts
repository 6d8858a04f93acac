/** Interleavings of a tiny world. `npm run explore` walks all of them. */
import { expect, it } from 'vitest';
import { explore } from '../../shared/simulation/explore.ts';
import { Fingerprints } from '../../shared/simulation/fingerprints.ts';

const STATES_MAX = 150_000;

it('in the first many interleavings with a crash, no two values are chosen, and either one can be', () => {
	const { violation, states, chosenFirst, chosenSecond } = explore({
		crash: true,
		duplicates: 1,
		statesMax: STATES_MAX,
	});
	expect(violation).toBeNull();
	expect(states).toBeGreaterThanOrEqual(STATES_MAX);
	expect(chosenFirst + chosenSecond).toBeGreaterThan(0);
});

it('a set of fingerprints knows again what was added, however often it has grown', () => {
	const fingerprints = new Fingerprints(16);
	const states = Array.from({ length: 20_000 }, (_, index) => [index % 7, index % 11, index]);
	expect(states.every((state) => fingerprints.add(state))).toBe(true);
	expect(states.some((state) => fingerprints.add(state))).toBe(false);
	expect(fingerprints.size).toBe(states.length);
});
