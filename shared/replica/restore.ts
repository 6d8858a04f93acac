/**
 * The contents of a snapshot: the members as of its last slot, in the first payload, and the state of the machine in those
 * that follow. A node reads its own snapshot when it starts, and that of another node when it takes it over.
 */
import { MalformedError, Reader, Writer } from '../bytes/bytes.ts';
import { type MembersState, readMembersState, writeMembersState } from '../paxos/members.ts';
import type { Machine, MachineRestore } from '../store/machine.ts';

export interface Restored<State extends Machine = Machine> {
	readonly machine: State;
	/** The members that govern the slots behind the snapshot. */
	readonly members: MembersState;
}

export class Restore<State extends Machine> {
	readonly #machine: MachineRestore<State>;
	#members: MembersState | null = null;

	constructor(machine: MachineRestore<State>) {
		this.#machine = machine;
	}

	/** How many items of the machine's state were taken in. */
	get itemsCount(): number {
		return this.#machine.itemsCount;
	}

	/**
	 * Takes in the next payload, which must not be changed afterwards.
	 *
	 * @throws MalformedError for what is no payload of a snapshot after those before
	 */
	add(payload: Uint8Array): void {
		if (this.#members !== null) return this.#machine.add(payload);
		this.#members = readMembersPart(payload);
	}

	/** @throws MalformedError where payloads are missing */
	finish(): Restored<State> {
		if (this.#members === null) throw new MalformedError('a snapshot without members');
		return { machine: this.#machine.finish(), members: this.#members };
	}
}

/** Reads the first payload. @throws MalformedError */
export function readMembersPart(payload: Uint8Array): MembersState {
	const from = new Reader(payload);
	const members = readMembersState(from);
	from.finish();
	return members;
}

/** The first payload. */
export function membersPart(members: MembersState): Uint8Array {
	const out = new Writer();
	writeMembersState(out, members);
	return out.take();
}
