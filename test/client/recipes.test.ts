/** What `shared/client/README.md` tells people to write does what it says there. */
import { readFileSync } from 'node:fs';
import { transformWithOxc } from 'vite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SwarmClient } from '../../shared/client/client.ts';
import { TestSwarm } from './nodes.ts';

const document = readFileSync(new URL('../../shared/client/README.md', import.meta.url), 'utf8');
const blocks = [...document.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block]) => block as string);

let swarm: TestSwarm;
beforeEach(async () => {
	swarm = await TestSwarm.start(3);
});
afterEach(() => swarm.stop());

/** What the blocks that contain this text define under these names. */
async function defined(text: string, names: string, client: SwarmClient): Promise<unknown> {
	const source = blocks.filter((block) => block.includes(text)).join('\n');
	const { code } = await transformWithOxc(`export async function block() {${source}\nreturn ${names};}`, 'block.ts');
	const block = new Function('client', 'console', `${code.replace('export ', '')}\nreturn block();`);
	return block(client, { log: (said: string) => printed.push(said) });
}

const printed: string[] = [];

it('a value is counted by many at once, and no count is lost', async () => {
	const clients = [swarm.client(), swarm.client(), swarm.client()];
	const counts = await Promise.all(
		clients.map(async (client) => {
			const increment = (await defined('const increment', 'increment', client)) as (key: string) => Promise<number>;
			const own: number[] = [];
			for (let times = 0; times < 10; times++) own.push(await increment('count'));
			return own;
		}),
	);
	expect(counts.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, at) => at + 1));
});

it('a transaction tells what does not hold, or what it has read', async () => {
	const client = swarm.client();
	await defined('await client.txn(', 'null', client);
	expect(printed.splice(0)).toEqual(['these do not hold: 0']);
	// A registration and the three operations before it: the example is of the revision 12.
	while ((await client.put('app/size', 'large', {})).revision < 11);
	await client.put('app/version', '2');
	await defined('await client.txn(', 'null', client);
	expect(printed.splice(0)).toEqual([(await client.get('app/size'))?.modifyRevision]);
	expect(new TextDecoder().decode((await client.get('app/color'))?.value)).toBe('red');
});

it('clients choose a leader, who is known to others, resigns, and is followed by another one', async () => {
	type Leaders = (key: string) => AsyncIterableIterator<string | null>;
	const watcher = swarm.client();
	const leaders = ((await defined('function* leaders', 'leaders', watcher)) as Leaders)('leader');
	const toldUntil = async (wanted: string | null): Promise<void> => {
		for await (const told of { [Symbol.asyncIterator]: () => ({ next: () => leaders.next() }) }) {
			if (told === wanted) return;
		}
	};
	expect((await leaders.next()).value).toBeNull();
	let served = 0;
	const resigns = new Map<string, () => void>();
	const candidates = ['one', 'two'].map(async (name) => {
		const client = swarm.client();
		const source = blocks.find((block) => block.includes('// campaign')) as string;
		const serve = (lost: AbortSignal): Promise<void> => {
			expect(lost.aborted).toBe(false);
			served++;
			return new Promise((resolve) => resigns.set(name, resolve));
		};
		const body = source.replace("'me'", 'name');
		await new Function('client', 'name', 'signal', 'serve', `return (async () => {${body}})()`)(
			client,
			name,
			undefined,
			serve,
		);
	});
	await expect.poll(() => resigns.size).toBe(1);
	const [[first, resign]] = [...resigns] as [[string, () => void]];
	await toldUntil(first);
	resign();
	const second = first === 'one' ? 'two' : 'one';
	await toldUntil(second);
	await expect.poll(() => served).toBe(2);
	(resigns.get(second) as () => void)();
	await Promise.all(candidates);
	await toldUntil(null);
	await leaders.return?.();
});
