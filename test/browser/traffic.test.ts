/** Light traffic: slots advance while the page stays responsive, and it ends on request. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { poll, Stage } from './stage.ts';
import { cardOf, readCard, snapshotOf } from './swarm-page.ts';

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
	await page.getByTestId('traffic').click();
	await poll(() => chosenThrough(page)).toBeGreaterThan(from);

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

async function chosenThrough(page: Page): Promise<number> {
	return Number(await page.getByTestId('node-n2').getAttribute('data-chosen-through'));
}

async function tally(page: Page): Promise<{ asked: number; chosen: number }> {
	const text = (await page.getByTestId('traffic-tally').textContent()) ?? '';
	const [, asked, chosen] = /^(\d+) proposed, (\d+) chosen/.exec(text) ?? [];
	return { asked: Number(asked), chosen: Number(chosen) };
}
