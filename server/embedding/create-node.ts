/** Starts a node in the program of a user, on its folder, as `paxos-swarm node` does in a program of its own. */
import type { Server } from 'node:http';
import { Agent } from 'node:https';
import { resolve } from 'node:path';
import type { StateMachine } from '../../shared/store/state-machine.ts';
import { type TokenInput, type Tokens, tokensOf } from '../access/tokens.ts';
import { isOnLoopback } from '../config/addresses.ts';
import { ConfigError } from '../config/errors.ts';
import { shortJson } from '../config/issues.ts';
import { mustBeSecond, mustHaveSecret, mustHaveTokens, type Ways } from '../config/secrets.ts';
import { parseSwarm, type SwarmConfig, type SwarmInput } from '../config/swarm-file.ts';
import { tlsFilesOf } from '../config/tls.ts';
import { type NodeLogger, SILENT } from '../log/logger.ts';
import { makeData } from '../node/new-disk.ts';
import { type RunningNode, startNode, startNodeOf } from '../node/node.ts';
import type { NodeOptions } from '../node/options.ts';
import type { NodeMachine, NodeReplica } from '../node/replica.ts';
import { OwnReplica } from '../replica/own.ts';
import type { Credentials } from '../swarm/ask.ts';
import { contextOptions } from '../tls/context.ts';
import { fetchWith } from '../tls/fetch.ts';
import { loadPem } from '../tls/pem.ts';
import { type KeyValueNode, keyValueAccess } from './key-value-access.ts';
import { labelOf } from './label.ts';
import { type OwnNode, ownAccess } from './own-access.ts';
import { mustFit, whereItListens } from './program-server.ts';
import { type NodeLife, SwarmNode } from './swarm-node.ts';

/** A member of the swarm, as in `swarm.json`. */
export type MemberInput = SwarmInput['nodes'][number];

/** The options of a node. They are the same at every start, and but for `id` the same for all nodes of a swarm. */
export interface CreateNodeOptions {
	/** The name of this node: one of `members`. */
	readonly id: string;
	/** The members that the swarm begins with. From then on the log says who they are. */
	readonly members: readonly MemberInput[];
	/** The data folder. The nodes of one machine may share it: each has a folder of its own there. */
	readonly folder: string;
	/** The name of the swarm, for people; `swarm` by default. */
	readonly name?: string;
	/** The secret that the nodes prove to each other. Beyond loopback there has to be one, unless `insecure` is true. */
	readonly secret?: string;
	/** A second secret by which nodes are let in, while the secret is changed: see `server/access/README.md`. */
	readonly otherSecret?: string;
	readonly insecure?: boolean;
	/** Who may use the API, the client's WebSocket and the page. Beyond loopback there have to be some where `http` is on. */
	readonly tokens?: readonly TokenInput[];
	/**
	 * Whether its port has an API and the page beside the mesh of the nodes; true by default. Or the HTTP server of the
	 * program, by `http` or with `tls` by `https`, which has to listen at the port of this node: the node answers there at
	 * its own paths, and leaves all others to the listeners that the server has by then. The page is left out.
	 */
	readonly http?: boolean | Server;
	/** Whether a node without a folder comes in as a new member, beyond loopback: see `server/MEMBERS.md`. */
	readonly join?: boolean;
	/** Is told what an operator should know; by default nobody is. A logger of pino is one. */
	readonly logger?: NodeLogger;
	/**
	 * As in `swarm.json`; paths are relative to the working directory. A server of the program has to show the same
	 * certificate, and to ask each client for one.
	 */
	readonly tls?: SwarmInput['tls'];
	/** As in `swarm.json`. */
	readonly timings?: SwarmInput['timings'];
	/** As in `swarm.json`. */
	readonly logMiB?: number;
	/** As in `swarm.json`. */
	readonly allowedHosts?: readonly string[];
}

const AS_OPTIONS: Ways = {
	secret: 'give every node the same secret',
	token: 'give every node the same tokens',
	insecure: 'set insecure to true',
};

/** @throws ConfigError, FolderError, the system's error for a port that is taken */
export async function createKeyValueNode(options: CreateNodeOptions): Promise<KeyValueNode> {
	const { running, life } = await start(options, startNode);
	return new SwarmNode(running.replica, keyValueAccess(running.replica), life);
}

/** As `createKeyValueNode`, with a machine of the user's own. */
export async function createOwnNode<State, Command, Result>(
	machine: StateMachine<State, Command, Result>,
	options: CreateNodeOptions,
): Promise<OwnNode<State, Command, Result>> {
	const nodeMachine: NodeMachine<OwnReplica<State, Command, Result>> = {
		label: labelOf(machine),
		open: (replicaOptions) => OwnReplica.open(machine, replicaOptions),
	};
	const { running, life } = await start(options, (nodeOptions) => startNodeOf(nodeMachine, nodeOptions));
	return new SwarmNode(running.replica, ownAccess(machine, running.replica), life);
}

interface Started<Replica> {
	readonly running: RunningNode<Replica>;
	readonly life: NodeLife;
}

async function start<Replica extends NodeReplica>(
	options: CreateNodeOptions,
	begin: (nodeOptions: NodeOptions) => Promise<RunningNode<Replica>>,
): Promise<Started<Replica>> {
	const { id, secret = null, otherSecret = null, http = true, join = false, logger: log = SILENT } = options;
	const config = configOf(options);
	const self = config.nodes.find((node) => node.id === id);
	if (!self) throw new ConfigError(`the options of createNode: ${id} is not the id of a member`);
	if (typeof http !== 'boolean') mustFit(http, config, self);
	const tokens = tokensOf(options.tokens ?? []);
	const insecure = options.insecure === true;
	mustHaveSecret(config, secret, insecure, AS_OPTIONS);
	mustBeSecond(config, secret, otherSecret, insecure, AS_OPTIONS);
	if (http !== false) mustHaveTokens(config, tokens, insecure, AS_OPTIONS);
	await makeData(config, id, join ? credentialsOf(config, id, tokens) : null, (line) => log.info(line));
	let hasStopped = (_: Error | null): void => undefined;
	const stopped = new Promise<Error | null>((resolve) => {
		hasStopped = resolve;
	});
	const running = await begin({
		config,
		name: id,
		memory: null,
		asksToJoin: isOnLoopback(config),
		secret,
		otherSecret,
		tokens,
		secrets: [secret ?? [], otherSecret ?? [], (options.tokens ?? []).map(({ token }) => token)].flat(),
		log,
		...(typeof http === 'boolean' ? { http } : { server: http }),
		onFatal: (error) => hasStopped(error),
		onRemoved: () => hasStopped(null),
	});
	if (typeof http !== 'boolean') void stopped.then(whereItListens(http, self, log));
	const close = async (): Promise<void> => {
		await running.close();
		hasStopped(null);
	};
	return { running, life: { url: http === false ? null : running.url, stopped, close } };
}

/** The token and the certificate of the node, by which it asks the members before it runs. @throws ConfigError */
function credentialsOf({ name: swarm, tls }: SwarmConfig, node: string, tokens: Tokens | null): Credentials {
	const pem = tls ? loadPem(tlsFilesOf(tls, node), { swarm, node }, Date.now()) : null;
	const agent = pem && new Agent({ ...contextOptions(pem), rejectUnauthorized: true });
	return { fetch: fetchWith(() => agent && { agent }), headers: tokens ? { 'X-Consul-Token': tokens.own } : {} };
}

/** JavaScript does not hold programs to the types. @param given is told, so it must not be a secret @throws ConfigError */
function mustBe(isSo: boolean, option: string, what: string, given: unknown): void {
	if (!isSo)
		throw new ConfigError(`the options of createNode: ${option}: must be ${what}, not ${shortJson(given ?? null)}`);
}

/** @throws ConfigError */
function configOf({
	members,
	secret,
	otherSecret,
	name = 'swarm',
	folder,
	tls,
	timings,
	logMiB,
	allowedHosts,
}: CreateNodeOptions): SwarmConfig {
	mustBe(typeof folder === 'string' && folder !== '', 'folder', 'the path of a folder', folder);
	mustBe(Array.isArray(members), 'members', 'a list', members);
	for (const [option, text] of Object.entries({ secret, otherSecret })) {
		mustBe(text === undefined || typeof text === 'string', option, 'a text', typeof text);
	}
	const input: SwarmInput = {
		name,
		nodes: [...members],
		dataDir: resolve(folder),
		...(tls && { tls: { ...tls, ca: resolve(tls.ca), cert: resolve(tls.cert), key: resolve(tls.key) } }),
		...(timings && { timings }),
		...(logMiB !== undefined && { logMiB }),
		...(allowedHosts && { allowedHosts: [...allowedHosts] }),
	};
	return parseSwarm(JSON.stringify(input), 'the options of createNode');
}
