/**
 * Which nodes decide which slot, as the chosen slots say it. The ledger keeps it from the values that are chosen, apart
 * from what any agent believes.
 *
 * @source Lamport, Malkhi and Zhou 2010, Reconfiguring a State Machine, the method R_α
 */
import type { NodeId } from '../paxos/ballot.ts';
import type { Slot } from '../paxos/message.ts';
import { countVotes, type Voters } from '../paxos/quorum.ts';
import { changeOf, type Value } from '../paxos/value.ts';

/** The nodes that decide the slots from `from` on. Bit i stands for node i. */
export interface Electorate {
	readonly chosenAt: Slot;
	readonly from: Slot;
	readonly voters: Voters;
	readonly members: Voters;
}

export class Electorates {
	readonly nodesCount: number;
	readonly #ids: readonly NodeId[];
	readonly alpha: number;
	/** All that ever were, in the order of their slots. */
	readonly #all: Electorate[];

	/** @param first the number of nodes that decide the first slots */
	constructor(ids: readonly NodeId[], first: number, alpha: number) {
		this.nodesCount = ids.length;
		this.#ids = ids;
		this.alpha = alpha;
		const voters = 2 ** first - 1;
		this.#all = [{ chosenAt: 0, from: 1, voters, members: voters }];
	}

	get last(): Electorate {
		return this.#all.at(-1) as Electorate;
	}

	/** Those that decide the slot, as far as the slots up to now say. */
	of(slot: Slot): Electorate {
		let index = this.#all.length - 1;
		while (index > 0 && (this.#all[index] as Electorate).from > slot) index--;
		return this.#all[index] as Electorate;
	}

	/** Those of slot `chosenThrough + 1`, and those that are known to follow. */
	above(chosenThrough: Slot): Electorate[] {
		const inForce = this.of(chosenThrough + 1);
		const next = this.#all.find(({ chosenAt, from }) => chosenAt <= chosenThrough && from > chosenThrough + 1);
		return next ? [inForce, next] : [inForce];
	}

	/**
	 * The slot is chosen, and so are all before it.
	 *
	 * @returns whether the value changes the members: not where it follows another change than the last one in force
	 */
	chosen(slot: Slot, value: Value): boolean {
		const { follows, members } = changeOf(value);
		const { last } = this;
		const all = this.#maskOf(members.map(({ id }) => id));
		if (follows !== last.chosenAt || slot < last.from || (all & this.#past) !== 0) return false;
		const voters = this.#maskOf(members.filter(({ isVoter }) => isVoter).map(({ id }) => id));
		this.#all.push({ chosenAt: slot, from: slot + this.alpha, voters, members: all });
		return true;
	}

	/** Those in force since the node was a member, up to now. */
	without(node: number, chosenThrough: Slot): Electorate[] {
		const last = this.#all.findLastIndex(({ members }) => (members & (1 << node)) !== 0);
		return this.#all.slice(last + 1).filter(({ from }) => from <= chosenThrough + 1);
	}

	/** Whether a quorum of each set that ever decided a slot is among these nodes. */
	areEnough(nodes: readonly number[]): boolean {
		const mask = nodes.reduce((all, node) => all | (1 << node), 0);
		return this.#all.every((each) => isQuorumFor(each, mask));
	}

	/** Whether the node was a member, and is none any more. */
	wasMember(node: number): boolean {
		return (this.#past & (1 << node)) !== 0;
	}

	get #past(): Voters {
		return this.#all.reduce((mask, each) => mask | each.members, 0) & ~this.last.members;
	}

	#maskOf(ids: readonly NodeId[]): Voters {
		let mask = 0;
		for (const id of ids) mask |= 1 << this.#ids.indexOf(id);
		return mask;
	}
}

export function isQuorumFor({ voters }: Electorate, nodes: Voters): boolean {
	return 2 * countVotes(nodes & voters) > countVotes(voters);
}
