/**
 * The sentence of "Paxos Made Simple" that each row of a decision carries out, in the case that is shown: what a leader
 * that ran phase 1 long before does stands elsewhere in the paper than what a lone proposer does. The quotations are
 * short, and cut where `…` stands.
 *
 * @source Leslie Lamport, Paxos Made Simple, 2001
 */
import type { Round } from './decision.ts';

export const PAPER = 'Leslie Lamport, Paxos Made Simple, 2001';

/** A row of a decision: the two halves of each phase, and what comes of them. */
export type RowName = '1a' | '1b' | '2a' | '2b' | 'learned';

export interface Passage {
	/** The section, such as `2.2, phase 1 (a)`. */
	readonly section: string;
	readonly words: string;
}

const PREPARE: Passage = {
	section: '2.2, phase 1 (a)',
	words: 'A proposer selects a proposal number n and sends a prepare request with number n to a majority of acceptors.',
};
const PREPARE_ONCE: Passage = {
	section: '3',
	words: 'A newly chosen leader executes phase 1 for infinitely many instances of the consensus algorithm …',
};
const PROMISE: Passage = {
	section: '2.2, phase 1 (b)',
	words:
		'… a promise not to accept any more proposals numbered less than n and … the highest-numbered proposal (if any) that it has accepted.',
};
const ABANDON: Passage = {
	section: '2.2',
	words:
		'It is probably a good idea to abandon a proposal if some proposer has begun trying to issue a higher-numbered one.',
};
const ACCEPT: Passage = {
	section: '2.2, phase 2 (a)',
	words: 'If the proposer receives a response … from a majority of acceptors, then it sends an accept request …',
};
const ACCEPT_REPORTED: Passage = {
	section: '2.2, phase 2 (a)',
	words: '… v is the value of the highest-numbered proposal among the responses …',
};
const ACCEPT_OWN: Passage = {
	section: '2.2, phase 2 (a)',
	words: '… or is any value if the responses reported no proposals.',
};
const ACCEPT_NOOP: Passage = {
	section: '3',
	words: '… a special “no-op” command that leaves the state unchanged.',
};
const ACCEPTED: Passage = {
	section: '2.2, phase 2 (b)',
	words:
		'… it accepts the proposal unless it has already responded to a prepare request having a number greater than n.',
};
const LEARN: Passage = {
	section: '2.3',
	words: '… a learner must find out that a proposal has been accepted by a majority of acceptors.',
};

/** What the paper says of a row, as the round stands. */
export function passageOf(row: RowName, round: Round): Passage {
	switch (row) {
		case '1a':
			return round.onceAbove === undefined ? PREPARE : PREPARE_ONCE;
		case '1b':
			return isAbandonedIn(1, round) ? ABANDON : PROMISE;
		case '2a':
			return acceptPassage(round);
		case '2b':
			return isAbandonedIn(2, round) ? ABANDON : ACCEPTED;
		case 'learned':
			return LEARN;
	}
}

function acceptPassage({ proposal }: Round): Passage {
	switch (proposal?.origin) {
		case 'own':
			return ACCEPT_OWN;
		case 'reported':
			return ACCEPT_REPORTED;
		case 'noop':
			return ACCEPT_NOOP;
		case undefined:
			return ACCEPT;
	}
}

/** A higher ballot ended the round while it was in this phase. */
function isAbandonedIn(phase: 1 | 2, { halted, proposal, isChosen }: Round): boolean {
	return halted !== null && !isChosen && phase === (proposal ? 2 : 1);
}
