/** What the clients' door needs of its node's replica, and what the replica needs of a door. */
import type { NodeId } from '../paxos/ballot.ts';
import type { Store } from '../store/store.ts';
import type { OnConfirmed } from './barriers.ts';
import type { Deadlines } from './deadlines.ts';
import type { ReplicaLoop } from './loop.ts';

export interface ClientDoorPort {
	/** Read it, never write it. */
	readonly store: Store;
	readonly loop: Pick<ReplicaLoop, 'propose' | 'withdraw' | 'listen' | 'unlisten'>;
	readonly deadlines: Deadlines;
	/** The node that this one takes for the leader; '' for none. */
	readonly leader: NodeId;
	/** A linearizable read: `done` is told once, false where nobody confirmed it in time. */
	whenConfirmed(timeoutMs: number, done: OnConfirmed): void;
	/** Asks for the end of this turn. */
	soon(): void;
	/** From now on `part` is called at the end of each turn. */
	join(part: TurnPart): void;
}

/** Something that takes part in the end of a turn. */
export interface TurnPart {
	/** Hands in what came: everything that is ready goes together. */
	collect(): void;
	/** Sends what came of it. */
	answer(): void;
}

/** What the clients' door needs of a WebSocket. The server has real ones, the simulator those of its network. */
export interface DoorSocket {
	/** Bytes that were handed over and that the network has not taken yet. */
	readonly unsentBytes: number;
	/** Hands over one binary frame, which nobody writes to afterwards. `sent` is called once the network has taken it. */
	send(frame: Uint8Array, sent: () => void): void;
	/** Says goodbye: `ClientConnection.closed` is called when the other end has answered or is gone. */
	close(code: number, why: string): void;
	/** Ends it at once: `ClientConnection.closed` is called soon. */
	terminate(): void;
}
