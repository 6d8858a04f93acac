/**
 * One random walk of real agents: actions are drawn until there are enough, then everything is mended, and all nodes talk
 * until they agree or break a rule. A walk is told by its seed. One that breaks a rule is made short.
 *
 * It is beside the simulator of whole swarms, which has time, disks, clients and a store. A walk has none of these, and
 * messages arrive in whichever order the worst network would give them, so it meets orders that a swarm meets seldom.
 */
import { leaveOut } from '../../shared/simulation/leave-out.ts';
import { Violation } from '../../shared/simulation/ledger.ts';
import { Random } from '../../shared/simulation/random.ts';
import type { Action, Shape } from './walk-action.ts';
import { drawShape, drawWalk } from './walk-draw.ts';
import type { WalkGuide } from './walk-guide.ts';
import { WalkWorld } from './walk-world.ts';

export interface Walked {
	readonly seed: number;
	readonly shape: Shape;
	/** The actions that were done. */
	readonly actions: readonly Action[];
	/** The number of slots that some node has applied. */
	readonly slots: number;
	readonly leaders: number;
	readonly changes: number;
	readonly broken: Broken | null;
}

export interface Broken {
	readonly rule: string;
	readonly detail: string;
}

/** How often all nodes talk at the end. Each time their timers fire, and a node that hears no leader stands for election. */
const ROUNDS_AT_END = 6;
/** Then, after so many rounds at most in which nobody is asked for anything, one node leads and all members know as much. */
const ROUNDS_UNTIL_QUIET = 40;
const TALK_AT_END = 2000;

/** @param guide tells where the walk begins, and learns from it; without one it begins with nothing done */
export function walk(seed: number, guide?: WalkGuide): Walked {
	const random = new Random(seed);
	const from = guide?.beginning(random) ?? { shape: drawShape(random), actions: [] };
	const { shape } = from;
	const drawn = drawWalk(random, shape);
	const actions: Action[] = [];
	let newThrough = 0;
	const act = (world: WalkWorld): void => {
		for (const action of from.actions) if (world.perform(action)) actions.push(action);
		guide?.takeNews();
		for (let left = drawn.length; left > 0; left--) {
			const action = drawn.next(world);
			actions.push(action);
			if (!world.perform(action)) actions.pop();
			else if (guide?.takeNews()) newThrough = actions.length;
		}
	};
	const done = walked(seed, shape, act, actions, guide);
	if (newThrough > 0 && !done.broken) guide?.keep(random, { shape, actions: actions.slice(0, newThrough) });
	return done;
}

/** The same walk with fewer actions, which breaks the same rule, and needs each of them for that. */
export function shortened(failing: Walked): Walked {
	let best = failing;
	leaveOut(failing.actions, (actions) => {
		const shorter = again(failing, actions);
		if (shorter.broken?.rule !== failing.broken?.rule) return false;
		best = shorter;
		return true;
	});
	return best;
}

function again({ seed, shape }: Walked, actions: readonly Action[]): Walked {
	return walked(
		seed,
		shape,
		(world) => {
			for (const action of actions) world.perform(action);
		},
		actions,
	);
}

function walked(
	seed: number,
	shape: Shape,
	act: (world: WalkWorld) => void,
	actions: readonly Action[],
	guide?: WalkGuide,
): Walked {
	let world: WalkWorld | undefined;
	let broken: Broken | null = null;
	try {
		world = new WalkWorld(shape, guide?.stepped);
		act(world);
		end(world);
	} catch (error) {
		if (!(error instanceof Error)) throw error;
		broken = { rule: error instanceof Violation ? error.rule : error.name, detail: error.message };
	}
	const counters = world?.counters;
	return {
		seed,
		shape,
		actions,
		slots: world?.appliedThrough ?? 0,
		leaders: counters?.leaders ?? 0,
		changes: counters?.membersChanged ?? 0,
		broken,
	};
}

/**
 * All links work but for those of the nodes that are cut off, all disks flush, and all nodes talk, so that what was chosen
 * twice is seen. Where the links lose nothing, what was begun has to come to its end by itself first: nobody is asked for
 * anything, and no link is made anew that stands.
 */
function end(world: WalkWorld): void {
	const { ids, isReliable, cutOff } = world.shape;
	world.cutOff(cutOff);
	world.abandonTransfers();
	for (const { id, isLeaving } of world.nodes) if (isLeaving) world.perform({ kind: 'crash', node: id, keeps: 0 });
	for (const a of ids) {
		for (const b of ids) {
			if (a >= b) continue;
			// What was lost on the link is told: a connection loses nothing while it stands.
			if (!isReliable) world.perform({ kind: 'breakLink', a, b });
			world.perform({ kind: 'mendLink', a, b });
		}
	}
	for (const node of ids) {
		world.perform({ kind: 'room', node, room: 'everything' });
		world.perform({ kind: 'flush', node });
	}
	if (isReliable) goRoundUntilQuiet(world);
	for (let round = 0; round < ROUNDS_AT_END; round++) {
		const node = ids[round % ids.length] as string;
		world.perform({ kind: 'propose', node, route: round % 2 === 0 ? 'leader' : 'self', contest: 0 });
		goRound(world);
	}
	goRoundUntilQuiet(world);
}

function goRoundUntilQuiet(world: WalkWorld): void {
	for (let round = 0; round < ROUNDS_UNTIL_QUIET && world.hasQuorums && !world.isQuiet; round++) goRound(world);
	if (world.hasQuorums && !world.isQuiet) throw new Violation('AllLearnAtTheEnd', world.unrest);
}

/** Everything on its way arrives, and each timer fires, that of a leader's heartbeat more often. */
function goRound(world: WalkWorld): void {
	const { ids } = world.shape;
	world.perform({ kind: 'talk', among: ids, max: TALK_AT_END });
	for (const from of ids) {
		for (const to of world.nodes) if (to.lacks) world.perform({ kind: 'takeOver', node: to.id, from });
	}
	for (const { id, timers } of world.nodes) {
		for (const timer of ['heartbeat', ...timers] as const) {
			world.perform({ kind: 'timer', node: id, timer });
			world.perform({ kind: 'talk', among: ids, max: TALK_AT_END });
		}
	}
}
