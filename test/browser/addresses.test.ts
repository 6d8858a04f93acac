/** The page works with nodes at IPv6 addresses, behind mapped ports, by TLS, and with tokens. */
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { io } from 'socket.io-client';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { tokensOf } from '../../server/access/tokens.ts';
import { connectionLimits, DESCRIPTORS_MIN } from '../../server/front/limits.ts';
import { LastLines } from '../../server/log/last-lines.ts';
import { type Listening, startListening, startProxy } from '../client/listening.ts';
import { TestAuthority } from '../tls/certificates.ts';
import { launchBrowser, type PageOptions, type TestBrowser } from './browser.ts';
import { propose, stateBecomes, wide } from './swarm-page.ts';

let browser: TestBrowser;

beforeAll(async () => {
	browser = await launchBrowser();
});
/** The nodes stop after the page is closed, because a page complains of nodes that are gone. */
async function start(...options: Parameters<typeof startListening>): Promise<Listening> {
	const running = await startListening(...options);
	onTestFinished(() => running.stop());
	return running;
}

/** The page that `url` serves shows every node as up, and one that it did not come from takes a proposal. */
async function isWhole(url: string, options: PageOptions = {}): Promise<void> {
	const page = await browser.openPage({ viewport: wide, ...options });
	await page.goto(url);
	for (const id of ['n1', 'n2', 'n3']) await stateBecomes(page, id, 'up');
	expect((await propose(page, { at: 'n2', key: 'color', value: 'red', route: 'leader' })).outcome).toBe('chosen');
}

describe('the page', () => {
	test('of nodes at ::1 hears all of them', async () => {
		const running = await start(3, () => ({ host: '::1' }));
		await isWhole(running.nodes[0]?.url as string);
	});

	test('of nodes at different families of addresses hears all of them', async () => {
		const running = await start(3, (index) => ({ host: ['127.0.0.1', '::1', '127.0.0.1'][index] }));
		await isWhole(running.nodes[0]?.url as string);
	});

	test('of nodes behind proxies hears all of them where they advertise', async () => {
		const proxies = await Promise.all([0, 1, 2].map((index) => startProxy(() => running.ports[index] as number)));
		for (const { stop } of proxies) onTestFinished(stop);
		const running: Listening = await start(3, (index) => ({ advertise: `http://127.0.0.1:${proxies[index]?.port}` }));
		await isWhole(running.nodes[0]?.url as string);
	});

	test('of nodes that speak TLS, and ask for a certificate that it has not, hears all of them', async () => {
		const authority = await TestAuthority.create();
		onTestFinished(() => authority.remove());
		for (const name of ['n1', 'n2', 'n3']) authority.write(name, await authority.issue({ name, swarm: 'test' }));
		const running = await start(3, () => ({}), { swarm: { tls: authority.filesOf('{id}') } });
		const [url = ''] = running.nodes.map((node) => node.url);
		expect(url).toMatch(/^https:/);
		// The browser does not know the authority, and first cancels a WebSocket to a node of which it has decided nothing.
		await isWhole(url, { ignoreHTTPSErrors: true, expectedComplaints: [/opening handshake was canceled/] });
	});

	test('of nodes with tokens asks for one, refuses those that are not for it in a sentence, and forgets it on demand', async () => {
		const [admin, reader, ofPage] = ['admin', 'reader', 'page'].map((name) => `token-of-the-${name}-${'1'.repeat(16)}`);
		const all = [admin, reader, ofPage] as const as readonly [string, string, string];
		const lines = new LastLines(10_000, 1_000_000);
		const tokens = tokensOf([
			{ role: 'admin', token: all[0] },
			{ role: 'read', token: all[1] },
			{ role: 'page', token: all[2] },
		]);
		const log = pino({ level: 'trace' }, { write: (line) => lines.add(line) });
		const running = await start(3, () => ({}), { tokens, log });
		const url = running.nodes[0]?.url as string;
		const page = await browser.openPage({ viewport: wide });
		const received: string[] = [];
		page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => received.push(String(payload))));
		await page.goto(url);
		const form = page.getByTestId('sign-in');
		for (const wrong of ['token-of-nobody-0000', all[1]]) {
			await form.getByRole('textbox').fill(wrong);
			await form.getByRole('button').click();
			await form.getByRole('alert').waitFor();
			expect(await form.getByRole('alert').textContent()).toContain('its role is neither page nor admin');
			expect(await page.getByTestId('node-n1').count()).toBe(0);
		}
		await form.getByRole('textbox').fill(all[2]);
		await form.getByRole('button').click();
		for (const id of ['n1', 'n2', 'n3']) await stateBecomes(page, id, 'up');
		expect(await form.count()).toBe(0);
		expect((await propose(page, { at: 'n2', key: 'color', value: 'red', route: 'leader' })).outcome).toBe('chosen');
		const [saved] = await Promise.all([page.waitForEvent('download'), page.getByTestId('save-trace').click()]);
		const debug = await fetch(`${url}/v1/debug`, { headers: { 'X-Consul-Token': all[0] } });
		const told = [
			readFileSync(await saved.path(), 'utf8'),
			await debug.text(),
			received.join('\n'),
			lines.lines.join('\n'),
		];
		for (const text of told) expect(text).toContain('n2');
		for (const token of all) for (const text of [...told, page.url()]) expect(text).not.toContain(token);

		await page.getByTestId('sign-out').click();
		await form.waitFor();
		expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
		expect(await page.getByTestId('node-n1').count()).toBe(0);
	});

	test('of a node that has no room for one more watcher says so, and that the node runs', async () => {
		const running = await start(1, () => ({}), { descriptors: DESCRIPTORS_MIN });
		const url = running.nodes[0]?.url as string;
		const { watchersMax } = connectionLimits(DESCRIPTORS_MIN);
		for (let watchers = 0; watchers < watchersMax; watchers++) {
			const watcher = io(url, { transports: ['websocket'], forceNew: true, reconnection: false });
			onTestFinished(() => void watcher.disconnect());
			await new Promise((resolve) => watcher.once('snapshot', resolve));
		}
		const page = await browser.openPage();
		await page.goto(url);
		await page.getByText(`This node runs and cannot be watched: ${watchersMax} pages watch it already.`).waitFor();
	});
});
