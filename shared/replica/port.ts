/** The sockets as a replica sees them. The server has real ones, the simulator has those of its network. */
import type { NodeId } from '../paxos/ballot.ts';
import type { Message } from '../paxos/message.ts';

/** The links to the other nodes. */
export interface MeshPort {
	/** Queues a message. One to a node whose link is down is lost. */
	send(to: NodeId, message: Message): void;
	/**
	 * Hands the queued messages of at most `peersMax` peers to the network; those of the other peers wait for the next
	 * call.
	 */
	flush(peersMax?: number): void;
	/** Ends the link to `peer`, because something that came on it was not taken in. A new one is made at once. */
	cut(peer: NodeId, why: string): void;
	/** Ends all links and makes no new ones (true), or makes them again (false). */
	isolate(isAlone: boolean, why: string): void;
	linked(): readonly NodeId[];
	/** Milliseconds since the last message from `peer`; Infinity for never. */
	lastHeardMs(peer: NodeId): number;
}

/** One client's WebSocket. */
export interface DoorSocket {
	/** Bytes that were passed to `send` and that the network has not taken yet. */
	readonly unsentBytes: number;
	/**
	 * Sends one binary frame, whose bytes must not be changed afterwards.
	 *
	 * @param sent called once the network has taken it, never from inside this call
	 */
	send(frame: Uint8Array, sent: () => void): void;
	/** Begins the closing handshake. `ClientConnection.closed` is called when the other end has answered or is gone. */
	close(code: number, why: string): void;
	/** Ends the connection at once. `ClientConnection.closed` is called soon. */
	terminate(): void;
}

/** A door takes part in each turn, before the other steps and after them. */
export interface Door {
	/** Hands in the requests that came since the last turn. */
	collect(): void;
	/** Sends the answers that have gathered. */
	answer(): void;
}
