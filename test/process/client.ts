/**
 * Reads and writes of tests. A write counts as acknowledged only by its answer; one whose outcome is unknown is tried
 * again at another node until it is acknowledged.
 */
import { type Swarm, type TestNode, until } from './swarm.ts';

const ATTEMPTS_MAX = 1_000;

/** An entry as `/v1/kv?recurse` has it. */
export interface Entry {
	readonly Key: string;
	readonly Value: string | null;
	readonly CreateIndex: number;
	readonly ModifyIndex: number;
}

export function put(node: TestNode, key: string, value: string): Promise<Response> {
	return node.fetch(`/v1/kv/${key}`, { method: 'PUT', body: value });
}

/** Reads a value, null for none. @param parameters such as `&stale` */
export async function get(node: TestNode, key: string, parameters = ''): Promise<string | null> {
	const response = await node.fetch(`/v1/kv/${key}?raw${parameters}`);
	if (response.status === 404) return null;
	if (!response.ok) throw new Error(`${node.id}: ${response.status} ${await response.text()}`);
	return response.text();
}

/** All entries of a node, by a stale read. */
export async function listing(node: TestNode): Promise<{ entries: Entry[]; revision: number }> {
	const response = await node.fetch('/v1/kv/?recurse&stale');
	const entries = response.status === 404 ? [] : ((await response.json()) as Entry[]);
	const status = (await (await node.fetch('/v1/swarm')).json()) as { revision: number };
	return { entries, revision: status.revision };
}

/**
 * Writes each key once, `writers` at a time, at the nodes in turn. Nodes may stop and start meanwhile.
 *
 * @param onAcknowledged called after each acknowledged write, with their number so far
 * @returns the number of requests that it took
 */
export async function writeAll(
	swarm: Swarm,
	keys: readonly string[],
	writers: number,
	onAcknowledged: (count: number) => void = () => undefined,
): Promise<number> {
	const left = keys.map((key, index) => ({ key, index }));
	let acknowledged = 0;
	let requests = 0;
	const write = async (): Promise<void> => {
		for (let next = left.shift(); next !== undefined; next = left.shift()) {
			const { key, index } = next;
			for (let attempt = 0; ; attempt++) {
				if (attempt > ATTEMPTS_MAX) throw new Error(`${key} was never acknowledged`);
				const running = await until('a node runs', async () =>
					nonEmpty(swarm.nodes.filter(({ isRunning }) => isRunning)),
				);
				const node = running[(index + attempt) % running.length] as TestNode;
				requests++;
				if (await isAcknowledged(node, key)) break;
			}
			acknowledged++;
			onAcknowledged(acknowledged);
		}
	};
	await Promise.all(Array.from({ length: writers }, write));
	return requests;
}

export function valueUnder(key: string): string {
	return `value of ${key}`;
}

function nonEmpty<T>(items: T[]): T[] | undefined {
	return items.length > 0 ? items : undefined;
}

async function isAcknowledged(node: TestNode, key: string): Promise<boolean> {
	try {
		const response = await put(node, key, valueUnder(key));
		return response.ok && (await response.text()).trim() === 'true';
	} catch (error) {
		// The connection was lost with the node.
		if (error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError')) return false;
		throw error;
	}
}
