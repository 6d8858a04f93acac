/** What a replica needs of the sockets around it. The server has real ones, the simulator those of its network. */
import type { NodeId } from '../paxos/ballot.ts';
import type { Message } from '../paxos/message.ts';

/** The links to the other nodes. */
export interface MeshPort {
	/** What is sent to a node whose link is down is lost. */
	send(to: NodeId, message: Message): void;
	/** Hands over what was sent, of so many peers at most; of the others at the next call. */
	flush(peersMax?: number): void;
	/** Ends the link to `peer`, because something that came on it was not taken in. A new one is made at once. */
	cut(peer: NodeId, why: string): void;
	/** Ends all links and makes no new ones; or makes them again. */
	isolate(isAlone: boolean, why: string): void;
	linked(): readonly NodeId[];
	/** Milliseconds since anything was heard of it; Infinity for never. */
	lastHeardMs(peer: NodeId): number;
}

/** One client's WebSocket. */
export interface DoorSocket {
	/** Bytes that were handed over and that the network has not taken yet. */
	readonly unsentBytes: number;
	/**
	 * Hands over one binary frame, which nobody writes to afterwards.
	 *
	 * @param sent called once the network has taken it, never from inside this call
	 */
	send(frame: Uint8Array, sent: () => void): void;
	/** Says goodbye: `ClientConnection.closed` is called when the other end has answered or is gone. */
	close(code: number, why: string): void;
	/** Ends it at once: `ClientConnection.closed` is called soon. */
	terminate(): void;
}

/** A door takes part in each turn: it is asked first, and last. */
export interface Door {
	/** Hands in what came: everything that is ready goes together. */
	collect(): void;
	/** Sends what came of it. */
	answer(): void;
}
