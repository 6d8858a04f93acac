/** The campaigns that were run for one proposal which asked for both phases from here, for people to see. */
import type { Attempt } from '../feed.ts';
import { type Ballot, ballotToText } from '../paxos/ballot.ts';

/** One more is counted by nobody: people have seen enough, and a duel may take a whole time limit. */
const ATTEMPTS_MAX = 256;

export class Attempts {
	readonly #all: Attempt[] = [];

	get all(): readonly Attempt[] {
		return this.#all;
	}

	/** A campaign began for it, or was under way and is joined by it. */
	began(campaign: Ballot): void {
		if (this.#all.length >= ATTEMPTS_MAX) return;
		const ballot = ballotToText(campaign);
		if (this.#all.every((attempt) => attempt.ballot !== ballot)) {
			this.#all.push({ ballot, haltedBy: '', givenUp: false });
		}
	}

	/** @param by the promise that ended it; null where too few answered */
	ended(campaign: Ballot, by: Ballot | null): void {
		const ballot = ballotToText(campaign);
		const at = this.#all.findIndex((attempt) => attempt.ballot === ballot);
		if (at >= 0) this.#all[at] = { ballot, haltedBy: by === null ? '' : ballotToText(by), givenUp: by === null };
	}
}
