/** Reads the parameters of a request. A malformed one is a 400 that names it. */
import type { IncomingMessage } from 'node:http';
import { CAS_MAX, FLAGS_MAX } from '../../shared/store/batch-format.ts';
import { HttpError, isSet, queryOf } from './answer.ts';
import { durationMs } from './duration.ts';

export type ReadMode =
	/** Linearizable by either name. A header of the answer repeats the name. */
	| { readonly kind: 'leader' | 'consistent' }
	/**
	 * From this node's own state, where a leader was heard less than `ageMaxMs` milliseconds ago; else linearizable. null:
	 * in any case.
	 */
	| { readonly kind: 'stale'; readonly ageMaxMs: number | null };

export function readMode(query: URLSearchParams): ReadMode {
	const maxStale = query.get('max_stale') || null;
	const stale = isSet(query, 'stale') || maxStale !== null;
	const consistent = isSet(query, 'consistent');
	if (stale && consistent) {
		throw new HttpError(400, 'Cannot specify ?stale with ?consistent, conflicting semantics.');
	}
	if (!stale) return { kind: consistent ? 'consistent' : 'leader' };
	if (maxStale === null) return { kind: 'stale', ageMaxMs: null };
	const ageMaxMs = durationMs(maxStale);
	if (ageMaxMs === null) throw new HttpError(400, `Invalid max_stale value ${JSON.stringify(maxStale)}`);
	return { kind: 'stale', ageMaxMs };
}

/** @param ours the name of the swarm */
export function refuseOtherDatacenter(query: URLSearchParams, ours: string): void {
	if ((query.get('dc') || ours) !== ours) throw new HttpError(500, 'No path to datacenter');
}

/** A read that waits while the index of what it reads is `after` or less. */
export interface Blocking {
	readonly after: number;
	/** Milliseconds. */
	readonly waitMs: number;
}

export const WAIT_MS_DEFAULT = 5 * 60_000;
export const WAIT_MS_MAX = 10 * 60_000;

/** null for a read that does not wait: no `index`, or 0. */
export function blockingOf(query: URLSearchParams): Blocking | null {
	const index = indexOf(query.get('index') || '0', 'index');
	const asked = durationMs(query.get('wait') || '0s');
	if (asked === null) throw new HttpError(400, 'Invalid wait time');
	if (index === 0) return null;
	return { after: index, waitMs: asked === 0 ? WAIT_MS_DEFAULT : Math.min(asked, WAIT_MS_MAX) };
}

/** Whether the request has the parameter of a read that waits. */
export function mayWait(req: IncomingMessage): boolean {
	return (req.method === 'GET' || req.method === 'HEAD') && queryOf(req).has('index');
}

/** An index in the text of the parameter or header of this name. One above every index that can be is cut to the highest. */
export function indexOf(text: string, name: string): number {
	const index = unsigned64(text);
	if (index === null) throw new HttpError(400, `Invalid ${name}`);
	return Math.min(Number(index), Number.MAX_SAFE_INTEGER);
}

/** The flags; 0 where none were given. */
export function flagsOf(query: URLSearchParams): bigint {
	const given = query.get('flags');
	if (given === null) return 0n;
	const flags = unsigned64(given);
	if (flags === null)
		throw new HttpError(400, `Invalid flags ${JSON.stringify(given)}: not an unsigned 64-bit integer`);
	return flags;
}

/**
 * The condition; null where none was given. One above every possible revision becomes CAS_MAX, which never holds
 * either.
 */
export function casOf(query: URLSearchParams): number | null {
	const given = query.get('cas');
	if (given === null) return null;
	const cas = unsigned64(given);
	if (cas === null) throw new HttpError(400, `Invalid cas ${JSON.stringify(given)}: not an unsigned 64-bit integer`);
	return Math.min(Number(cas), CAS_MAX);
}

/** The limit; Infinity where none was given. */
export function limitOf(query: URLSearchParams): number {
	const given = query.get('limit');
	if (given === null) return Number.POSITIVE_INFINITY;
	const limit = unsigned64(given);
	if (limit === null || limit === 0n) {
		throw new HttpError(400, `Invalid limit ${JSON.stringify(given)}: not a whole number of 1 or more`);
	}
	return Number(limit);
}

export function refuseConflicting(query: URLSearchParams, names: readonly string[]): void {
	if (names.filter((name) => query.has(name)).length < 2) return;
	const sorted = new URLSearchParams(query);
	sorted.sort();
	throw new HttpError(400, `Conflicting flags: ${sorted}`);
}

function unsigned64(text: string): bigint | null {
	if (!/^\d{1,20}$/.test(text)) return null;
	const value = BigInt(text);
	return value <= FLAGS_MAX ? value : null;
}
