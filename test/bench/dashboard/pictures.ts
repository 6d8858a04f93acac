/**
 * Takes pictures of every state of the page, in both themes and on screens from a phone to a large one, into a folder, so
 * that people can look at them. It also takes the picture of the README.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { settled } from '../../browser/swarm-page.ts';
import { type Stage, staged } from './stage.ts';
import { README_VIEW, SETTINGS, type View } from './views.ts';

export interface PicturesOptions {
	/** The folder; it is made where it is missing. */
	readonly to: string;
	/** The names of the views; all where it is not given. */
	readonly only?: readonly string[];
	/** The widths of the screens, pixels. */
	readonly widths: readonly string[];
	readonly themes: readonly string[];
}

const HEIGHTS: Readonly<Record<string, number>> = { 390: 844, 768: 1024, 1280: 800, 1440: 900, 2560: 1440 };
export const WIDTHS = Object.keys(HEIGHTS);
export const THEMES = ['light', 'dark'] as const;
export const VIEW_NAMES = SETTINGS.flatMap(({ views }) => views.map(({ name }) => name));
/** Below this width a screen is one of a phone. */
const PHONE_MAX = 760;
const README_PICTURE = fileURLToPath(new URL('../../../../dashboard/picture.png', import.meta.url));

export async function pictures({ to, only, widths, themes }: PicturesOptions): Promise<void> {
	mkdirSync(to, { recursive: true });
	for (const { options, prepare, views } of SETTINGS) {
		const wanted = views.filter(({ name }) => only?.includes(name) ?? true);
		if (wanted.length === 0) continue;
		await staged(options ?? {}, async (stage) => {
			await prepare?.(stage);
			for (const view of wanted) {
				for (const width of widths) await take(stage, view, Number(width), themes, to);
			}
		});
	}
}

async function take(stage: Stage, view: View, width: number, themes: readonly string[], to: string): Promise<void> {
	const page = await stage.blank({
		viewport: { width, height: HEIGHTS[width] ?? 900 },
		reducedMotion: 'reduce',
		...(width < PHONE_MAX && { hasTouch: true, isMobile: true }),
	});
	try {
		await reach(page, stage, view);
		for (const theme of themes) {
			await page.emulateMedia({ colorScheme: theme as NonNullable<BrowserContextOptions['colorScheme']> });
			await shoot(page, view, join(to, `${view.name}-${width}-${theme}`));
		}
	} finally {
		await page.context().close();
		await view.leave?.(stage);
	}
}

/** The part that is looked at; or what a person sees first, and then the whole page. */
async function shoot(page: Page, { of }: View, path: string): Promise<void> {
	if (!of) await page.screenshot({ path: `${path}.png` });
	process.stdout.write(`${path}.png\n`);
	const screen = page.viewportSize();
	if (!screen) return;
	// On a screen with room for the whole page, what stays in view covers nothing. A panel that was out of view has its real
	// height only when it comes into view.
	for (let height = 0; height < (await heightOf(page)); ) {
		height = await heightOf(page);
		await page.setViewportSize({ width: screen.width, height });
		await settled(page);
	}
	if (of) await page.locator(of).screenshot({ path: `${path}.png` });
	else await page.screenshot({ path: `${path}-whole.png` });
	await page.setViewportSize(screen);
}

function heightOf(page: Page): Promise<number> {
	return page.evaluate(() => document.documentElement.scrollHeight);
}

/** Takes the picture of the README anew. */
export function readmePicture(): Promise<void> {
	return staged({ nodes: 1 }, async (stage) => {
		const page = await stage.blank({
			viewport: { width: 1920, height: 1000 },
			deviceScaleFactor: 1.5,
			colorScheme: 'light',
		});
		await reach(page, stage, README_VIEW);
		await page.screenshot({ path: README_PICTURE });
		process.stdout.write(`${README_PICTURE}\n`);
	});
}

async function reach(page: Page, stage: Stage, { at = '', reach }: View): Promise<void> {
	await page.goto(`${stage.swarm.node('n1').url}/${at}`);
	await reach(page, stage);
}
