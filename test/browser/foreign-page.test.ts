/** A page of another server in a visitor's browser cannot use the swarm through any of its doors, unless it is allowed. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SwarmClient } from '../../shared/client/client.ts';
import type { Fact } from '../../shared/fact.ts';
import type { TestNode } from '../process/swarm.ts';
import { poll, Stage } from './stage.ts';

let stage: Stage;
let node: TestNode;
let elsewhere: Server;
let foreignUrl: string;
let friendUrl: string;

/** Browsers know that names like this are of their own machine. */
const FRIEND = 'friend.localhost';
/** A web site that brings the client along, with the one package that it needs. */
const SITE = `<!doctype html><title>elsewhere</title>
<script type="importmap">{"imports":{"nanoid":"/nanoid/index.browser.js"}}</script>
<script type="module">import { SwarmClient } from '/shared/client/client.js'; globalThis.SwarmClient = SwarmClient;</script>`;

/** The folders of the modules of the site, by how their paths begin. */
const MODULES = { '/shared/': 'dist', '/nanoid/': 'node_modules' };

beforeAll(async () => {
	stage = await Stage.set({ SWARM_ALLOWED_HOSTS: FRIEND });
	node = stage.swarm.node('n2');
	elsewhere = createServer(({ url = '' }, response) => {
		const folder = Object.entries(MODULES).find(([path]) => url.startsWith(path))?.[1];
		if (folder === undefined) return response.setHeader('content-type', 'text/html').end(SITE);
		const file = readFileSync(new URL(`../../${folder}${url}`, import.meta.url));
		response.setHeader('content-type', 'text/javascript').end(file);
	}).listen(0, '127.0.0.1');
	await once(elsewhere, 'listening');
	const { port } = elsewhere.address() as AddressInfo;
	foreignUrl = `http://127.0.0.1:${port}`;
	friendUrl = `http://${FRIEND}:${port}`;
});
afterAll(async () => {
	elsewhere.close();
	elsewhere.closeAllConnections();
	await stage.strike();
});

/** The browser's messages about requests that it or the node refuses. */
const expectedComplaints = [
	/CORS policy/,
	/net::ERR_(FAILED|BLOCKED_BY_RESPONSE)/,
	/WebSocket connection to .* failed/,
	/status of 40[0-9]/,
];

type Way = readonly [name: string, door: 'http' | 'feed', go: (page: Page) => Promise<string>];
const fetchPut: Way = ['a put by fetch', 'http', (page) => page.evaluate(put, node.url)];
const blindPost: Way = ['a post that wants no answer', 'http', (page) => page.evaluate(post, node.url)];
const feedProposal: Way = [
	'a proposal over the feed',
	'feed',
	(page) => page.evaluate(proposeOverFeed, node.url.replace('http', 'ws')),
];

describe.each([fetchPut, blindPost, feedProposal])('%s', (_, door, go) => {
	test('is refused at the door to a page of another origin, and leaves nothing behind', async () => {
		const page = await stage.browser.openPage({ expectedComplaints });
		await page.goto(foreignUrl);
		const refusals = (): number => stage.facts.filter((fact) => isRefusal(fact, door)).length;
		const before = refusals();
		expect(await go(page)).toBe('refused');
		await poll(refusals).toBeGreaterThan(before);
		expect((await node.fetch('/v1/kv/foreign?consistent')).status).toBe(404);
	});
});

// Without these, the refusals above would prove nothing.
test.each([fetchPut, feedProposal])('%s is served to the page of the node itself', async (_, __, go) => {
	const page = await stage.browser.openPage();
	await page.goto(node.url);
	expect(await go(page)).toBe('served');
	expect((await node.fetch('/v1/kv/foreign?consistent')).status).toBe(200);
	expect((await node.fetch('/v1/kv/foreign', { method: 'DELETE' })).status).toBe(200);
});

describe('a page of another origin that the swarm allows', () => {
	test('uses the HTTP API: it may ask for what needs a preflight, and reads the headers of the answers', async () => {
		const page = await stage.browser.openPage();
		await page.goto(friendUrl);
		expect(await page.evaluate(putAndGet, node.url)).toEqual(['true', 'x', expect.stringMatching(/^[1-9]\d*$/)]);
		expect((await node.fetch('/v1/kv/friend', { method: 'DELETE' })).status).toBe(200);
	});

	test('uses the client, which goes from node to node', async () => {
		const page = await stage.browser.openPage();
		await page.goto(friendUrl);
		expect(await page.evaluate(useClient, node.url)).toEqual([true, 'red']);
		expect((await node.fetch('/v1/kv/friend?raw')).status).toBe(200);
	});
});

test('the mesh takes no page at all, not even of the swarm itself', async () => {
	for (const url of [foreignUrl, node.url]) {
		const page = await stage.browser.openPage({ expectedComplaints });
		await page.goto(url);
		expect(await page.evaluate(openMesh, node.url.replace('http', 'ws'))).toBe('refused');
	}
});

/** The node's log line that tells the refusal of this page. */
function isRefusal(fact: Fact, door: 'http' | 'feed'): boolean {
	return fact.node === node.id && fact.kind === 'malformed' && fact.door === door && fact.why.includes(foreignUrl);
}

async function put(url: string): Promise<string> {
	try {
		const response = await fetch(`${url}/v1/kv/foreign`, { method: 'PUT', body: 'x' });
		return response.ok ? 'served' : 'refused';
	} catch {
		return 'refused';
	}
}

/** @returns the answers, and the index that the second one has */
async function putAndGet(url: string): Promise<(string | null)[]> {
	const headers = { 'Idempotency-Key': crypto.randomUUID() };
	const put = await fetch(`${url}/v1/kv/friend`, { method: 'PUT', headers, body: 'x' });
	const got = await fetch(`${url}/v1/kv/friend?raw`);
	return [await put.text(), await got.text(), got.headers.get('X-Consul-Index')];
}

async function useClient(url: string): Promise<unknown[]> {
	const { SwarmClient: Client } = globalThis as unknown as { readonly SwarmClient: typeof SwarmClient };
	const client = new Client({ nodes: [url], connect: (each) => new WebSocket(each) });
	const { ok } = await client.put('friend', 'red');
	const entry = await client.get('friend');
	client.close();
	return [ok, new TextDecoder().decode(entry?.value)];
}

/** A request that a browser sends without a preflight. */
async function post(url: string): Promise<string> {
	try {
		await fetch(`${url}/v1/kv/foreign`, { method: 'POST', mode: 'no-cors', body: 'x' });
		return 'served';
	} catch {
		return 'refused';
	}
}

/** Packets of socket.io, because a page of another server brings its own client. */
function proposeOverFeed(url: string): Promise<string> {
	return new Promise((resolve) => {
		const socket = new WebSocket(`${url}/socket.io/?EIO=4&transport=websocket`);
		socket.onclose = () => resolve('refused');
		socket.onmessage = ({ data }: MessageEvent<string>) => {
			if (data.startsWith('0')) socket.send('40');
			else if (data === '2') socket.send('3');
			else if (data.startsWith('40')) {
				const request = { key: 'foreign', value: 'x', route: 'self', contest: 0 };
				socket.send(`420${JSON.stringify(['propose', request])}`);
			} else if (data.startsWith('430')) {
				resolve('served');
				socket.close();
			}
		};
	});
}

function openMesh(url: string): Promise<string> {
	return new Promise((resolve) => {
		const socket = new WebSocket(`${url}/mesh`);
		socket.onopen = () => resolve('served');
		socket.onclose = () => resolve('refused');
	});
}
