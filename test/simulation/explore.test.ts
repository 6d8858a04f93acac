/** Interleavings of tiny worlds. `npm run explore` walks all of them. */
import { expect, it } from 'vitest';
import { explore } from '../../shared/simulation/explore.ts';
import { MEMBERS_CHANGE, ONE_SLOT } from '../../shared/simulation/explore-world.ts';
import { Fingerprints } from '../../shared/simulation/fingerprints.ts';

const STATES_MAX = 160_000;

it('in the first many interleavings with a crash, no two values are chosen, and either one can be', () => {
	const { violation, states, chosenFirst, chosenSecond } = explore({
		world: ONE_SLOT,
		late: null,
		crash: true,
		duplicates: 1,
		statesMax: STATES_MAX,
	});
	expect(violation).toBeNull();
	expect(states).toBeGreaterThanOrEqual(STATES_MAX);
	expect(chosenFirst + chosenSecond).toBeGreaterThan(0);
});

it('members change from three to four to three, whichever message is late, and no two values are chosen in a slot', () => {
	const { violation, complete, states, chosenFirst, chosenSecond, chosenByLast } = explore({
		world: MEMBERS_CHANGE,
		late: 1,
		crash: false,
		duplicates: 0,
		statesMax: STATES_MAX,
	});
	expect(violation).toBeNull();
	expect(complete).toBe(true);
	expect(states).toBe(152_680);
	// A walk in which nothing is chosen, or not under the last members, would show nothing.
	expect(chosenFirst).toBeGreaterThan(0);
	expect(chosenSecond).toBeGreaterThan(0);
	expect(chosenByLast).toBeGreaterThan(0);
}, 300_000);

it('a set of fingerprints knows again what was added, however often it has grown', () => {
	const fingerprints = new Fingerprints(16);
	const states = Array.from({ length: 20_000 }, (_, index) => [index % 7, index % 11, index]);
	expect(states.every((state) => fingerprints.add(state))).toBe(true);
	expect(states.some((state) => fingerprints.add(state))).toBe(false);
	expect(fingerprints.size).toBe(states.length);
});
