/**
 * Every limit on connections, derived from one number: how many files and sockets the process may have open.
 * Together they stay below it, with a reserve for the log, the page's files and what this node itself dials, so
 * that no crowd of clients can take the descriptor that the log needs for its next segment.
 *
 *     descriptors = reserved + arriving + mesh + feed + connections (plain HTTP and clients' WebSockets)
 *
 * The README tells the same numbers to operators: keep them alike.
 */
import { readFileSync } from 'node:fs';
import { MEMBERS_MAX } from '../shared/paxos/quorum.ts';
import { CONNECTIONS_OF_NODE_MAX } from '../shared/store/client-limits.ts';

export interface ConnectionLimits {
	/** Connections that have not sent a whole request yet. A newer one takes the place of the oldest. */
	readonly arrivingMax: number;
	/** Plain HTTP connections and clients' WebSockets, together. */
	readonly connectionsMax: number;
	/** Of them, those from one address: the rest stays free for others. */
	readonly connectionsPerAddressMax: number;
	/** Of them, WebSockets at `/client`. */
	readonly clientsMax: number;
	/** WebSockets at `/socket.io/`: watchers, and those that have not joined yet. */
	readonly feedMax: number;
	/** Of them, those that watch. */
	readonly watchersMax: number;
	/** Sessions of the feed that have not joined yet, over any transport. A newer one takes the oldest one's place. */
	readonly unjoinedMax: number;
	/** WebSockets at `/mesh`: a link from each member, and those that have proved nothing yet. */
	readonly meshMax: number;
	/** Of them, those that have proved nothing. A newer one takes the place of the oldest. */
	readonly unprovenMax: number;
}

/** Where the system does not say: Linux's usual soft limit. */
export const DESCRIPTORS_ASSUMED = 1024;
/** Below this many descriptors a node does not promise to serve anybody. */
export const DESCRIPTORS_MIN = 128;
/** The log, its folder and lock, timers, the terminal, what Node.js itself opens, and a link dialed to each member. */
const RESERVED = 64 + MEMBERS_MAX;
const CONNECTIONS_MAX = 8192;
const ARRIVING_MAX = 512;
const WATCHERS_MAX = 64;
const UNJOINED_MAX = 16;
const UNPROVEN_MAX = 64;
/** The part of all connections that one address may have, and the part that clients' WebSockets may have. */
const ADDRESS_SHARE = 0.75;
const CLIENTS_SHARE = 0.75;

export function connectionLimits(descriptors: number): ConnectionLimits {
	const free = Math.max(descriptors, DESCRIPTORS_MIN) - RESERVED;
	const watchersMax = Math.min(WATCHERS_MAX, Math.floor(free / 8));
	const unjoinedMax = Math.min(UNJOINED_MAX, Math.floor(free / 16));
	const unprovenMax = Math.min(UNPROVEN_MAX, Math.floor(free / 16));
	const arrivingMax = Math.min(ARRIVING_MAX, Math.floor(free / 8));
	const feedMax = watchersMax + unjoinedMax;
	// A peer that comes back has two for a moment: the new one replaces the old one.
	const meshMax = 2 * (MEMBERS_MAX - 1) + unprovenMax;
	const connectionsMax = Math.min(CONNECTIONS_MAX, free - arrivingMax - feedMax - meshMax);
	return {
		arrivingMax,
		connectionsMax,
		connectionsPerAddressMax: Math.ceil(connectionsMax * ADDRESS_SHARE),
		clientsMax: Math.min(CONNECTIONS_OF_NODE_MAX, Math.ceil(connectionsMax * CLIENTS_SHARE)),
		feedMax,
		watchersMax,
		unjoinedMax,
		meshMax,
		unprovenMax,
	};
}

/** All connections that these limits allow at once. */
export function socketsMax({ arrivingMax, connectionsMax, feedMax, meshMax }: ConnectionLimits): number {
	return arrivingMax + connectionsMax + feedMax + meshMax;
}

/** How many files and sockets this process may have open, as Linux tells it; elsewhere `DESCRIPTORS_ASSUMED`. */
export function descriptorLimit(): number {
	try {
		return parseDescriptorLimit(readFileSync('/proc/self/limits', 'utf8'));
	} catch {
		return DESCRIPTORS_ASSUMED;
	}
}

/** The soft limit of a `/proc/PID/limits`; a number that cannot be read counts as `DESCRIPTORS_ASSUMED`. */
export function parseDescriptorLimit(limits: string): number {
	const soft = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1];
	if (soft === undefined) return DESCRIPTORS_ASSUMED;
	return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
}
