/** The tour, a proposal, a cut that is healed, a story and the game, each by the keyboard alone. */
import type { Page } from 'playwright-core';
import { pick, tabTo } from '../../browser/by-keyboard.ts';
import { nextOutcome, playbackBegins, stateBecomes } from '../../browser/swarm-page.ts';
import type { Bar } from './bar.ts';
import { staged } from './stage.ts';

interface Walk {
	readonly name: string;
	/** The end of the address. */
	readonly at: string;
	readonly go: (page: Page) => Promise<void>;
}

const WALKS: readonly Walk[] = [
	// It shows itself only where nothing is written yet.
	{ name: 'tour', at: '', go: takesTour },
	{ name: 'propose', at: '', go: proposes },
	{ name: 'cut and heal', at: '', go: cutsAndHeals },
	{ name: 'story', at: '?sandbox', go: tellsStory },
	{ name: 'game', at: '?sandbox', go: plays },
];

export const keyboard: Bar = {
	name: 'keyboard',
	measure: () =>
		staged({ isLab: true, nodes: 3 }, async (stage) => {
			const failed: string[] = [];
			for (const { name, at, go } of WALKS) {
				const page = await stage.blank();
				await page.goto(`${stage.swarm.node('n2').url}/${at}`);
				await stateBecomes(page, 'n3', 'up');
				await go(page).catch((error: unknown) => failed.push(`${name}: ${String(error)}`));
				await page.context().close();
			}
			return [
				{
					bar: 'tour, stories, game, propose, cut, heal by keyboard alone',
					target: 'works',
					measured: `${WALKS.length - failed.length} of ${WALKS.length} walks reach their end`,
					isMet: failed.length === 0,
					...(failed.length > 0 && { note: failed.join('; ') }),
				},
			];
		}),
};

async function takesTour(page: Page): Promise<void> {
	await tabTo(page, /^tour-next$/);
	for (const asks of ['watch', 'change', 'duel', 'stories']) {
		await page.locator(`[data-testid="tour"][data-stop="${asks}"]`).waitFor();
		await page.keyboard.press('Enter');
	}
	await page.locator('[data-testid="scene-text"][data-scene="1"]').waitFor();
}

async function proposes(page: Page): Promise<void> {
	await tabTo(page, /^propose-value$/);
	await page.keyboard.press('ControlOrMeta+A');
	await page.keyboard.type('teal');
	await tabTo(page, /^propose-submit$/);
	const [{ outcome }] = await Promise.all([nextOutcome(page), page.keyboard.press('Enter')]);
	if (outcome !== 'chosen') throw new Error(`the proposal is ${outcome}`);
	await playbackBegins(page);
	await page.keyboard.press('l');
	await page.locator('[data-testid="rail"][data-now="true"]').waitFor();
}

async function cutsAndHeals(page: Page): Promise<void> {
	await page.getByTestId('lab-heal').waitFor();
	await pick(page, 'n1-n3', 'Cut n1 → n3 only');
	await page.getByLabel('Link between n1 and n3, cut from n1 to n3', { exact: true }).waitFor();
	await tabTo(page, /^lab-heal$/);
	await page.keyboard.press('Enter');
	await page.getByLabel('Link between n1 and n3', { exact: true }).waitFor();
}

async function tellsStory(page: Page): Promise<void> {
	await tabTo(page, /^watch$/);
	await page.keyboard.press('Enter');
	await page.locator('[data-testid="scene-text"][data-scene="end"]').waitFor();
}

async function plays(page: Page): Promise<void> {
	await tabTo(page, /^rule-half$/);
	await page.keyboard.press('Enter');
	await page.getByTestId('rule-out').waitFor();
	await tabTo(page, /^show-me$/);
	await page.keyboard.press('Enter');
	await page.locator('.lamp[data-broken="true"]').waitFor();
}
