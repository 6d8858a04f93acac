/**
 * What happened "sometimes": each fault and each interesting state, counted. A count that stays at zero over
 * many seeds means that the world no longer goes there, so the run that was to prove something fails.
 */
export const COUNTERS = [
	// Faults that took effect.
	'messagesLost',
	'messagesDuplicated',
	'messagesOvertaken',
	'messagesToTheDead',
	'linksLost',
	'linksReplaced',
	'linksEndedByPause',
	'crashes',
	'crashesWithinAStep',
	'crashesInAFlush',
	'crashesOfAll',
	'twinsCrashed',
	'reportersCrashed',
	'rhythms',
	'laggards',
	'staleLeaders',
	'recordsLost',
	'recordsKeptUnflushed',
	'tornTails',
	'tornWrites',
	'tornSegmentStarts',
	'powerLosses',
	'cleanStops',
	'pauses',
	'partitions',
	'oneWayCuts',
	'linkCuts',
	'quorumLossTopologies',
	'chains',
	'clogs',
	'lossyLinks',
	'lateLinks',
	'clockStepsBack',
	'clockStepsAhead',
	'clocksYearsOff',
	'clockFreezes',
	'clockDrifts',
	'paceChanges',
	'flushFailures',
	'disksFull',
	'roomLacked',
	'roomHadAgain',
	'writesRefusedForRoom',
	'messagesTooMuch',
	'slowDisks',
	'absurdMessages',
	'messagesIgnored',
	'corruptLogsRefused',
	'damagesUndone',
	'bitsFlipped',
	'staleSectors',
	'olderFiles',
	'filesOfZeros',
	'filesCutShort',
	'filesMissing',
	'filesSwapped',
	'foreignFiles',
	'olderManifests',
	// States of the protocol that are worth being in.
	'campaigns',
	'leaders',
	'campaignsHaltedByNack',
	'leadersDeposed',
	'pollsHeld',
	'leadersLostQuorum',
	'reportedValuesProposed',
	'noopsProposed',
	'rivalValuesInOneSlot',
	'ballotsFormedAgainstTheClock',
	'commandsChosenTwice',
	'fetches',
	'promisesInParts',
	'promisesCutAnew',
	'leadersBehind',
	'leadersFarBehind',
	'leadersDeposedByDecisions',
	'acceptsAnsweredWithDecisions',
	'readsWaitedForARound',
	'proposalsPutTogether',
	'storesRestored',
	'slotsContested',
	'contestedSlotsKept',
	'proposalsRefused',
	'flushes',
	// What clients saw.
	'writes',
	'reads',
	'casHeld',
	'casFailed',
	'clientTimeouts',
	'retriesUnderOneIdentity',
	'unknownOutcomes',
	'operationsOverlapping',
] as const;

/** What no seed can count yet, because the faults behind it are not drawn yet (`NOT_YET` of `faults.ts`). */
export const NOT_YET_COUNTED: ReadonlySet<string> = new Set(['clocksYearsOff', 'absurdMessages', 'messagesIgnored']);

export type CounterName = (typeof COUNTERS)[number];
export type Counters = Record<CounterName, number>;

export function noCounts(): Counters {
	return Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Counters;
}

export function addCounts(into: Counters, more: Counters): void {
	for (const name of COUNTERS) into[name] += more[name];
}
