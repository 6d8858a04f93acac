/** Puts an agent's log together from the records that were read, a few at a time, so that others are served meanwhile. */
import { InvariantError } from '../paxos/config.ts';
import type { LogReplay } from '../paxos/log-replay.ts';
import type { DurableRecord } from '../paxos/record.ts';
import { CorruptLogError } from './corrupt-log-error.ts';
import { MANIFEST_NAME } from './manifest.ts';

/** The number of records of one step. */
const RECORDS_OF_STEP = 256;

/**
 * Yields after each step.
 *
 * @throws CorruptLogError the records contradict each other, though each is whole, as where an older manifest was put back
 *   that does not know of the snapshot between them
 */
export function* replaying(records: readonly DurableRecord[], replay: LogReplay): Generator<undefined, void> {
	for (const [index, record] of records.entries()) {
		try {
			replay.add(record);
		} catch (error) {
			if (!(error instanceof InvariantError)) throw error;
			const reason = `it does not belong to the records of the log: ${error.message}`;
			throw new CorruptLogError(reason, { file: MANIFEST_NAME, offset: 0, cause: error });
		}
		if (index % RECORDS_OF_STEP === 0) yield;
	}
}
