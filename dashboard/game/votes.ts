/**
 * Whether a proposer counts only votes that were given, for the same slot and under the same ballot. It is looked for only
 * where no fact is missing.
 *
 * @source Lamport, Paxos.tla: ChosenAt, a quorum has voted for the value in the ballot
 */
import type { Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';

export class VoteRule {
	/** By slot and ballot: those that have accepted. */
	readonly #given = new Map<string, Set<NodeId>>();

	/** @returns whether the fact breaks the rule */
	breaks(fact: Fact): boolean {
		if (fact.kind === 'accepted') {
			const key = `${fact.slot} ${fact.ballot}`;
			this.#given.set(key, (this.#given.get(key) ?? new Set()).add(fact.node));
		}
		if (fact.kind !== 'voteCounted') return false;
		const given = this.#given.get(`${fact.slot} ${fact.ballot}`);
		return !given?.has(fact.from);
	}
}
