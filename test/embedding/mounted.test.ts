/** A node that shares the HTTP server of its program, without TLS and with it. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createNode, type KeyValueNode } from '../../server/embedding/main.ts';
import { fetchWith } from '../../server/tls/fetch.ts';
import { readPem } from '../../server/tls/pem.ts';
import { SwarmClient } from '../../shared/client/client.ts';
import { freePorts } from '../client/nodes.ts';
import { TestAuthority } from '../tls/certificates.ts';

let folder: string;
let server: Server;
let url: string;
let node: KeyValueNode | null;

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-mounted-'));
	server = createServer((request, response) => response.end(`the program has ${request.url}`));
	await once(server.listen(0, '127.0.0.1'), 'listening');
	const { port } = server.address() as AddressInfo;
	url = `http://127.0.0.1:${port}`;
	node = await createNode({ id: 'n1', members: [{ id: 'n1', port }], folder, http: server });
});

afterEach(async () => {
	await node?.close();
	server.closeAllConnections();
	await once(server.close(), 'close');
	rmSync(folder, { recursive: true, force: true });
});

const text = async (path: string, init: RequestInit = {}): Promise<string> =>
	(await fetch(`${url}${path}`, init)).text();

it('answers at its own paths, and leaves all others to the program, which gets its server back', async () => {
	await node?.ready();
	expect(await text('/v1/kv/a', { method: 'PUT', body: 'red' })).toBe('true');
	expect(await text('/v1/kv/a?raw')).toBe('red');
	expect(await text('/')).toBe('the program has /');
	expect(await text('/v1x/kv/a')).toBe('the program has /v1x/kv/a');
	await node?.close();
	node = null;
	expect(await text('/v1/kv/a?raw')).toBe('the program has /v1/kv/a?raw');
});

it('takes clients, and refuses pages of other sites and other hosts at its own paths', async () => {
	const client = new SwarmClient({ nodes: [url], connect: (at) => new WebSocket(at) });
	expect((await client.put('b', 'blue')).ok).toBe(true);
	client.close();
	const foreign = await fetch(`${url}/v1/kv/b`, { headers: { Origin: 'http://elsewhere.example' } });
	expect(foreign.status).toBe(403);
	const page = new WebSocket(`${url.replace('http', 'ws')}/client`, { origin: 'http://elsewhere.example' });
	const [, response] = await once(page, 'unexpected-response');
	expect(response.statusCode).toBe(403);
	const other = new WebSocket(`${url.replace('http', 'ws')}/elsewhere`);
	expect(((await once(other, 'error'))[0] as Error).message).toBe('socket hang up');
});

it('looks at the host that a URL names, and not at that of the header', async () => {
	const { port } = server.address() as AddressInfo;
	const absolute = (host: string): Promise<number | undefined> =>
		new Promise((resolve, reject) => {
			const sent = request({ port, path: `http://${host}/v1/kv/a`, agent: false }, (answer) => {
				resolve(answer.resume().statusCode);
			});
			sent.once('error', reject).end();
		});
	expect([await absolute('evil.example'), await absolute(`127.0.0.1:${port}`)]).toEqual([403, 404]);
});

it('refuses a server that listens where no other node looks for it, and says so of one that begins to', async () => {
	const [port] = (await freePorts(1)) as [number];
	const { port: other } = server.address() as AddressInfo;
	const fault = `the options of createNode: the server of the program listens at port ${other}, and the other nodes dial n1 at port ${port}: give it that one, or advertise where a proxy takes them`;
	const options = { id: 'n1', members: [{ id: 'n1', port }], folder: join(folder, 'other') };
	await expect(createNode({ ...options, http: server })).rejects.toThrow(fault);

	const told: unknown[] = [];
	const [later, note] = [createServer(), (...said: readonly unknown[]) => void told.push(said.at(-1))];
	const logger = { debug: note, info: note, warn: note, error: note, fatal: note };
	const listeners = (of: Server) => of.eventNames().map((name) => [name, of.listenerCount(name)]);
	const before = listeners(later);
	const waits = await createNode({ ...options, http: later, logger });
	await once(later.listen(0, '127.0.0.1'), 'listening');
	const { port: chosen } = later.address() as AddressInfo;
	expect(told).toContain(fault.replace(String(other), String(chosen)));
	const second = createServer();
	await expect(createNode({ ...options, http: second, logger })).rejects.toThrow('runs already');
	expect(listeners(second)).toEqual(before);
	await waits.close();
	expect(listeners(later)).toEqual(before);
	await once(later.close(), 'close');
});

it('takes a server at any port where a proxy leads the other nodes to it', async () => {
	const [port] = (await freePorts(1)) as [number];
	const members = [{ id: 'n1', port, host: '0.0.0.0', advertise: 'http://127.0.0.1' }];
	const proxied = createServer();
	await once(proxied.listen(0, '127.0.0.1'), 'listening');
	const behind = createNode({
		id: 'n1',
		members,
		folder: join(folder, 'proxied'),
		http: proxied,
		insecure: true,
		join: true,
	});
	await expect(behind).rejects.toThrow('n1 cannot join');
	await once(proxied.close(), 'close');
});

describe('at a server that speaks TLS', () => {
	let authority: TestAuthority;
	let other: TestAuthority;
	beforeAll(async () => {
		[authority, other] = [await TestAuthority.create(), await TestAuthority.create()];
		for (const id of ['n1', 'n2']) await authority.keeper(id);
	});
	afterAll(() => {
		for (const each of [authority, other]) each.remove();
	});

	const asks = { requestCert: true, rejectUnauthorized: false };
	const secured = (options: object) => createSecureServer(options, (_, response) => response.end('the program'));

	it('links with other nodes, and refuses at its own paths who has no certificate of the authority', async () => {
		const { ca, cert, key } = readPem(authority.filesOf('n1'));
		// The program lets others in as well, such as those who have a certificate of its company.
		const shared = secured({ ca: [ca, other.own.cert], cert, key, ...asks });
		await once(shared.listen(0, '127.0.0.1'), 'listening');
		const { port } = shared.address() as AddressInfo;
		const [second] = (await freePorts(1)) as [number];
		const members = [
			{ id: 'n1', port },
			{ id: 'n2', port: second },
		];
		const of = (id: string) => {
			const tls = { ...authority.filesOf(id), clients: 'required' } as const;
			return { id, members, folder: join(folder, 'secured'), name: 'swarm', tls, secret: 'a secret of the test' };
		};
		const nodes = [await createNode({ ...of('n1'), http: shared }), await createNode(of('n2'))];
		try {
			await Promise.all(nodes.map((each) => each.ready()));
			const by = (pem: object) => fetchWith(() => ({ ca, ...pem, agent: false }));
			const own = await authority.issue({ name: 'app', kind: 'client' });
			const at = `https://127.0.0.1:${port}`;
			expect(await (await by(own)(`${at}/v1/kv/a`, { method: 'PUT', body: 'red' })).text()).toBe('true');
			const statuses = async (pem: object) =>
				Promise.all(['/v1/kv/a', '/livez', '/'].map(async (path) => (await by(pem)(at + path)).status));
			expect(await statuses(own)).toEqual([200, 200, 200]);
			expect(await statuses({})).toEqual([403, 200, 200]);
			const client = new SwarmClient({ nodes: [at], connect: (url) => new WebSocket(url, { ca, ...own }) });
			expect((await client.get('a'))?.value).toEqual(new TextEncoder().encode('red'));
			client.close();
			// No certificate of the program's other authority names a node of the swarm.
			for (const [shown, status] of [
				[await authority.issue({ name: 'n2' }), 101],
				[await other.issue({ name: 'n2' }), 403],
				[own, 403],
				[{}, 403],
			] as const) {
				const knocks = new WebSocket(`wss://127.0.0.1:${port}/mesh`, { ca, ...shown });
				knocks.on('error', () => undefined);
				const answered = await Promise.race([once(knocks, 'upgrade'), once(knocks, 'unexpected-response')]);
				expect((answered.at(-1) as { statusCode: number }).statusCode).toBe(status);
				knocks.terminate();
			}
		} finally {
			for (const each of nodes) await each.close();
			shared.closeAllConnections();
			await once(shared.close(), 'close');
		}
	});

	it('refuses options that do not go with the server, each in a sentence', async () => {
		const options = { id: 'n1', members: [{ id: 'n1', port: 1 }], folder };
		const tls = authority.filesOf('n1');
		await expect(createNode({ ...options, tls, http: server })).rejects.toThrow(
			'tls goes with a server that speaks it',
		);
		await expect(createNode({ ...options, http: secured(asks) })).rejects.toThrow('so the node needs tls too');
		await expect(createNode({ ...options, tls, http: secured({}) })).rejects.toThrow('asks nobody for a certificate');
	});
});
