/**
 * The links of a simulated world keep the mesh's promise: a loss is told to both ends, and nothing passes before that.
 */
import { expect, it } from 'vitest';
import type { SimulatedNode } from '../../shared/simulation/node.ts';
import { drawPlan, type Plan } from '../../shared/simulation/plan.ts';
import { runPlan } from '../../shared/simulation/run.ts';
import type { Onlooker } from '../../shared/simulation/world.ts';

/** Records the events of each end in a seed with lossy links, cuts, crashes and pauses. */
const PLAN: Plan = {
	...drawPlan(5, 3),
	regime: 'survivable',
	links: { loss: 0.02, duplication: 0.1, delayMinMs: 0.1, delaySpreadMs: 5, tail: 0.05, delayTailMs: 400 },
	faults: [
		{ atMs: 1_000, kind: 'crash', node: 0, downMs: 5 },
		{ atMs: 2_000, kind: 'crash', node: 2, downMs: 5 },
		{ atMs: 4_000, kind: 'cuts', shape: 'link', cuts: [[0, 1]], ms: 3_000 },
		{ atMs: 8_000, kind: 'pause', node: 1, ms: 2_500 },
		{ atMs: 12_000, kind: 'lossy', from: 2, to: 0, loss: 0.5, ms: 4_000 },
	],
};

const ignored: Onlooker = {
	note: () => undefined,
	fact: () => undefined,
	sent: () => undefined,
	received: () => undefined,
	link: () => undefined,
	applied: () => undefined,
};

const endOf = (node: SimulatedNode, peer: string) => `${node.id}, life ${node.epoch}, of ${peer}`;

it('each end is told linkUp and linkDown in turn, beginning with linkUp', () => {
	const isUp = new Map<string, boolean>();
	let told = 0;
	const { violation } = runPlan(PLAN, {
		...ignored,
		link(time, node, peer, works) {
			expect(works, `${endOf(node, peer)} at ${time}`).toBe(!(isUp.get(endOf(node, peer)) ?? false));
			isUp.set(endOf(node, peer), works);
			told++;
		},
	});
	expect(violation).toBeNull();
	expect(told).toBeGreaterThan(200);
});

it('after a message was lost its sender gets nothing through until it was told linkDown and linkUp', () => {
	/** For each end, whether a message was lost since the last linkUp. */
	const loses = new Set<string>();
	let ended = 0;
	runPlan(PLAN, {
		...ignored,
		sent(time, node, to, _messageId, _message, lost) {
			if (!lost) expect(loses, `${endOf(node, to)} at ${time}`).not.toContain(endOf(node, to));
			else if (!loses.has(endOf(node, to))) {
				loses.add(endOf(node, to));
				ended++;
			}
		},
		link(_time, node, peer, works) {
			if (works) loses.delete(endOf(node, peer));
		},
	});
	expect(ended).toBeGreaterThan(50);
});

it('nothing leaves a node on a link that it was told is down', () => {
	const isUp = new Set<string>();
	const left: string[] = [];
	runPlan(PLAN, {
		...ignored,
		link(_time, node, peer, works) {
			if (works) isUp.add(endOf(node, peer));
			else isUp.delete(endOf(node, peer));
		},
		sent(time, node, to, _messageId, _message, lost) {
			if (!lost && !isUp.has(endOf(node, to))) left.push(`${endOf(node, to)} at ${time}`);
		},
	});
	expect(left).toEqual([]);
});
