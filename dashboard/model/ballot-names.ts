/**
 * Ballots as people read them: `n3 14:02:11.207`, with the shortest fraction that tells those on show apart,
 * and shorter still inside a drawing, `…207 n3`. They are ordered by the whole number, never by the name.
 */
import type { BallotText } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';

export interface BallotNames {
	/** `n3 14:02:11.207` */
	full(ballot: BallotText): string;
	/** `…207 n3`: the name without the part of the time that all ballots on show have in common. */
	short(ballot: BallotText): string;
}

const FRACTION_DIGITS_MIN = 3;
const FRACTION_DIGITS_MAX = 9;

/** Negative, zero or positive, as `a` is below, equal to or above `b`; '' is below all. */
export function compareBallotTexts(a: BallotText, b: BallotText): number {
	if (a === b) return 0;
	const [timeA, nodeA] = parts(a);
	const [timeB, nodeB] = parts(b);
	if (timeA.length !== timeB.length) return timeA.length - timeB.length;
	if (timeA !== timeB) return timeA < timeB ? -1 : 1;
	return nodeA < nodeB ? -1 : 1;
}

export function higherBallot(a: BallotText, b: BallotText): BallotText {
	return compareBallotTexts(a, b) >= 0 ? a : b;
}

/** The node that formed the ballot; '' for no ballot. */
export function ballotNode(ballot: BallotText): NodeId {
	return parts(ballot)[1];
}

/** The ballot as it is where the names of nodes do not count. */
export function withoutNode(ballot: BallotText): BallotText {
	return ballot === '' ? '' : `${parts(ballot)[0]}@`;
}

/** The whole number, nanoseconds since 1970, grouped by thousands with thin spaces. */
export function ballotNumber(ballot: BallotText): string {
	return parts(ballot)[0].replace(/\B(?=(\d{3})+$)/g, '\u2009');
}

export function nameBallots(shown: Iterable<BallotText>): BallotNames {
	const times = [...new Set([...shown].filter((ballot) => ballot !== '').map((ballot) => parts(ballot)[0]))];
	let digits = FRACTION_DIGITS_MIN;
	while (digits < FRACTION_DIGITS_MAX && new Set(times.map((time) => timeOfDay(time, digits))).size < times.length)
		digits++;
	const common = commonPrefix(times.map((time) => timeOfDay(time, digits)));
	return {
		full(ballot) {
			if (ballot === '') return 'none';
			const [time, node] = parts(ballot);
			return `${node} ${timeOfDay(time, digits)}`;
		},
		short(ballot) {
			if (ballot === '') return 'none';
			const [time, node] = parts(ballot);
			const text = timeOfDay(time, digits);
			return text.startsWith(common) ? `…${text.slice(common.length)} ${node}` : `${node} ${text}`;
		},
	};
}

/** Local time of day, `14:02:11`. */
export function clock(ms: number): string {
	const date = new Date(ms);
	return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}

/** Local time of day with milliseconds, `14:02:11.207`. */
export function clockWithMs(ms: number): string {
	return `${clock(ms)}.${String(Math.floor(ms) % 1000).padStart(3, '0')}`;
}

function parts(ballot: BallotText): readonly [time: string, node: NodeId] {
	const at = ballot.indexOf('@');
	return at < 0 ? ['', ''] : [ballot.slice(0, at), ballot.slice(at + 1)];
}

function timeOfDay(time: string, digits: number): string {
	const ms = Number(time.slice(0, -6) || '0');
	const fraction = time.padStart(FRACTION_DIGITS_MAX, '0').slice(-FRACTION_DIGITS_MAX);
	return `${clock(ms)}.${fraction.slice(0, digits)}`;
}

/** The whole groups of `hh:mm:ss.` that all names have in common. The fraction is never part of them. */
function commonPrefix(texts: readonly string[]): string {
	const first = texts[0] ?? '';
	for (const length of [9, 6, 3]) {
		const prefix = first.slice(0, length);
		if (texts.every((text) => text.startsWith(prefix))) return prefix;
	}
	return '';
}
