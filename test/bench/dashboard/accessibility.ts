/** What axe finds in every view of the page, in both themes and on both screens. */
import type { BrowserContextOptions, Page } from 'playwright-core';
import { violations } from '../../browser/accessible.ts';
import { narrow, playbackBegins, propose, stateBecomes, stepTo, wide } from '../../browser/swarm-page.ts';
import type { Bar } from './bar.ts';
import { staged } from './stage.ts';

const SCREENS: readonly BrowserContextOptions[] = [
	{ viewport: wide },
	{ viewport: narrow, hasTouch: true, isMobile: true },
];
const THEMES = ['light', 'dark'] as const;

interface View {
	readonly name: string;
	/** The end of the address. */
	readonly at: string;
	readonly reach: (page: Page) => Promise<unknown>;
}

/** A lab shows everything that other swarms show, and what it adds. */
const VIEWS: readonly View[] = [
	{ name: 'live', at: '', reach: (page) => stateBecomes(page, 'n3', 'up') },
	{ name: 'help', at: '', reach: openHelp },
	{ name: 'a decision played back', at: '', reach: playDecision },
	{ name: 'a menu of the lab', at: '', reach: openMenu },
	{ name: 'the sandbox', at: '?sandbox', reach: (page) => stateBecomes(page, 'n5', 'up') },
	{ name: 'a story', at: '?sandbox', reach: tellStory },
	{ name: 'a rule taken out', at: '?sandbox', reach: takeRuleOut },
	{ name: 'a replay', at: '?replay', reach: (page) => page.getByTestId('trace-title').waitFor() },
];

export const accessibility: Bar = {
	name: 'axe',
	measure: () =>
		staged({ isLab: true, nodes: 3 }, async (stage) => {
			const found: string[] = [];
			let looks = 0;
			for (const view of VIEWS) {
				for (const screen of SCREENS) {
					const page = await stage.blank(screen);
					await page.goto(`${stage.swarm.node('n2').url}/${view.at}`);
					await view.reach(page);
					for (const colorScheme of THEMES) {
						await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
						found.push(...(await violations(page)).map((each) => `${view.name}, ${colorScheme}: ${each}`));
						looks++;
					}
					await page.context().close();
				}
			}
			return [
				{
					bar: 'axe, every view, both themes, both sizes',
					target: '0 violations',
					measured: `${found.length} violations in ${VIEWS.length} views, looked at ${looks} times`,
					isMet: found.length === 0,
					...(found.length > 0 && { note: found.join('; ') }),
				},
			];
		}),
};

async function openHelp(page: Page): Promise<void> {
	await stateBecomes(page, 'n3', 'up');
	await page.getByTestId('help').click();
	await page.locator('dialog[open]').waitFor();
}

async function playDecision(page: Page): Promise<void> {
	for (const id of ['n1', 'n2', 'n3']) await stateBecomes(page, id, 'up');
	await propose(page, { at: 'n3', key: 'color', value: 'red' });
	await playbackBegins(page);
	await stepTo(page, 8);
	await page.getByTestId('waterfall').locator('summary').click();
	await page.getByTestId('span-promise-n3').waitFor();
}

async function openMenu(page: Page): Promise<void> {
	await page.getByTestId('pick-n1-n3').click();
	await page.getByTestId('menu').waitFor();
}

async function tellStory(page: Page): Promise<void> {
	await page.getByTestId('story-rivals').click();
	await page.locator('[data-testid="scene-text"][data-scene="2"]').waitFor();
}

async function takeRuleOut(page: Page): Promise<void> {
	await page.getByTestId('rule-half').click();
	await page.getByTestId('rule-out').waitFor();
}
