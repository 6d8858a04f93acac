/** A whole swarm in this process, in memory, for tests and prototypes. */
import { nanoid } from 'nanoid';
import { SEGMENT_BYTES_DEFAULT } from '../../shared/disk/log.ts';
import { newLogFiles } from '../../shared/disk/manifest.ts';
import { firstMembers } from '../../shared/paxos/members.ts';
import type { StateMachine } from '../../shared/store/state-machine.ts';
import { swarmMembersOf } from '../config/addresses.ts';
import { parseSwarm, type SwarmConfig } from '../config/swarm-file.ts';
import { logFacts } from '../log/facts.ts';
import { type NodeLogger, ofNode, SILENT } from '../log/logger.ts';
import { agentConfig } from '../node/agent-config.ts';
import { LINK_MS, type NodeReplica } from '../node/replica.ts';
import { KeyValueReplica } from '../replica/key-value.ts';
import { OwnReplica } from '../replica/own.ts';
import type { RunningReplicaOptions } from '../replica/replica.ts';
import { ownerOf } from '../storage/folder.ts';
import { MemoryDisk } from '../storage/memory.ts';
import { Swarm } from '../swarm/swarm.ts';
import { type KeyValueNode, keyValueAccess } from './key-value-access.ts';
import { labelOf } from './label.ts';
import { MemoryNetwork } from './memory-mesh.ts';
import { type OwnNode, ownAccess } from './own-access.ts';
import { type NodeLife, SwarmNode } from './swarm-node.ts';

export interface CreateSwarmOptions {
	/** The number of nodes, 1 to 9; 3 by default. They are n1, n2 and so on. */
	readonly nodes?: number;
	/** As in `swarm.json`: where a log grows above this, a snapshot is taken. */
	readonly logMiB?: number;
	/** As of `CreateNodeOptions`; the lines of all nodes go there, with the field `node`. */
	readonly logger?: NodeLogger;
}

type AnyNode = Pick<KeyValueNode, 'id' | 'status' | 'ready' | 'close'>;

/** The nodes of a swarm in memory. */
export class LocalSwarm<Node extends AnyNode> {
	/** In the order of their names. One that was closed does not come back. */
	readonly nodes: readonly Node[];
	readonly #network: MemoryNetwork;

	constructor(nodes: readonly Node[], network: MemoryNetwork) {
		this.nodes = nodes;
		this.#network = network;
	}

	/** The node of that name, such as `n2`. @throws RangeError */
	node(id: string): Node {
		const node = this.nodes.find((each) => each.id === id);
		if (node === undefined) throw new RangeError(`there is no node ${id}`);
		return node;
	}

	/** The node that leads, as it believes itself; undefined for none. */
	get leader(): Node | undefined {
		return this.nodes.find(({ status }) => status.isLeader);
	}

	/** Nothing passes between this node and the others, until `reconnect`. */
	isolate(id: string): void {
		this.#network.get(this.node(id).id)?.part(true);
	}

	reconnect(id: string): void {
		this.#network.get(this.node(id).id)?.part(false);
	}

	async close(): Promise<void> {
		await Promise.all(this.nodes.map((node) => node.close()));
	}

	/** As `close`, for `await using`. */
	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}
}

export function createKeyValueSwarm(options: CreateSwarmOptions): Promise<LocalSwarm<KeyValueNode>> {
	return begin(options, KeyValueReplica.open, (replica, life) => new SwarmNode(replica, keyValueAccess(replica), life));
}

export async function createOwnSwarm<State, Command, Result>(
	machine: StateMachine<State, Command, Result>,
	options: CreateSwarmOptions,
): Promise<LocalSwarm<OwnNode<State, Command, Result>>> {
	labelOf(machine);
	return begin(
		options,
		(replicaOptions) => OwnReplica.open(machine, replicaOptions),
		(replica, life) => new SwarmNode(replica, ownAccess(machine, replica), life),
	);
}

interface Begun<Replica> {
	readonly replica: Replica;
	readonly life: NodeLife;
}

async function begin<Replica extends NodeReplica, Node extends AnyNode>(
	{ nodes: count = 3, logMiB, logger = SILENT }: CreateSwarmOptions,
	open: (options: RunningReplicaOptions) => Promise<Replica>,
	nodeOf: (replica: Replica, life: NodeLife) => Node,
): Promise<LocalSwarm<Node>> {
	const names = Array.from({ length: count }, (_, index) => `n${index + 1}`);
	// Nobody listens at these ports.
	const input = { name: 'memory', nodes: names.map((id, index) => ({ id, port: index + 1 })), logMiB };
	const config = parseSwarm(JSON.stringify(input), 'the options of createSwarm');
	const network = new MemoryNetwork();
	const swarmId = nanoid();
	const begun: Begun<Replica>[] = [];
	for (const id of names) begun.push(await beginNode(id, config, swarmId, network, open, ofNode(logger, id)));
	for (const { replica } of begun) {
		await replica.replay();
		replica.start();
	}
	network.link();
	const swarm = new LocalSwarm(
		begun.map(({ replica, life }) => nodeOf(replica, life)),
		network,
	);
	await Promise.all(swarm.nodes.map((node) => node.ready()));
	return swarm;
}

async function beginNode<Replica extends NodeReplica>(
	id: string,
	config: SwarmConfig,
	swarmId: string,
	network: MemoryNetwork,
	open: (options: RunningReplicaOptions) => Promise<Replica>,
	log: NodeLogger,
): Promise<Begun<Replica>> {
	const agent = agentConfig(config, { id, members: swarmMembersOf(config).members });
	const owner = ownerOf(swarmId, id);
	const swarm = new Swarm(config.name, swarmId, config.nodes, firstMembers(agent.members));
	let hasStopped = (_: Error | null): void => undefined;
	const stopped = new Promise<Error | null>((resolve) => {
		hasStopped = resolve;
	});
	const mesh = network.add(id, () => replica);
	const end = (error: Error | null): void => {
		mesh.close();
		replica.stop();
		hasStopped(error);
	};
	const replica: Replica = await open({
		agent,
		epoch: nanoid(8),
		disk: new MemoryDisk(newLogFiles(owner, SEGMENT_BYTES_DEFAULT)),
		logOwner: owner,
		swarm,
		membersAre: (state) => swarm.become(state),
		mesh,
		faults: () => null,
		requestMs: config.timings.requestMs,
		sessionTtlMinMs: config.timings.sessionTtlMinMs,
		linkMs: LINK_MS,
		logBytesMin: config.logMiB * 1024 * 1024,
		removed: () => end(null),
		flushed: () => undefined,
		malformed: () => undefined,
		fatal: (error) => {
			log.fatal({ err: error }, 'the node stops');
			end(error);
		},
		progress: () => undefined,
	});
	logFacts(replica.facts, log);
	const close = async (): Promise<void> => {
		replica.endWaits();
		end(null);
	};
	return { replica, life: { url: null, stopped, close } };
}
