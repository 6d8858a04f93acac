/**
 * How many clients a swarm may have, and how much of each is remembered. The numbers are derived from one another
 * here, so that no door lets in more clients than the state machine has room for.
 */
/** Clients' connections at one node. */
export const CONNECTIONS_OF_NODE_MAX = 4096;
/** `MEMBERS_MAX` of shared/paxos, which this room does not know. A test holds them to each other. */
export const NODES_MAX = 9;

export interface ClientLimits {
	/** Clients that are open at once. The one that was used least recently makes room for another one. */
	readonly clientsMax: number;
	/** Clients that made room are remembered, so that a late copy of an opening cannot bring back an empty table. */
	readonly evictedMax: number;
	/**
	 * Outcomes of one client that it has not acknowledged: those of its highest sequences. What is below them and was
	 * not applied never will be, so no client may run further than this ahead of its first unanswered command.
	 */
	readonly outcomesMax: number;
	/** Outcomes of all clients. It is at least twice those of one. */
	readonly outcomesOfAllMax: number;
}

/** Every connection at every node of the largest swarm, and as many again: a client that is gone is not known to be. */
const CLIENTS_MAX = 2 * NODES_MAX * CONNECTIONS_OF_NODE_MAX;

/** All nodes of a swarm must have the same limits: what is evicted and forgotten is part of the state. */
export const CLIENT_LIMITS: ClientLimits = {
	clientsMax: CLIENTS_MAX,
	evictedMax: 2 * CLIENTS_MAX,
	outcomesMax: 131_072,
	outcomesOfAllMax: 1_048_576,
};
