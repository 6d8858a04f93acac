/** The bounds of a replica towards its clients, in one place. The simulator makes them small in order to reach them. */
import { FRAME_BYTES_FULL, IN_FLIGHT_MAX, WATCHES_PER_CONNECTION_MAX } from '../client/protocol.ts';
import { CONNECTIONS_OF_NODE_MAX } from '../store/client-limits.ts';
import type { HistoryLimits } from './history.ts';

export interface ReplicaLimits extends HistoryLimits {
	/** The number of clients' connections. */
	readonly connectionsMax: number;
	/** For each connection: the number of commands that are proposed and not settled, and as many keys to be read. */
	readonly inFlightMax: number;
	/** For each connection: above so many bytes that the socket holds and the network has not taken, values wait. */
	readonly unsentBytesMax: number;
	/** For each connection: above so many bytes that the network has not taken, it is cut when more is to be sent. */
	readonly unreadBytesMax: number;
	/** For each connection: the number of watches of keys. */
	readonly watchesMax: number;
	/** The shortest time-out of a session that is created at the clients' door, milliseconds. */
	readonly sessionTtlMsMin: number;
	/** A frame to a client takes no more values once it has reached this size. */
	readonly frameBytesFull: number;
	/** The bytes of all batches that have neither results nor an end, each with its overhead. */
	readonly submittedBytesMax: number;
	/**
	 * A turn applies no more chosen values once it has applied so many bytes, and a quarter of those that wait: the next
	 * turn goes on. So other events are served between them.
	 */
	readonly appliedBytesFull: number;
	/** The bytes of one proposal, unless a single batch is larger. Two such proposals still fit a message of the mesh. */
	readonly proposalBytesMax: number;
	/**
	 * For the node's own client: commands from the first without an answer to the last. The state machine remembers more.
	 */
	readonly commandsMax: number;
}

export const REPLICA_LIMITS: ReplicaLimits = {
	connectionsMax: CONNECTIONS_OF_NODE_MAX,
	inFlightMax: IN_FLIGHT_MAX,
	unsentBytesMax: 1_048_576,
	unreadBytesMax: 67_108_864,
	watchesMax: WATCHES_PER_CONNECTION_MAX,
	sessionTtlMsMin: 10_000,
	frameBytesFull: FRAME_BYTES_FULL,
	submittedBytesMax: 67_108_864,
	appliedBytesFull: 262_144,
	proposalBytesMax: 524_288,
	commandsMax: 50_000,
	historyChangesMax: 65_536,
	historyBytesMax: 33_554_432,
	historyListBytesFull: 65_536,
	historyLookedAtMax: 4096,
};

/** A timer fires so often to see whether the node stands still: `stillness.ts`. Milliseconds, as all of these. */
export const BEAT_MS = 50;
/** A timer that fires late by less than this shows no pause. */
export const BEAT_LATE_MS = 100;
/** The longest pause counts for no more. */
export const STILL_EACH_MS_MAX = 1000;
/** Pauses that ended earlier are forgotten. */
export const STILL_WINDOW_MS = 10_000;
