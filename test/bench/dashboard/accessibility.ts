/** What axe finds in every view of the page, in both themes and on both screens. */
import type { BrowserContextOptions } from 'playwright-core';
import { violations } from '../../browser/accessible.ts';
import { narrow, wide } from '../../browser/swarm-page.ts';
import type { Bar } from './bar.ts';
import { type Stage, staged } from './stage.ts';
import { SETTINGS, type View } from './views.ts';

const SCREENS: readonly BrowserContextOptions[] = [
	{ viewport: wide },
	{ viewport: narrow, hasTouch: true, isMobile: true },
];
const THEMES = ['light', 'dark'] as const;

export const accessibility: Bar = {
	name: 'axe',
	measure: async () => {
		const found: string[] = [];
		for (const { options, prepare, views } of SETTINGS) {
			await staged(options ?? {}, async (stage) => {
				await prepare?.(stage);
				for (const view of views) found.push(...(await violationsIn(view, stage)));
			});
		}
		const count = SETTINGS.reduce((sum, { views }) => sum + views.length, 0);
		return [
			{
				bar: 'axe, every view, both themes, both sizes',
				target: '0 violations',
				measured: `${found.length} violations in ${count} views, looked at ${count * SCREENS.length * THEMES.length} times`,
				isMet: found.length === 0,
				...(found.length > 0 && { note: found.join('; ') }),
			},
		];
	},
};

async function violationsIn({ name, at = '', reach, leave }: View, stage: Stage): Promise<string[]> {
	const found: string[] = [];
	for (const screen of SCREENS) {
		const page = await stage.blank({ ...screen, reducedMotion: 'reduce' });
		await page.goto(`${stage.swarm.node('n1').url}/${at}`);
		await reach(page, stage);
		for (const colorScheme of THEMES) {
			await page.emulateMedia({ colorScheme });
			found.push(...(await violations(page)).map((each) => `${name}, ${colorScheme}: ${each}`));
		}
		await page.context().close();
		await leave?.(stage);
	}
	return found;
}
