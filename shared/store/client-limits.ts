/**
 * The bounds on clients and on the outcomes that are kept for them. They are derived from one another here, so that no
 * door lets in more clients than the state machine has room for.
 */

/** The bound on clients' connections at one node. */
export const CONNECTIONS_OF_NODE_MAX = 4096;
/** The same as `MEMBERS_MAX` of shared/paxos, which this room may not import. A test compares the two. */
export const NODES_MAX = 9;

/**
 * A client whose name begins so is one request that may be repeated: its first batch is applied, and no other one. A
 * nanoid does not begin so.
 */
export const REQUEST_MARK = '~';

export interface ClientLimits {
	/** Clients that are open at once. Above this bound the least recently used one is evicted. */
	readonly clientsMax: number;
	/**
	 * The names of so many evicted clients are kept, so that a late copy of a registration cannot register one of them
	 * again, without its outcomes.
	 */
	readonly evictedMax: number;
	/**
	 * Outcomes of one client that it has not acknowledged. Those of its highest sequences are kept. A command with a
	 * lower sequence is never applied after that, so no client may be further than this ahead of its first unanswered
	 * command.
	 */
	readonly outcomesMax: number;
	/** Outcomes of all clients together. It is at least twice `outcomesMax`. */
	readonly outcomesOfAllMax: number;
}

/** Twice the connections of all nodes of the largest swarm, because nobody can know that a client is gone for good. */
const CLIENTS_MAX = 2 * NODES_MAX * CONNECTIONS_OF_NODE_MAX;

/** All nodes of a swarm must have the same limits, because evicting and forgetting change the state. */
export const CLIENT_LIMITS: ClientLimits = {
	clientsMax: CLIENTS_MAX,
	evictedMax: 2 * CLIENTS_MAX,
	outcomesMax: 131_072,
	outcomesOfAllMax: 1_048_576,
};
