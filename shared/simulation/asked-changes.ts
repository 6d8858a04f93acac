/**
 * The changes of members that nodes were asked for, and what became of them. One that was refused as often as it was asked
 * for is never chosen: to those who asked, a refusal says that nothing was changed.
 */
import type { MembersChange } from '../paxos/change.ts';

interface Asked {
	times: number;
	refused: number;
	isChosen: boolean;
}

export class AskedChanges {
	readonly #all = new Map<string, Asked>();

	/** A node was asked to propose it. The same change may be asked for more than once. */
	asked(change: MembersChange): void {
		this.#of(change).times++;
	}

	/** @returns whether it was chosen all the same */
	refused(change: MembersChange): boolean {
		const asked = this.#of(change);
		asked.refused++;
		return isFalse(asked);
	}

	/** It has changed the members. @returns whether all who asked for it were told that it was refused */
	chosen(change: MembersChange): boolean {
		const asked = this.#of(change);
		asked.isChosen = true;
		return isFalse(asked);
	}

	#of({ follows, members }: MembersChange): Asked {
		const key = JSON.stringify([follows, members.map(({ id, isVoter, replaces }) => [id, isVoter, replaces])]);
		let asked = this.#all.get(key);
		if (!asked) {
			asked = { times: 0, refused: 0, isChosen: false };
			this.#all.set(key, asked);
		}
		return asked;
	}
}

function isFalse({ times, refused, isChosen }: Asked): boolean {
	return isChosen && refused >= times;
}
