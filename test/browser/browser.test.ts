/**
 * The base of the other browser tests: the browser starts and shows a page, and a page that complains fails the test.
 */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { complaintsAbout, launchBrowser, type TestBrowser } from './browser.ts';

let server: Server;
let browser: TestBrowser;
let origin: string;

beforeAll(async () => {
	server = createServer((request, response) => {
		if (request.url === '/favicon.ico') return response.writeHead(204).end();
		response.setHeader('content-type', 'text/html');
		response.end(decodeURIComponent((request.url ?? '').slice(1)));
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	browser = await launchBrowser();
	origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
	server.close();
	server.closeAllConnections();
});

function address(html: string): string {
	return `${origin}/${encodeURIComponent(`<!doctype html><title>a</title>${html}`)}`;
}

test('a page is shown, and a quiet one passes', async () => {
	const page = await browser.openPage();
	await page.goto(address('<h1>five nodes</h1>'));
	expect(await page.getByRole('heading').textContent()).toBe('five nodes');
});

describe('a page that complains fails its test', () => {
	test.each([
		['logs an error', '<script>console.error("lost")</script>', 'console: lost'],
		['throws', '<script>throw new Error("broken")</script>', 'thrown: Error: broken'],
		['forgets a promise', '<script>Promise.reject(new Error("left"))</script>', 'thrown: Error: left'],
		['loads what is not there', '<img src="http://127.0.0.1:1/a.png">', 'net::ERR'],
	])('when it %s', async (_, html, complaint) => {
		const page = await browser.openPage({ expectedComplaints: [/./] });
		await page.goto(address(html));
		await expect.poll(() => complaintsAbout(page, [])).toContainEqual(expect.stringContaining(complaint));
		expect(complaintsAbout(page, [/./])).toEqual([]);
	});

	test.fails('however well it went otherwise', async () => {
		const page = await browser.openPage();
		await page.goto(address('<script>console.error("lost")</script>'));
		await expect.poll(() => complaintsAbout(page, [])).toHaveLength(1);
	});

	test('and a warning is no complaint', async () => {
		const page = await browser.openPage();
		await page.goto(address('<script>console.warn("careful")</script>'));
		expect(complaintsAbout(page, [])).toEqual([]);
	});
});
