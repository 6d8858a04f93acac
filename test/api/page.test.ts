/** The page's files are served from memory, with headers that tell browsers how long they may keep them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestNode } from './node.ts';

let folder: string;
let node: TestNode;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), 'page-'));
	mkdirSync(join(folder, 'assets'));
	writeFileSync(join(folder, 'index.html'), '<!doctype html>');
	writeFileSync(join(folder, 'assets', 'index-abc.js'), 'let a;');
	writeFileSync(join(folder, 'favicon.svg'), '<svg/>');
	node = await new TestNode().start({ dashboardDir: folder });
	// No file of it is opened again.
	rmSync(folder, { recursive: true });
});
afterAll(() => node.stop());

describe('the page', () => {
	it.each([
		['/', '<!doctype html>', 'text/html; charset=utf-8', 'no-cache'],
		['/index.html?x', '<!doctype html>', 'text/html; charset=utf-8', 'no-cache'],
		['/assets/index-abc.js', 'let a;', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
		['/favicon.svg', '<svg/>', 'image/svg+xml', 'no-cache'],
	])('has %s', async (path, text, type, caching) => {
		const answer = await node.get(path);
		expect(answer).toMatchObject({ status: 200, text });
		expect(answer.headers).toMatchObject({ 'content-type': type, 'cache-control': caching });
		expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
		expect(await node.ask('HEAD', path)).toMatchObject({ status: 200, text: '' });
	});

	it.each([
		'/assets',
		'/assets/',
		'/nothing',
		'/../package.json',
		'/%2e%2e/package.json',
		'/assets/..%2findex.html',
		'/constructor',
	])('has no %s', async (path) => {
		expect((await node.get(path)).status).toBe(404);
	});

	it('is not to be written', async () => {
		expect((await node.ask('POST', '/')).status).toBe(405);
		expect((await node.ask('POST', '/favicon.svg')).status).toBe(404);
	});
});
