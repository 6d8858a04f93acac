/** A page of another server in a visitor's browser cannot use the swarm through any of its doors. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fact } from '../../shared/fact.ts';
import type { TestNode } from '../process/swarm.ts';
import { poll, Stage } from './stage.ts';

let stage: Stage;
let node: TestNode;
let elsewhere: Server;
let foreignUrl: string;

beforeAll(async () => {
	stage = await Stage.set();
	node = stage.swarm.node('n2');
	elsewhere = createServer((_, response) => {
		response.setHeader('content-type', 'text/html').end('<!doctype html><title>elsewhere</title>');
	}).listen(0, '127.0.0.1');
	await once(elsewhere, 'listening');
	foreignUrl = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
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
