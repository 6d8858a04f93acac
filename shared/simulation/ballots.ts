/** Numbers for ballots, so that what is known of a ballot is found without a text for it. */
import { type Ballot, sameBallot } from '../paxos/ballot.ts';

/** Equal for equal ballots, of one `BallotIds`. */
export type BallotId = number;

interface Known {
	readonly ballot: Ballot;
	readonly id: BallotId;
}

export class BallotIds {
	/** By the milliseconds of the ballot: few ballots share them. */
	readonly #known = new Map<number, Known[]>();
	#next: BallotId = 1;
	/** The same ballot is mostly asked for many times in a row. */
	#last: Known | undefined;

	of(ballot: Ballot): BallotId {
		if (!this.#last || !sameBallot(this.#last.ballot, ballot)) this.#last = this.#find(ballot);
		return this.#last.id;
	}

	#find(ballot: Ballot): Known {
		let known = this.#known.get(ballot.ms);
		if (!known) {
			known = [];
			this.#known.set(ballot.ms, known);
		}
		let found = known.find((each) => sameBallot(each.ballot, ballot));
		if (!found) {
			found = { ballot, id: this.#next++ };
			known.push(found);
		}
		return found;
	}
}
