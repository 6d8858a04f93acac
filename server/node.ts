/**
 * One node, composed. This is the only file that knows every room: it opens the data folder, makes the rooms, connects
 * them, and closes them in order.
 */
import type { RequestListener, Server } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import { CLIENT_PATH } from '../shared/client/protocol.ts';
import { CorruptLogError } from '../shared/disk/corrupt-log-error.ts';
import { SEGMENT_BYTES_DEFAULT } from '../shared/disk/log.ts';
import { newLogFiles } from '../shared/disk/manifest.ts';
import type { NodeId } from '../shared/paxos/ballot.ts';
import { SLOTS_AHEAD_MAX } from '../shared/paxos/bounds.ts';
import type { AgentConfig } from '../shared/paxos/config.ts';
import { firstMembers } from '../shared/paxos/members.ts';
import type { ClientDoor } from '../shared/replica/client-door.ts';
import type { MachineDoors } from '../shared/replica/doors.ts';
import { PutBackError } from '../shared/replica/memory.ts';
import type { Machine } from '../shared/store/machine.ts';
import type { MachineLabel } from '../shared/store/own-machine.ts';
import type { Tokens } from './access/tokens.ts';
import { answerText } from './api/answer.ts';
import { createApi } from './api/api.ts';
import { CatchUp } from './api/catch-up.ts';
import type { DebugReport } from './api/debug.ts';
import { startingApi } from './api/starting.ts';
import { ClientSockets } from './client/sockets.ts';
import { firstVotersOf, type SwarmConfig, swarmMembersOf, tlsFilesOf, urlOf } from './config.ts';
import { ChangingDoors } from './doors.ts';
import { logFacts } from './fact-log.ts';
import { FEED_PATH, Feed } from './feed/feed.ts';
import { DRAIN_TIMINGS } from './front/drain.ts';
import { type DoorName, Front, type FrontOptions, type UpgradeDoor } from './front/front.ts';
import { MountedFront } from './front/mounted.ts';
import { Joining } from './joining.ts';
import { Lab, type NodeActor, REAL_LAB_CLOCK } from './lab/lab.ts';
import { LastLines } from './last-lines.ts';
import { connectionLimits, descriptorLimit } from './limits.ts';
import type { NodeLogger } from './logger.ts';
import { watchLoop } from './loop-watch.ts';
import { DEFAULT_MESH_LIMITS, DEFAULT_MESH_TIMINGS, Mesh } from './mesh/mesh.ts';
import type { PeerAddress } from './mesh/peer.ts';
import { Metrics } from './metrics/metrics.ts';
import { dashboardDir, packageVersion } from './package.ts';
import { kindOfText, Repeats } from './repeats.ts';
import { KeyValueReplica } from './replica/key-value.ts';
import type { ReadableDisk, StartProgress } from './replica/memory.ts';
import type { RunningReplica, RunningReplicaOptions } from './replica/replica.ts';
import type { AnyService, NodeService } from './replica/service.ts';
import { openFolder, ownerOf } from './storage/folder.ts';
import type { FirstMembers } from './storage/identity.ts';
import { KEY_VALUE_LABEL, noteMachine, refuseOtherMachine } from './storage/machine-label.ts';
import { MemoryDisk } from './storage/memory.ts';
import { Swarm } from './swarm.ts';
import { fetchWith } from './tls/fetch.ts';
import { frontTls } from './tls/front.ts';
import { TlsKeeper } from './tls/keeper.ts';
import { meshTls } from './tls/mesh.ts';
import { traceRequests } from './tracing/requests.ts';
import { hostTracer } from './tracing/tracer.ts';

/** The identity of a throw-away swarm. The primary process makes it for all nodes, and it is never used twice. */
export interface MemoryIdentity {
	readonly swarmId: string;
}

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
	/** The tokens by which its doors let people in; null, which is the default, lets in whoever reaches the node. */
	readonly tokens?: Tokens | null;
	readonly log: NodeLogger;
	/** The last lines of that log, for `/v1/debug`; null where whoever starts the node keeps them, which is the default. */
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
/** The interval is well below READY_LAG_MS_MAX. */
const CATCH_UP_LOOK_EVERY_MS = 100;

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
 * @throws FolderError for a data folder that must not be used; ConfigError for certificates that cannot be used; the system's error, with code EADDRINUSE, for a port
 * that is taken
 */
export async function startNodeOf<Replica extends NodeReplica>(
	machine: NodeMachine<Replica>,
	options: NodeOptions,
): Promise<RunningNode<Replica>> {
	const { config, name, log, tokens = null, otherSecret = null } = options;
	const self = config.nodes.find((node) => node.id === name);
	if (!self) throw new RangeError(`${name} is not in the configuration`);
	const epoch = nanoid(8);

	const tls = config.tls ? new TlsKeeper(tlsFilesOf(config.tls, name), { swarm: config.name, node: name }, log) : null;
	const fetch = fetchWith(() => tls && { agent: tls.identity.agent });
	const doors = new ChangingDoors(config.nodes, config.allowedHosts);
	const descriptors = options.descriptors ?? descriptorLimit();
	const limits = connectionLimits(descriptors);
	let tellRefused = ({ door, from, why }: Refused): void => log.warn(`${door}: ${why} (from ${from})`);
	const refusals = new Repeats<Refused>((last, count) =>
		tellRefused(count === 1 ? last : { ...last, why: `${count} more like it, at last: ${last.why}` }),
	);
	const malformed = (door: DoorName, from: string, why: string): void =>
		refusals.note(`${door} ${kindOfText(why)}`, { door, from, why });
	const failures = new Repeats<{ readonly error: unknown; readonly text: string }>(({ error, text }, count) =>
		log.error({ err: error }, count === 1 ? text : `${text} (and ${count - 1} more times)`),
	);
	let tellStall = (ms: number, count: number): void => log.warn(stallText(ms, count));
	const stalls = new Repeats<number>((ms, count) => tellStall(ms, count));
	const frontOptions: FrontOptions = {
		doors,
		limits,
		tls: tls && config.tls ? frontTls(tls, config.tls.clients) : null,
		refused: malformed,
		failed: (error) => failures.note(kindOfText(error.message), { error, text: 'a connection could not be accepted' }),
	};
	const front = options.server ? new MountedFront(options.server, frontOptions) : new Front(frontOptions);
	await front.listen(self.host, self.port);
	const home = await openHome(options, machine.label).catch(async (error: unknown) => {
		await front.close();
		throw error;
	});

	tls?.start();
	if (otherSecret !== null) {
		log.warn('nodes are let in by the other secret too: leave it out once all nodes have the new one');
	}
	const { id } = home;
	let progress: StartProgress = { doing: 'reading', count: 0, percent: 0 };
	const tellProgress = (newest: StartProgress): void => {
		progress = newest;
		options.onProgress?.(newest);
	};
	const starting = startingApi({ name: config.name, id: home.swarmId, node: id }, () => progress);
	front.open({ request: starting, upgrade: () => null });

	const loopWatch = watchLoop((ms) => stalls.note('stall', ms));
	const closing: (() => unknown)[] = [
		() => front.close(),
		() => home.close(),
		() => tls?.stop(),
		() => loopWatch.stop(),
		() => stalls.stop(),
		() => failures.stop(),
	];
	let closed: Promise<void> | undefined;
	/** Lets clients go without losing their answers. A node that broke must not wait for this. */
	let leave = (): Promise<unknown> => Promise.resolve();
	let isMember: boolean;
	let running: Replica;
	const close = (gently: boolean): Promise<void> => {
		closed ??= inOrder(gently ? [() => leave(), ...closing] : closing);
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
		const mesh: Mesh = new Mesh({
			self: id,
			epoch,
			swarmId: home.meshId,
			secret: options.secret,
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
				malformed: (from, why) => malformed('mesh', from, why),
				roundTrip: (peer, ms) => metrics.answered(peer, ms),
			},
		});
		const lab = options.lab
			? new Lab({
					...options.lab,
					clock: REAL_LAB_CLOCK,
					peers: () => swarm.members.map((member) => member.id).filter((peer) => peer !== id),
					deliver: (from, peerEpoch, frame) => replica.receive(from, peerEpoch, frame),
					renew: (peer, why) => mesh.cut(peer, why),
					part: (peer, isApart, why) => mesh.part(peer, isApart, why),
					tell: (fact) => replica.facts.tell(fact),
				})
			: null;
		const replica: Replica = await machine.open({
			agent,
			epoch,
			disk: home.disk,
			logOwner: home.owner,
			swarm,
			membersAre: (state) => {
				swarm.become(state);
				doors.become(swarm.addresses);
				mesh.become(dialedBy(id, urlOf(self), swarm));
				joining.membersChanged();
			},
			mesh,
			faults: () => lab?.faults ?? null,
			requestMs: config.timings.requestMs,
			sessionTtlMinMs: config.timings.sessionTtlMinMs,
			linkMs: LINK_MS,
			logBytesMin: config.logMiB * 1024 * 1024,
			removed: (slot) => {
				log.info({ slot }, 'the node is no member any more, and stops');
				void close(true).then(() => options.onRemoved?.());
			},
			flushed: (ms) => metrics.flushes.observe(ms),
			malformed: (from, why) => malformed('client', from, why),
			fatal: (error) => {
				const reason = home.reasonOf(error);
				log.fatal({ err: reason }, 'the node stops');
				void close(false).then(() => options.onFatal?.(reason));
			},
			progress: tellProgress,
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
			() => refusals.stop(),
			stopLogging,
		);
		tellRefused = (refused) => replica.facts.tell({ kind: 'malformed', ...refused });
		tellStall = (ms, count) => replica.stalled(ms, stallText(ms, count));
		await replica.replay();

		const api = createApi({
			sessionTtlMinMs: config.timings.sessionTtlMinMs,
			service: replica,
			doors,
			tokens,
			swarm,
			version: packageVersion,
			lab,
			dashboardDir,
			proposeTimeoutMs: config.timings.requestMs,
			isDraining: () => closed !== undefined,
			lagMs: watchCatchUp(replica, closing),
			waitsMax: limits.waitsMax,
			loop: loopWatch.figures,
			metrics,
			certificate: tls,
			fetch,
			debug: () => ({
				node: id,
				version: packageVersion,
				runtime: runtimeFigures(),
				config,
				descriptors,
				limits,
				facts: lastFacts.lines,
				log: options.lastLog?.lines ?? null,
			}),
			onError: (error) => failures.note(kindOfText(String(error)), { error, text: 'a request failed' }),
		});
		const feed = new Feed({
			service: replica,
			tokens,
			proposeTimeoutMs: config.timings.requestMs,
			places: limits,
			malformed: (from, why) => malformed('feed', from, why),
		});
		closing.unshift(() => feed.close());
		const clients = replica.clients && new ClientSockets(replica.clients, tokens);
		closing.unshift(() => clients?.close());
		const ofMesh: UpgradeDoor = { name: 'mesh', handleUpgrade: mesh.handleUpgrade.bind(mesh) };
		const ofFeed: UpgradeDoor = { name: 'feed', handleUpgrade: feed.handleUpgrade.bind(feed) };
		const upgrades: Record<string, UpgradeDoor> = { '/mesh': ofMesh };
		if (options.http ?? true) {
			upgrades[FEED_PATH] = ofFeed;
			if (clients) upgrades[CLIENT_PATH] = { name: 'client', handleUpgrade: clients.handleUpgrade.bind(clients) };
		}
		const listener: RequestListener = (request, response) =>
			request.url?.startsWith(FEED_PATH) ? feed.handleRequest(request, response) : api(request, response);
		const tracer = hostTracer();
		const requests = tracer === null ? listener : traceRequests(tracer, id, listener);
		front.open({
			request: (options.http ?? true) ? requests : (_request, response) => answerText(response, 404, 'Not found.'),
			upgrade: (path) => upgrades[path] ?? null,
		});
		leave = async () => {
			// Another node leads long before the clients are let go, and this one passes on what it is asked.
			replica.leave();
			await setTimeout(DRAIN_TIMINGS.unreadyMs);
			const { answersMs } = DRAIN_TIMINGS;
			const frontDrained = front.drain();
			// Their answers already say that they are the last ones on their connections, so nobody asks again here.
			replica.endWaits();
			const feedDrained = feed.drain(answersMs).then(() => feed.close());
			await Promise.all([frontDrained, feedDrained, clients?.drain(answersMs).then(() => clients.close())]);
		};
		mesh.start();
		replica.start();
		running = replica;
		if (!swarm.wasMember(id)) joining.start();
		isMember = swarm.members.some((member) => member.id === id);
	} catch (error) {
		await close(false);
		throw error instanceof Error ? home.reasonOf(error) : error;
	}
	return { replica: running, url: urlOf(self), isMember, close: () => close(true) };
}

/** @param count how often it happened since it was last told */
function stallText(ms: number, count: number): string {
	const more = count === 1 ? '' : ` (and ${count - 1} more times for long)`;
	return `the event loop stood still for ${Math.round(ms)} ms, and nothing was answered meanwhile${more}`;
}

function runtimeFigures(): DebugReport['runtime'] {
	const { version, platform, pid } = process;
	return { node: version, platform, pid, seconds: Math.round(process.uptime()), memory: process.memoryUsage() };
}

/** Measures how far the node is behind its leader, until it closes. @returns a function that tells it, milliseconds */
function watchCatchUp(service: NodeService, closing: (() => unknown)[]): () => number {
	const catchUp = new CatchUp();
	const look = (): void => {
		const { id, leader, chosenThrough, appliedThrough } = service.view();
		const peer = service.peers().find((candidate) => candidate.id === leader.node);
		// The chosenThrough of a node that does not lead says nothing of the leader's.
		const told = peer?.role === 'leader' ? Math.max(peer.chosenThrough, chosenThrough) : null;
		const leaderChosen = leader.node === id ? chosenThrough : told;
		catchUp.look(performance.now(), appliedThrough, leaderChosen);
	};
	const timer = setInterval(look, CATCH_UP_LOOK_EVERY_MS);
	closing.unshift(() => clearInterval(timer));
	return () => {
		look();
		return catchUp.lagMs(performance.now());
	};
}

/**
 * The addresses of the other members, voters first, because a quorum of them is to be told first. A member is left out
 * where another one, or this node, comes in its place at the same address.
 */
function dialedBy(id: NodeId, ownUrl: string, swarm: Swarm): PeerAddress[] {
	const { members } = swarm;
	const others = members.filter((member) => {
		const heirs = members.filter(({ replaces }) => replaces === member.id);
		return member.id !== id && member.url !== ownUrl && heirs.every(({ url }) => url !== member.url);
	});
	return others.toSorted((a, b) => Number(b.isVoter) - Number(a.isVoter)).map((member) => swarm.dialOf(member));
}

/** A connection or request that was refused. */
interface Refused {
	readonly door: DoorName;
	/** An address. */
	readonly from: string;
	readonly why: string;
}

interface Home extends MemoryIdentity {
	/** The node's id. */
	readonly id: NodeId;
	/** The members that the swarm began with. */
	readonly members: FirstMembers;
	readonly disk: ReadableDisk;
	readonly owner: string;
	/** Names the swarm to other nodes: only those with the same state machine are of it. */
	readonly meshId: string;
	/** The log was read. @param isNew whether there was nothing in it @throws FolderError where it is that of another machine */
	started(isNew: boolean): void;
	/** The error for people where the node cannot start or go on. Some errors are about the folder, and name it. */
	reasonOf(error: Error): Error;
	close(): Promise<void> | void;
}

async function openHome({ config, name, memory }: NodeOptions, label: MachineLabel): Promise<Home> {
	const meshIdOf = (swarmId: string): string => (label === KEY_VALUE_LABEL ? swarmId : `${swarmId}/${label.name}`);
	if (memory) {
		const owner = ownerOf(memory.swarmId, name);
		const disk = new MemoryDisk(newLogFiles(owner, SEGMENT_BYTES_DEFAULT));
		const { members } = swarmMembersOf(config);
		const home = { ...memory, id: name, members, disk, owner, meshId: meshIdOf(memory.swarmId) };
		return { ...home, started: () => undefined, reasonOf: (error) => error, close: () => undefined };
	}
	const folder = openFolder(config.dataDir, name, config.name);
	try {
		refuseOtherMachine(folder.path, label);
	} catch (error) {
		await folder.close();
		throw error;
	}
	const reasonOf = (error: Error): Error => {
		if (error instanceof CorruptLogError) return folder.damaged(error);
		return error instanceof PutBackError ? folder.putBack(error) : error;
	};
	return {
		...folder,
		meshId: meshIdOf(folder.swarmId),
		started: (isNew) => noteMachine(folder.path, label, isNew),
		reasonOf,
	};
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
