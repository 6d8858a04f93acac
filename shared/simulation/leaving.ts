/**
 * Nodes that are told to stop, as by SIGTERM, and go as the server lets them go: such a node hands over the leadership
 * and serves on for a while. Then it takes nothing more from clients, answers what it has taken, tells its clients, and
 * stops.
 */
import { type Fault, PLAN } from './faults.ts';
import type { SimulatedNode } from './node.ts';
import type { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

type Leave = Extract<Fault, { kind: 'leave' }>;

/** A process that has stopped has closed its log within this time. */
const CLOSE_MS = 5;
/** A node that takes nothing more from clients looks at this interval whether all have their answers. */
const LOOK_EVERY_MS = 10;

/** The share of seeds in which nodes leave, and how often they do. */
const LEAVES = 0.5;
const LEAVES_MAX = 4;
/** The share of leaves of the present leader, and of leaves of all nodes at once. */
const OF_THE_LEADER = 0.6;
const OF_ALL = 0.1;

export function drawLeaves(random: Random, nodes: number): Leave[] {
	if (!random.chance(LEAVES)) return [];
	return Array.from({ length: random.integer(1, LEAVES_MAX) }, () => {
		const atMs = random.integer(PLAN.calmMs, PLAN.healMs - 1);
		const one = (node: number, isLeader: boolean): Leave => ({
			atMs,
			kind: 'leave',
			node,
			isLeader,
			serveMs: Math.round(random.magnitude(1, 1_000)),
			answersMs: Math.round(random.magnitude(1, 1_000)),
			downMs: Math.round(random.magnitude(5, 3_000)),
		});
		if (random.chance(OF_ALL)) return Array.from({ length: nodes }, (_, node) => one(node, false));
		return [one(random.integer(0, nodes - 1), random.chance(OF_THE_LEADER))];
	}).flat();
}

/** The node is told to stop. What it does about it waits while its process stands still, and ends with its process. */
export function leave({ serveMs, answersMs, downMs }: Leave, node: SimulatedNode, world: World): void {
	const { process } = node;
	if (!process || process.isEnded || node.paused || node.leaving) return;
	const { counters } = world;
	const led = process.agent.view().role === 'leader';
	counters.nodesLeft++;
	if (led) counters.leadersLeft++;
	node.leaving = 'serves';
	process.leave();
	const later = (ms: number, act: () => void): void =>
		world.later(node, world.now + ms * US_PER_MS, 'leave', () => {
			if (!process.isEnded) act();
		});
	later(serveMs, () => {
		if (led && process.agent.view().role !== 'leader') counters.leadersLeftAfterAnother++;
		node.leaving = 'drains';
		const endAt = world.now + answersMs * US_PER_MS;
		const look = (): void => {
			const isSettled = world.sockets.areSettled(node) && !process.owesRequests;
			if (!isSettled && world.now < endAt) return later(LOOK_EVERY_MS, look);
			if (isSettled) counters.stopsSettled++;
			else counters.stopsUnsettled++;
			stop(node, world, downMs);
		};
		look();
	});
}

/** The process of the node stops at once, in good order, and another one begins later. */
export function stop(node: SimulatedNode, world: World, downMs: number): void {
	const { epoch, process } = node;
	process?.close();
	node.leaving = 'stopped';
	world.plan(world.now + CLOSE_MS * US_PER_MS, undefined, 'fault', -1, () => {
		if (node.epoch === epoch) world.crash(node);
		world.restartAfter(node, downMs);
	});
}
