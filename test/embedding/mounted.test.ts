/** A node that shares the HTTP server of its program. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createNode, type KeyValueNode } from '../../server/embedding/main.ts';
import { SwarmClient } from '../../shared/client/client.ts';

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
