/** The replica of a node, with the swarm as it knows it, its mesh and its lab. */
import { nanoid } from 'nanoid';
import { firstMembers } from '../../shared/paxos/members.ts';
import type { ClientDoor } from '../../shared/replica/client-door.ts';
import type { MachineDoors } from '../../shared/replica/doors.ts';
import type { Machine } from '../../shared/store/machine.ts';
import type { MachineLabel } from '../../shared/store/own-machine.ts';
import { urlOf } from '../config/addresses.ts';
import type { NodeConfig } from '../config/swarm-file.ts';
import { Lab, REAL_LAB_CLOCK } from '../lab/lab.ts';
import { DEFAULT_MESH_LIMITS, DEFAULT_MESH_TIMINGS, Mesh } from '../mesh/mesh.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunningReplica, RunningReplicaOptions } from '../replica/replica.ts';
import type { AnyService } from '../replica/service.ts';
import type { Home } from '../storage/home.ts';
import { Joining } from '../swarm/joining.ts';
import { Swarm } from '../swarm/swarm.ts';
import { meshTls } from '../tls/mesh.ts';
import { agentConfig } from './agent-config.ts';
import type { Entrance } from './entrance.ts';
import type { NodeOptions } from './options.ts';

/** A link to a running peer is made within this time: the longest wait between its dials, and the handshake. */
export const LINK_MS = 1.5 * DEFAULT_MESH_TIMINGS.reconnectMaxMs;

/** The replica of a node, with any state machine. */
export type NodeReplica = AnyService &
	Pick<
		RunningReplica<Machine, MachineDoors>,
		| 'facts'
		| 'isNew'
		| 'reached'
		| 'remembered'
		| 'receive'
		| 'traces'
		| 'stalled'
		| 'linkUp'
		| 'linkDown'
		| 'replay'
		| 'start'
		| 'leave'
		| 'stop'
		| 'fail'
	> & {
		/** null where it has no keys. */
		readonly clients: ClientDoor | null;
		/** All that wait for changes are told that the node is about to stop. */
		endWaits(): void;
	};

/** The state machine of a node. */
export interface NodeMachine<Replica extends NodeReplica> {
	readonly label: MachineLabel;
	open(options: RunningReplicaOptions): Promise<Replica>;
}

/** What a replica is opened with beside the options of its node. */
interface ReplicaParts extends Entrance, Pick<RunningReplicaOptions, 'removed' | 'fatal' | 'progress'> {
	/** The node, as the configuration names it. */
	readonly self: NodeConfig;
	readonly home: Home;
	readonly metrics: Metrics;
}

export interface OpenReplica<Replica> {
	readonly replica: Replica;
	readonly mesh: Mesh;
	/** null where nobody may make faults. */
	readonly lab: Lab | null;
	readonly swarm: Swarm;
	readonly joining: Joining;
}

/** Makes a replica, its mesh and its lab, which call each other, and tells all who have to know how the members change. */
export async function openReplica<Replica extends NodeReplica>(
	machine: NodeMachine<Replica>,
	{ config, secret, otherSecret = null, tokens = null, asksToJoin = false, log, lab: labOptions }: NodeOptions,
	{ self, home, doors, limits, metrics, reports, tls, fetch, removed, fatal, progress }: ReplicaParts,
): Promise<OpenReplica<Replica>> {
	const { id } = home;
	const url = urlOf(self);
	const agent = agentConfig(config, home);
	const swarm = new Swarm(config.name, home.swarmId, config.nodes, firstMembers(agent.members));
	const joining = new Joining({ id, url, swarm, asks: asksToJoin, token: tokens?.own ?? null, fetch, log });
	const epoch = nanoid(8);
	const mesh: Mesh = new Mesh({
		self: id,
		epoch,
		swarmId: home.meshId,
		secret,
		otherSecret,
		tls: tls && meshTls(tls, config.name),
		timings: DEFAULT_MESH_TIMINGS,
		limits: { ...DEFAULT_MESH_LIMITS, unprovenMax: limits.unprovenMax },
		reached: () => replica.reached,
		remembered: (peer) => replica.remembered(peer),
		handlers: {
			frame: (from, peerEpoch, frame) =>
				lab ? lab.arrive(from, peerEpoch, frame) : replica.receive(from, peerEpoch, frame),
			traces: (messageId, traceparents) => replica.traces(messageId, traceparents),
			linkUp: (peer, remembered) => replica.linkUp(peer, remembered),
			linkDown: (peer, why) => {
				lab?.linkDown(peer);
				replica.linkDown(peer, why);
			},
			malformed: (from, why) => reports.refused('mesh', from, why),
			twice: (peer) => replica.fail(home.twice(peer)),
			roundTrip: (peer, ms) => metrics.answered(peer, ms),
		},
	});
	const lab = labOptions
		? new Lab({
				...labOptions,
				clock: REAL_LAB_CLOCK,
				peers: () => swarm.members.map((member) => member.id).filter((peer) => peer !== id),
				deliver: (from, peerEpoch, frame) => replica.receive(from, peerEpoch, frame),
				renew: (peer, why) => mesh.cut(peer, why),
				part: (peer, isApart, why) => mesh.part(peer, isApart, why),
				tell: (fact) => replica.facts.tell(fact),
			})
		: null;
	const replica: Replica = await machine.open({
		removed,
		fatal,
		progress,
		agent,
		epoch,
		disk: home.disk,
		logOwner: home.owner,
		swarm,
		membersAre: (state) => {
			swarm.become(state);
			doors.become(swarm.addresses);
			mesh.become(swarm.dialedBy(id, url));
			joining.membersChanged();
		},
		mesh,
		faults: () => lab?.faults ?? null,
		requestMs: config.timings.requestMs,
		sessionTtlMinMs: config.timings.sessionTtlMinMs,
		linkMs: LINK_MS,
		logBytesMin: config.logMiB * 1024 * 1024,
		flushed: (ms) => metrics.flushes.observe(ms),
		malformed: (from, why) => reports.refused('client', from, why),
	});
	return { replica, mesh, lab, swarm, joining };
}
