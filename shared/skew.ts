/** Describes the difference of two clocks, for people. */
import type { NodeId } from './paxos/ballot.ts';
import { CLOCK_SKEW_TOLD_MS } from './paxos/bounds.ts';

const UNITS: readonly (readonly [name: string, ms: number])[] = [
	['year', 31_557_600_000],
	['day', 86_400_000],
	['hour', 3_600_000],
	['minute', 60_000],
	['second', 1000],
];

/**
 * A sentence such as `the clock of n3 is 175 years ahead of this node's`.
 *
 * @param aheadMs how far the clock of `peer` is ahead, milliseconds; negative where it is behind
 */
export function skewText(peer: NodeId, aheadMs: number): string {
	const apartMs = Math.abs(aheadMs);
	if (apartMs <= CLOCK_SKEW_TOLD_MS) return `the clock of ${peer} agrees with this node's again`;
	const [name, ms] = UNITS.find((unit) => apartMs >= 2 * unit[1]) ?? ['second', 1000];
	const count = Math.round(apartMs / ms);
	return `the clock of ${peer} is ${count} ${name}s ${aheadMs > 0 ? 'ahead of' : 'behind'} this node's`;
}
