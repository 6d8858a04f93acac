/**
 * One node, composed. This file and `doors.ts` are the only ones that know every room: this one opens the data folder,
 * makes the rooms, connects them, and closes them in order.
 */
import type { Server } from 'node:http';
import { nanoid } from 'nanoid';
import { SLOTS_AHEAD_MAX } from '../../shared/paxos/bounds.ts';
import type { AgentConfig } from '../../shared/paxos/config.ts';
import { firstMembers } from '../../shared/paxos/members.ts';
import type { ClientDoor } from '../../shared/replica/client-door.ts';
import type { MachineDoors } from '../../shared/replica/doors.ts';
import type { Machine } from '../../shared/store/machine.ts';
import type { MachineLabel } from '../../shared/store/own-machine.ts';
import type { Tokens } from '../access/tokens.ts';
import { startingApi } from '../api/starting.ts';
import { swarmMembersOf, urlOf } from '../config/addresses.ts';
import type { SwarmConfig } from '../config/swarm-file.ts';
import { tlsFilesOf } from '../config/tls.ts';
import { ChangingDoors } from '../front/doors.ts';
import { Front, type FrontOptions } from '../front/front.ts';
import { type ConnectionLimits, connectionLimits, descriptorLimit } from '../front/limits.ts';
import { MountedFront } from '../front/mounted.ts';
import { Lab, type NodeActor, REAL_LAB_CLOCK } from '../lab/lab.ts';
import { logFacts } from '../log/facts.ts';
import { LastLines } from '../log/last-lines.ts';
import type { NodeLogger } from '../log/logger.ts';
import { Reports } from '../log/reports.ts';
import { DEFAULT_MESH_LIMITS, DEFAULT_MESH_TIMINGS, Mesh, type MeshTls } from '../mesh/mesh.ts';
import { Metrics } from '../metrics/metrics.ts';
import { watchLoop } from '../process/loop-watch.ts';
import { KeyValueReplica } from '../replica/key-value.ts';
import type { StartProgress } from '../replica/memory.ts';
import type { RunningReplica, RunningReplicaOptions } from '../replica/replica.ts';
import type { AnyService } from '../replica/service.ts';
import { type Home, type MemoryIdentity, memoryHome, openHome } from '../storage/home.ts';
import { firstVotersOf } from '../storage/identity.ts';
import { KEY_VALUE_LABEL } from '../storage/machine-label.ts';
import { Joining } from '../swarm/joining.ts';
import { Swarm } from '../swarm/swarm.ts';
import { fetchWith } from '../tls/fetch.ts';
import { frontTls } from '../tls/front.ts';
import { TlsKeeper } from '../tls/keeper.ts';
import { meshTls } from '../tls/mesh.ts';
import { type NodeDoors, openNodeDoors } from './doors.ts';

export interface NodeOptions {
	readonly config: SwarmConfig;
	/** The name of the node: one of `config.nodes`. */
	readonly name: string;
	/** null where the node has a data folder, which was formatted before. */
	readonly memory: MemoryIdentity | null;
	/** Whether a node with a new disk asks by itself to take the place of the member of its name; false by default. */
	readonly asksToJoin?: boolean;
	/** The secret of all nodes; null for none. */
	readonly secret: string | null;
	/** A second one by which nodes are let in, while the secret is changed; none by default. */
	readonly otherSecret?: string | null;
	/** The tokens by which its doors let people in; null, which is the default, lets in everybody who reaches the node. */
	readonly tokens?: Tokens | null;
	/** Texts that are left out of what the node tells of strangers, who may have sent them; none by default. */
	readonly secrets?: readonly string[];
	readonly log: NodeLogger;
	/**
	 * The last lines of that log, for `/v1/debug`; null, which is the default, where the program that starts the node
	 * keeps them.
	 */
	readonly lastLog?: LastLines | null;
	/** Whether people may make faults in its links, and in nodes by the primary process; none by default. */
	readonly lab?: { readonly primary: NodeActor | null };
	/** How many files and sockets this process may have open; the system's limit by default. */
	readonly descriptors?: number;
	/** Whether it has an API, a page and a feed beside the mesh; true by default. */
	readonly http?: boolean;
	/** The HTTP server of the program, which is to listen where the node does; by default the node has one of its own. */
	readonly server?: Server;
	/** Is told the progress of the start from time to time, because a long log takes a while. */
	onProgress?(progress: StartProgress): void;
	/** The node has stopped by itself, and is closed, because its disk failed or an invariant is broken. */
	onFatal?(error: Error): void;
	/** The node was removed from the swarm, has stopped, and is closed. */
	onRemoved?(): void;
}

export interface RunningNode<Replica = unknown> {
	readonly replica: Replica;
	/** The address of its dashboard, API and feed. */
	readonly url: string;
	/** Whether it is a member as it starts. One with a new disk waits to be let in. */
	readonly isMember: boolean;
	/**
	 * Stops the node: it is not ready any more, answers the requests under way, stops listening, and unlocks the data
	 * folder.
	 */
	close(): Promise<void>;
}

/**
 * A leader proposes so many slots at a time. More would only make the batches smaller. A change of members is in force so
 * many slots later, so another number would make something else of the logs that there are.
 */
export const OPEN_SLOTS_MAX = 8;
/** The bounds on a slot's value and on other messages are well below the largest message of the mesh. */
export const VALUE_BYTES_MAX = 1_048_576;
const MESSAGE_BYTES_MAX = 524_288;
/** A link to a running peer is made within this time: the longest wait between its dials, and the handshake. */
export const LINK_MS = 1.5 * DEFAULT_MESH_TIMINGS.reconnectMaxMs;
/** So much is remembered of what operators are told. */
const LAST_FACTS_MAX = 1000;
const LAST_FACTS_CHARS_MAX = 262_144;

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

const KEY_VALUE_MACHINE: NodeMachine<KeyValueReplica> = {
	label: KEY_VALUE_LABEL,
	open: (options) => KeyValueReplica.open(options),
};

/** A node that keeps keys: see `startNodeOf`. */
export function startNode(options: NodeOptions): Promise<RunningNode<KeyValueReplica>> {
	return startNodeOf(KEY_VALUE_MACHINE, options);
}

/**
 * @throws FolderError for a data folder that must not be used
 * @throws ConfigError for certificates that cannot be used
 * @throws the system's error, with code EADDRINUSE, for a port that is taken
 */
export async function startNodeOf<Replica extends NodeReplica>(
	machine: NodeMachine<Replica>,
	options: NodeOptions,
): Promise<RunningNode<Replica>> {
	const { config, name, memory, log, tokens = null, otherSecret = null } = options;
	const self = config.nodes.find((node) => node.id === name);
	if (!self) throw new RangeError(`${name} is not in the configuration`);

	const tls = config.tls ? new TlsKeeper(tlsFilesOf(config.tls, name), { swarm: config.name, node: name }, log) : null;
	const fetch = fetchWith(() => tls && { agent: tls.identity.agent });
	const doors = new ChangingDoors(config.nodes, config.allowedHosts);
	const descriptors = options.descriptors ?? descriptorLimit();
	const limits = connectionLimits(descriptors);
	const reports = new Reports(log, options.secrets ?? []);
	const frontOptions: FrontOptions = {
		doors,
		limits,
		tls: tls && config.tls ? frontTls(tls, config.tls.clients) : null,
		refused: (door, from, why) => reports.refused(door, from, why),
		failed: (error) => reports.failed(error, 'a connection could not be accepted'),
	};
	const front = options.server ? new MountedFront(options.server, frontOptions) : new Front(frontOptions);
	await front.listen(self.host, self.port);
	let home: Home;
	try {
		home = memory
			? memoryHome(memory, swarmMembersOf(config), name, machine.label)
			: await openHome(config.dataDir, config.name, name, machine.label);
	} catch (error) {
		await front.close();
		throw error;
	}

	tls?.start();
	if (otherSecret !== null) {
		log.warn('nodes are let in by the other secret too: leave it out once all nodes have the new one');
	}
	const { id } = home;
	let progress: StartProgress = { doing: 'reading', count: 0, percent: 0 };
	const starting = startingApi({ name: config.name, id: home.swarmId, node: id }, () => progress);
	front.open({ request: starting, upgrade: () => null });

	const loopWatch = watchLoop((ms) => reports.stalled(ms));
	/** They are carried out in this order. */
	const closing: (() => unknown)[] = [
		() => front.close(),
		() => home.close(),
		() => tls?.stop(),
		() => loopWatch.stop(),
		() => reports.stop(),
	];
	let closed: Promise<void> | undefined;
	let opened: NodeDoors | null = null;
	/** @param gently lets clients go without losing their answers: a node that broke must not wait for this */
	const close = (gently: boolean): Promise<void> => {
		closed ??= inOrder(gently ? [() => opened?.drain(), ...closing] : closing);
		return closed;
	};

	try {
		const agent = agentConfig(config, home);
		const swarm = new Swarm(config.name, home.swarmId, config.nodes, firstMembers(agent.members));
		const joining = new Joining({
			id,
			url: urlOf(self),
			swarm,
			asks: options.asksToJoin === true,
			token: tokens?.own ?? null,
			fetch,
			log,
		});
		const metrics = new Metrics();
		const { replica, mesh, lab } = await openReplica(machine, options, {
			agent,
			home,
			swarm,
			limits,
			metrics,
			reports,
			tls: tls && meshTls(tls, config.name),
			membersChanged: (mesh) => {
				doors.become(swarm.addresses);
				mesh.become(swarm.dialedBy(id, urlOf(self)));
				joining.membersChanged();
			},
			removed: (slot) => {
				log.info({ slot }, 'the node is no member any more, and stops');
				void close(true).then(() => options.onRemoved?.());
			},
			fatal: (error) => {
				const reason = home.reasonOf(error);
				log.fatal({ err: reason }, 'the node stops');
				void close(false).then(() => options.onFatal?.(reason));
			},
			progress: (newest) => {
				progress = newest;
				options.onProgress?.(newest);
			},
		});
		home.started(replica.isNew);
		const lastFacts = new LastLines(LAST_FACTS_MAX, LAST_FACTS_CHARS_MAX);
		const stopLogging = logFacts(replica.facts, log, lastFacts);
		replica.facts.watch((fact) => metrics.told(fact));
		closing.unshift(
			() => joining.stop(),
			() => replica.stop(),
			() => lab?.stop(),
			() => mesh.close(),
		);
		// What is reported last is logged too.
		closing.push(stopLogging);
		reports.become(replica);
		await replica.replay();

		const nodeDoors = openNodeDoors(front, {
			...options,
			id,
			replica,
			mesh,
			doors,
			swarm,
			lab,
			loop: loopWatch.figures,
			metrics,
			certificate: tls,
			fetch,
			descriptors,
			limits,
			lastFacts,
			reports,
			isDraining: () => closed !== undefined,
		});
		opened = nodeDoors;
		closing.unshift(() => nodeDoors.close());
		mesh.start();
		replica.start();
		if (!swarm.wasMember(id)) joining.start();
		const isMember = swarm.members.some((member) => member.id === id);
		return { replica, url: urlOf(self), isMember, close: () => close(true) };
	} catch (error) {
		await close(false);
		throw error instanceof Error ? home.reasonOf(error) : error;
	}
}

/** What a replica is opened with beside the options of its node. */
interface ReplicaParts extends Pick<RunningReplicaOptions, 'agent' | 'removed' | 'fatal' | 'progress'> {
	readonly home: Home;
	readonly swarm: Swarm;
	readonly limits: ConnectionLimits;
	readonly metrics: Metrics;
	readonly reports: Reports;
	readonly tls: MeshTls | null;
	/** The swarm has become another one. */
	membersChanged(mesh: Mesh): void;
}

/** Makes the replica of a node, its mesh and its lab, which call each other. */
async function openReplica<Replica extends NodeReplica>(
	machine: NodeMachine<Replica>,
	{ config, secret, otherSecret = null, lab: labOptions }: NodeOptions,
	{ agent, home, swarm, limits, metrics, reports, tls, membersChanged, ...ends }: ReplicaParts,
): Promise<{ replica: Replica; mesh: Mesh; lab: Lab | null }> {
	const { id } = home;
	const epoch = nanoid(8);
	const mesh: Mesh = new Mesh({
		self: id,
		epoch,
		swarmId: home.meshId,
		secret,
		otherSecret,
		tls,
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
		...ends,
		agent,
		epoch,
		disk: home.disk,
		logOwner: home.owner,
		swarm,
		membersAre: (state) => {
			swarm.become(state);
			membersChanged(mesh);
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
	return { replica, mesh, lab };
}

export function agentConfig(config: SwarmConfig, { id, members }: Pick<Home, 'id' | 'members'>): AgentConfig {
	return {
		id,
		members: firstVotersOf(members),
		openSlotsMax: OPEN_SLOTS_MAX,
		slotsAheadMax: SLOTS_AHEAD_MAX,
		valueBytesMax: VALUE_BYTES_MAX,
		messageBytesMax: MESSAGE_BYTES_MAX,
		timings: config.timings,
	};
}

async function inOrder(steps: readonly (() => unknown)[]): Promise<void> {
	for (const step of steps) await step();
}
