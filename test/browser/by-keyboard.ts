/** Uses the page without a pointer. */
import type { Page } from 'playwright-core';

/** The log alone may have 120 rows with two buttons, and the keys as many. */
export const TABS_MAX = 400;
const ITEMS_MAX = 20;

/** Presses Tab until an element that fits has the focus. */
export async function tabTo(page: Page, testId: RegExp): Promise<void> {
	for (let tabs = 0; tabs < 2 * TABS_MAX; tabs++) {
		if (testId.test((await focused(page)) ?? '')) return;
		await page.keyboard.press('Tab');
	}
	throw new Error(`Tab does not lead to ${testId}`);
}

export function focused(page: Page): Promise<string | null> {
	return page.evaluate(() => document.activeElement?.getAttribute('data-testid') ?? null);
}

/** Does it by the menu of a node, of a link or of a message in the mesh. */
export async function pick(page: Page, id: string, label: string): Promise<void> {
	await page.getByTestId(`pick-${id}`).focus();
	await page.keyboard.press('Enter');
	const item = page.getByTestId('menu').getByRole('menuitem', { name: label, exact: true });
	await item.waitFor();
	for (let presses = 0; !(await item.evaluate((each) => each === document.activeElement)); presses++) {
		if (presses > ITEMS_MAX) throw new Error(`the arrow keys do not lead to ${label}`);
		await page.keyboard.press('ArrowDown');
	}
	await page.keyboard.press('Enter');
}
