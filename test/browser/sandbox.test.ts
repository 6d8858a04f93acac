/** The sandbox as any web host serves it: from a folder, without a node. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import express from 'express';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { dashboardRoutes } from '../../server/api/dashboard.ts';
import { freePorts } from '../process/swarm.ts';
import { covered, isTooWide, tooSmallToTouch, violations } from './accessible.ts';
import { launchBrowser, type TestBrowser } from './browser.ts';
import { cutWords } from './swarm-page.ts';

const BUILT = fileURLToPath(new URL('../../dist/sandbox', import.meta.url));
/** The page that a node serves. */
const DASHBOARD = fileURLToPath(new URL('../../dist/dashboard', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../dist/program/main.js', import.meta.url));

let browser: TestBrowser;
let server: Server;
let url: string;

beforeAll(async () => {
	browser = await launchBrowser();
	server = createServer(express().use('/some/folder', dashboardRoutes(BUILT)));
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/folder/`;
});

afterAll(async () => {
	server.closeAllConnections();
	server.close();
	await once(server, 'close');
});

async function open(options: Parameters<TestBrowser['openPage']>[0] = {}, address = ''): Promise<Page> {
	const page = await browser.openPage(options);
	await page.goto(url + address);
	await page.locator('[data-testid="node-n5"][data-state="up"]').waitFor();
	return page;
}

/** The address follows the run a moment later. */
async function settledAddress(page: Page, names: RegExp): Promise<string> {
	await page.waitForFunction((source) => new RegExp(source).test(location.hash), names.source);
	return page.evaluate(() => location.hash);
}

test('a decision is watched, scene by scene, until everyone knows the value', async () => {
	const page = await open();
	await page.getByTestId('watch').click();
	const text = page.getByTestId('scene-text');
	// It may be chosen before a node knows it.
	await page.getByText('open: no value is known to be chosen').waitFor();
	for (const scene of ['1', '2', '3', '4', '5', '6', 'end']) {
		await page.locator(`[data-testid="scene-text"][data-scene="${scene}"]`).waitFor();
	}
	expect(await text.textContent()).toContain('Two quorums always have a node in common');
	expect(await page.getByTestId('story-next').textContent()).toBe('Next: Two rivals');
	for (const id of ['n1', 'n2', 'n3', 'n4', 'n5']) {
		expect(await page.getByTestId(`node-${id}`).getAttribute('data-chosen-through')).toBe('1');
	}
	expect(await page.getByTestId('verdict').textContent()).toContain('red');
	// The story has acted, and nobody else.
	expect(await page.getByTestId('tried').count()).toBe(0);
});

test('a link is cut and a node crashed by keyboard alone, and the menu gives the focus back; a slow link is drawn', async () => {
	const page = await open();
	await page.getByTestId('pick-n1-n3').focus();
	await page.keyboard.press('Enter');
	const focused = page.locator('[role="menuitem"]:focus');
	await focused.waitFor();
	expect(await focused.textContent()).toBe('Cut it');
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('ArrowUp');
	await page.keyboard.press('Enter');
	await page.getByRole('button', { name: 'Link between n1 and n3, cut' }).waitFor();
	expect(await page.evaluate(() => document.activeElement?.getAttribute('data-testid'))).toBe('pick-n1-n3');
	await page.getByTestId('pick-n3').focus();
	await page.keyboard.press('Enter');
	await focused.waitFor();
	await page.keyboard.press('Escape');
	await page.getByTestId('menu').waitFor({ state: 'detached' });
	expect(await page.evaluate(() => document.activeElement?.getAttribute('data-testid'))).toBe('pick-n3');
	await page.keyboard.press('Enter');
	await focused.waitFor();
	await page.keyboard.press('Enter');
	await page.locator('[data-testid="node-n3"][data-state="unknown"]').waitFor();
	expect(await page.getByTestId('run-actions').textContent()).toContain('n3 crashes');

	await page.getByTestId('pick-n1-n2').click();
	await page.getByRole('menuitem', { name: 'Make it slow' }).click();
	await page.getByRole('button', { name: 'Link between n1 and n2, its messages come 50 ms late' }).waitFor();
	expect(await page.locator('.slow-text').allTextContents()).toEqual(['50 ms late']);
	expect(await page.locator('.half-lines.of-slow line').count()).toBe(2);
});

test('with ten nodes in the mesh a link is cut from the menu of one of them, by keyboard alone', async () => {
	const page = await open();
	await page.getByTestId('run-nodes').selectOption('7');
	await page.locator('[data-testid="node-n7"][data-state="up"]').waitFor();
	for (const id of ['n8', 'n9', 'n10']) {
		await page.getByTestId('add-node').click();
		await page.getByTestId(`pill-${id}`).waitFor();
	}
	expect(await page.locator('.handle.of-link').count()).toBe(0);
	await page.getByTestId('pick-n1').focus();
	await page.keyboard.press('Enter');
	await page.getByRole('menuitem', { name: 'Its link with n3 …' }).focus();
	await page.keyboard.press('Enter');
	await page.locator('[role="menuitem"]:focus', { hasText: /^Cut it$/ }).waitFor();
	await page.keyboard.press('Enter');
	await page.getByTestId('run-actions').getByText('n1 → n3 is cut').waitFor();
	expect(await page.evaluate(() => document.activeElement?.getAttribute('data-testid'))).toBe('pick-n1');
});

test('who acts in the past forks the run, and its address opens the same moment again', async () => {
	const page = await open();
	await page.getByTestId('propose-node-n2').check();
	await page.getByTestId('propose-submit').click();
	await page.locator('[data-testid="outcome"][data-outcome="chosen"]').waitFor();
	// The newest event is the choice itself, and the one before is the election.
	await page.getByTestId('event-before').click();
	await page.locator('[data-testid="rail"][data-now="false"]').waitFor();
	await page.getByTestId('event-before').click();
	await page.getByTestId('pick-n4').click();
	await page.getByTestId('menu').waitFor();
	await page.locator('#mesh-title').click();
	await page.getByTestId('menu').waitFor({ state: 'detached' });
	await page.getByTestId('pick-n4').click();
	await page.getByRole('menuitem', { name: 'Crash it' }).click();
	await page.getByTestId('branch-2').waitFor();
	expect(await page.getByTestId('branch-2').getAttribute('aria-pressed')).toBe('true');
	expect(await page.getByTestId('rail').getAttribute('data-now')).toBe('true');
	const address = await settledAddress(page, /\.c\.4$/);
	const shown = await cards(page);
	expect(shown.find((card) => card.startsWith('n4'))).toContain('unknown');

	await page.reload();
	await page.locator('[data-testid="node-n4"][data-state="unknown"]').waitFor();
	expect(await cards(page)).toEqual(shown);
	expect(await page.evaluate(() => location.hash)).toBe(address);
});

test('another run begins without what was held of the one before', async () => {
	const page = await open({}, '#sandbox=1~7~99~0');
	await page.getByTestId('address-fault').waitFor();
	await page.getByTestId('propose-submit').click();
	await page.locator('[data-testid="outcome"][data-outcome="chosen"]').waitFor();
	await page.getByTestId('key-edit').click();
	await page.getByTestId('key-form').waitFor();
	const chosen = page.locator('[data-testid="log-row"][data-kind="chosen"]').first();
	await chosen.waitFor();
	await page.getByTestId('log-pause').click();
	await page.getByTestId('run-new').click();
	for (const held of [chosen, page.getByTestId('key-form'), page.getByTestId('address-fault')]) {
		await held.waitFor({ state: 'detached' });
	}
});

test('a step goes on to the next event, and time stands still until then', async () => {
	const page = await open();
	const text = page.getByTestId('rail-text');
	const before = await text.textContent();
	await page.keyboard.press('.');
	await page.waitForFunction(
		([testId, was]) => document.querySelector(`[data-testid="${testId}"]`)?.textContent !== was,
		['rail-text', before],
	);
	await page.keyboard.press(']');
	expect(await page.getByTestId('run-speed').textContent()).not.toBe('auto');
});

test('a rule is taken out by keyboard, the search breaks it, and its address and its file show the same red lamp', async () => {
	const page = await open();
	const atOnce = pillsWithCards(page, 4);
	await page.getByTestId('rule-half').focus();
	await page.keyboard.press('Enter');
	await page.getByTestId('rule-out').waitFor();
	expect(await atOnce).toBe(4);
	expect(await page.getByTestId('lamp-oneValue').getAttribute('data-broken')).toBe('false');
	await page.getByTestId('pick-n2').focus();
	await page.keyboard.press('Enter');
	await page.locator('[role="menuitem"]:focus').waitFor();
	await page.keyboard.press('Enter');
	expect(await page.getByTestId('tried').textContent()).toBe('You have tried 1 action in 1 run.');
	await page.getByTestId('show-me').focus();
	await page.keyboard.press('Enter');
	await page.locator('[data-testid="search"][data-state="found"]').waitFor();
	await page.locator('.lamp[data-broken="true"]').waitFor();
	await page.getByTestId('broken').waitFor();
	const actions = await page.locator('[data-testid="demonstration"] li').count();
	expect(await page.locator('[data-testid="demonstration"] li.done').count()).toBe(actions);
	expect(await violations(page)).toEqual([]);
	const address = await settledAddress(page, /^#sandbox=2~half~(.+~){3}/);
	const [saved] = await Promise.all([page.waitForEvent('download'), page.getByTestId('save-trace').click()]);

	await page.reload();
	await page.locator('.lamp[data-broken="true"]').waitFor();
	expect(await page.evaluate(() => location.hash)).toBe(address);
	await page.getByTestId('put-back').focus();
	await page.keyboard.press('Enter');
	await page.getByTestId('rule-out').waitFor({ state: 'detached' });
	await settledAddress(page, /^#sandbox=1~/);
	await page.locator('.lamp[data-broken="true"]').waitFor({ state: 'detached' });

	await page.getByTestId('to-replay').click();
	await page.getByTestId('trace-file').setInputFiles(await saved.path());
	await page.locator('.lamp[data-broken="true"]').waitFor();
	expect(await page.getByTestId('trace-title').textContent()).toContain('A run of the sandbox');
	// No column stands empty beside the mesh.
	const file = await boxAt(page.locator('.file-panel'));
	const card = await boxAt(page.locator('.cards-panel'));
	expect([card.x, card.width]).toEqual([file.x, file.width]);
	await page.keyboard.press('w');
	expect(await page.getByTestId('answer-sentence').textContent()).toMatch(/ because .*\.\s*$/);
	await page.getByTestId('event-first').click();
	expect(await page.getByTestId('event-text').textContent()).toMatch(/^n\d .*\.$/);
	await page.getByTestId('event-next').click();
	expect(await violations(page)).toEqual([]);
	expect(await isTooWide(page)).toBe(false);
});

/** How many nodes the top of the page names when there come to be so many cards. */
function pillsWithCards(page: Page, cards: number): Promise<number> {
	return page.evaluate(
		(wanted) =>
			new Promise<number>((resolve) => {
				const observer = new MutationObserver(() => {
					if (document.querySelectorAll('.card').length !== wanted) return;
					observer.disconnect();
					resolve(document.querySelectorAll('.pill').length);
				});
				observer.observe(document.body, { subtree: true, childList: true });
			}),
		cards,
	);
}

test('the space-time view shows a decision, is zoomed and moved, and its playhead moves the moment of the page; what is picked is inspected', async () => {
	const page = await open();
	await page.getByTestId('watch').click();
	await page.locator('[data-testid="scene-text"][data-scene="end"]').waitFor();
	const stage = page.getByTestId('space-time');
	await page.locator('#space-time').scrollIntoViewIfNeeded();
	await stage.waitFor();
	const lengthMs = () => stage.evaluate(({ dataset }) => Number(dataset.to) - Number(dataset.from));
	const whole = await lengthMs();
	await stage.focus();
	await page.keyboard.press('+');
	await page.waitForFunction(isShorter, whole);
	const near = await lengthMs();
	await stage.hover();
	await page.keyboard.down('Control');
	await page.mouse.wheel(0, -300);
	await page.keyboard.up('Control');
	await page.waitForFunction(isShorter, near);
	await page.keyboard.press('0');
	await page.locator('[data-testid="space-time-fit"][aria-pressed="true"]').waitFor();

	// The keys go through the facts of the decision, each said in words.
	const said = page.getByTestId('space-time-said');
	await page.keyboard.press('Home');
	expect(await said.textContent()).toContain('n2 prepares');
	await page.keyboard.press('ArrowRight');
	expect(await said.textContent()).toContain('n2 promises');
	const inspector = page.getByTestId('inspector');
	const title = inspector.getByRole('heading', { level: 2 });
	expect(await title.textContent()).toContain('n2 promises');
	expect(await page.getByTestId('inspector-why').textContent()).toContain('promise');
	expect(await page.getByTestId('inspector-changes').textContent()).toContain('promised');
	await page.keyboard.press('Enter');
	await page.locator('[data-testid="rail"][data-now="false"]').waitFor();
	const early = Number(await stage.getAttribute('data-arrows'));
	await page.keyboard.press('End');
	const box = await stage.boundingBox();
	if (!box) throw new Error('the diagram is not shown');
	await page.mouse.move(box.x + box.width * 0.1, box.y + 10);
	await page.mouse.down();
	await page.mouse.move(box.x + box.width * 0.7, box.y + 10, { steps: 4 });
	await page.mouse.up();
	await page.waitForFunction(
		(before) => Number(document.querySelector<HTMLElement>('[data-testid="space-time"]')?.dataset.arrows) > before,
		early,
	);
	expect(await page.getByTestId('rail').getAttribute('data-now')).toBe('false');

	// Each fact leads to those that it has to do with, by keyboard too, and Escape gives the focus back.
	await stage.focus();
	await page.keyboard.press('Home');
	await page.locator('[data-testid="inspector-links"][data-label="And so"]').waitFor();
	await page.keyboard.press('i');
	for (let i = 0; i < 3; i++) await page.keyboard.press('Tab');
	await page.keyboard.press('Enter');
	await title.filter({ hasNotText: 'prepares' }).waitFor();
	await page.keyboard.press('Escape');
	await inspector.waitFor({ state: 'detached' });
	expect(await page.evaluate(() => document.activeElement?.getAttribute('data-testid'))).toBe('space-time');
	await page.getByTestId('pick-1b-n3').click();
	await title.filter({ hasText: 'counts the promise of n3' }).waitFor();
	expect(await covered(page, '[data-testid="pick-1b-n3"]')).toEqual([]);
	await page.getByTestId('slot-1').click();
	await title.filter({ hasText: 'Slot 1' }).waitFor();
	await page.getByTestId('log-row').first().locator('.log-text').focus();
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('Enter');
	await page.locator('[data-testid="inspector"][data-kind="fact"]').waitFor();
	await page.getByTestId('pick-n3').focus();
	await page.keyboard.press('Enter');
	await page.getByTestId('menu-inspect').click();
	await title.filter({ hasText: 'n3' }).waitFor();
	expect(await covered(page, '[data-testid="pick-n3"]')).toEqual([]);
	await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
	await page.getByTestId('inspector-copy').click();
	expect(JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))).toMatchObject({
		id: 'n3',
		role: 'follower',
	});

	await page.getByTestId('space-time-table').locator('summary').click();
	await page.getByTestId('space-time-table').locator('tbody tr').first().waitFor();
	expect(await violations(page)).toEqual([]);
	await page.emulateMedia({ colorScheme: 'dark' });
	await page.setViewportSize({ width: 390, height: 844 });
	expect(await violations(page)).toEqual([]);
	expect(await isTooWide(page)).toBe(false);
	expect(await tooSmallToTouch(page)).toEqual([]);
});

test('a value of 512 KiB is held beside its field, and what is typed takes its place; its outcome says how it begins', async () => {
	const page = await open();
	const field = page.getByTestId('propose-value');
	const whole = page.locator('.field', { has: field });
	await field.fill('a red ');
	await field.press('End');
	await page.keyboard.insertText('שלום'.repeat(65_536));
	await whole.getByText('524,294 bytes').waitFor();
	expect(await field.inputValue()).toMatch(/^a red (שלום)+ש?ל?ו?…$/);
	expect((await field.inputValue()).length).toBeLessThan(100);
	await field.press('End');
	await page.keyboard.type('blue');
	await whole.getByText('4 bytes').waitFor();
	expect(await field.inputValue()).toBe('blue');
	await page.keyboard.insertText('red '.repeat(65_536));
	await page.getByTestId('propose-value-remove').click();
	await whole.getByText('0 bytes').waitFor();
	await page.keyboard.insertText('קו '.repeat(65_536));
	await whole.getByText('327,680 bytes').waitFor();
	await page.getByTestId('propose-submit').click();
	// Such a value would be a part of the address.
	const outcome = page.locator('[data-testid="outcome"][data-outcome="refused"]');
	expect((await outcome.textContent())?.length).toBeLessThan(600);
});

test('who leads, who is not heard and who stands for election is answered, at the moment that is shown, by keyboard and by pointer', async () => {
	const page = await open();
	const sentence = page.getByTestId('answer-sentence');
	await page.getByTestId('pick-n1').focus();
	await page.keyboard.press('Enter');
	await page.locator('[role="menuitem"]:focus').waitFor();
	await page.keyboard.press('Enter');
	await page.locator('[data-testid="node-n1"][data-state="unknown"]').waitFor();
	const [leads, silent] = [page.getByTestId('happened').first(), page.getByTestId('happened').nth(1)];
	await page.getByTestId('run-play').press('Enter');
	await leads.getByText(/^n[2-5] became leader, .* after it had missed n1/).waitFor();
	await page.getByTestId('run-play').press('Enter');
	await leads.getByTestId('why').focus();
	await page.keyboard.press('Enter');
	await page.getByTestId('answer-why').waitFor();
	const said = await sentence.textContent();
	expect(said).toMatch(/^n\d became leader because its ballot n\d [\d:.]+ was promised by .* \(3 of 5\), after /);
	expect(await violations(page)).toEqual([]);

	// Its first fact came before it, and its last one is the change itself.
	const facts = page.getByTestId('answer-fact');
	await facts.first().focus();
	await page.keyboard.press('Enter');
	await page.locator('[data-testid="rail"][data-now="false"]').waitFor();
	await page.getByText('it has not happened yet').waitFor();
	expect(await facts.first().getAttribute('aria-current')).toBe('step');
	await facts.last().focus();
	await page.keyboard.press('Enter');
	await page.getByText('became leader because').waitFor();
	expect(await sentence.textContent()).toBe(said);
	await page.keyboard.press('Escape');
	await page.getByTestId('answer-why').waitFor({ state: 'detached' });

	await page.keyboard.press('l');
	await silent.getByTestId('why').click();
	expect(await sentence.textContent()).toMatch(
		/^n1 counts as not heard because the page has heard nothing of it since/,
	);
	await page.keyboard.press('Escape');
	expect(await page.evaluate(() => document.activeElement?.getAttribute('data-testid'))).toBe('why');

	await page.locator('[data-testid="log-row"][data-kind="role"] .log-text').first().click();
	expect(await page.getByTestId('inspector-why').first().textContent()).toMatch(/ because /);
	const why = page.getByTestId('inspector').getByTestId('why');
	await why.click();
	expect(await sentence.textContent()).toMatch(/ because /);

	// Escape closes the answer first, wherever the focus is, and the inspector after it.
	await page.locator('#inspector-title').focus();
	await page.keyboard.press('Escape');
	await page.getByTestId('answer-why').waitFor({ state: 'detached' });
	expect(await why.isVisible()).toBe(true);
	await page.keyboard.press('Escape');
	await page.getByTestId('inspector').waitFor({ state: 'detached' });
});

test('it carries nothing that talks to a server', () => {
	const talking = (folder: string): string[] =>
		readdirSync(`${folder}/assets`).filter((name) =>
			readFileSync(`${folder}/assets/${name}`, 'utf8').includes('/socket.io'),
		);
	expect(talking(BUILT)).toEqual([]);
	expect(talking(DASHBOARD)).toHaveLength(1);
});

test('an address that names no run opens a new one, and says why; the address of a story tells it', async () => {
	const page = await open({}, '#sandbox=1~7~99~0');
	const fault = page.getByTestId('address-fault');
	expect(await fault.textContent()).toContain('in the place of a number');
	await page.evaluate(() => location.assign('#story=dragons'));
	await fault.getByText('there is no story “dragons”').waitFor();
	await page.evaluate(() => location.assign('#story=no-quorum'));
	await page.getByTestId('scene-text').waitFor();
	await settledAddress(page, /^#sandbox=1~/);
	const other = await open({}, '#story=rivals');
	await other.getByTestId('scene-text').waitFor();
	expect(await other.locator('#stage-title').textContent()).toBe('Two rivals');
});

test.each([
	['light', { width: 390, height: 844 }],
	['dark', { width: 1280, height: 800 }],
] as const)('everyone can use it, in the %s theme', async (colorScheme, viewport) => {
	const page = await open({ colorScheme, viewport });
	// A phone has no room for the button, and its browser has one of its own.
	const link = (await page.getByTestId('copy-address').boundingBox())?.y ?? 0;
	expect(link).toBeLessThan((await page.getByTestId('watch').boundingBox())?.y ?? 0);
	expect(await violations(page)).toEqual([]);
	expect(await isTooWide(page)).toBe(false);
	if (viewport.width < 760) expect(await tooSmallToTouch(page)).toEqual([]);
	// What happens now is whole at the right end of the diagram.
	await page.getByTestId('space-time-playhead').scrollIntoViewIfNeeded();
	const marker = await boxAt(page.getByTestId('space-time-playhead'));
	const stage = await boxAt(page.getByTestId('space-time'));
	expect(marker.x + marker.width).toBeLessThanOrEqual(stage.x + stage.width);
	// No other handle covers it, and its menu covers neither of its ends.
	await page.getByTestId('pick-n1-n3').click();
	await page.getByTestId('menu').waitFor();
	expect(await covered(page, '[data-testid="pick-n1"], [data-testid="pick-n3"]')).toEqual([]);
	expect(await violations(page)).toEqual([]);
	await page.keyboard.press('Escape');
	await page.getByTestId('story-rivals').click();
	await page.locator('[data-testid="scene-text"][data-scene="2"]').waitFor();
	expect(await violations(page)).toEqual([]);
	expect(await isTooWide(page)).toBe(false);
	expect(await page.locator('.ladder thead th:last-child').evaluate(isInSight)).toBe(true);
	expect(await page.locator('.ladder thead th:nth-child(2)').evaluate(isWhole)).toBe(true);
	expect(await page.locator('.pill > small').evaluateAll(cutWords)).toEqual([]);
	// The story that is played is in view, and pushes neither the form nor the decision down the page.
	const list = await boxAt(page.locator('.stories'));
	const played = await boxAt(page.getByTestId('story-rivals'));
	expect(played.x).toBeGreaterThanOrEqual(list.x - 1);
	expect(played.x + played.width).toBeLessThanOrEqual(list.x + list.width + 1);
	if (viewport.width > 760) return;
	const form = await boxAt(page.getByTestId('propose-form'));
	const decision = await boxAt(page.getByTestId('decision'));
	const game = await boxAt(page.getByTestId('rule-half'));
	expect(form.y).toBeLessThan(decision.y);
	expect(decision.y).toBeLessThan(game.y);
	// A finger may press the whole row of an event.
	const row = page.getByTestId('log-row').first();
	const text = await boxAt(row.locator('.log-text'));
	const time = await boxAt(row.locator('time'));
	expect(text.y).toBeLessThanOrEqual(time.y + time.height / 2);
});

test('in the small windows of 200 to 400 % zoom the rail has all of its controls, apart from each other, in less than half', async () => {
	const page = await open();
	const rail = page.getByTestId('rail');
	for (const [width, height] of [
		[320, 200],
		[480, 300],
		[520, 330],
		[640, 400],
	] as const) {
		await page.setViewportSize({ width, height });
		expect(await rail.locator('button, output, .rail-track').evaluateAll(overlapping)).toEqual([]);
		expect((await boxAt(rail)).height).toBeLessThan(height / 2);
		expect(await isTooWide(page)).toBe(false);
	}
});

test('on a phone a notice stands below the mesh of the sandbox, which keeps its place', async () => {
	const page = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
	const mesh = page.locator('#mesh');
	const before = await boxAt(mesh);
	for (const id of ['n3', 'n4', 'n5']) {
		await page.getByTestId(`pick-${id}`).click();
		await page.getByRole('menuitem', { name: 'Crash it' }).click();
	}
	const notice = await boxAt(page.getByTestId('no-quorum'));
	const after = await boxAt(mesh);
	const scrolled = await page.evaluate(() => scrollY);
	expect(after.y + scrolled).toBe(before.y);
	expect(notice.y).toBeGreaterThanOrEqual(after.y + after.height);
});

test('where people force their own colours, what only a background says is seen all the same', async () => {
	const page = await open({ forcedColors: 'active' });
	const colour = (selector: string, part?: string) =>
		page
			.locator(selector)
			.first()
			.evaluate((element, of) => getComputedStyle(element, of).backgroundColor, part);
	const bare = await colour('.panel');
	expect(await colour('.quorum-bar .full')).not.toBe(bare);
	expect(await colour('.quorum-bar .beyond', '::before')).not.toBe(bare);
	expect(await colour('.pill.state-up .dot')).not.toBe(bare);
	expect(await colour('.ladder .passed', '::before')).not.toBe(bare);
	const [chosen, other] = ['input:checked', 'input:not(:checked)'].map((input) => `.segments ${input} + span`);
	expect(await colour(chosen ?? '')).not.toBe(await colour(other ?? ''));
	expect(await colour('.chips [aria-pressed="true"]')).not.toBe(await colour('.chips [aria-pressed="false"]'));
	expect(await violations(page)).toEqual([]);
});

/** The names of those that lie over another one. */
function overlapping(elements: readonly Element[]): string[] {
	return elements.flatMap((element) => {
		const { left, right, top, bottom } = element.getBoundingClientRect();
		const isOver = elements.some((other) => {
			const box = other.getBoundingClientRect();
			return other !== element && box.left < right && box.right > left && box.top < bottom && box.bottom > top;
		});
		return isOver ? [element.ariaLabel ?? element.textContent ?? ''] : [];
	});
}

async function boxAt(element: Locator) {
	const box = await element.boundingBox();
	if (!box) throw new Error('it is not shown');
	return box;
}

test('where a page gets no clipboard, as over plain HTTP from another machine, it copies all the same, or gives the text', async () => {
	const page = await open();
	await page.evaluate(() => Reflect.deleteProperty(Navigator.prototype, 'clipboard'));
	const copy = page.getByTestId('copy-address');
	await copy.click();
	await copy.getByText('Copied').waitFor();
	expect(await copy.evaluate((button) => button === document.activeElement)).toBe(true);
	const field = page.getByTestId('propose-value');
	await field.fill('');
	await field.press('ControlOrMeta+v');
	expect(await field.inputValue()).toContain('#sandbox=');

	await page.evaluate(() => {
		document.execCommand = () => false;
	});
	await page.getByTestId('pick-n3').click();
	await page.getByTestId('menu-inspect').click();
	const asked = page.waitForEvent('dialog');
	const clicked = page.getByTestId('inspector-copy').click();
	const dialog = await asked;
	expect(dialog.message()).toContain('Copy this text');
	expect(JSON.parse(dialog.defaultValue())).toMatchObject({ id: 'n3' });
	await dialog.dismiss();
	await clicked;
});

test('a story of an election shows its promises in the mesh, and not the votes of an earlier slot', async () => {
	const page = await open({}, '#story=leader-killed');
	await page.getByTestId('story-play').click();
	await page.getByTestId('story-play').getByText('Play all').waitFor();
	const text = page.getByTestId('scene-text');
	let scene = Number(await text.getAttribute('data-scene'));
	if ((await text.getAttribute('data-done')) === 'false') await page.getByTestId('scene-next').click();
	for (; ; scene++) {
		await page.locator(`[data-testid="scene-text"][data-scene="${scene}"][data-done="true"]`).waitFor();
		if (scene === 3) break;
		await page.getByTestId('scene-next').click();
	}
	expect(await page.getByTestId('mesh-caption').textContent()).toBe('promises for slot 11 and all after it');
	const mesh = page.locator('svg.mesh');
	expect(await mesh.locator('.quorum-ring').getAttribute('class')).toContain('promises');
	await mesh.locator('.quorum-ring .counted').nth(2).waitFor({ state: 'attached' });
	expect(await mesh.locator('.part.chosen, .part.accepted').count()).toBe(0);
	// The sentence on the new leader is whole where its column is narrow.
	await page.setViewportSize({ width: 768, height: 1024 });
	const line = page.getByTestId('happened').first().locator('> span');
	expect(await line.textContent()).toContain('became leader, because');
	expect(await line.evaluateAll(cutWords)).toEqual([]);
});

test('what cannot be loaded when it is asked for says so, and is tried again', async () => {
	const page = await open({ expectedComplaints: [/ERR_FAILED/] });
	const parts = [
		['[data-testid="metrics"] summary', 'metrics-charts', 'The charts could not be loaded.', 'As a table'],
		['[data-testid="help"]', 'help-text', 'The help could not be loaded.', 'What you are looking at'],
	] as const;
	for (const [opener, file, text, shown] of parts) {
		await page.route(`**/${file}-*`, (route) => route.abort());
		await page.locator(opener).click();
		expect(await page.getByTestId('not-loaded').textContent()).toContain(text);
		await page.unroute(`**/${file}-*`);
		await page.getByTestId('load-again').click();
		await page.getByText(shown, { exact: true }).waitFor();
		expect(await page.getByTestId('not-loaded').count()).toBe(0);
	}
	expect(await page.evaluate(isStyled)).toBe(true);

	await page.keyboard.press('Escape');
	await page.route('**/agent-*', (route) => route.abort());
	await page.getByTestId('rule-half').click();
	await page.getByTestId('address-fault').getByText('could not be loaded').waitFor();
	await page.unroute('**/agent-*');
	await page.getByTestId('load-again').click();
	await page.getByTestId('rule-out').waitFor();
	expect(await page.getByTestId('address-fault').count()).toBe(0);
});

test('the page itself cannot be loaded whole at first, and says so', async () => {
	const page = await browser.openPage({ expectedComplaints: [/ERR_FAILED/] });
	await page.route('**/open-*', (route) => route.abort());
	await page.goto(url);
	expect(await page.getByTestId('not-loaded').textContent()).toContain('The page could not be loaded.');
	await page.unroute('**/open-*');
	await page.getByTestId('load-again').click();
	await page.locator('[data-testid="node-n5"][data-state="up"]').waitFor();
});

test('the command line serves it until Ctrl-C', async () => {
	const [port = 0] = await freePorts(1);
	const program: ChildProcess = spawn(process.execPath, [PROGRAM, 'sandbox', '--port', String(port)]);
	onTestFinished(() => void program.kill('SIGKILL'));
	if (!program.stdout) throw new Error('it has no output');
	const [line] = await once(createInterface(program.stdout), 'line');
	expect(line).toBe(`The sandbox: http://127.0.0.1:${port}/`);
	const page = await browser.openPage();
	// The browser asks for the icon last, and would complain where the program has ended by then.
	await page.goto(`http://127.0.0.1:${port}/`, { waitUntil: 'networkidle' });
	await page.locator('[data-testid="node-n5"][data-state="up"]').waitFor();
	const ended = once(program, 'exit');
	program.kill('SIGINT');
	expect(await ended).toEqual([0, null]);
});

/** Whether the document has each style sheet that it asked for. */
function isStyled(): boolean {
	return [...document.querySelectorAll<HTMLLinkElement>('link[rel="stylesheet"]')].every(({ sheet }) => sheet !== null);
}

/** Whether less time is in view than before. */
function isShorter(before: number): boolean {
	const { from, to } = document.querySelector<HTMLElement>('[data-testid="space-time"]')?.dataset ?? {};
	return Number(to) - Number(from) < before - 1e-6;
}

/** Whether its right end is within the part of the panel that scrolls. */
function isInSight(element: Element): boolean {
	const box = element.closest('section.scroll-x')?.getBoundingClientRect();
	return box !== undefined && element.getBoundingClientRect().right <= box.right + 1;
}

/** Whether the first rung lies beside the names, which stay where they are, and not below them. */
function isWhole(rung: Element): boolean {
	return rung.getBoundingClientRect().left >= (rung.previousElementSibling?.getBoundingClientRect().right ?? 0) - 1;
}

/** What the cards of the nodes show. */
function cards(page: Page): Promise<string[]> {
	return page
		.locator('.card')
		.evaluateAll((all) =>
			all.map(
				(card) => `${card.querySelector('h3')?.textContent} ${card.getAttribute('data-state')} ${card.textContent}`,
			),
		);
}
