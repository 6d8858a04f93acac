/** The running swarm as a source: the page's own node first, then every member that its snapshot names. */
import type { Member, NodeSnapshot, ProposeAnswer, ProposeRequest } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Source, SourceListener } from '../model/source.ts';
import { NodeConnection } from './node-connection.ts';

export class LiveSource implements Source {
	readonly #connections = new Map<NodeId, NodeConnection>();
	#listener: SourceListener | null = null;

	start(listener: SourceListener): void {
		this.#listener = listener;
		let own: NodeId | undefined;
		const connection = new NodeConnection(location.origin, {
			snapshot: (snapshot) => {
				own = snapshot.node;
				this.#connections.set(own, connection);
				this.#meet(snapshot);
				listener.snapshot(snapshot.node, snapshot);
			},
			batch: (batch) => {
				if (own !== undefined) listener.batch(own, batch);
			},
			lost: (sinceMs) => {
				if (own !== undefined) listener.lost(own, sinceMs);
			},
			refused: (why) => listener.refused(own ?? null, why),
		});
	}

	resync(node: NodeId): void {
		this.#connections.get(node)?.resync();
	}

	async propose(node: NodeId, request: ProposeRequest): Promise<ProposeAnswer> {
		const connection = this.#connections.get(node);
		if (!connection) return { outcome: 'refused', why: `${node} is not known`, attempts: [] };
		return connection.propose(request);
	}

	#meet({ swarm }: NodeSnapshot): void {
		this.#listener?.members(swarm.members, swarm.name);
		for (const member of swarm.members) this.#connect(member);
	}

	#connect({ id, url }: Member): void {
		const listener = this.#listener;
		if (!listener || this.#connections.has(id)) return;
		const connection = new NodeConnection(url, {
			snapshot: (snapshot) => listener.snapshot(id, snapshot),
			batch: (batch) => listener.batch(id, batch),
			lost: (sinceMs) => listener.lost(id, sinceMs),
			refused: (why) => listener.refused(id, why),
		});
		this.#connections.set(id, connection);
	}
}
