/**
 * Checks each state that `explore.ts` visits. Who decides a slot is worked out from the votes in the slots
 * before it, apart from what any agent believes.
 *
 * - `Agreement`: in one slot at most one value is accepted by a quorum of those that decide the slot. The votes of others,
 *   such as a member that is removed, do not count, and no quorum is made of two sets.
 * - `MembersAreKnown`: nobody accepts in a slot before the slots that are chosen say who decides it.
 * - `OnlyChosenIsLearned`: what a node takes for chosen in a slot is chosen there.
 */
import type { NodeId } from '../paxos/ballot.ts';
import type { Slot } from '../paxos/message.ts';
import { isMembersChange } from '../paxos/value.ts';
import { Electorates, isQuorumFor } from './electorates.ts';
import { type Local, type Numbers, proposerOf } from './explore-world.ts';
import { Violation } from './ledger.ts';

/** The outcome of the votes of all nodes. */
interface Verdict {
	/** The chosen values by number, from the first slot on; undefined where none is. */
	readonly chosen: readonly (number | undefined)[];
	/** The nodes of which some value is chosen. */
	readonly proposers: ReadonlySet<number>;
	/** A value is chosen in a slot that the last members of the world decide. */
	readonly isByLast: boolean;
}

export class Checks {
	readonly #numbers: Numbers;
	/** By the votes of all nodes. */
	readonly #verdicts = new Map<string, Verdict>();
	chosenFirst = 0;
	chosenSecond = 0;
	chosenByLast = 0;

	constructor(numbers: Numbers) {
		this.#numbers = numbers;
	}

	/** @throws Violation */
	check(locals: readonly Local[]): void {
		const key = locals.map(({ votes }) => votes).join();
		let verdict = this.#verdicts.get(key);
		if (!verdict) {
			verdict = this.#verdict(locals);
			this.#verdicts.set(key, verdict);
		}
		for (const { node, chosen } of locals) {
			for (let index = 0; index < chosen.length; index++) {
				if (chosen[index] === verdict.chosen[index]) continue;
				const id = this.#numbers.world.ids[node];
				throw new Violation('OnlyChosenIsLearned', `${id} takes what is not chosen for chosen in slot ${index + 1}`);
			}
		}
		if (verdict.proposers.has(0)) this.chosenFirst++;
		if (verdict.proposers.has(1)) this.chosenSecond++;
		if (verdict.isByLast) this.chosenByLast++;
	}

	#verdict(locals: readonly Local[]): Verdict {
		const { ids, sets, alpha } = this.#numbers.world;
		const electorates = new Electorates(ids, (sets[0] as readonly NodeId[]).length, alpha);
		const chosen: (number | undefined)[] = [];
		const proposers = new Set<number>();
		let changesLeft = sets.length - 1;
		let chosenThrough = 0;
		let isByLast = false;
		for (const [slot, ballots] of this.#votersIn(locals)) {
			if (slot > chosenThrough + alpha) throw new Violation('MembersAreKnown', `slot ${slot} is accepted too early`);
			const electorate = electorates.of(slot);
			for (const { value, voters } of ballots.values()) {
				if (!isQuorumFor(electorate, voters)) continue;
				if ((chosen[slot - 1] ?? value) !== value) throw new Violation('Agreement', `slot ${slot} has two values`);
				chosen[slot - 1] = value;
			}
			const number = chosen[slot - 1];
			if (number === undefined) continue;
			if (changesLeft === 0 && electorate === electorates.last) isByLast = true;
			const value = this.#numbers.values.at(number);
			const proposer = proposerOf(value);
			if (proposer !== undefined) proposers.add(proposer);
			if (slot !== chosenThrough + 1) continue;
			chosenThrough = slot;
			if (isMembersChange(value) && electorates.chosen(slot, value)) changesLeft--;
		}
		return { chosen, proposers, isByLast };
	}

	/** By slot, in their order, and then by ballot and value: those that have accepted it. */
	#votersIn(locals: readonly Local[]): [Slot, Map<string, { readonly value: number; voters: number }>][] {
		const slots = new Map<Slot, Map<string, { readonly value: number; voters: number }>>();
		for (const { node, votes } of locals) {
			for (const { slot, ballot, value } of this.#numbers.votes(votes)) {
				const ballots = slots.get(slot) ?? new Map<string, { readonly value: number; voters: number }>();
				slots.set(slot, ballots);
				const key = `${ballot}/${value}`;
				const accepted = ballots.get(key) ?? { value, voters: 0 };
				ballots.set(key, accepted);
				accepted.voters |= 1 << node;
			}
		}
		return [...slots].sort(([a], [b]) => a - b);
	}
}
