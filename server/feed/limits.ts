/** The limits on what watchers are told, and how much each fact counts against them. */
import type { RawFact } from '../../shared/fact.ts';

export interface FlowLimits {
	/** Above this, facts are told of some decisions only. `weightOf` says how much a fact counts. */
	readonly factsPerSecondMax: number;
	/**
	 * The same for the time that it takes to make facts plain and to send them, milliseconds. It counts while more slots are
	 * chosen in a second than `slotsPerSecondMin`.
	 */
	readonly tellingMsPerSecondMax: number;
	/** People can follow so many slots in a second, such as those of a duel, so all of them are told. */
	readonly slotsPerSecondMin: number;
	/** So many are told however long that takes, because a process that has just started is slow. */
	readonly factsPerSecondMin: number;
	/**
	 * The bound on the facts held for all slow watchers together. A watcher further behind gets counts and a snapshot. It
	 * must be more than one second may add.
	 */
	readonly queueFactsMax: number;
	readonly batchesPerSecondMax: number;
	/** For each watcher. The first snapshot is sent as soon as it has joined. */
	readonly snapshotsPerSecondMax: number;
	/** After the last watcher has left, what happens is remembered for so long, milliseconds. */
	readonly restAfterMs: number;
}

export const FLOW_LIMITS: FlowLimits = {
	factsPerSecondMax: 1_500,
	tellingMsPerSecondMax: 12,
	slotsPerSecondMin: 50,
	factsPerSecondMin: 300,
	queueFactsMax: 3_000,
	batchesPerSecondMax: 60,
	snapshotsPerSecondMax: 4,
	restAfterMs: 30_000,
};

/** The cost to hold and send a fact: 1, and 1 more for each acceptance or decision in it, or for all its changes of keys. */
export function weightOf(fact: RawFact): number {
	switch (fact.kind) {
		case 'promiseCounted':
			return 1 + fact.reported.length;
		case 'applied':
			return fact.changes ? 2 : 1;
		case 'sent':
		case 'received':
			switch (fact.message.kind) {
				case 'promise':
					return 1 + fact.message.accepted.length;
				case 'decisions':
					return 1 + fact.message.decisions.length;
				default:
					return 1;
			}
		default:
			return 1;
	}
}
