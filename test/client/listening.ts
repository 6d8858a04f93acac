/** Nodes in this process at addresses that a test chooses, and proxies in front of them. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { pino } from 'pino';
import { parseSwarm } from '../../server/config/swarm-file.ts';
import { type RunningNode, startNode } from '../../server/node/node.ts';
import type { NodeOptions } from '../../server/node/options.ts';
import { freePorts } from './nodes.ts';

export interface Listening {
	readonly ports: readonly number[];
	readonly nodes: readonly RunningNode[];
	stop(): Promise<void>;
}

/** @param changeOf the fields of the node at `index` in `swarm.json`, beside its id and port */
export async function startListening(
	size: number,
	changeOf: (index: number, port: number) => Readonly<Record<string, unknown>>,
	more: Partial<NodeOptions> & { readonly swarm?: Readonly<Record<string, unknown>> } = {},
): Promise<Listening> {
	const ports = await freePorts(size);
	const members = ports.map((port, index) => ({ id: `n${index + 1}`, port, ...changeOf(index, port) }));
	const { swarm, ...options } = more;
	const timings = { electionMinMs: 1000, electionMaxMs: 1500, requestMs: 20_000 };
	const config = parseSwarm(JSON.stringify({ name: 'test', nodes: members, timings, ...swarm }), 'swarm.json');
	const memory = { swarmId: 'swarm' };
	const log = pino({ level: 'silent' });
	const nodes: RunningNode[] = [];
	const stop = async (): Promise<void> => {
		await Promise.all(nodes.map((node) => node.close()));
	};
	try {
		for (const { id } of members)
			nodes.push(await startNode({ config, name: id, memory, secret: null, log, ...options }));
	} catch (error) {
		await stop();
		throw error;
	}
	return { ports, nodes, stop };
}

/** Passes bytes on, as a mapped port does. `target` is called for each connection. */
export async function startProxy(target: () => number): Promise<{ readonly port: number; stop(): void }> {
	const server: Server = createServer((from) => {
		const to = connect(target(), '127.0.0.1');
		from.pipe(to).pipe(from);
		from.on('error', () => to.destroy());
		to.on('error', () => from.destroy());
		from.on('close', () => to.destroy());
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	return { port: (server.address() as AddressInfo).port, stop: () => void server.close() };
}
