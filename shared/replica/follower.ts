/** Follows single commands on their way through a node, such as for a trace. It must not call back into the replica. */
import type { OwnBatch } from './own-batch.ts';

export interface Follower {
	/** The commands of a batch of the node's own client have their identities, and are about to be proposed. */
	batched(batch: OwnBatch): void;
	/** A client is about to send a batch that belongs to these traces. @param first the sequence of its first command */
	traced(client: string, first: number, traceparents: readonly string[]): void;
	/** A batch that a client has sent ends without results. */
	ended(client: string, first: number, why: string): void;
}
