/** Light traffic: slots advance while the page stays responsive, and it ends on request. What was told is saved. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { violations } from './accessible.ts';
import { poll, Stage } from './stage.ts';
import { cardOf, proposeAndFollow, readCard, settled, snapshotOf } from './swarm-page.ts';

const putsMin = 10;

let stage: Stage;
beforeAll(async () => {
	stage = await Stage.set();
});
afterAll(async () => {
	await stage.strike();
});

test('with light traffic on, slots advance and the page answers; off, all that was asked is answered', async () => {
	const page = await stage.open(stage.swarm.node('n2'));
	const from = await chosenThrough(page);
	await page.getByTestId('metrics').locator('summary').press('Enter');
	await page.getByTestId('traffic').click();
	await poll(() => chosenThrough(page)).toBeGreaterThan(from);
	for (const metric of ['rate', 'p50', 'p99']) {
		await poll(async () => Number.parseFloat(await textOf(page, `metric-${metric}`))).toBeGreaterThan(0);
	}

	// A person may do all this meanwhile.
	await page.getByTestId('theme').click();
	await page.getByTestId('help').click();
	await page.locator('dialog[open]').waitFor();
	await page.keyboard.press('Escape');
	await page.locator('dialog[open]').waitFor({ state: 'detached' });
	await page.getByTestId('log-filter').fill('chosen');
	await page.getByTestId('log-row').first().waitFor();
	await page.getByTestId('step-back').click();
	await page.locator('[data-testid="decision"][data-live="false"]').waitFor();
	const held = await page.getByTestId('decision').getAttribute('data-slot');
	await poll(async () => (await tally(page)).chosen).toBeGreaterThan(putsMin);
	expect(await page.getByTestId('decision').getAttribute('data-slot')).toBe(held);
	await page.getByTestId('follow').click();
	await poll(async () => Number(await page.getByTestId('decision').getAttribute('data-slot'))).toBeGreaterThan(
		Number(held),
	);

	await page.getByTestId('traffic').click();
	await poll(async () => {
		const { asked, chosen } = await tally(page);
		return asked - chosen;
	}).toBe(0);
	const { asked } = await tally(page);
	expect(asked).toBeGreaterThan(putsMin);
	for (const node of stage.swarm.nodes) {
		await poll(async () => JSON.stringify(await readCard(page, node.id))).toBe(
			JSON.stringify(cardOf(await snapshotOf(node))),
		);
	}
	expect(await tally(page)).toMatchObject({ asked });
	expect(await page.getByTestId('traffic').getAttribute('aria-pressed')).toBe('false');
});

test('what the page was told is saved, and opens again at the moment that it showed, apart from the swarm', async () => {
	const page = await stage.open(stage.swarm.node('n2'));
	await proposeAndFollow(page, { at: 'n4', key: 'color', value: 'teal' });
	// It is the election of n4, unless another node was not heard meanwhile.
	await page.getByTestId('event-before').click();
	await page.getByTestId('event-before').click();
	await page.locator('[data-testid="rail"][data-now="false"]').waitFor();
	await page.getByTestId('log-row').first().waitFor();
	await page.getByTestId('metrics').locator('summary').click();
	await page.getByTestId('metric-node-n4').waitFor();
	await settled(page);
	const before = await shown(page);
	const [saved] = await Promise.all([page.waitForEvent('download'), page.getByTestId('save-trace').click()]);
	expect(await readFile(await saved.path(), 'utf8')).not.toContain((await snapshotOf(stage.swarm.node('n2'))).swarm.id);

	await page.getByTestId('to-replay').click();
	await page.getByTestId('trace-file').setInputFiles(await saved.path());
	await page.getByTestId('metrics').locator('summary').click();
	await poll(() => shown(page)).toEqual(before);
	expect(await page.getByTestId('trace-title').textContent()).toContain('What a page was told of the swarm');
	expect(await violations(page)).toEqual([]);
	await page.getByTestId('follow').click();
	await poll(() => page.getByTestId('verdict').textContent()).toContain('teal');
});

/** What the page says of the moment that it shows. */
async function shown(page: Page): Promise<unknown> {
	const cards = await Promise.all(stage.swarm.nodes.map(({ id }) => readCard(page, id)));
	const rows = await page.getByTestId('log-row').allTextContents();
	const stand = await page.locator('[data-testid^="metric-node-"]').allTextContents();
	return { cards, rows, stand, fact: await page.locator('.rail-fact').allTextContents() };
}

async function chosenThrough(page: Page): Promise<number> {
	return Number(await page.getByTestId('node-n2').getAttribute('data-chosen-through'));
}

async function textOf(page: Page, testId: string): Promise<string> {
	return (await page.getByTestId(testId).textContent()) ?? '';
}

async function tally(page: Page): Promise<{ asked: number; chosen: number }> {
	const text = (await page.getByTestId('traffic-tally').textContent()) ?? '';
	const [, asked, chosen] = /^(\d+) proposed, (\d+) chosen/.exec(text) ?? [];
	return { asked: Number(asked), chosen: Number(chosen) };
}
