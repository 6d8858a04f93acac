/** The bounds of a replica towards those who ask it, in one place. A simulator makes them small, to reach them. */
import { FRAME_BYTES_FULL, IN_FLIGHT_MAX } from '../client/protocol.ts';
import { CONNECTIONS_OF_NODE_MAX } from '../store/client-limits.ts';

export interface ReplicaLimits {
	/** Clients' connections. */
	readonly connectionsMax: number;
	/** Of one connection: commands that are proposed and not settled, and keys to be read. */
	readonly inFlightMax: number;
	/** Of one connection: bytes that were handed to the socket and not taken. Above this, values wait. */
	readonly unsentBytesMax: number;
	/** Above this, the connection ends. */
	readonly unreadBytesMax: number;
	/** A frame to a client that has reached this size takes no more. */
	readonly frameBytesFull: number;
	/** Of all batches that have neither results nor an end, each with its overhead. */
	readonly submittedBytesMax: number;
	/** Of one proposal, unless a single batch is larger: two of them still fit a message of the mesh. */
	readonly proposalBytesMax: number;
	/** Commands without an identity: from the first one without an answer to the last. The state machine keeps more. */
	readonly commandsMax: number;
}

export const REPLICA_LIMITS: ReplicaLimits = {
	connectionsMax: CONNECTIONS_OF_NODE_MAX,
	inFlightMax: IN_FLIGHT_MAX,
	unsentBytesMax: 8_388_608,
	unreadBytesMax: 67_108_864,
	frameBytesFull: FRAME_BYTES_FULL,
	submittedBytesMax: 67_108_864,
	proposalBytesMax: 524_288,
	commandsMax: 50_000,
};
