/** When the page shows another state of a node, by the clock of this machine and to the frame. */
import type { Page } from 'playwright-core';

export interface StateShown {
	readonly node: string;
	/** `up`, `unknown`, `catching-up` and so on. */
	readonly state: string;
	/** Milliseconds since 1970, whatever the page takes for the time of day. */
	readonly atMs: number;
}

/** Begins to watch a page that is loaded. */
export function watchStates(page: Page): Promise<void> {
	return page.evaluate(() => {
		const states: StateShown[] = [];
		Object.assign(window, { states });
		const note = (target: Node): void => {
			const { testid = '', state = '' } = (target as HTMLElement).dataset;
			const atMs = performance.timeOrigin + performance.now();
			states.push({ node: testid.slice('node-'.length), state, atMs });
		};
		new MutationObserver((changes) => {
			for (const { target } of changes) note(target);
		}).observe(document.querySelector('#nodes') as Element, { subtree: true, attributeFilter: ['data-state'] });
	});
}

/** The first time at or after `sinceMs` at which the page showed the node like this; waits for it. */
export async function shownAt(page: Page, node: string, state: string, sinceMs: number): Promise<number> {
	const found = await page.waitForFunction(
		([of, as, since]) => {
			const { states } = window as unknown as { states: StateShown[] };
			return states.find((each) => each.node === of && each.state === as && each.atMs >= since)?.atMs ?? null;
		},
		[node, state, sinceMs] as const,
	);
	return (await found.jsonValue()) as number;
}
