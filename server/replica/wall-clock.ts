/** The wall clock of a node, with the nanoseconds that ballots are made of. */
import { performance } from 'node:perf_hooks';
import type { WallTime } from '../../shared/paxos/ballot.ts';

/** Milliseconds since 1970, by `performance`: it reads the wall clock once, and counts microseconds, unlike `Date`. */
export function wallMs(): number {
	return performance.timeOrigin + performance.now();
}

export function wallTime(): WallTime {
	const now = wallMs();
	const ms = Math.floor(now);
	return { ms, ns: Math.floor((now - ms) * 1_000_000) };
}
