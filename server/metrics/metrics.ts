/**
 * What a node counts of itself, and its page for Prometheus. The names are those of etcd's metrics, under a prefix of
 * our own, so that rules and boards for etcd need few changes.
 *
 * @source etcd, Documentation: Metrics
 */
import type { RawFact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { NodeService } from '../replica/service.ts';
import { head, single } from './format.ts';
import { Histogram } from './histogram.ts';
import { type Readings, readingLines } from './readings.ts';

/** The groups of paths whose requests are counted apart. */
const HANDLERS = ['kv', 'txn', 'session', 'other'] as const;
export type Handler = (typeof HANDLERS)[number];

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'] as const;

export class Metrics {
	/** Writes of the log that were made durable, each with its flush. */
	readonly flushes = new Histogram();
	/** Pings to other nodes. */
	readonly #roundTrips = new Map<NodeId, Histogram>();
	readonly #requests = Object.fromEntries(
		HANDLERS.map((handler) => [handler, Object.fromEntries(METHODS.map((method) => [method, new Histogram()]))]),
	) as Readonly<Record<Handler, Readonly<Record<string, Histogram>>>>;
	#leader: NodeId = '';
	#leaderChanges = 0;

	/** Is told of each fact of the node. */
	told(fact: RawFact): void {
		if (fact.kind !== 'role' || fact.leader.node === '' || fact.leader.node === this.#leader) return;
		this.#leader = fact.leader.node;
		this.#leaderChanges++;
	}

	/** A ping to `peer` was answered after so many milliseconds. */
	answered(peer: NodeId, ms: number): void {
		const roundTrips = this.#roundTrips.get(peer) ?? new Histogram();
		this.#roundTrips.set(peer, roundTrips);
		roundTrips.observe(ms);
	}

	/**
	 * A request has its answer. The caller leaves out reads that may wait for a change: their time is what their clients
	 * asked for.
	 *
	 * @param begunMs when it came, by `performance.now()`
	 */
	served(handler: Handler, method: string, begunMs: number): void {
		this.#requests[handler][method]?.observe(performance.now() - begunMs);
	}

	/** The page, with the state of the node as it is now. */
	text(service: NodeService, readings: Omit<Readings, 'peers'>): string {
		const { role, leader, chosenThrough, appliedThrough } = service.view();
		const { pending, failed } = service.proposals();
		const lines = [
			...single('swarm_server_has_leader', 'gauge', 'Whether this node hears a leader.', leader.node === '' ? 0 : 1),
			...single('swarm_server_is_leader', 'gauge', 'Whether this node leads.', role === 'leader' ? 1 : 0),
			...single(
				'swarm_server_leader_changes_seen_total',
				'counter',
				'How often another node than before came to lead, as this node has heard since it started.',
				this.#leaderChanges,
			),
			...single(
				'swarm_server_proposals_committed_total',
				'counter',
				'The slot of the log up to which this node knows all to be chosen.',
				chosenThrough,
			),
			...single(
				'swarm_server_proposals_applied_total',
				'counter',
				'The slot of the log up to which this node has applied all.',
				appliedThrough,
			),
			...single('swarm_server_proposals_pending', 'gauge', 'Proposals of this node that are not chosen yet.', pending),
			...single(
				'swarm_server_proposals_failed_total',
				'counter',
				'Proposals of this node that were refused, or not chosen in time, since it started.',
				failed,
			),
			...head('swarm_disk_fsync_duration_seconds', 'histogram', 'Writes of the log to the disk, with their flush.'),
			...this.flushes.lines('swarm_disk_fsync_duration_seconds', ''),
			...head('swarm_network_peer_round_trip_time_seconds', 'histogram', 'Pings to other nodes and their answers.'),
			...[...this.#roundTrips].flatMap(([peer, roundTrips]) =>
				roundTrips.lines('swarm_network_peer_round_trip_time_seconds', `To="${peer}"`),
			),
			...head(
				'swarm_server_request_duration_seconds',
				'histogram',
				'Requests over HTTP until they were answered, without watches and reads that may wait.',
			),
			...this.#requestLines(),
			...readingLines({ ...readings, peers: service.peers() }),
		];
		return `${lines.join('\n')}\n`;
	}

	*#requestLines(): Iterable<string> {
		for (const handler of HANDLERS) {
			for (const [method, took] of Object.entries(this.#requests[handler])) {
				if (took.count === 0) continue;
				yield* took.lines('swarm_server_request_duration_seconds', `handler="${handler}",method="${method}"`);
			}
		}
	}
}
