/** Whether everyone can use the page as it is now: what axe finds, and whether it fits the screen and a finger. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults, RunOptions } from 'axe-core';
import type { Page } from 'playwright-core';

interface Axe {
	run(options: RunOptions): Promise<AxeResults>;
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const touchPx = 44;
const readPx = 12;

/** Lists what axe finds. @param rules ids of the only rules to look at; all of them where it is empty */
export async function violations(page: Page, ...rules: readonly string[]): Promise<string[]> {
	if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
	// What axe says of all that is right is many times as long, and would take longer to come here than to be found.
	const options: RunOptions = { resultTypes: ['violations'], ...(rules.length > 0 && { runOnly: [...rules] }) };
	return page.evaluate(async (of) => {
		const results = await (window as unknown as { axe: Axe }).axe.run(of);
		return results.violations.flatMap(({ id, help, nodes }) =>
			nodes.map(({ target, failureSummary }) => `${id} (${help}): ${target.join(' ')}: ${failureSummary}`),
		);
	}, options);
}

/** Looks for violations in both themes, which differ in nothing but their colours. */
export async function violationsInBothThemes(page: Page): Promise<string[]> {
	await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
	const found = await violations(page);
	await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
	return [...found, ...(await violations(page, 'color-contrast', 'link-in-text-block'))];
}

/** Whether the page has to be scrolled sideways. */
export function isTooWide(page: Page): Promise<boolean> {
	return page.evaluate(() => (document.scrollingElement?.scrollWidth ?? 0) > innerWidth);
}

/** The names of those that are in view, and over whose middle something else lies. */
export function covered(page: Page, selector: string): Promise<string[]> {
	return page.locator(selector).evaluateAll((elements) =>
		elements.flatMap((element) => {
			const { left, top, width, height } = element.getBoundingClientRect();
			const [x, y] = [left + width / 2, top + height / 2];
			const over = document.elementFromPoint(x, y);
			return over === null || element.contains(over) ? [] : [element.ariaLabel ?? element.textContent ?? ''];
		}),
	);
}

/** The controls that are smaller than a finger. */
export function tooSmallToTouch(page: Page): Promise<string[]> {
	return page.evaluate(tooSmall, touchPx);
}

/** Text that is smaller than most people read, with its size on the screen, also in a drawing that is scaled. */
export function tooSmallToRead(page: Page): Promise<string[]> {
	return page.evaluate(smallText, readPx);
}

function smallText(px: number): string[] {
	const found = new Set<string>();
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let node = texts.nextNode(); node; node = texts.nextNode()) {
		const of = node.parentElement;
		if (!of?.checkVisibility() || node.textContent?.trim() === '' || of.closest('.sr, option')) continue;
		const drawn = of instanceof SVGGraphicsElement ? of.getScreenCTM()?.a : 1;
		const size = Number.parseFloat(getComputedStyle(of).fontSize) * (drawn ?? 1);
		if (size < px - 0.1) found.add(`${of.className} ${node.textContent}: ${size} px`);
	}
	return [...found];
}

/**
 * The controls that are smaller than a finger in either direction. A control in a label counts with the size of the
 * label, and a ballot in a line of text does not count.
 */
function tooSmall(px: number): string[] {
	const found: string[] = [];
	for (const element of document.querySelectorAll<HTMLElement>('a, button, input, select, summary')) {
		const target = element.closest('label') ?? element;
		const { width, height } = target.getBoundingClientRect();
		const isHidden = width === 0 || height === 0 || getComputedStyle(element).visibility === 'hidden';
		const isSkipLink = element.classList.contains('skip');
		if (isHidden || isSkipLink || (width >= px - 0.5 && height >= px - 0.5)) continue;
		found.push(`${element.dataset.testid ?? element.className} ${element.textContent}: ${width} x ${height}`);
	}
	return found;
}
