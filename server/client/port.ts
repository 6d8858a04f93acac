/** What the clients' door needs of its node's replica. */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { ReplicaLoop } from '../../shared/replica/loop.ts';
import type { Store } from '../../shared/store/store.ts';

export interface ClientDoorPort {
	/** Read it, never write it. */
	readonly store: Store;
	readonly loop: Pick<ReplicaLoop, 'propose' | 'withdraw' | 'listen' | 'unlisten'>;
	/** Whom this node takes for the leader; '' for none. */
	readonly leader: NodeId;
	/** A linearizable read: `done` is told once whether `store` may answer it, false when nobody confirmed in time. */
	whenConfirmed(timeoutMs: number, done: (confirmed: boolean) => void): void;
	/** Asks for the end of this turn of the event loop. */
	soon(): void;
	/** From now on `part` is called at the end of each turn. */
	join(part: TurnPart): void;
}

/** What takes part in the end of a turn. */
export interface TurnPart {
	/** Hands in what came: everything that is ready goes together. */
	collect(): void;
	/** Sends what came of it. */
	answer(): void;
}
