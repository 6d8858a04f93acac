/** The parts of which a sentence of why is made, each with the facts behind it and what no fact tells. */
import type { NodeId } from '../../../shared/paxos/ballot.ts';
import type { BallotNames } from '../ballot-names.ts';
import { countVoters, type Deciders, electorateOf } from '../members.ts';
import type { Item } from '../tape.ts';

export interface Clause {
	/** The words, without a full stop. */
	readonly text: (names: BallotNames) => string;
	readonly facts: readonly Item[];
	/** Whole sentences on what is not known. */
	readonly unknown: readonly string[];
}

export function clause(
	text: string | ((names: BallotNames) => string),
	facts: readonly (Item | undefined)[] = [],
	unknown: readonly string[] = [],
): Clause {
	return {
		text: typeof text === 'string' ? () => text : text,
		facts: facts.filter((item) => item !== undefined),
		unknown,
	};
}

/** Such as ` (3 of 5)`; '' where it is not known who votes, or others than these are among the nodes. */
export function shareText(sets: readonly (Deciders | null)[], nodes: readonly NodeId[]): string {
	const shares = sets.flatMap((set) => {
		if (!set) return [];
		const electorate = electorateOf(set);
		return [`${countVoters(electorate, nodes)} of ${electorate.voters.length}`];
	});
	return shares.length > 0 ? ` (${shares.join(' and ')})` : '';
}

/** A duration as the clock of one node measured it. */
export function durationText(ms: number): string {
	if (ms < 0.1) return 'less than 0.1 ms';
	return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`;
}
