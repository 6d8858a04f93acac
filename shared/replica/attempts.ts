/** The campaigns that were run for one proposal with route `self`. They are kept for people to see. */
import type { Attempt } from '../feed.ts';
import { type Ballot, ballotToText } from '../paxos/ballot.ts';

/** Later campaigns are not listed: a duel may last as long as the time limit, and people have seen enough by then. */
const ATTEMPTS_MAX = 256;

export class Attempts {
	readonly #all: Attempt[] = [];

	get all(): readonly Attempt[] {
		return this.#all;
	}

	/** A campaign for the proposal began, or the proposal joined one that was under way. */
	began(campaign: Ballot): void {
		if (this.#all.length >= ATTEMPTS_MAX) return;
		const ballot = ballotToText(campaign);
		if (this.#all.every((attempt) => attempt.ballot !== ballot)) {
			this.#all.push({ ballot, haltedBy: '', givenUp: false });
		}
	}

	/** @param by the higher promise that ended the campaign; null where it ended without one */
	ended(campaign: Ballot, by: Ballot | null): void {
		const ballot = ballotToText(campaign);
		const at = this.#all.findIndex((attempt) => attempt.ballot === ballot);
		if (at >= 0) this.#all[at] = { ballot, haltedBy: by === null ? '' : ballotToText(by), givenUp: by === null };
	}
}
