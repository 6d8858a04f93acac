/**
 * Searches for a list of actions after which something has happened that must never happen. It does by chance what a
 * person can do to the nodes, the links and the clocks, in run after run, and looks at the state after each instant. With
 * a rule taken out it does mostly what the story of that rule is made of. A list that is found is made short: its pauses
 * are shortened, and no action of it can be left out. Another list may be shorter still, because there are too many
 * instants to act at to try them all. The same code and bound give the same outcome.
 */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Action, Script } from '../../shared/simulation/action.ts';
import { leaveOut } from '../../shared/simulation/leave-out.ts';
import { Random } from '../../shared/simulation/random.ts';
import type { RuleId } from '../../shared/simulation/rule-ids.ts';
import { type Instant, US_PER_MS } from '../../shared/simulation/schedule.ts';
import { Stage } from '../../shared/simulation/stage.ts';
import type { RunAt } from '../sandbox/address.ts';
import { SHOWN_FROM_US } from '../sandbox/sandbox.ts';
import { agentWithout } from './agents.ts';
import { type Broken, Watch } from './watch.ts';

export interface Found {
	/** Up to the instant at which it is broken. */
	readonly run: RunAt;
	/** `checks`: no lamp is red, but one of the checks of the simulator, which a run with all rules passes. */
	readonly lamp: Broken['lamp'] | 'checks';
}

const MOVES = [
	'propose',
	'contest',
	'read',
	'crash',
	'restart',
	'reboot',
	'cut',
	'heal',
	'pause',
	'resume',
	'slow',
	'clock',
] as const;
type Move = (typeof MOVES)[number];

/** How often each move is made, in proportion to the others. */
const STORIES: Readonly<Record<RuleId, Partial<Record<Move, number>>>> = {
	promises: { propose: 4, reboot: 6, clock: 1 },
	disk: { propose: 6, reboot: 3 },
	reported: { propose: 3, contest: 2, cut: 1 },
	half: { propose: 3, cut: 3 },
	ballots: { propose: 5, clock: 3, cut: 1, slow: 1 },
	votes: { propose: 6, slow: 1, cut: 1 },
	reads: { propose: 3, cut: 3, read: 4 },
};

const ACTIONS_MIN = 2;
const ACTIONS_MAX = 12;
const COLORS = ['red', 'blue', 'green', 'amber', 'violet', 'white'] as const;
const KEY = 'color';
const SLOW_MS_MAX = 400;
const HOUR_MS = 3_600_000;
/** What was done last may take so long to have its consequences. */
const AFTER_US = 300 * US_PER_MS;
/** Of 1: how often the pause between two actions ends when something is told. Then it ends when up to so many things are. */
const WAITS = 0.7;
const THINGS_MAX = 6;
const WAIT_US_MAX = 100 * US_PER_MS;
/** Otherwise the pause is this long, microseconds: as likely short as long. */
const PAUSE_US = [100, 500 * US_PER_MS] as const;
/** What a person waits for before the next action. */
const THINGS: ReadonlySet<string> = new Set(['campaign', 'promised', 'proposed', 'accepted']);
/** Of 1: how often an action is on the node at which something has just happened. */
const NEAR = 0.5;
/** The pauses of a list that is found are tried to be this long, microseconds. */
const SHORT_US = [0, 100, 1_000, 10_000, 100_000];

/** A run as far as it is watched. */
interface Watched {
	readonly stage: Stage;
	readonly watch: Watch;
	/** How many things were told that a person waits for, and by whom the last one was. */
	things: number;
	teller: NodeId;
}

export class Search {
	/** How many states were looked at. */
	visited = 0;
	/** Runs so far. */
	#runs = 0;
	readonly #without: RuleId | null;
	readonly #nodes: number;

	constructor(without: RuleId | null, nodes: number) {
		this.#without = without;
		this.#nodes = nodes;
	}

	/** One more run. @returns what it has found; null for nothing */
	next(): Found | null {
		const seed = ++this.#runs;
		const random = new Random(seed, 0x67616d65);
		const run = this.#begin({ seed, nodes: this.#nodes, actions: [] });
		run.stage.run(SHOWN_FROM_US);
		const count = random.integer(ACTIONS_MIN, ACTIONS_MAX);
		for (let i = 0; i < count && !isOver(run); i++) {
			for (const action of this.#draw(run, random)) run.stage.act(action);
			if (random.chance(WAITS)) {
				const enough = run.things + random.integer(1, THINGS_MAX);
				this.#pass(run, WAIT_US_MAX, () => run.things >= enough);
			} else {
				this.#pass(run, Math.round(random.magnitude(...PAUSE_US)));
			}
		}
		this.#pass(run, AFTER_US);
		return isOver(run) ? this.#short(run.stage.script) : null;
	}

	#begin(script: Script): Watched {
		const watch = new Watch(this.#without);
		const stage: Stage = new Stage(
			script,
			{
				snapshot: () => undefined,
				batch: (node, { facts }) => {
					watch.facts(facts);
					for (const { kind } of facts) {
						if (!THINGS.has(kind)) continue;
						run.things++;
						run.teller = node;
					}
				},
				silent: () => undefined,
				answered: (of, answer) => watch.answered({ of, answer, at: stage.now }, stage.script.actions),
			},
			agentWithout(this.#without),
		);
		const run: Watched = { stage, watch, things: 0, teller: '' };
		return run;
	}

	#pass(run: Watched, us: Instant, isEnough: () => boolean = () => false): void {
		run.stage.run(run.stage.now + us, () => {
			this.visited++;
			return isOver(run) || isEnough();
		});
	}

	#draw({ stage, teller }: Watched, random: Random): readonly Action[] {
		const weights = this.#without === null ? null : STORIES[this.#without];
		const moves = MOVES.flatMap((move) => new Array<Move>(weights ? (weights[move] ?? 0) : 1).fill(move));
		const of = (presence: ReturnType<Stage['presence']>) => stage.nodes.filter((id) => stage.presence(id) === presence);
		const [up, crashed, paused] = [of('up'), of('crashed'), of('paused')];
		const someUp = up.includes(teller) && random.chance(NEAR) ? [teller] : someOf(up, random);
		switch (random.pick(moves)) {
			case 'propose':
				return someOf(up, random).map((node) => this.#proposal(stage, node, random.chance(0.3) ? 'leader' : 'self'));
			case 'contest':
				return someOf(up, random).map((node) => ({ ...this.#proposal(stage, node, 'self'), contest: 1 }));
			case 'read':
				return someOf(up, random).map((node) => ({ kind: 'read', node, key: KEY }));
			case 'crash':
				return someUp.map((node) => ({ kind: 'crash', node }));
			case 'restart':
				return someOf(crashed, random).map((node) => ({ kind: 'restart', node }));
			case 'reboot':
				return someUp.flatMap((node): Action[] => [
					{ kind: 'crash', node },
					{ kind: 'restart', node },
				]);
			case 'pause':
				return someOf(up, random).map((node) => ({ kind: 'pause', node }));
			case 'resume':
				return someOf(paused, random).map((node) => ({ kind: 'resume', node }));
			case 'clock':
				return someOf(up, random).map((node) => ({ kind: 'stepClock', node, byMs: -HOUR_MS }));
			case 'heal':
				return [{ kind: 'healAll' }];
			case 'cut': {
				const [a, b] = this.#pair(random);
				const there: Action = { kind: 'cut', from: a, to: b };
				return random.chance(0.5) ? [there] : [there, { kind: 'cut', from: b, to: a }];
			}
			case 'slow': {
				const [a, b] = this.#pair(random);
				return [{ kind: 'slow', a, b, ms: Math.round(random.magnitude(5, SLOW_MS_MAX)) }];
			}
		}
	}

	#proposal(stage: Stage, node: NodeId, route: 'leader' | 'self'): Action & { readonly kind: 'propose' } {
		const count = stage.script.actions.filter(({ action }) => action.kind === 'propose').length;
		return { kind: 'propose', node, key: KEY, value: COLORS[count % COLORS.length] ?? '', route, contest: 0 };
	}

	#pair(random: Random): readonly [NodeId, NodeId] {
		const ids = Array.from({ length: this.#nodes }, (_, index) => `n${index + 1}`);
		const [a, b] = random.shuffle(ids) as [NodeId, NodeId];
		return [a, b];
	}

	/** Leaves out actions and shortens pauses, until no action can be left out. */
	#short(script: Script): Found | null {
		const found = this.#outcome(script);
		if (!found) return null;
		for (let best = this.#fewer(found); ; ) {
			const sooner = this.#sooner(best);
			best = this.#fewer(sooner);
			if (best === sooner) return best;
		}
	}

	/** @returns the same where no action can be left out */
	#fewer(found: Found): Found {
		let best = found;
		leaveOut(found.run.script.actions, (actions) => {
			const fewer = this.#outcome({ ...found.run.script, actions });
			if (fewer) best = fewer;
			return fewer !== null;
		});
		return best;
	}

	#sooner(found: Found): Found {
		let best = found;
		for (let i = 0; i < best.run.script.actions.length; i++) {
			const { actions } = best.run.script;
			const before = actions[i - 1]?.at ?? SHOWN_FROM_US;
			const pause = (actions[i]?.at ?? before) - before;
			for (const us of SHORT_US.filter((us) => us < pause)) {
				const earlier = actions.map((timed, at) => (at < i ? timed : { ...timed, at: timed.at - pause + us }));
				const sooner = this.#outcome({ ...best.run.script, actions: earlier });
				if (!sooner) continue;
				best = sooner;
				break;
			}
		}
		return best;
	}

	/** Plays a list of actions until something is broken. */
	#outcome(script: Script): Found | null {
		const played = this.#begin(script);
		const { stage, watch } = played;
		stage.run(SHOWN_FROM_US);
		const last = script.actions.at(-1)?.at ?? stage.now;
		this.#pass(played, Math.max(0, last - stage.now) + AFTER_US);
		if (!isOver(played)) return null;
		const run = { without: this.#without, script: stage.script, at: stage.now };
		return { run, lamp: watch.broken?.lamp ?? 'checks' };
	}
}

function isOver({ stage, watch }: Watched): boolean {
	return watch.broken !== null || stage.violation !== null;
}

/** One of them; none where there are none. */
function someOf(nodes: readonly NodeId[], random: Random): readonly NodeId[] {
	return nodes.length === 0 ? [] : [random.pick(nodes)];
}
