/**
 * A decision cut into the steps that a person can follow, and when each is shown: about six seconds in all,
 * whatever the real time was. Also where each message is in between: it leaves with the step that sent it and
 * arrives with the step that its receiver took because of it.
 */
import type { BallotText, Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { MessageKind } from '../../shared/paxos/message.ts';
import { ballotOf } from './decision-index.ts';
import type { Entry } from './tape.ts';

export interface Step {
	/** How many facts have happened once this step has. */
	readonly through: number;
	/** The last of them: the moment of the step. */
	readonly moment: Entry;
	readonly fact: Fact;
	readonly ballot: BallotText;
	/** When it happens, milliseconds from the start of the playback. */
	readonly atMs: number;
}

export interface Flight {
	readonly id: string;
	readonly from: NodeId;
	readonly to: NodeId;
	readonly kind: MessageKind;
	readonly departMs: number;
	readonly arriveMs: number;
	/** Whether it was sent and never received. */
	readonly lost: boolean;
}

export interface Playback {
	readonly steps: readonly Step[];
	readonly flights: readonly Flight[];
	readonly durationMs: number;
}

const DURATION_MS = 6000;
/** A playback of very many steps takes longer, so that no step flashes by. */
const STEP_MS_MIN = 90;
const LAST_STEP_RESTS_MS = 500;
const LOST_FLIGHT_MS = 700;

export function playbackOf(entries: readonly Entry[]): Playback {
	const steps = stepsOf(entries);
	const durationMs = steps.at(-1)?.atMs ?? 0;
	return { steps, flights: flightsOf(entries, steps), durationMs: durationMs + LAST_STEP_RESTS_MS };
}

/** The last step that has happened at `positionMs`; -1 before the first. */
export function stepAt(steps: readonly Step[], positionMs: number): number {
	let at = -1;
	for (const [index, step] of steps.entries()) if (step.atMs <= positionMs) at = index;
	return at;
}

function stepsOf(entries: readonly Entry[]): Step[] {
	const cuts: { through: number; fact: Fact; weight: number }[] = [];
	for (const [index, { fact }] of entries.entries()) {
		const weight = weightOf(fact);
		if (weight > 0) cuts.push({ through: index + 1, fact, weight });
		// A message leaves with the step that sends it. A fact that nothing follows from joins the step before it.
		else if (fact.kind === 'sent') {
			const last = cuts.at(-1);
			if (last && last.through === index) last.through = index + 1;
		}
	}
	const last = cuts.at(-1);
	if (last) last.through = entries.length;
	const total = cuts.reduce((sum, cut) => sum + cut.weight, 0);
	const unitMs = Math.max(STEP_MS_MIN, (DURATION_MS - LAST_STEP_RESTS_MS) / Math.max(total, 1));
	let atMs = 0;
	return cuts.map(({ through, fact, weight }) => {
		const step = { through, moment: entries[through - 1] as Entry, fact, ballot: ballotOf(fact), atMs };
		atMs += weight * unitMs;
		return step;
	});
}

/** How long a fact is shown before the next one, in milliseconds; 0 where it is no step of its own. */
function weightOf(fact: Fact): number {
	switch (fact.kind) {
		case 'campaign':
		case 'proposed':
			return 2.5;
		case 'halted':
		case 'givenUp':
			return 2;
		case 'refused':
			return fact.refused === 'heartbeat' ? 0 : 1.5;
		case 'promised':
		case 'promiseCounted':
		case 'accepted':
		case 'voteCounted':
			return 1;
		case 'chosen':
			return fact.how === 'counted' ? 2.5 : 0.7;
		default:
			return 0;
	}
}

function flightsOf(entries: readonly Entry[], steps: readonly Step[]): Flight[] {
	const timeOf = (position: number) => steps.find((step) => step.through > position);
	const received = new Map<string, number>();
	for (const [index, { fact }] of entries.entries()) if (fact.kind === 'received') received.set(fact.messageId, index);

	const flights: Flight[] = [];
	for (const [index, { fact }] of entries.entries()) {
		if (fact.kind !== 'sent' || fact.to === fact.node) continue;
		const departMs = timeOf(index)?.atMs ?? 0;
		const arrival = received.get(fact.messageId);
		const arriveMs = arrival === undefined ? undefined : timeOf(arrival)?.atMs;
		flights.push({
			id: fact.messageId,
			from: fact.node,
			to: fact.to,
			kind: fact.message.kind,
			departMs,
			arriveMs: arriveMs === undefined ? departMs + LOST_FLIGHT_MS : Math.max(arriveMs, departMs + 1),
			lost: arrival === undefined,
		});
	}
	return flights;
}
