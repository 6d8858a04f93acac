/**
 * What tests write through a swarm, and what they know of it afterwards. A write counts as acknowledged by the
 * answer alone; one whose outcome is unknown is tried again at another node until it is.
 */
import { type Swarm, type TestNode, until } from './swarm.ts';

const ATTEMPTS_MAX = 1_000;

/** As `/v1/kv?recurse` has it. */
export interface Entry {
	readonly Key: string;
	readonly Value: string | null;
	readonly CreateIndex: number;
	readonly ModifyIndex: number;
}

export function put(node: TestNode, key: string, value: string): Promise<Response> {
	return node.fetch(`/v1/kv/${key}`, { method: 'PUT', body: value });
}

/** The value, or null for none; `parameters` such as `&stale`. */
export async function get(node: TestNode, key: string, parameters = ''): Promise<string | null> {
	const response = await node.fetch(`/v1/kv/${key}?raw${parameters}`);
	if (response.status === 404) return null;
	if (!response.ok) throw new Error(`${node.id}: ${response.status} ${await response.text()}`);
	return response.text();
}

/** Everything that a node has applied, as it is at this node alone. */
export async function listing(node: TestNode): Promise<{ entries: Entry[]; revision: number }> {
	const response = await node.fetch('/v1/kv/?recurse&stale');
	const entries = response.status === 404 ? [] : ((await response.json()) as Entry[]);
	const status = (await (await node.fetch('/v1/swarm')).json()) as { revision: number };
	return { entries, revision: status.revision };
}

/**
 * Writes each key once, `writers` at a time, at the nodes in turn. Nodes may come and go meanwhile.
 *
 * @param onAcknowledged told after each, with how many there are by now
 * @returns how many requests it took
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
		// The connection went with the node.
		if (error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError')) return false;
		throw error;
	}
}
