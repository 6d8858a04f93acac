/** What the campaigns share: the checks of what was acknowledged, and the time limit of a round. */
import { listing } from '../process/client.ts';
import { type Swarm, type TestNode, until } from '../process/swarm.ts';
import type { Told } from './writers.ts';

/** A round that takes longer has hung. */
const ROUND_MAX_MS = 60_000;
/** The time limit for each node to have applied all writes once the writers have stopped. */
const CATCH_UP_MAX_MS = 60_000;

/** Checks the state of each node, once it has applied all writes. */
export async function checkNodes(nodes: readonly TestNode[], told: Told): Promise<string[]> {
	const [first] = nodes as readonly [TestNode, ...TestNode[]];
	const last = await first.fetch('/v1/kv/last', { method: 'PUT', body: 'of all' });
	if (!last.ok) return [`the last put was refused with ${last.status}`];
	const problems: string[] = [];
	for (const node of nodes) {
		const { entries } = await until(
			`${node.id} has everything`,
			async () => {
				const state = await listing(node);
				return state.entries.some(({ Key }) => Key === 'last') ? state : undefined;
			},
			CATCH_UP_MAX_MS,
		);
		const values = new Map(entries.map(({ Key, Value }) => [Key, Buffer.from(Value ?? '', 'base64').toString()]));
		problems.push(...wrongWith(node.id, values, told));
	}
	return problems;
}

/** @param where for people @param values the value of each key */
export function wrongWith(where: string, values: ReadonlyMap<string, string>, told: Told): string[] {
	const problems: string[] = [];
	for (const [key, value] of told.acknowledged) {
		if (values.get(key) !== value)
			problems.push(`${where}: ${key} was acknowledged and is ${values.get(key) ?? 'missing'}`);
	}
	for (const key of told.refused.keys()) {
		if (values.has(key)) problems.push(`${where}: ${key} was refused and is there`);
	}
	for (const [counter, raised] of told.raised) {
		const [key, name] = counter.split(' ') as [string, string];
		const counted = (JSON.parse(values.get(key) ?? '{}') as Record<string, number>)[name] ?? 0;
		// A writer that was stopped does not know whether its last write happened.
		if (counted !== raised && counted !== raised + 1) {
			problems.push(`${where}: ${key} was raised ${raised} times by ${name} and says ${counted}`);
		}
	}
	return problems;
}

export function counts({ acknowledged, unknown, refused, raised }: Told): string {
	const raises = [...raised.values()].reduce((sum, count) => sum + count, 0);
	const counted = raised.size > 0 ? `, counters raised ${raises} times` : '';
	return `${acknowledged.size} puts acknowledged, ${unknown.size} unknown, ${refused.size} refused${counted}`;
}

/** Plays a round. @throws Error with the output of the nodes where the round has hung */
export async function within(what: string, swarm: Swarm, act: () => Promise<void>): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		const hung = () => reject(new Error(`${what} did not end within ${ROUND_MAX_MS} ms:\n${swarm.transcript()}`));
		timer = setTimeout(hung, ROUND_MAX_MS);
	});
	try {
		await Promise.race([act(), late]);
	} finally {
		clearTimeout(timer);
	}
}
