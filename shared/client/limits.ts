/** The bounds of a client, in one place. A simulator makes them small, so that they are reached. */
import { FRAME_BYTES_FULL, IN_FLIGHT_MAX, READ_KEYS_MAX } from './protocol.ts';

export interface CallLimits {
	/** Commands, and keys to be read, that a node has not answered. A node refuses more; what is more waits in line. */
	readonly inFlightMax: number;
	/** Writes, and reads, without an answer, those in line included. More are refused at once. */
	readonly callsMax: number;
	/** Bytes of the writes, and of the keys to be read, that are kept until they are answered. More are refused at once. */
	readonly bytesMax: number;
	/** A batch of writes that has reached this size takes no more. */
	readonly batchBytesFull: number;
	/** Keys of one batch of reads. */
	readonly readKeysMax: number;
}

export const LIMITS: CallLimits = {
	inFlightMax: IN_FLIGHT_MAX,
	callsMax: 1_048_576,
	bytesMax: 268_435_456,
	batchBytesFull: FRAME_BYTES_FULL,
	readKeysMax: READ_KEYS_MAX,
};

/** Commands of a batch in line. With the command that opens its client, it must fit what a node takes. */
export function lineCommandsMax({ inFlightMax }: CallLimits): number {
	return Math.max(1, Math.min(LINE_COMMANDS_MAX, inFlightMax - 1));
}

const LINE_COMMANDS_MAX = 4096;
