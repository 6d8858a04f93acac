/**
 * A story that is staged in a run: scene by scene, each with one sentence and the moment at which it ends. The scenes say
 * what has to happen, and not when, so a story stays true while the code under it changes; a test performs each.
 */
import type { Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { Action } from '../../shared/simulation/action.ts';
import { US_PER_MS } from '../../shared/simulation/schedule.ts';
import type { Stage } from '../../shared/simulation/stage.ts';
import { compareBallotTexts } from '../model/ballot-names.ts';
import type { Answered } from './sandbox.ts';
import type { Speed } from './speed.ts';

/** The node that leads as the story begins, and the others in their order. */
export type Cast = readonly [leader: NodeId, a: NodeId, b: NodeId, c: NodeId, d: NodeId];

/** What has happened, for the scenes to look at. */
export interface Performance {
	readonly cast: Cast;
	readonly stage: Stage;
	/** Since the story began, in order. */
	readonly facts: readonly Fact[];
	/** Since the present scene began, in order. */
	readonly news: readonly Fact[];
	/** Newest first. */
	readonly answers: readonly Answered[];
}

export interface Scene {
	/** One sentence: what is seen, and why. */
	readonly says: string | ((performance: Performance) => string);
	/** What is done as the scene begins. */
	readonly acts?: (performance: Performance) => readonly Action[];
	/** The scene ends at the first moment at which this is so. */
	readonly until: (performance: Performance) => boolean;
	readonly speed?: Speed;
}

export interface StagedStory {
	/** A part of addresses. */
	readonly id: string;
	readonly title: string;
	/** One sentence. */
	readonly about: string;
	readonly seed: number;
	readonly nodes: number;
	/** Is done, and has its answers, before the first scene. */
	readonly prelude?: (cast: Cast) => readonly Action[];
	readonly scenes: readonly Scene[];
	/** What is to be learned from it, in one sentence. */
	readonly ends: string;
}

/** The node that leads now and is up; '' for none. Of two that take themselves for leaders, the one of the later ballot. */
export function leaderNow(stage: Stage): NodeId {
	const leaders = stage.nodes.flatMap((id) => {
		const snapshot = stage.presence(id) === 'up' ? stage.snapshot(id) : null;
		return snapshot?.role === 'leader' ? [snapshot] : [];
	});
	return leaders.sort((one, other) => compareBallotTexts(other.leader, one.leader))[0]?.node ?? '';
}

/** In a swarm of fewer than five nodes the last names are ''. */
export function castOf(stage: Stage): Cast {
	const leader = leaderNow(stage);
	const others = stage.nodes.filter((id) => id !== leader && stage.presence(id) === 'up');
	const [a = '', b = '', c = '', d = ''] = others;
	return [leader, a, b, c, d];
}

/** How many nodes have told such a fact. */
export function countOf(facts: readonly Fact[], is: (fact: Fact) => boolean): number {
	return new Set(facts.filter(is).map(({ node }) => node)).size;
}

export function hasFact<K extends Fact['kind']>(
	facts: readonly Fact[],
	kind: K,
	is: (fact: Extract<Fact, { kind: K }>) => boolean = () => true,
): boolean {
	return facts.some((fact) => fact.kind === kind && is(fact as Extract<Fact, { kind: K }>));
}

/** Whether it is so long ago that something was done. */
export function hasPassed({ now, script }: Stage, ms: number): boolean {
	return now - (script.actions.at(-1)?.at ?? 0) >= ms * US_PER_MS;
}

/** A leader has counted the votes for a value with that text. */
export function isChosen(facts: readonly Fact[], text: string): boolean {
	return hasFact(facts, 'chosen', ({ how, value }) => how === 'counted' && value.text.includes(text));
}

/** The slot for which a value with that text was proposed last; 0 for none. */
export function slotOf(facts: readonly Fact[], text: string): Slot {
	const proposed = facts.findLast((fact) => fact.kind === 'proposed' && fact.value.text.includes(text));
	return proposed?.kind === 'proposed' ? proposed.slot : 0;
}

/** A prelude in which every node has proposed, so that what follows is not the first word of any of them. */
export function everyoneHasProposed(cast: Cast): Action[] {
	return cast.filter((node) => node !== '').map((node) => proposes(node, 'green', 'leader'));
}

/** Both directions. */
export function cutBetween(some: readonly NodeId[], others: readonly NodeId[]): Action[] {
	return some.flatMap((a) =>
		others.flatMap((b): Action[] => [
			{ kind: 'cut', from: a, to: b },
			{ kind: 'cut', from: b, to: a },
		]),
	);
}

export function proposes(node: NodeId, value: string, route: 'leader' | 'self' = 'self', key = 'color'): Action {
	return { kind: 'propose', node, key, value, route, contest: 0 };
}
