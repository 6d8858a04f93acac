/**
 * Finds out which nodes can be started here, which run already, and why others cannot be started. It changes nothing.
 */
import { createServer } from 'node:net';
import * as z from 'zod';
import { nameOf } from '../../shared/member-name.ts';
import { listenUrlOf } from '../config/addresses.ts';
import type { NodeConfig, SwarmConfig } from '../config/swarm-file.ts';
import { fetchNode } from './credentials.ts';

export type PortState =
	| { readonly kind: 'free'; readonly node: NodeConfig }
	/** This node of this swarm runs already, in another process. */
	| { readonly kind: 'running'; readonly node: NodeConfig }
	| BlockedPort;

export interface BlockedPort {
	/** `taken`: the node can be started with another port. */
	readonly kind: 'taken' | 'blocked';
	readonly node: NodeConfig;
	readonly why: string;
}

/** The time limit for a running node to say which one it is. */
const PROBE_MAX_MS = 2000;

const swarmSchema = z.object({ name: z.string(), id: z.string(), node: z.string() });

/**
 * The state of each node's port, in the order of the configuration.
 *
 * @param swarmId the swarm in the data folder that would be used; null where there is none yet, or with `--memory`
 */
export function lookAtPorts({ name, nodes }: SwarmConfig, swarmId: string | null): Promise<PortState[]> {
	return Promise.all(nodes.map((node) => lookAtPort(node, name, swarmId)));
}

async function lookAtPort(node: NodeConfig, name: string, swarmId: string | null): Promise<PortState> {
	const error = await tryToListen(node);
	switch (error) {
		case null:
			return { kind: 'free', node };
		case 'EADDRINUSE': {
			const running = await runningSwarm(node, name);
			if (running === null) return { kind: 'taken', node, why: `port ${node.port} is taken by another program` };
			if (running === swarmId) return { kind: 'running', node };
			return { kind: 'taken', node, why: `another swarm, with other data, runs at ${listenUrlOf(node)}` };
		}
		case 'EADDRNOTAVAIL':
			return { kind: 'blocked', node, why: `${node.host} is not an address of this machine` };
		default:
			return { kind: 'blocked', node, why: `cannot listen at ${node.host}:${node.port} (${error})` };
	}
}

/** @returns null where it could listen, else the system's code of the error */
function tryToListen({ host, port }: NodeConfig): Promise<string | null> {
	return new Promise((resolve) => {
		const server = createServer();
		server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
		server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
	});
}

/** The id of the swarm called `name` whose node `node.id` answers at the node's address; null for none. */
export async function runningSwarm(node: NodeConfig, name: string): Promise<string | null> {
	try {
		const response = await fetchNode(`${listenUrlOf(node)}/v1/swarm`, { signal: AbortSignal.timeout(PROBE_MAX_MS) });
		const answer = swarmSchema.safeParse(await response.json());
		const isIt = answer.success && answer.data.name === name && nameOf(answer.data.node) === node.id;
		return isIt ? answer.data.id : null;
	} catch {
		return null;
	}
}
