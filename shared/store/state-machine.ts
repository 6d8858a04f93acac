/** A state machine of the user's own: what it has to do, and what it is given. */

import { fromUtf8, toUtf8 } from '../bytes/text.ts';

/**
 * A state and the commands that change it. Every node applies the same commands in the same order, so the same must come
 * of them everywhere: `apply` depends on nothing but its arguments. It reads no clock, draws no number of its own, waits
 * for nothing, and depends on no order that differs between processes. One of these functions is called at a time. A
 * function that throws stops the node, because another node may have gone on.
 *
 * @typeParam State is changed in place
 */
export interface StateMachine<State, Command, Result> {
	/**
	 * The name of this kind of machine, in 1 to 64 characters of visible ASCII; not `key-value`, which is that of the keys.
	 * Data of another kind are refused.
	 */
	readonly name: string;
	/**
	 * An integer from 1 on. It rises whenever an older program must not read what this one has written, or would make
	 * something else of it. Data of a higher version are refused, those of a lower one are read.
	 */
	readonly version: number;
	readonly command: Codec<Command>;
	readonly result: Codec<Result>;
	/** The state before the first command. */
	initial(): State;
	/**
	 * Carries out a command, which changes `state` in place.
	 *
	 * @returns the answer to its proposer, which must not be changed later
	 */
	apply(state: State, command: Command, context: ApplyContext): Result;
	/**
	 * Whether something in the state waits for a later time than `timeMs`. The log's time goes on with the commands, by a
	 * second at most for each slot. While this is true, the leader lets it pass although nobody proposes anything. It is
	 * asked twice a second at most; without it nothing waits.
	 */
	waitsForTime?(state: State, timeMs: number): boolean;
	/**
	 * The whole state as it is now, in parts of 1 to `OWN_PART_BYTES_MAX` bytes. The parts are asked for one by one, while
	 * commands go on, so what they will show has to be fixed before this returns: `const jobs = [...state.jobs.values()]`,
	 * where no job is ever changed in place. Equal states must give equal parts.
	 */
	snapshot(state: State): Iterable<Uint8Array>;
	/**
	 * The state of a snapshot.
	 *
	 * @param version that of the machine which has written the parts, `version` or a lower one
	 * @throws any error for parts that no machine has written
	 */
	restore(parts: readonly Uint8Array[], version: number): State;
}

/** Values to bytes and back. Equal values must give equal bytes. */
export interface Codec<T> {
	encode(value: T): Uint8Array;
	/** The bytes must not be changed, and not be kept: they may be a view of a larger array. @throws any error */
	decode(bytes: Uint8Array): T;
}

/** All that a machine may know beside the state and the command. It is valid during the call only. */
export interface ApplyContext {
	/** The place of the command in the log. Several commands may share one. */
	readonly slot: number;
	/** The log's time in milliseconds, the same at every node. It is no time of day: see `StateMachine.waitsForTime`. */
	readonly timeMs: number;
	/**
	 * A number from 0 up to, not including, 1: the same sequence at every node, which begins anew with each slot. It is no
	 * secret.
	 */
	random(): number;
}

/** The command was applied, and its result is not known at this node, which has taken over a state that holds it. */
export class ResultLostError extends Error {
	override readonly name = 'ResultLostError';

	constructor() {
		super('the command was applied, and its result is not known: this node has taken over a state that holds it');
	}
}

/** The largest part of a snapshot. */
export const OWN_PART_BYTES_MAX = 1_048_576;

/** A codec for values that JSON can hold. Objects give equal bytes only where their properties have the same order. */
export function jsonCodec<T>(): Codec<T> {
	return {
		encode: (value) => toUtf8(JSON.stringify(value) ?? 'null'),
		decode: (bytes) => JSON.parse(fromUtf8(bytes) ?? ''),
	};
}
