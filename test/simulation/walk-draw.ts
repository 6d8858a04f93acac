/**
 * Draws the world of a random walk, and one action after the other. How likely each kind of action is differs from walk
 * to walk, and some kinds are left out altogether: where everything may happen at any moment, little happens often enough
 * in a row to get far.
 *
 * @source Groce, Zhang, Eide, Chen and Regehr 2012, Swarm testing
 */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Member } from '../../shared/paxos/change.ts';
import { votersNamed } from '../../shared/simulation/node.ts';
import type { Random } from '../../shared/simulation/random.ts';
import type { Action, Shape } from './walk-action.ts';
import type { WalkNode } from './walk-node.ts';
import type { WalkWorld } from './walk-world.ts';

type Kind = Action['kind'];

/** How often each kind is drawn beside the others, in a walk that has it. */
const WEIGHTS: Readonly<Record<Kind, number>> = {
	deliver: 30,
	duplicate: 2,
	lose: 3,
	talk: 12,
	forget: 2,
	breakLink: 3,
	mendLink: 3,
	timer: 12,
	propose: 8,
	withdraw: 1,
	read: 3,
	handOver: 2,
	leave: 0.5,
	change: 4,
	holdFlush: 2,
	flush: 3,
	flushSome: 2,
	crash: 2,
	save: 3,
	takeOver: 3,
	room: 2,
	clock: 0.5,
	still: 0.5,
	pass: 1,
};
/** These lose on a link that stands. */
const LOSSES: readonly Kind[] = ['lose', 'forget'];
/** Without these nothing is ever chosen. */
const ALWAYS: readonly Kind[] = ['deliver', 'talk', 'timer', 'propose', 'mendLink', 'flush', 'takeOver'];
const LEFT_OUT = 0.35;
const ACTIONS = { min: 80, max: 400 };
const TALK_MAX = 60;
/** By how much the odds of a kind differ from walk to walk. */
const ODDS = [0.2, 5] as const;
/** How likely a proposal contests a slot, at most. */
const CONTESTS_MAX = 0.8;
/** How likely other nodes than before are the few after an action. */
const MEETINGS = [0.02, 0.3] as const;
/** How likely a node that may campaign does, where one of its timers fires. */
const CAMPAIGNS = 0.5;
const MEMBERS_MAX = 9;
/** A leader that is the only voter tells nobody that it leads, so that the rules of messages would learn of it too late. */
const VOTERS_MIN = 2;
const CLOCKS_APART_MS = 3_000_000;
const STILL_MS = 10_000;
/** Most promises and decisions come in parts; or none does. */
const CUT_BYTES = 64;
const WHOLE_BYTES = 10_000;

export interface Walk {
	readonly length: number;
	next(world: WalkWorld): Action;
}

export function drawShape(random: Random): Shape {
	const votersAtFirst = random.pick([3, 3, 3, 3, 4, 5, 5, 7]);
	const size = Math.min(MEMBERS_MAX, votersAtFirst + random.pick([0, 0, 1, 2, 3]));
	const inOrder = random.chance(0.5);
	const ids = Array.from({ length: size }, (_, index) => `n${index + 1}`);
	return {
		ids,
		votersAtFirst,
		alpha: random.pick([1, 2, 3, 4, 8]),
		// A promise is cut into parts. Over a link that keeps no order they would be put together wrongly.
		messageBytesMax: inOrder && random.chance(0.5) ? CUT_BYTES : WHOLE_BYTES,
		inOrder,
		isReliable: inOrder && random.chance(0.7),
		cutOff: random.chance(0.5) ? random.shuffle(ids).slice(0, random.integer(1, 2)) : [],
	};
}

export function drawWalk(random: Random, shape: Shape): Walk {
	const kinds = (Object.keys(WEIGHTS) as Kind[]).filter((kind) => {
		if (kind === 'duplicate' && shape.inOrder) return false;
		if (LOSSES.includes(kind) && shape.isReliable) return false;
		return ALWAYS.includes(kind) || !random.chance(LEFT_OUT);
	});
	const weights = kinds.map((kind) => WEIGHTS[kind] * random.magnitude(...ODDS));
	const draw = new Draw(random, shape);
	return {
		length: random.integer(ACTIONS.min, ACTIONS.max),
		next: (world) => draw.action(kinds[weighted(random, weights)] as Kind, world),
	};
}

/**
 * Most of what happens, happens for a while among a few nodes, and then among others: so some of them get far ahead, and
 * what the others have seen or sent before meets it late.
 */
class Draw {
	readonly #random: Random;
	readonly #contests: number;
	/** How likely an action is one of the few. */
	readonly #closeness: number;
	readonly #meetings: number;
	/** The few nodes among which things happen now. */
	#few: readonly NodeId[];

	constructor(random: Random, { ids }: Shape) {
		this.#random = random;
		this.#contests = random.between(0, CONTESTS_MAX);
		this.#closeness = random.between(0, 1);
		this.#meetings = random.magnitude(...MEETINGS);
		this.#few = ids;
	}

	action(kind: Kind, world: WalkWorld): Action {
		const random = this.#random;
		const { ids } = world.shape;
		if (random.chance(this.#meetings)) this.#few = this.#some(ids);
		const few = random.chance(this.#closeness) ? this.#few : ids;
		switch (kind) {
			case 'deliver':
			case 'duplicate':
			case 'lose':
				return { kind, ...this.#message(world, few) };
			case 'talk':
				return { kind, among: random.shuffle(few), max: random.integer(1, TALK_MAX) };
			case 'forget':
				return { kind, among: this.#some(ids) };
			case 'breakLink':
			case 'mendLink': {
				const [a, b] = random.shuffle(ids) as [NodeId, NodeId];
				return { kind, a, b };
			}
			case 'timer': {
				const { id, timers } = this.#node(world, few);
				const campaigns = timers.has('campaign') && random.chance(CAMPAIGNS);
				return { kind, node: id, timer: campaigns || timers.size === 0 ? 'campaign' : random.pick([...timers]) };
			}
			case 'propose': {
				const { id, appliedThrough } = this.#node(world, few);
				const contest = random.chance(this.#contests) ? Math.max(1, appliedThrough + random.integer(-1, 2)) : 0;
				const route = contest > 0 || random.chance(0.3) ? 'self' : 'leader';
				return { kind, node: id, route, contest };
			}
			case 'handOver':
				return { kind, node: this.#leader(world, few).id, to: random.chance(0.3) ? null : random.pick(ids) };
			case 'change': {
				const node = this.#leader(world, few);
				return { kind, node: node.id, members: this.#members(node, ids) };
			}
			case 'crash':
				return { kind, node: this.#node(world, few).id, keeps: random.integer(0, 3) };
			case 'takeOver': {
				const lacking = world.nodes.filter(({ lacks }) => lacks);
				const node = lacking.length > 0 ? random.pick(lacking) : this.#node(world, few);
				return { kind, node: node.id, from: random.pick(ids) };
			}
			case 'room':
				return { kind, node: this.#node(world, few).id, room: random.pick(['everything', 'recovery', 'promises']) };
			case 'flushSome':
				return { kind, node: this.#node(world, few).id, steps: random.integer(1, 3) };
			case 'clock':
				return { kind, node: this.#node(world, few).id, ms: random.integer(-CLOCKS_APART_MS, CLOCKS_APART_MS) };
			case 'still':
				return { kind, node: this.#node(world, few).id, ms: random.integer(0, STILL_MS) };
			case 'pass':
				return { kind, ms: random.integer(1, 2000) };
			default:
				return { kind, node: this.#node(world, few).id };
		}
	}

	#node(world: WalkWorld, few: readonly NodeId[]): WalkNode {
		return world.node(this.#random.pick(few));
	}

	/** A node that leads, as it believes, where there is one. */
	#leader(world: WalkWorld, few: readonly NodeId[]): WalkNode {
		const leads = ({ agent, isGone }: WalkNode) => !isGone && agent.view().role === 'leader';
		const leaders = few.map((id) => world.node(id)).filter(leads);
		return leaders.length > 0 ? this.#random.pick(leaders) : this.#node(world, few);
	}

	#some(ids: readonly NodeId[]): NodeId[] {
		return this.#random.shuffle(ids).slice(0, this.#random.integer(2, ids.length));
	}

	/** One that is on its way between these nodes. */
	#message(world: WalkWorld, few: readonly NodeId[]): { from: NodeId; to: NodeId; at: number } {
		const links: { from: NodeId; to: NodeId; count: number }[] = [];
		for (const from of few) {
			for (const to of few) {
				const count = world.inFlight(from, to).length;
				if (count > 0) links.push({ from, to, count });
			}
		}
		if (links.length === 0) return { from: few[0] as NodeId, to: few[1] as NodeId, at: 0 };
		const { from, to, count } = this.#random.pick(links);
		return { from, to, at: world.shape.inOrder ? 0 : this.#random.integer(0, count - 1) };
	}

	/** The members that the node knows last, with one more, one less, or one replaced; or any. */
	#members(node: WalkNode, ids: readonly NodeId[]): Member[] {
		const { members } = node.agent;
		const random = this.#random;
		const present = members.last.members.map(({ id }) => id);
		const others = ids.filter((id) => !present.includes(id) && !members.past.includes(id));
		const leaving = random.pick(present);
		const wanted = random.chance(0.2)
			? random.shuffle([...present, ...others]).slice(0, random.integer(VOTERS_MIN, 5))
			: [
					...(random.chance(0.6) && present.length > VOTERS_MIN ? present.filter((id) => id !== leaving) : present),
					...(others.length > 0 && random.chance(0.6) ? [random.pick(others)] : []),
				];
		const learner = wanted.length > VOTERS_MIN && random.chance(0.3) ? random.pick(wanted) : null;
		return votersNamed(wanted).map((member) => ({ ...member, isVoter: member.id !== learner }));
	}
}

function weighted(random: Random, weights: readonly number[]): number {
	let rest = random.fraction() * weights.reduce((sum, weight) => sum + weight, 0);
	for (const [index, weight] of weights.entries()) {
		rest -= weight;
		if (rest < 0) return index;
	}
	return weights.length - 1;
}
