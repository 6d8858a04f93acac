/** What can be done to a node, a link or a message at this moment, and how it is said. */
import { apart } from '../../shared/bytes/text.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Action, TimedAction } from '../../shared/simulation/action.ts';
import type { Flight, FlightNumber } from '../../shared/simulation/flights.ts';
import type { Answer, Presence } from '../../shared/simulation/stage.ts';
import { isTelling } from './flown.ts';
import type { Situation } from './situation.ts';

/** What a person has picked in the mesh. */
export type Picked =
	| { readonly kind: 'node'; readonly node: NodeId }
	| { readonly kind: 'link'; readonly a: NodeId; readonly b: NodeId }
	| { readonly kind: 'flight'; readonly flight: FlightNumber };

export interface Possible {
	readonly label: string;
	readonly actions: readonly Action[];
}

const HOUR_MS = 3_600_000;
const SLOW_MS = 50;
const HOLD_MS = 20;
/** The key of the read of a node's menu: what the form proposes by default. */
const READ_KEY = 'color';

export function titleOf(picked: Picked, situation: Situation): string {
	switch (picked.kind) {
		case 'node':
			return `${picked.node}, ${PRESENCE[situation.presence(picked.node)]}`;
		case 'link':
			return `Link ${picked.a} – ${picked.b}`;
		case 'flight': {
			const flight = flightOf(picked.flight, situation);
			return flight ? flightText(flight) : 'It has arrived';
		}
	}
}

export const PRESENCE: Readonly<Record<Presence, string>> = {
	up: 'up',
	crashed: 'crashed',
	paused: 'paused',
	diskLost: 'disk lost',
	removed: 'removed',
	spare: 'not yet in',
};

/** Such as `n1 → n3: prepare`. */
export function flightText({ from, to, kinds }: Flight): string {
	const telling = kinds.filter(isTelling);
	return `${from} → ${to}: ${[...new Set(telling.length > 0 ? telling : kinds)].join(', ')}`;
}

/** Nothing for what is no longer there. */
export function possibleFor(picked: Picked, situation: Situation): readonly Possible[] {
	switch (picked.kind) {
		case 'node':
			return forNode(picked.node, situation);
		case 'link':
			return forLink(picked.a, picked.b, situation);
		case 'flight':
			return flightOf(picked.flight, situation) ? forFlight(picked.flight) : [];
	}
}

function forNode(node: NodeId, situation: Situation): readonly Possible[] {
	switch (situation.presence(node)) {
		case 'up':
			return [
				one('Crash it', { kind: 'crash', node }),
				losePower(node),
				one('Pause it', { kind: 'pause', node }),
				one(`Read “${READ_KEY}” here`, { kind: 'read', node, key: READ_KEY }),
				one('Set its clock back by an hour', { kind: 'stepClock', node, byMs: -HOUR_MS }),
				one('Set its clock ahead by an hour', { kind: 'stepClock', node, byMs: HOUR_MS }),
				one('Lose its disk', { kind: 'loseDisk', node }),
				one('Remove it from the members', { kind: 'removeMember', node }),
			];
		case 'paused':
			return [one('Let it go on', { kind: 'resume', node }), one('Crash it', { kind: 'crash', node }), losePower(node)];
		case 'crashed':
			return [one('Restart it', { kind: 'restart', node }), one('Lose its disk', { kind: 'loseDisk', node })];
		case 'diskLost':
			return [one('Let a new node take its place', { kind: 'addMember', replaces: node })];
		case 'removed':
		case 'spare':
			return [];
	}
}

function forLink(a: NodeId, b: NodeId, situation: Situation): readonly Possible[] {
	const [there, back] = [situation.isCut(a, b), situation.isCut(b, a)];
	const cuts: Possible[] = [];
	if (!there && !back) {
		cuts.push({
			label: 'Cut it',
			actions: [
				{ kind: 'cut', from: a, to: b },
				{ kind: 'cut', from: b, to: a },
			],
		});
	}
	if (!there) cuts.push(one(`Cut ${a} → ${b} only`, { kind: 'cut', from: a, to: b }));
	if (!back) cuts.push(one(`Cut ${b} → ${a} only`, { kind: 'cut', from: b, to: a }));
	cuts.push(one(`Make it slow: ${SLOW_MS} ms a message`, { kind: 'slow', a, b, ms: SLOW_MS }));
	cuts.push(one('Make it whole and fast again', { kind: 'heal', a, b }));
	return there || back ? cuts.reverse() : cuts;
}

function forFlight(flight: FlightNumber): readonly Possible[] {
	return [
		one('Deliver it now', { kind: 'deliver', flight }),
		one('Drop it: its connection ends', { kind: 'drop', flight }),
		one('Double it', { kind: 'duplicate', flight }),
		one(`Hold it for ${HOLD_MS} ms`, { kind: 'hold', flight, ms: HOLD_MS }),
	];
}

function flightOf(number: FlightNumber, { flights }: Situation): Flight | undefined {
	return [...flights].find((flight) => flight.number === number);
}

function losePower(node: NodeId): Possible {
	return one('Cut its power: unflushed data is lost', { kind: 'losePower', node });
}

function one(label: string, action: Action): Possible {
	return { label, actions: [action] };
}

/** What was done, as a line of a list. */
export function actionText({ action }: TimedAction): string {
	switch (action.kind) {
		case 'propose': {
			const key = apart(action.key);
			const what = action.value === null ? `no ${key}` : `${key} = ${apart(action.value)}`;
			const condition = action.cas === undefined ? '' : ` if at revision ${action.cas}`;
			return `${action.node} is asked to propose ${what}${condition}`;
		}
		case 'read':
			return `${action.node} is asked for ${action.key}`;
		case 'crash':
			return `${action.node} crashes`;
		case 'losePower':
			return `the machine of ${action.node} loses power`;
		case 'restart':
			return `${action.node} starts again`;
		case 'loseDisk':
			return `${action.node} loses its disk`;
		case 'pause':
			return `${action.node} stands still`;
		case 'resume':
			return `${action.node} goes on`;
		case 'stepClock':
			return `the clock of ${action.node} jumps ${action.byMs < 0 ? 'back' : 'ahead'}`;
		case 'cut':
			return `${action.from} → ${action.to} is cut`;
		case 'heal':
			return `${action.a} – ${action.b} is whole again`;
		case 'healAll':
			return 'every link is whole again';
		case 'slow':
			return `${action.a} – ${action.b} is slow`;
		case 'deliver':
			return 'a message arrives at once';
		case 'drop':
			return 'a message is dropped';
		case 'duplicate':
			return 'a message is doubled';
		case 'hold':
			return 'a message is held';
		case 'addMember':
			return action.replaces === null ? 'a node is to come in' : `a node is to take the place of ${action.replaces}`;
		case 'removeMember':
			return `${action.node} is to be removed`;
	}
}

/**
 * What came of it, in one sentence; '' where the form of proposals says it.
 *
 * @param asks whether a leader asks a quorum before it answers a read
 */
export function answerText({ action }: TimedAction, answer: Answer, asks = true): string {
	switch (answer.kind) {
		case 'propose':
			return '';
		case 'read': {
			const { node, key } = action as Action & { readonly kind: 'read' };
			if (!answer.isConfirmed)
				return `${node} does not answer the read: no quorum confirms that nothing newer is there.`;
			const said = `${node} answers that ${key} is ${answer.value === null ? 'not there' : `“${answer.value}”`}`;
			return asks ? `${said}, and a quorum confirms that nothing newer is there.` : `${said}.`;
		}
		case 'members':
			if (answer.outcome === 'chosen') return 'The change of members is chosen.';
			return answer.outcome === 'refused'
				? `The change of members is refused: ${answer.detail}.`
				: 'Whether the members change is unknown.';
	}
}
