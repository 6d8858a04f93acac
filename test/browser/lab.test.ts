/** The page of a lab: real links and processes are broken and mended in the mesh, with the keyboard too. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { type Program, Swarm, type TestNode, until } from '../process/swarm.ts';
import { isTooWide, violations, violationsInBothThemes } from './accessible.ts';
import { launchBrowser, type PageOptions, type TestBrowser } from './browser.ts';
import { pick } from './by-keyboard.ts';
import { poll } from './stage.ts';
import { narrow, stateBecomes, wide } from './swarm-page.ts';

/** Nothing but a fault makes a new leader. */
const timings = { electionMinMs: 2_000, electionMaxMs: 3_000, requestMs: 20_000 };

let swarm: Swarm;
let up: Program;
let browser: TestBrowser;

beforeAll(async () => {
	swarm = await Swarm.create({ size: 3, timings });
	up = swarm.program(['up', '--lab', '--config', swarm.configFile]);
	await up.printed(/Ctrl-C stops it/);
	for (const node of swarm.nodes) {
		await until(`${node.id} is ready`, async () => (await node.fetch('/readyz').catch(() => null))?.ok || undefined);
	}
	browser = await launchBrowser();
});
afterAll(() => swarm.dispose());

async function open(at: TestNode, options: PageOptions = {}): Promise<Page> {
	onTestFailed(() => void process.stderr.write(`${up.stdout}\n${up.stderr}`));
	const expectedComplaints = [/ERR_CONNECTION_REFUSED|WebSocket|409/];
	const page = await browser.openPage({ viewport: wide, expectedComplaints, ...options });
	await page.goto(at.url);
	for (const { id } of swarm.nodes) await stateBecomes(page, id, 'up');
	await page.getByTestId('lab-heal').waitFor();
	return page;
}

function says(page: Page, text: string | RegExp) {
	return poll(() => page.getByTestId('lab-said').textContent()).toMatch(text);
}

test('where the lab cannot be loaded, the page says so, goes on, and tries again', async () => {
	const page = await browser.openPage({ viewport: wide, expectedComplaints: [/ERR_FAILED/] });
	await page.route('**/open-*', (route) => route.abort());
	await page.goto(swarm.node('n1').url);
	expect(await page.getByTestId('not-loaded').textContent()).toContain('The lab could not be loaded.');
	for (const { id } of swarm.nodes) await stateBecomes(page, id, 'up');
	await page.unroute('**/open-*');
	await page.getByTestId('load-again').click();
	await page.getByTestId('lab-heal').waitFor();
	expect(await page.getByTestId('not-loaded').count()).toBe(0);
});

test('a link is cut, held and healed, and each fault is shown where it is', async () => {
	const n1 = swarm.node('n1');
	const page = await open(n1);
	expect(await violations(page)).toEqual([]);
	const leader = (await swarm.leader(n1)).id;
	const others = swarm.nodes.map(({ id }) => id).filter((id) => id !== leader) as [string, string];
	const [a, b] = [leader, others[0]].sort() as [string, string];
	const link = page.getByTestId(`pick-${a}-${b}`);

	await pick(page, `${a}-${b}`, 'Cut it');
	await poll(() => link.getAttribute('aria-label')).toBe(`Link between ${a} and ${b}, cut`);
	await poll(() => page.getByTestId('lab-faults').locator('li').count()).toBe(2);
	expect(await page.getByTestId('lab-faults').textContent()).toContain(
		`The messages of ${a} to ${b} are lost: the link is cut.`,
	);
	expect(await violations(page)).toEqual([]);
	await page.getByTestId('lab-heal').click();
	await poll(() => link.getAttribute('aria-label')).toBe(`Link between ${a} and ${b}`);

	await pick(page, `${a}-${b}`, `Hold what ${others[0]} sends to ${leader}`);
	const release = page.getByTestId(`release-${others[0]}-${leader}`);
	await release.waitFor();
	await release.click();
	await says(page, new RegExp(`^1 of ${others[0]}'s messages have arrived at ${leader}\\.$`));
	await page.getByTestId('lab-heal').click();
	await poll(() => page.getByTestId('lab-faults').locator('li').count()).toBe(0);

	await pick(page, `${a}-${b}`, 'Delay it by 500 ms');
	await poll(() => link.getAttribute('aria-label')).toBe(`Link between ${a} and ${b}, its messages come 500 ms late`);
	expect(await page.locator('.slow-text').allTextContents()).toEqual(['500 ms late']);
	expect(await page.getByTestId('lab-slow').locator('option:checked').textContent()).toBe('not all the same');
	expect(await violations(page)).toEqual([]);
	// Before that it was whole, and so it is shown at that moment.
	await poll(async () => {
		await page.getByTestId('event-before').click();
		return link.getAttribute('aria-label');
	}).toBe(`Link between ${a} and ${b}`);
	expect(await page.locator('.slow-text').count()).toBe(0);
	await poll(() => page.getByTestId('lab-faults').locator('li').count()).toBe(0);
	await page.keyboard.press('l');
	await page.locator('.slow-text').waitFor();
	await page.getByTestId('lab-heal').click();
	await poll(() => page.getByTestId('lab-faults').locator('li').count()).toBe(0);

	await page.getByTestId('lab-slow').selectOption('200');
	await says(page, /^All messages come 200 ms late\.$/);
	// What is true of all links is said once.
	await poll(() => page.locator('.slow-text').allTextContents()).toEqual(['all links: 200 ms late']);
	await poll(() => page.getByTestId('lab-faults').locator('li').count()).toBe(6);
	await page.getByTestId('lab-slow').selectOption('0');
	await poll(() => page.getByTestId('lab-faults').locator('li').count()).toBe(0);
});

test('a node is paused, goes on, is killed and is started again', async () => {
	const page = await open(swarm.node('n1'));
	await pick(page, 'n3', 'Pause it');
	await says(page, /^n3 is paused\.$/);
	await stateBecomes(page, 'n3', 'unknown');
	await pick(page, 'n3', 'Start it again');
	await says(page, /^n3 runs already\.$/);
	await pick(page, 'n3', 'Let it go on');
	await stateBecomes(page, 'n3', 'up');
	await pick(page, 'n3', 'Kill it');
	await stateBecomes(page, 'n3', 'unknown');
	await pick(page, 'n3', 'Start it again');
	await says(page, /^n3 is started\.$/);
	await stateBecomes(page, 'n3', 'up');
});

test('on a phone it fits the screen, and everyone can use it, in light and in dark', async () => {
	const page = await open(swarm.node('n2'), { viewport: narrow });
	await page.getByTestId('pick-n1-n3').click();
	await page.getByTestId('menu').waitFor();
	expect([await isTooWide(page), await violationsInBothThemes(page)]).toEqual([false, []]);
});
