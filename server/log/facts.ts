/** Writes log lines for operators, one for each coarse fact. */
import { GIVEN_UP, membersText, type RawFact } from '../../shared/fact.ts';
import { ACTED, faultText } from '../../shared/lab.ts';
import { ballotToText } from '../../shared/paxos/ballot.ts';
import { skewText } from '../../shared/skew.ts';
import type { FactStream } from '../replica/fact-stream.ts';
import type { LastLines } from './last-lines.ts';
import type { NodeLogger } from './logger.ts';
import { kindOfText, Repeats } from './repeats.ts';

/**
 * @param last remembers all lines, whatever the level of the log is, each with its time
 * @returns a function that ends it
 */
export function logFacts(facts: FactStream, log: NodeLogger, last?: LastLines): () => void {
	// Ignored messages may come without end, so they are told at a bounded rate. Malformed ones are, where they are
	// refused.
	const ignored = new Repeats<string>((text, count) =>
		log.warn(count === 1 ? text : `${text} (and ${count - 1} more)`),
	);
	const unwatch = facts.watch((fact) => {
		const line = lineOf(fact);
		if (line === null) return;
		const text = printable(line.text);
		last?.add(`${new Date(fact.time).toISOString()} ${text}`);
		if (fact.kind === 'ignored') ignored.note(kindOfText(text), text);
		else log[line.level](text);
	});
	return () => {
		unwatch();
		ignored.stop();
	};
}

/** Parts of a line come from elsewhere, and may hold what a terminal obeys or what turns the text around. */
function printable(text: string): string {
	return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}

function lineOf(fact: RawFact): { level: 'debug' | 'info' | 'warn'; text: string } | null {
	switch (fact.kind) {
		case 'role': {
			const leader = fact.leader.node === '' ? 'no leader is heard' : `the leader is ${fact.leader.node}`;
			const text =
				fact.role === 'leader'
					? `leads under ${ballotToText(fact.ballot)}, promised by ${fact.by.join(', ')}`
					: `${leader} (${fact.why})`;
			return { level: 'info', text };
		}
		case 'campaign':
			return { level: 'info', text: `campaigns under ${ballotToText(fact.ballot)} (${fact.why})` };
		case 'halted':
			return {
				level: 'info',
				text: `${ballotToText(fact.ballot)} is halted by ${ballotToText(fact.by)}, says ${fact.from}`,
			};
		case 'givenUp':
			return { level: 'info', text: `${ballotToText(fact.ballot)} is given up: ${GIVEN_UP[fact.why]}` };
		case 'linkUp':
			return { level: 'info', text: `link to ${fact.peer} is up` };
		case 'linkDown':
			return { level: 'info', text: `link to ${fact.peer} is down: ${fact.why}` };
		case 'linkFault':
			return { level: 'warn', text: `lab: the messages of ${fact.from} ${faultText(fact)}` };
		case 'nodeFault':
			return { level: 'warn', text: `lab: ${fact.target} is ${ACTED[fact.act]}` };
		case 'malformed':
			return { level: 'warn', text: `${fact.door}: ${fact.why} (from ${fact.from})` };
		case 'ignored':
			return { level: 'warn', text: `ignored ${fact.message} from ${fact.from}: ${fact.why}` };
		case 'disk':
		case 'state':
		case 'stall':
			// The end of a trouble has the same level as its beginning, so that a reader of warnings sees both.
			return { level: 'warn', text: fact.detail };
		case 'snapshot':
			return { level: fact.what === 'abandoned' ? 'warn' : 'info', text: fact.detail };
		case 'installed':
			return { level: 'info', text: `has taken over a snapshot: it knows every slot through ${fact.through}` };
		case 'members':
			return { level: 'info', text: `the members from slot ${fact.from} on are ${membersText(fact.members)}` };
		case 'clockSkew':
			return { level: 'warn', text: skewText(fact.peer, fact.aheadMs) };
		case 'promised':
			return { level: 'debug', text: `promised ${ballotToText(fact.ballot)}` };
		case 'pollHeld':
			return { level: 'debug', text: `no campaign: ${fact.hearing.join(', ')} hear a leader` };
		default:
			return null;
	}
}
