/** What this node last heard of the others, for people and `/v1/swarm`. Nothing is decided by it. */
import { type Ballot, NO_BALLOT, type NodeId } from '../paxos/ballot.ts';
import type { Role } from '../paxos/fact.ts';
import type { Message, Slot } from '../paxos/message.ts';

export interface Heard {
	role: Role | 'unknown';
	ballot: Ballot;
	chosenThrough: Slot;
}

export class PeerTable {
	readonly #heard = new Map<NodeId, Heard>();

	of(peer: NodeId): Readonly<Heard> {
		return this.#of(peer);
	}

	heard(from: NodeId, message: Message): void {
		const heard = this.#of(from);
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
			default:
				return;
		}
	}

	#of(peer: NodeId): Heard {
		let heard = this.#heard.get(peer);
		if (!heard) {
			heard = { role: 'unknown', ballot: NO_BALLOT, chosenThrough: 0 };
			this.#heard.set(peer, heard);
		}
		return heard;
	}
}
