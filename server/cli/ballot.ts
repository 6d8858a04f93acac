/** Ballots for people: the node and its time, in this machine's time zone. `--json` has the whole integer. */
import type { BallotText } from '../../shared/fact.ts';
import { ballotFromText } from '../../shared/paxos/ballot.ts';

/** `n3 14:02:11.207`; a dash for no ballot, and the text itself where it is malformed. */
export function ballotForPeople(text: BallotText): string {
	const ballot = ballotFromText(text);
	if (!ballot) return text;
	if (ballot.node === '') return '-';
	const time = new Date(ballot.ms);
	const part = (value: number, digits: number): string => String(value).padStart(digits, '0');
	const seconds = `${part(time.getSeconds(), 2)}.${part(time.getMilliseconds(), 3)}`;
	return `${ballot.node} ${part(time.getHours(), 2)}:${part(time.getMinutes(), 2)}:${seconds}`;
}
