/** The bounds of a client, in one place. The simulator makes them small in order to reach them. */
import { FRAME_BYTES_FULL, IN_FLIGHT_MAX, READ_KEYS_MAX } from './protocol.ts';

export interface CallLimits {
	/** Commands at a node without an answer, and as many keys to read. A node refuses more, so others wait in line. */
	readonly inFlightMax: number;
	/** Writes without an answer, those in line included, and as many reads. More are refused at once. */
	readonly callsMax: number;
	/** Bytes of all writes without an answer, and as many of the keys of all reads. More are refused at once. */
	readonly bytesMax: number;
	/** A batch of writes takes no further command that would make it larger than this. */
	readonly batchBytesFull: number;
	/** The number of keys in one batch of reads. */
	readonly readKeysMax: number;
}

export const LIMITS: CallLimits = {
	inFlightMax: IN_FLIGHT_MAX,
	callsMax: 1_048_576,
	bytesMax: 268_435_456,
	batchBytesFull: FRAME_BYTES_FULL,
	readKeysMax: READ_KEYS_MAX,
};

/** The commands of a batch in line. Together with a registration of its client it must fit `inFlightMax`. */
export function lineCommandsMax({ inFlightMax }: CallLimits): number {
	return Math.max(1, Math.min(LINE_COMMANDS_MAX, inFlightMax - 1));
}

const LINE_COMMANDS_MAX = 4096;
