/** Bounds of clients, doors and the store. In many seeds they are so small that they are reached. */
import type { CallLimits } from '../client/limits.ts';
import { REPLICA_LIMITS, type ReplicaLimits } from '../replica/limits.ts';
import { SNAPSHOT_LIMITS, type SnapshotLimits } from '../replica/snapshots.ts';
import { CLIENT_LIMITS, type ClientLimits } from '../store/client-limits.ts';
import type { Random } from './random.ts';

export interface Bounds {
	readonly calls: Partial<CallLimits>;
	/** Of every node that has none of its own. */
	readonly replica: ReplicaLimits;
	/** Of each node, by its index. Older plans lack this. */
	readonly replicas?: readonly ReplicaLimits[];
	/** How long a node cares for what a client of its door asks, milliseconds. Older plans lack this. */
	readonly requestMs?: number;
	/** The size of a segment of each log. Older plans lack this. */
	readonly segmentBytes?: number;
	/** All nodes have the same, because they decide about the state. */
	readonly store: ClientLimits;
	/** Of every node. Older plans lack this. */
	readonly snapshots?: SnapshotLimits;
}

export const USUAL_BOUNDS: Bounds = { calls: {}, replica: REPLICA_LIMITS, store: CLIENT_LIMITS };

export const REQUEST_MS = 2_000;

/** The share of seeds in which a bound is small, for each bound. */
const SMALL = 0.3;
/**
 * So small that a run fills many segments, and large enough for what clients hand in while there is no leader: a record
 * has to fit into a segment.
 */
export const SEGMENT_BYTES = 128 * 1024;
/**
 * The same where proposals are small too, so that logs move from segment to segment all the time. A leader puts up to
 * 16 KiB of proposals into one slot.
 */
const SMALL_SEGMENT_BYTES = 32 * 1024;
/** The share of seeds with small segments, and the bounds of a batch and of a proposal in these. */
const SMALL_SEGMENTS = 0.15;
const SMALL_BATCH_BYTES = 500;
const SMALL_PROPOSAL_BYTES = 1_000;
/** The share of seeds in which each node has bounds of its own. */
const OF_EACH = 0.5;

/** @param nodes the number of nodes */
export function drawBounds(random: Random, nodes: number): Bounds {
	const drawn = drawOthers(random, nodes);
	const historyChangesMax = random.chance(SMALL) ? random.pick([1, 4, 20]) : REPLICA_LIMITS.historyChangesMax;
	const historyBytesMax = random.chance(SMALL) ? random.pick([300, 5_000]) : REPLICA_LIMITS.historyBytesMax;
	const historyListBytesFull = random.chance(SMALL) ? random.pick([1, 1_000]) : REPLICA_LIMITS.historyListBytesFull;
	const historyLookedAtMax = random.chance(SMALL) ? random.pick([1, 10]) : REPLICA_LIMITS.historyLookedAtMax;
	const appliedBytesFull = random.chance(SMALL) ? random.pick([1, 300]) : REPLICA_LIMITS.appliedBytesFull;
	const others = { historyChangesMax, historyBytesMax, historyListBytesFull, historyLookedAtMax, appliedBytesFull };
	const withOthers = (limits: ReplicaLimits): ReplicaLimits => ({ ...limits, ...others });
	const { replica, replicas } = drawn;
	return { ...drawn, replica: withOthers(replica), ...(replicas && { replicas: replicas.map(withOthers) }) };
}

function drawOthers(random: Random, nodes: number): Bounds {
	const small = <T>(values: readonly T[], usual: T): T => (random.chance(SMALL) ? random.pick(values) : usual);
	const drawReplica = (): ReplicaLimits => ({
		...REPLICA_LIMITS,
		connectionsMax: small([2, 4], REPLICA_LIMITS.connectionsMax),
		inFlightMax: small([2, 3, 8], REPLICA_LIMITS.inFlightMax),
		unsentBytesMax: small([1, 200], REPLICA_LIMITS.unsentBytesMax),
		unreadBytesMax: small([400, 4_000], REPLICA_LIMITS.unreadBytesMax),
		frameBytesFull: small([40, 400], REPLICA_LIMITS.frameBytesFull),
		submittedBytesMax: small([6_500, 12_000], REPLICA_LIMITS.submittedBytesMax),
		proposalBytesMax: small([100, 1_000], REPLICA_LIMITS.proposalBytesMax),
		commandsMax: small([1, 2, 6], REPLICA_LIMITS.commandsMax),
	});
	const usual = drawReplica();
	const each = random.chance(OF_EACH) ? Array.from({ length: nodes }, drawReplica) : undefined;
	const inFlightMax = Math.min(...(each ?? [usual]).map((limits) => limits.inFlightMax));
	const outcomesMax = 4 * inFlightMax;
	const calls = {
		// A node with less room than the client believes refuses, and the client asks again.
		inFlightMax: random.chance(0.8) ? inFlightMax : REPLICA_LIMITS.inFlightMax,
		callsMax: small([6, 12], 1_048_576),
		batchBytesFull: small([60, 500], REPLICA_LIMITS.frameBytesFull),
		readKeysMax: Math.min(inFlightMax, small([1, 3], 4096)),
	};
	const store = {
		...CLIENT_LIMITS,
		clientsMax: small([3, 6, 10], CLIENT_LIMITS.clientsMax),
		outcomesMax: small([outcomesMax], CLIENT_LIMITS.outcomesMax),
		outcomesOfAllMax: small([2 * outcomesMax], CLIENT_LIMITS.outcomesOfAllMax),
	};
	const hasSmallSegments = random.chance(SMALL_SEGMENTS);
	// A door may give a batch up long before its client does, which sends it again.
	const requestMs = small([100, 400], REQUEST_MS);
	const snapshots = {
		logBytesMin: random.pick([30_000, 100_000, 300_000, SNAPSHOT_LIMITS.logBytesMin]),
		keptFactor: random.pick([1, 2, SNAPSHOT_LIMITS.keptFactor]),
		partBytes: random.pick([200, 2_000, SNAPSHOT_LIMITS.partBytes]),
		sentBytes: random.pick([300, 3_000, SNAPSHOT_LIMITS.sentBytes]),
	};
	const usualSize = { ...(each && { replicas: each }), requestMs, segmentBytes: SEGMENT_BYTES };
	if (!hasSmallSegments) {
		return { calls, replica: usual, ...usualSize, store, snapshots };
	}
	const withSmallProposals = (limits: ReplicaLimits): ReplicaLimits => ({
		...limits,
		proposalBytesMax: Math.min(limits.proposalBytesMax, SMALL_PROPOSAL_BYTES),
	});
	return {
		calls: { ...calls, batchBytesFull: Math.min(calls.batchBytesFull, SMALL_BATCH_BYTES) },
		replica: withSmallProposals(usual),
		...(each && { replicas: each.map(withSmallProposals) }),
		requestMs,
		segmentBytes: SMALL_SEGMENT_BYTES,
		store,
		snapshots,
	};
}

/** The bounds of one node, by its index. Older plans lack some of them, and have the usual ones. */
export function replicaLimits({ replica, replicas }: Bounds, node: number): ReplicaLimits {
	return { ...REPLICA_LIMITS, ...(replicas?.[node] ?? replica) };
}
