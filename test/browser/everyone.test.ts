/**
 * The page is accessible: axe finds no violation in both themes, on both screens and in every state, and no text is too
 * small to read. On the small screen nothing needs scrolling sideways or is too small to touch.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { covered, isTooWide, tooSmallToRead, tooSmallToTouch, violationsInBothThemes } from './accessible.ts';
import type { PageOptions } from './browser.ts';
import { Stage } from './stage.ts';
import { narrow, playbackBegins, propose, stateBecomes, stepTo, wide } from './swarm-page.ts';

const screens: readonly (readonly [string, PageOptions])[] = [
	['1440x900', { viewport: wide }],
	['390x844', { viewport: narrow, hasTouch: true, isMobile: true }],
];
/** The states of the page. Each goes on from the one before. */
const states: readonly {
	readonly state: string;
	/** Changes the swarm first. */
	readonly prepare?: () => Promise<void>;
	readonly reach: (page: Page) => Promise<void>;
}[] = [
	{ state: 'before anything is decided', reach: (page) => page.getByTestId('empty').waitFor() },
	{ state: 'with the help open', reach: openHelp },
	{ state: 'with a decision played back', reach: playDecision },
	{
		state: 'with a node that is unknown, with metrics and the history of a key',
		prepare: () => stage.swarm.node('n5').kill(),
		reach: async (page) => {
			await stateBecomes(page, 'n5', 'unknown');
			await openNumbers(page);
		},
	},
];

let stage: Stage;
beforeAll(async () => {
	stage = await Stage.set();
});
afterAll(async () => {
	await stage.strike();
});

describe.each(states)('$state', ({ prepare, reach }) => {
	beforeAll(() => prepare?.());

	test.each(screens)('at %s the page is usable by everyone, in light and in dark', async (screen, options) => {
		const page = await openKnown(options);
		await reach(page);
		expect(await violationsInBothThemes(page)).toEqual([]);
		expect(await tooSmallToRead(page)).toEqual([]);
		if (screen !== '390x844') return;
		expect(await isTooWide(page)).toBe(false);
		expect(await covered(page, '.transport button')).toEqual([]);
		expect(await tooSmallToTouch(page)).toEqual([]);
	});
});

/** Opens the page. Where a node is killed in this state, the page is not expected to hear it. */
async function openKnown(options: PageOptions): Promise<Page> {
	const gone = stage.swarm.nodes.filter(({ isRunning }) => !isRunning);
	if (gone.length === 0) return stage.open(stage.swarm.node('n2'), options);
	const expectedComplaints = gone.map(({ port }) => new RegExp(`:${port}\\b`));
	const page = await stage.browser.openPage({ ...options, timezoneId: 'UTC', expectedComplaints });
	await page.goto(stage.swarm.node('n2').url);
	for (const { id, isRunning } of stage.swarm.nodes) if (isRunning) await stateBecomes(page, id, 'up');
	return page;
}

async function openHelp(page: Page): Promise<void> {
	await page.getByTestId('help').click();
	await page.locator('dialog[open]').waitFor();
}

async function openNumbers(page: Page): Promise<void> {
	const metrics = page.getByTestId('metrics');
	await metrics.locator('summary').click();
	await metrics.getByText('As a table').click();
	await page.getByTestId('metrics-table').waitFor();
	expect(await page.getByTestId('metric-node-n5').textContent()).toContain('not heard');
	await page.getByTestId('key-follow').first().click();
	await page.getByTestId('key-history-end').waitFor();
}

async function playDecision(page: Page): Promise<void> {
	await propose(page, { at: 'n4', key: 'color', value: 'red' });
	await playbackBegins(page);
	await stepTo(page, 8);
	await page.getByTestId('waterfall').locator('summary').click();
	await page.getByTestId('span-promise-n4').waitFor();
	await page.getByTestId('row-1b').getByTestId('why').click();
	await page.getByTestId('answer-fact').first().waitFor();
}
