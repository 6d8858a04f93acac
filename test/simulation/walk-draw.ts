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
import type { WalkNode, WalkWorld } from './walk-world.ts';

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
	change: 4,
	holdFlush: 2,
	flush: 3,
	crash: 2,
	save: 3,
	takeOver: 3,
	room: 1,
	pass: 1,
};
/** Without these nothing is ever chosen. */
const ALWAYS: readonly Kind[] = ['deliver', 'talk', 'timer', 'propose', 'mendLink', 'flush', 'takeOver'];
const LEFT_OUT = 0.35;
const ACTIONS = { min: 80, max: 400 };
const TALK_MAX = 60;
const MEMBERS_MAX = 9;
/** A leader that is the only voter tells nobody that it leads, so that the rules of messages would learn of it too late. */
const VOTERS_MIN = 2;
/** Most promises and decisions come in parts; or none does. */
const CUT_BYTES = 64;
const WHOLE_BYTES = 10_000;

export interface Walk {
	readonly shape: Shape;
	readonly length: number;
	next(world: WalkWorld): Action;
}

export function drawWalk(random: Random): Walk {
	const votersAtFirst = random.pick([3, 3, 3, 4, 5, 5, 7]);
	const size = Math.min(MEMBERS_MAX, votersAtFirst + random.pick([0, 0, 1, 2, 3]));
	const inOrder = random.chance(0.5);
	const shape: Shape = {
		ids: Array.from({ length: size }, (_, index) => `n${index + 1}`),
		votersAtFirst,
		alpha: random.integer(1, 4),
		// A promise is cut into parts. Over a link that keeps no order they would be put together wrongly.
		messageBytesMax: inOrder && random.chance(0.5) ? CUT_BYTES : WHOLE_BYTES,
		inOrder,
	};
	const kinds = (Object.keys(WEIGHTS) as Kind[]).filter((kind) => {
		if (kind === 'duplicate' && inOrder) return false;
		return ALWAYS.includes(kind) || !random.chance(LEFT_OUT);
	});
	const weights = kinds.map((kind) => WEIGHTS[kind] * random.magnitude(0.3, 3));
	const kind = () => kinds[weighted(random, weights)] as Kind;
	return {
		shape,
		length: random.integer(ACTIONS.min, ACTIONS.max),
		next: (world) => new Draw(random, world).action(kind()),
	};
}

class Draw {
	readonly #random: Random;
	readonly #world: WalkWorld;

	constructor(random: Random, world: WalkWorld) {
		this.#random = random;
		this.#world = world;
	}

	action(kind: Kind): Action {
		const random = this.#random;
		const { ids } = this.#world.shape;
		switch (kind) {
			case 'deliver':
			case 'duplicate':
			case 'lose':
				return { kind, ...this.#message() };
			case 'talk':
				return { kind, among: this.#some(2), max: random.integer(1, TALK_MAX) };
			case 'forget':
				return { kind, among: this.#some(2) };
			case 'breakLink':
			case 'mendLink': {
				const [a, b] = random.shuffle(ids) as [NodeId, NodeId];
				return { kind, a, b };
			}
			case 'timer': {
				const node = this.#node();
				const timers = [...node.timers];
				return { kind, node: node.id, timer: timers.length > 0 ? random.pick(timers) : 'election' };
			}
			case 'propose': {
				const contest = random.chance(0.3) ? random.integer(1, this.#world.appliedThrough + 2) : 0;
				const route = contest > 0 || random.chance(0.3) ? 'self' : 'leader';
				return { kind, node: this.#node().id, route, contest };
			}
			case 'handOver':
				return { kind, node: this.#leader().id, to: random.chance(0.3) ? null : random.pick(ids) };
			case 'change': {
				const node = this.#leader();
				return { kind, node: node.id, members: this.#members(node) };
			}
			case 'crash':
				return { kind, node: this.#node().id, keeps: random.integer(0, 3) };
			case 'takeOver': {
				const lacking = this.#world.nodes.filter(({ lacks }) => lacks);
				const node = lacking.length > 0 ? random.pick(lacking) : this.#node();
				return { kind, node: node.id, from: random.pick(ids) };
			}
			case 'room':
				return { kind, node: this.#node().id, room: random.pick(['everything', 'recovery', 'promises']) };
			case 'pass':
				return { kind, ms: random.integer(1, 2000) };
			default:
				return { kind, node: this.#node().id };
		}
	}

	#node(): WalkNode {
		return this.#random.pick(this.#world.nodes);
	}

	/** A node that leads, as it believes, where there is one. */
	#leader(): WalkNode {
		const leaders = this.#world.nodes.filter(({ agent, isGone }) => !isGone && agent.view().role === 'leader');
		return leaders.length > 0 ? this.#random.pick(leaders) : this.#node();
	}

	/** @param min so many at least */
	#some(min: number): NodeId[] {
		const { ids } = this.#world.shape;
		return this.#random.shuffle(ids).slice(0, this.#random.integer(min, ids.length));
	}

	#message(): { from: NodeId; to: NodeId; at: number } {
		const { ids, inOrder } = this.#world.shape;
		const links: { from: NodeId; to: NodeId; count: number }[] = [];
		for (const from of ids) {
			for (const to of ids) {
				const count = this.#world.inFlight(from, to).length;
				if (count > 0) links.push({ from, to, count });
			}
		}
		if (links.length === 0) return { from: ids[0] as NodeId, to: ids[1] as NodeId, at: 0 };
		const { from, to, count } = this.#random.pick(links);
		return { from, to, at: inOrder ? 0 : this.#random.integer(0, count - 1) };
	}

	/** The members that the node knows last, with one more, one less, or one replaced; or any. */
	#members(node: WalkNode): Member[] {
		const { members } = node.agent;
		const random = this.#random;
		const present = members.last.members.map(({ id }) => id);
		const others = this.#world.shape.ids.filter((id) => !present.includes(id) && !members.past.includes(id));
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
