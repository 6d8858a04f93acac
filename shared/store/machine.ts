/**
 * What a replica asks of its state machine, and all that it knows of it. `Store` is one, the machine of a user is another
 * (`own-machine.ts`), and both take in their commands by `AppliedOnce`. What people ask of the key-value store beyond this
 * comes through rooms that are composed beside the replica.
 */
import type { Writer } from '../bytes/bytes.ts';
import type { OnResult, Result } from './result.ts';

export interface Machine {
	/** The revision of the last applied command; 0 before the first. */
	readonly revision: number;
	/** The digest of all that was applied (`digest.ts`), a signed integer of 32 bits. */
	readonly digest: number;
	/** The next slot begins, and the log's time moves ahead by what it says, milliseconds. */
	passTime(ms: number, slot: number): void;
	/**
	 * Applies the commands of one slot. @param onResult is told the result of each command before the next one is applied
	 */
	apply(value: Uint8Array, onResult?: OnResult): unknown;
	/** As `AppliedOnce.outcomeOf`. */
	outcomeOf(client: string, sequence: number): Result | undefined;
	/** As `AppliedOnce.registrationOf`. */
	registrationOf(client: string): Result | undefined;
	/** Whether an outcome is kept of any command of the client. */
	keepsOutcomesOf(client: string): boolean;
	/** Takes a cut of the whole state as it is now, which is read while commands go on. One is open at a time. */
	cut(): MachineCut;
	/** Takes over the whole state of another one of its kind, which must not be used afterwards. */
	become(other: Machine): void;
	/** Drops up to so many items that nobody can see any more from memory, in a moment without commands. */
	tidy(itemsMax: number): void;
}

export interface MachineCut {
	/** As `Cut.write`. */
	write(out: Writer, bytesGoal: number): boolean;
	close(): void;
}

/** Reads what a cut has written. */
export interface MachineRestore<Restored extends Machine = Machine> {
	/** How many items were taken in, for people. */
	readonly itemsCount: number;
	/** Takes in the next parts, which must not be changed afterwards. @throws MalformedError for what no cut writes */
	add(parts: Uint8Array): void;
	/** @returns a machine in the state of the cut @throws MalformedError where parts are missing */
	finish(): Restored;
}

/** A kind of machine, whose states are made here. */
export interface MachineKind<State extends Machine = Machine> {
	/** A machine that has applied nothing. */
	empty(): State;
	/** Begins to read the state of a machine. */
	restore(): MachineRestore<State>;
}
