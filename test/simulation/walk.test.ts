/** Some random walks. `npm run walk` makes many. */
import { describe, expect, it, vi } from 'vitest';
import { shortened, walk } from './walk.ts';
import type { Action, Shape } from './walk-action.ts';
import { WalkGuide } from './walk-guide.ts';
import { WalkWorld } from './walk-world.ts';

const WALKS = 400;
const THREE: Shape = {
	ids: ['n1', 'n2', 'n3'],
	votersAtFirst: 3,
	alpha: 2,
	messageBytesMax: 1000,
	inOrder: true,
	isReliable: true,
	cutOff: [],
};

it('many walks break no rule, and in them leaders follow each other, members change, and slots are chosen', () => {
	const walks = Array.from({ length: WALKS }, (_, index) => walk(index + 1));
	expect(walks.flatMap(({ seed, broken }) => (broken ? [{ seed, ...broken }] : []))).toEqual([]);
	const mean = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
	expect(mean(walks.map(({ slots }) => slots))).toBeGreaterThan(10);
	expect(mean(walks.map(({ leaders }) => leaders))).toBeGreaterThan(4);
	expect(mean(walks.map(({ changes }) => changes))).toBeGreaterThan(0.5);
}, 120_000);

it('a seed gives the same walk each time', () => {
	expect(walk(7)).toEqual(walk(7));
});

it('walks that guide each other meet more that is new, and go on from where an earlier one has met it', () => {
	const [alone, guided] = [new WalkGuide(), new WalkGuide()];
	const count = 100;
	// It looks at each walk, and has none go on from another one.
	vi.spyOn(alone, 'beginning').mockReturnValue(null);
	for (let seed = 1; seed <= count; seed++) {
		expect(walk(seed, guided).broken).toBe(null);
		walk(seed, alone);
	}
	expect(guided.situations).toBeGreaterThan(alone.situations);
}, 120_000);

describe('a world', () => {
	/** Every action until n1 leads and one slot holds its proposal. */
	const chosen: readonly Action[] = [
		{ kind: 'propose', node: 'n1', route: 'self', contest: 0 },
		{ kind: 'timer', node: 'n1', timer: 'campaign' },
		{ kind: 'talk', among: ['n1', 'n2'], max: 50 },
	];

	it('leaves out what cannot be done', () => {
		const world = new WalkWorld(THREE);
		expect(chosen.map((action) => world.perform(action))).toEqual([true, true, true]);
		expect(world.appliedThrough).toBe(1);
		expect(world.perform({ kind: 'mendLink', a: 'n1', b: 'n2' })).toBe(false);
		expect(world.perform({ kind: 'takeOver', node: 'n3', from: 'n1' })).toBe(false);
		expect(world.perform({ kind: 'deliver', from: 'n3', to: 'n1', at: 0 })).toBe(false);
	});

	it('loses what a crash makes it lose, and no more', () => {
		const world = new WalkWorld(THREE);
		for (const action of chosen) world.perform(action);
		world.perform({ kind: 'holdFlush', node: 'n1' });
		world.perform({ kind: 'propose', node: 'n1', route: 'leader', contest: 0 });
		world.perform({ kind: 'crash', node: 'n1', keeps: 0 });
		expect(world.nodes[0]?.agent.view()).toMatchObject({ role: 'follower', lastSlot: 1 });
	});

	it('goes on from a snapshot', () => {
		const world = new WalkWorld(THREE);
		for (const action of chosen) world.perform(action);
		world.perform({ kind: 'save', node: 'n1' });
		expect(world.perform({ kind: 'takeOver', node: 'n3', from: 'n1' })).toBe(true);
		world.perform({ kind: 'crash', node: 'n3', keeps: 0 });
		expect(world.nodes[2]?.agent.view()).toMatchObject({ chosenThrough: 1, appliedThrough: 1 });
	});
});

it('what breaks a rule is made short: the actions that it does not need are left out', () => {
	const nobody: Action = { kind: 'crash', node: 'n9', keeps: 0 };
	const { shape, seed, actions, ...rest } = walk(1);
	const failing = { ...rest, seed, shape, actions: [...actions, nobody, ...actions] };
	const short = shortened({ ...failing, broken: { rule: 'TypeError', detail: '' } });
	expect(short.actions).toEqual([nobody]);
	expect(short.broken?.rule).toBe('TypeError');
	// Where no shorter walk breaks the same rule, it is left as it is.
	expect(shortened({ ...failing, broken: { rule: 'Agreement', detail: '' } }).actions).toEqual(failing.actions);
});
