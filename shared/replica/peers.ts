/**
 * The state of the other nodes as their messages last told it, for people and `/v1/swarm`. The protocol does not use
 * it.
 */
import { type Ballot, NO_BALLOT, type NodeId } from '../paxos/ballot.ts';
import type { Role } from '../paxos/fact.ts';
import type { Message, Slot } from '../paxos/message.ts';

export interface Heard {
	role: Role | 'unknown';
	ballot: Ballot;
	chosenThrough: Slot;
	/** Milliseconds that its clock was ahead of this node's when it last told its time; null for never. */
	clockAheadMs: number | null;
}

export class PeerTable {
	readonly #heard = new Map<NodeId, Heard>();

	of(peer: NodeId): Readonly<Heard> {
		return this.#of(peer);
	}

	/** @param nowMs this node's wall clock, milliseconds since 1970 */
	heard(from: NodeId, message: Message, nowMs: number): void {
		const heard = this.#of(from);
		if ('timeMs' in message) heard.clockAheadMs = message.timeMs - nowMs;
		switch (message.kind) {
			case 'accept':
			case 'heartbeat':
				heard.role = 'leader';
				heard.ballot = message.ballot;
				heard.chosenThrough = message.chosenThrough;
				return;
			case 'prepare':
				heard.role = 'candidate';
				heard.ballot = message.ballot;
				return;
			case 'confirm':
			case 'promise':
				heard.role = 'follower';
				heard.ballot = message.ballot;
				heard.chosenThrough = message.chosenThrough;
				return;
			case 'accepted':
				heard.role = 'follower';
				heard.ballot = message.ballot;
				return;
			case 'pollReply':
				heard.chosenThrough = message.chosenThrough;
				return;
			case 'digest':
				heard.chosenThrough = message.slot;
				return;
			default:
				return;
		}
	}

	#of(peer: NodeId): Heard {
		let heard = this.#heard.get(peer);
		if (!heard) {
			heard = { role: 'unknown', ballot: NO_BALLOT, chosenThrough: 0, clockAheadMs: null };
			this.#heard.set(peer, heard);
		}
		return heard;
	}
}
