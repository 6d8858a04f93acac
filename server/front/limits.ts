/**
 * All limits on connections, derived from one number: how many files and sockets the process may have open. Their sum
 * stays below it, with a reserve for the log, the page's files and the links that this node dials, so that no crowd of
 * clients can take the descriptor that the log needs for its next segment.
 *
 *     descriptors = reserved + arriving + mesh + feed + connections (plain HTTP and clients' WebSockets)
 *
 * `server/README.md` tells operators the same numbers, and has to be kept equal.
 */
import { readFileSync } from 'node:fs';
import { MEMBERS_MAX } from '../../shared/paxos/quorum.ts';
import { CONNECTIONS_OF_NODE_MAX } from '../../shared/store/client-limits.ts';

export interface ConnectionLimits {
	/** Connections that have not sent a whole request yet. A newer one takes the place of the oldest. */
	readonly arrivingMax: number;
	/** Plain HTTP connections and clients' WebSockets, together. */
	readonly connectionsMax: number;
	/** Plain HTTP connections and clients' WebSockets from one address. */
	readonly connectionsPerAddressMax: number;
	/**
	 * Blocking reads that wait and watches, together. A connection with one is not closed for a newcomer, so others need the
	 * rest.
	 */
	readonly waitsMax: number;
	/** WebSockets at `/client`. */
	readonly clientsMax: number;
	/** WebSockets at `/socket.io/`: those of watchers, and those that have not joined yet. */
	readonly feedMax: number;
	/** Watchers of the feed. */
	readonly watchersMax: number;
	/** Sessions of the feed that have not joined yet, over any transport. A newer one takes the oldest one's place. */
	readonly unjoinedMax: number;
	/** WebSockets at `/mesh`: links from members, and those that are not proven yet. */
	readonly meshMax: number;
	/** WebSockets at `/mesh` that are not proven yet. For a newer one the oldest of the most crowded address is ended. */
	readonly unprovenMax: number;
}

/** The limit where the system does not tell it: Linux's usual soft limit. */
export const DESCRIPTORS_ASSUMED = 1024;
/** With fewer descriptors than this a node is not sure to serve anyone. */
export const DESCRIPTORS_MIN = 128;
/** Descriptors for the log, its folder and lock, the terminal, Node.js itself, and a link dialed to each member. */
const RESERVED = 64 + MEMBERS_MAX;
const CONNECTIONS_MAX = 8192;
const ARRIVING_MAX = 512;
const WATCHERS_MAX = 64;
const UNJOINED_MAX = 16;
const UNPROVEN_MAX = 64;
/**
 * So much of a body or of an answer is held before its sender has to wait. Node.js 20 has this by default, and later
 * versions four times as much.
 */
export const HELD_BYTES = 16_384;
/** The shares of all connections that one address may have, and that clients' WebSockets may have. */
const ADDRESS_SHARE = 0.75;
const CLIENTS_SHARE = 0.75;
/** Blocking reads that wait and watches may take this share of all connections. */
const WAITS_SHARE = 0.5;

export function connectionLimits(descriptors: number): ConnectionLimits {
	const free = Math.max(descriptors, DESCRIPTORS_MIN) - RESERVED;
	const watchersMax = Math.min(WATCHERS_MAX, Math.floor(free / 8));
	const unjoinedMax = Math.min(UNJOINED_MAX, Math.floor(free / 16));
	const unprovenMax = Math.min(UNPROVEN_MAX, Math.floor(free / 16));
	const arrivingMax = Math.min(ARRIVING_MAX, Math.floor(free / 8));
	const feedMax = watchersMax + unjoinedMax;
	// A peer that comes back has two links for a moment, until the new one replaces the old one.
	const meshMax = 2 * (MEMBERS_MAX - 1) + unprovenMax;
	const connectionsMax = Math.min(CONNECTIONS_MAX, free - arrivingMax - feedMax - meshMax);
	return {
		arrivingMax,
		connectionsMax,
		connectionsPerAddressMax: Math.ceil(connectionsMax * ADDRESS_SHARE),
		waitsMax: Math.floor(connectionsMax * WAITS_SHARE),
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

/** How many files and sockets this process may have open, as Linux tells; elsewhere `DESCRIPTORS_ASSUMED`. */
export function descriptorLimit(): number {
	try {
		return parseDescriptorLimit(readFileSync('/proc/self/limits', 'utf8'));
	} catch {
		return DESCRIPTORS_ASSUMED;
	}
}

/** The soft limit in the text of `/proc/PID/limits`; `DESCRIPTORS_ASSUMED` where it cannot be read. */
export function parseDescriptorLimit(limits: string): number {
	const soft = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1];
	if (soft === undefined) return DESCRIPTORS_ASSUMED;
	return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
}
