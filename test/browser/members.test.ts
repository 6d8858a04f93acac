/** The page follows the members of real nodes: one gets a new disk, one comes in, and the page's own node is removed. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterEach, expect, onTestFailed, test } from 'vitest';
import { freePorts, Swarm, TestNode } from '../process/swarm.ts';
import { isTooWide, tooSmallToTouch, violations } from './accessible.ts';
import { launchBrowser } from './browser.ts';
import { readDecision } from './shown-decision.ts';
import { poll } from './stage.ts';
import { propose, stateBecomes, wide } from './swarm-page.ts';

/** Long timings, so that a heartbeat that a busy machine delays does not make a new leader during a test. */
const timings = { electionMinMs: 1_000, electionMaxMs: 1_500, requestMs: 20_000 };

let swarm: Swarm;
afterEach(() => swarm.dispose());

/** Opens the page that `node` serves, and waits until it hears every node. */
async function open(node: TestNode): Promise<Page> {
	onTestFailed(() => {
		process.stderr.write(swarm.transcript());
	});
	// A browser logs each refused connection, and each address that the page may not reach, as an error.
	const expectedComplaints = [
		/^console: WebSocket connection to '/,
		/^console: .* violates the .*Content Security Policy/,
	];
	const browser = await launchBrowser();
	const page = await browser.openPage({ viewport: wide, timezoneId: 'UTC', expectedComplaints });
	page.setDefaultTimeout(60_000);
	await page.addInitScript(keepNews);
	await page.goto(node.url);
	for (const { id } of swarm.nodes) await stateBecomes(page, id, 'up');
	return page;
}

/** Runs in the page: what a change of members brings is shown until it is closed, however slow the machine is. */
function keepNews(): void {
	const { setTimeout } = window;
	const newsMs = 60_000;
	const shorter = (run: () => void, ms = 0) => (ms < newsMs ? setTimeout(run, ms) : 0);
	Object.assign(window, { setTimeout: shorter });
}

/** Waits until a card shows the node at this place. @returns its id, with the life of its disk */
async function placeBecomes(page: Page, name: string, place: string): Promise<string> {
	const card = page.locator(`[data-testid^="node-${name}"][data-place="${place}"]`);
	await card.waitFor();
	return ((await card.getAttribute('data-testid')) ?? '').replace('node-', '');
}

async function health(page: Page): Promise<string> {
	return (await page.getByTestId('quorum-health').textContent()) ?? '';
}

async function expectUsable(page: Page): Promise<void> {
	for (const viewport of [wide, { width: 360, height: 780 }]) {
		await page.setViewportSize(viewport);
		for (const colorScheme of ['light', 'dark'] as const) {
			await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
			expect(await violations(page)).toEqual([]);
		}
		expect(await isTooWide(page)).toBe(false);
	}
	expect(await tooSmallToTouch(page)).toEqual([]);
	await page.setViewportSize(wide);
}

test('a node with a new disk is followed from learner to voter, and the slot that changed the members says so', async () => {
	swarm = await Swarm.create({ size: 3, timings });
	await swarm.start();
	const [n1, n2, n3] = swarm.nodes as [TestNode, TestNode, TestNode];
	const page = await open(n2);
	await propose(page, { at: 'n1', key: 'color', value: 'red' });

	await n3.stop();
	rmSync(n3.folder, { recursive: true });
	await n3.start();
	const id = await placeBecomes(page, 'n3~', 'voter');
	await stateBecomes(page, id, 'up');
	expect(await placeBecomes(page, 'n3', 'gone')).toBe('n3');
	await poll(() => health(page)).toContain('3 of 3 up, 2 needed');

	const change = page.getByTestId('change');
	await poll(() => change.textContent()).toMatch(
		new RegExp(
			`^Members n1, n2, ${id} from slot [\\d,]+ on; ${id} votes in the place of n3\\. The change is in force\\.`,
		),
	);
	const said = /^Members .*? from slot ([\d,]+) on; [^.]*/.exec((await change.textContent()) ?? '');
	await page.getByTestId('change-slot').click();
	await poll(() => page.getByTestId('decision-members').textContent()).toContain(said?.[0] ?? 'nothing');
	// The slot that carries the change is decided by the members before it, and the first slot behind by those after.
	const carries = await readDecision(page);
	expect(carries.verdict).toContain('a change of members');
	const told = (await (await n1.fetch('/v1/members')).json()) as { sets: { chosenAt: number; from: number }[] };
	expect(told.sets).toMatchObject([{ chosenAt: carries.slot, from: Number(said?.[1]?.replaceAll(',', '')) }]);
	expect(await page.getByTestId(`cell-2b-${id}`).textContent()).toBe('learns');

	await expectUsable(page);
	// A person has read it: the former member is drawn no more.
	await page.getByTestId('change-read').click();
	await page.getByTestId('node-n3').waitFor({ state: 'detached' });

	const { outcome, slot } = await propose(page, { at: id, key: 'color', value: 'green' });
	expect(outcome).toBe('chosen');
	await page.getByTestId('live').click();
	await poll(async () => (await readDecision(page)).cells[`2b ${id}`]).toMatchObject({ state: 'accepted' });
	const decided = await readDecision(page);
	expect(decided).toMatchObject({ slot, bars: { '1b': { needed: 2 }, '2b': { needed: 2 } } });
	expect(await page.getByTestId('cell-2b-n3').count()).toBe(0);
});

test('a node that comes in is watched by a page that is loaded again; the page goes on without the node it came from', async () => {
	swarm = await Swarm.create({ size: 3, timings });
	await swarm.start();
	const [n1, n2] = swarm.nodes as [TestNode, TestNode];
	const page = await open(n2);
	const [port = 0] = await freePorts(1);
	const config = JSON.parse(readFileSync(swarm.configFile, 'utf8')) as { nodes: object[] };
	writeFileSync(swarm.configFile, JSON.stringify({ ...config, nodes: [...config.nodes, { id: 'n4', port }] }));
	const n4 = new TestNode(swarm, 'n4', port);
	await n4.launch().printed(/is not let in yet/);
	const added = await n1.fetch('/v1/members', {
		method: 'POST',
		headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify({ id: 'n4', url: n4.url }),
	});
	expect([added.status, added.ok ? '' : await added.text()]).toEqual([200, '']);
	const id = await placeBecomes(page, 'n4~', 'voter');
	await page.locator(`[data-testid="node-${id}"][data-state="newer"]`).waitFor();
	await poll(() => health(page)).toContain('3 of 4 up, 3 needed');
	await page.getByTestId('reload').click();
	await stateBecomes(page, id, 'up');
	await poll(() => health(page)).toContain('4 of 4 up, 3 needed');

	expect((await n1.fetch('/v1/members/n2', { method: 'DELETE' })).status).toBe(200);
	await poll(() => page.getByTestId('entry-gone').textContent()).toMatch(
		/^n2, which this page comes from, is no member from slot [\d,]+ on\./,
	);
	await poll(() => n2.isRunning).toBe(false);
	await poll(() => health(page)).toContain('3 of 3 up, 2 needed');
	await placeBecomes(page, 'n2', 'gone');
	expect((await propose(page, { at: id, key: 'color', value: 'blue' })).outcome).toBe('chosen');
	await poll(async () => (await readDecision(page)).verdict).toContain('put color = blue');
});
