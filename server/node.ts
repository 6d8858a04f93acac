/**
 * One node, composed: the only place that knows every room. Time, chance, ids, files and sockets enter here
 * and nowhere below. It decides nothing; it says what listens where and who is told of what.
 */
import http from 'node:http';
import type { Duplex } from 'node:stream';
import { nanoid } from 'nanoid';
import type { Logger } from 'pino';
import { CLIENT_PATH } from '../shared/client/protocol.ts';
import type { Disk } from '../shared/disk/disk.ts';
import type { Member } from '../shared/feed.ts';
import type { NodeId } from '../shared/paxos/ballot.ts';
import type { AgentConfig } from '../shared/paxos/config.ts';
import { createApi, HTTP_SERVER_OPTIONS } from './api/api.ts';
import { ClientSockets } from './client/sockets.ts';
import { type SwarmConfig, urlOf } from './config.ts';
import { createDoors } from './doors.ts';
import { logFacts } from './fact-log.ts';
import { attachFeed } from './feed/feed.ts';
import { watchLoop } from './loop-watch.ts';
import { DEFAULT_MESH_TIMINGS, Mesh } from './mesh/mesh.ts';
import { dashboardDir, packageVersion } from './package.ts';
import { Replica } from './replica/replica.ts';
import { openFolder } from './storage/folder.ts';
import { MemoryDisk } from './storage/memory.ts';
import { refuseUpgrade } from './upgrade.ts';

/** Of a throw-away swarm: made by the primary process, known to all of its nodes, never used twice. */
export interface MemoryIdentity {
	readonly swarmId: string;
	readonly incarnations: Readonly<Record<NodeId, string>>;
}

export interface NodeOptions {
	readonly config: SwarmConfig;
	/** One of `config.nodes`. */
	readonly id: NodeId;
	/** null: the node has a data folder, formatted before. */
	readonly memory: MemoryIdentity | null;
	/** Shared by all nodes; null for none. */
	readonly secret: string | null;
	readonly log: Logger;
	/** The node had to stop by itself: its disk failed or an invariant is broken. It is closed already. */
	onFatal?(error: Error): void;
}

export interface RunningNode {
	/** Where its dashboard, API, feed and mesh are. */
	readonly url: string;
	/** Stops listening, then lets go of the data folder. What was acknowledged stays. */
	close(): Promise<void>;
}

/** Slots proposed beyond what is chosen: more only make the batches smaller. */
const OPEN_SLOTS_MAX = 8;
/** Well below the largest message of the mesh, with room for what names the values. */
const VALUE_BYTES_MAX = 1_048_576;
const MESSAGE_BYTES_MAX = 524_288;

/**
 * @throws FolderError, CorruptLogError for a data folder that must not be used; the system's error, with code
 * EADDRINUSE, for a port that is taken
 */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
	const { config, id, log } = options;
	const self = config.nodes.find((node) => node.id === id);
	if (!self) throw new RangeError(`${id} is not in the configuration`);
	const members: Member[] = config.nodes.map((node) => ({ id: node.id, url: urlOf(node) }));
	const ids = members.map((member) => member.id);
	const epoch = nanoid(8);

	const server = http.createServer(HTTP_SERVER_OPTIONS);
	await listen(server, self.host, self.port);
	const home = await openHome(options, ids).catch(async (error: unknown) => {
		await closeServer(server);
		throw error;
	});

	const loopWatch = watchLoop();
	const closing: (() => Promise<void> | void)[] = [
		() => closeServer(server),
		() => home.close(),
		() => loopWatch.stop(),
	];
	let closed: Promise<void> | undefined;
	const close = (): Promise<void> => {
		closed ??= inOrder(closing);
		return closed;
	};

	try {
		const mesh: Mesh = new Mesh({
			self: id,
			epoch,
			swarmId: home.swarmId,
			peers: config.nodes.filter((node) => node.id !== id),
			incarnations: home.incarnations,
			secret: options.secret,
			timings: DEFAULT_MESH_TIMINGS,
			handlers: {
				messages: (from, peerEpoch, firstId, messages) => replica.receive(from, peerEpoch, firstId, messages),
				linkUp: (peer) => replica.linkUp(peer),
				linkDown: (peer, why) => replica.linkDown(peer, why),
				malformed: (from, why) => replica.facts.tell({ kind: 'malformed', from, door: 'mesh', why }),
			},
		});
		const replica: Replica = new Replica({
			agent: agentConfig(config, id, ids),
			epoch,
			disk: home.disk,
			swarm: { name: config.name, id: home.swarmId, members },
			mesh,
			fatal: (error) => {
				log.fatal({ err: error }, 'the node stops');
				void close().then(() => options.onFatal?.(error));
			},
		});
		closing.unshift(
			() => replica.stop(),
			() => mesh.close(),
		);
		logFacts(replica.facts, log);

		const doors = createDoors(config.nodes);
		const api = createApi({
			service: replica,
			doors,
			swarm: { name: config.name, id: home.swarmId, members },
			version: packageVersion,
			dashboardDir,
			proposeTimeoutMs: config.timings.requestMs,
			isDraining: () => closed !== undefined,
			loop: loopWatch.figures,
			onRefused: (from, why) => replica.facts.tell({ kind: 'malformed', from, door: 'http', why }),
			onError: (error) => log.error({ err: error }, 'a request failed'),
		});
		server.on('request', api);
		const feed = attachFeed({
			http: server,
			service: replica,
			doors,
			proposeTimeoutMs: config.timings.requestMs,
			malformed: (from, why) => replica.facts.tell({ kind: 'malformed', from, door: 'feed', why }),
		});
		closing.unshift(() => feed.close());
		const clients = new ClientSockets({
			port: replica,
			node: id,
			members,
			nowMs: () => Date.now(),
			requestMs: config.timings.requestMs,
			malformed: (from, why) => replica.facts.tell({ kind: 'malformed', from, door: 'client', why }),
		});
		closing.unshift(() => clients.close());
		server.on('upgrade', (request: http.IncomingMessage, socket: Duplex, head: Buffer) => {
			const path = request.url?.split('?')[0];
			if (path?.startsWith('/socket.io/')) return;
			const refusal = doors.refusal(request.headers);
			if (path === '/mesh' && refusal === null) return mesh.handleUpgrade(request, socket, head);
			if (path === CLIENT_PATH && refusal === null) return clients.handleUpgrade(request, socket, head);
			refuseUpgrade(socket, refusal === null ? '404 Not Found' : '403 Forbidden');
			if (refusal === null) return;
			const from = request.socket.remoteAddress ?? '';
			const door = path === CLIENT_PATH ? 'client' : path === '/mesh' ? 'mesh' : 'http';
			replica.facts.tell({ kind: 'malformed', from, door, why: refusal });
		});
		mesh.start();
		replica.start();
	} catch (error) {
		await close();
		throw error;
	}
	return { url: urlOf(self), close };
}

interface Home extends MemoryIdentity {
	readonly disk: Disk;
	close(): Promise<void> | void;
}

async function openHome({ config, id, memory }: NodeOptions, ids: readonly NodeId[]): Promise<Home> {
	if (memory) return { ...memory, disk: new MemoryDisk(), close: () => undefined };
	return openFolder(config.dataDir, id, { name: config.name, members: ids });
}

function agentConfig({ timings }: SwarmConfig, id: NodeId, members: readonly NodeId[]): AgentConfig {
	return {
		id,
		members,
		openSlotsMax: OPEN_SLOTS_MAX,
		valueBytesMax: VALUE_BYTES_MAX,
		messageBytesMax: MESSAGE_BYTES_MAX,
		timings,
	};
}

function listen(server: http.Server, host: string, port: number): Promise<void> {
	return new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen(port, host, () => {
			server.off('error', reject);
			resolve();
		});
	});
}

function closeServer(server: http.Server): Promise<void> {
	return new Promise((resolve) => {
		server.close(() => resolve());
		server.closeAllConnections();
	});
}

async function inOrder(steps: readonly (() => Promise<void> | void)[]): Promise<void> {
	for (const step of steps) await step();
}
