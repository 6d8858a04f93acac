/** What the slots of a random walk hold, and what nodes have said of their proposals. */
import type { ProposalId } from '../../shared/paxos/event.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { batchValue, commandsOf, elapsedMsOf, type Value } from '../../shared/paxos/value.ts';
import { Violation } from '../../shared/simulation/ledger.ts';

/** A command is the number of its proposal. */
const COMMAND_BYTES = 3;

/** The rules of the simulator ask this of a state machine. The one of a walk keeps only the number of slots. */
interface State {
	readonly revision: number;
	readonly digest: number;
	readonly timeMs: number;
}

export class WalkHistory {
	/** What each slot holds, as the first node has applied it. */
	readonly #values: Value[] = [];
	/** By slot: the time of the state machine after it, milliseconds. */
	readonly #timesMs: number[] = [0];
	/** Proposals that surely are not chosen, as their nodes have said. */
	readonly #refused = new Set<ProposalId>();

	/** The highest slot that some node has applied. */
	get appliedThrough(): Slot {
		return this.#values.length;
	}

	stateAfter(slot: Slot): State {
		return { revision: slot, digest: slot, timeMs: this.#timesMs[slot] as number };
	}

	/** @throws Violation where a proposal in it was refused */
	applied(slot: Slot, value: Value): void {
		this.#values[slot - 1] ??= value;
		this.#timesMs[slot] ??= (this.#timesMs[slot - 1] as number) + elapsedMsOf(value);
		for (const proposal of proposalsIn(value)) if (this.#refused.has(proposal)) throw chosen(proposal);
	}

	/** @throws Violation where a slot holds it */
	refused(proposal: ProposalId): void {
		this.#refused.add(proposal);
		if (this.holds(this.appliedThrough, proposal)) throw chosen(proposal);
	}

	/** Whether a slot up to `through` holds the proposal. */
	holds(through: Slot, proposal: ProposalId): boolean {
		return this.#values.slice(0, through).some((value) => proposalsIn(value).includes(proposal));
	}
}

export function batchOf(proposal: ProposalId): Value {
	return batchValue(Uint8Array.of(proposal >> 16, proposal >> 8, proposal));
}

function proposalsIn(value: Value): ProposalId[] {
	const commands = commandsOf(value);
	const view = new DataView(commands.buffer, commands.byteOffset, commands.length);
	const ids: ProposalId[] = [];
	for (let at = 0; at < commands.length; at += COMMAND_BYTES)
		ids.push((view.getUint8(at) << 16) | view.getUint16(at + 1));
	return ids;
}

function chosen(proposal: ProposalId): Violation {
	return new Violation('RefusedIsNotChosen', `proposal ${proposal} is chosen and was refused`);
}
