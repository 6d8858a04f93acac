/** Notes from time to time, and when the node stops, how far the logs of the other nodes have reached. */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { PeerNotes, ReachedByPeer } from '../storage/peer-notes.ts';

const NOTED_EVERY_MS = 5000;

/** The part of the replica that is noted, and takes what was noted. */
export interface RememberingReplica {
	remembered(peer: NodeId): number;
	receive(from: NodeId, epoch: string, frame: { reached: number; firstId: number; messages: readonly [] }): void;
}

export interface NotingOptions {
	readonly notes: PeerNotes;
	readonly replica: RememberingReplica;
	/** The ids of the other members now. */
	peers(): readonly NodeId[];
	failed(error: Error): void;
}

export class Noting {
	readonly #options: NotingOptions;
	readonly #timer: NodeJS.Timeout;

	/** The replica remembers what was noted, as if the others had told it again. */
	constructor(options: NotingOptions) {
		this.#options = options;
		const { notes, replica } = options;
		for (const [peer, reached] of Object.entries(notes.found)) {
			replica.receive(peer, '', { reached, firstId: 0, messages: [] });
		}
		this.#timer = setInterval(() => void this.#note(), NOTED_EVERY_MS);
	}

	/** Resolves when all is noted. */
	stop(): Promise<void> {
		clearInterval(this.#timer);
		return this.#note();
	}

	async #note(): Promise<void> {
		const { notes, replica, peers, failed } = this.#options;
		const reached: ReachedByPeer = Object.fromEntries(
			[...peers()].sort().flatMap((peer) => (replica.remembered(peer) > 0 ? [[peer, replica.remembered(peer)]] : [])),
		);
		await notes.note(reached).catch(failed);
	}
}
