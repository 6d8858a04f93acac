/** A node answers at the address that it advertises, as well as at the one where it listens. */
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { SwarmClient } from '../../shared/client/client.ts';
import { type Listening, startListening, startProxy } from '../client/listening.ts';
import { request, Wire } from './wire.ts';

let running: Listening | undefined;
const cleanUp: (() => void)[] = [];

afterEach(async () => {
	for (const clean of cleanUp.splice(0)) clean();
	await running?.stop();
	running = undefined;
});

interface Status {
	readonly leader: string | null;
	readonly members: readonly { readonly url: string; readonly linked: boolean }[];
}

const status = async (url: string): Promise<Status> => (await (await fetch(`${url}/v1/swarm`)).json()) as Status;

async function allLinked(url: string): Promise<Status> {
	await expect
		.poll(async () => (await status(url)).members.every(({ linked }) => linked), { timeout: 20_000 })
		.toBe(true);
	return status(url);
}

async function putAndGet(nodes: readonly string[]): Promise<void> {
	const client = new SwarmClient({ nodes, connect: (url) => new WebSocket(url) });
	cleanUp.push(() => client.close());
	await client.put('color', 'red');
	expect(new TextDecoder().decode((await client.get('color'))?.value)).toBe('red');
}

describe('a swarm at ::1', () => {
	it('works as any other does: mesh, API, client, and what the page may connect to', async () => {
		running = await startListening(3, () => ({ host: '::1' }));
		const urls = running.ports.map((port) => `http://[::1]:${port}`);
		expect(running.nodes.map(({ url }) => url)).toEqual(urls);
		expect((await allLinked(urls[0] as string)).members.map(({ url }) => url)).toEqual(urls);
		await putAndGet(urls);
		const origin = urls[1] as string;
		const put = await fetch(`${urls[0]}/v1/kv/a`, { method: 'PUT', body: 'x', headers: { origin } });
		expect([put.status, put.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
		const policy = (await fetch(`${urls[0]}/`)).headers.get('content-security-policy') ?? '';
		for (const port of running.ports) expect(policy).toMatch(new RegExp(`connect-src [^;]*ws://\\*:${port}[ ;]`));
		expect(policy).not.toContain('[');
	});
});

describe('a node behind a proxy', () => {
	it('is told of, and answers, under the address that it advertises', async () => {
		const proxies = await Promise.all([0, 1, 2].map((index) => startProxy(() => running?.ports[index] as number)));
		cleanUp.push(...proxies.map(({ stop }) => stop));
		const urls = proxies.map(({ port }) => `http://127.0.0.1:${port}`);
		running = await startListening(3, (index) => ({ advertise: urls[index] }));
		expect(running.nodes.map(({ url }) => url)).toEqual(urls);
		expect((await allLinked(urls[0] as string)).members.map(({ url }) => url)).toEqual(urls);
		await putAndGet([urls[0] as string]);
		const put = await fetch(`${urls[0]}/v1/kv/a`, { method: 'PUT', body: 'x', headers: { origin: urls[2] as string } });
		expect(put.status).toBe(200);
		expect((await fetch(`http://127.0.0.1:${running.ports[0]}/v1/kv/a?raw`)).status).toBe(200);
	});

	it('may listen everywhere, and is then dialed where it says', async () => {
		running = await startListening(3, (index, port) => ({
			host: index === 0 ? '::' : '0.0.0.0',
			advertise: `http://127.0.0.1:${port}`,
		}));
		const urls = running.ports.map((port) => `http://127.0.0.1:${port}`);
		await allLinked(urls[2] as string);
		await putAndGet(urls);
	});

	it('answers to further hosts, and to their pages, where the swarm allows them', async () => {
		running = await startListening(1, () => ({}), { swarm: { allowedHosts: ['swarm.example', '10.1.2.3:8101'] } });
		const port = running.ports[0] as number;
		const ask = async (host: string, origin: string) => {
			const wire = new Wire(port).write(request('OPTIONS', '/v1/kv/a', { host, headers: [`Origin: ${origin}`] }));
			return (await wire.answer()).status;
		};
		expect(await ask('swarm.example:9000', 'https://swarm.example:9000')).toBe(200);
		expect(await ask('10.1.2.3:8101', 'http://10.1.2.3:8101')).toBe(200);
		expect(await ask('10.1.2.3:8102', 'http://10.1.2.3:8101')).toBe(403);
		expect(await ask('evil.example', 'http://swarm.example')).toBe(403);
	});
});
