/** How long it takes from a movement of the rail until the page has painted that moment, in a replay of a million facts. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { Bar } from './bar.ts';
import { longTasksText, takeFrames, watchFrames } from './frames.ts';
import { record } from './recorded.ts';
import { quantile, spreadText, tenths } from './spread.ts';
import { staged } from './stage.ts';

const TARGET_MS = 50;
const JUMPS = 200;
const OPEN_MAX_MS = 600_000;

export const scrub: Bar = {
	name: 'scrub',
	measure: ({ facts }) =>
		staged({ nodes: 1 }, async (stage) => {
			const folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-scrub-'));
			try {
				const file = join(folder, 'long.trace.json');
				const count = await record(file, facts);
				const page = await stage.blank();
				page.setDefaultTimeout(OPEN_MAX_MS);
				await page.goto(`${stage.swarm.node('n1').url}/?replay`);
				await watchFrames(page);
				const beganMs = performance.now();
				await page.getByTestId('trace-file').setInputFiles(file);
				const shown = page.getByTestId('trace-title').getByText('A long run of five nodes.');
				const fault = page.getByTestId('trace-fault');
				await shown.or(fault).waitFor();
				const size = `${tenths(statSync(file).size / 2 ** 20)} MiB`;
				const bar = `scrub over ${count} facts`;
				const target = `p95 ${TARGET_MS} ms or less`;
				if (await fault.isVisible()) {
					return [{ bar, target, measured: 'nothing', isMet: false, note: `${size}: ${await fault.textContent()}` }];
				}
				await page.locator('[data-testid="rail"][data-now="true"]').waitFor();
				const openedS = tenths((performance.now() - beganMs) / 1000);
				const opening = await takeFrames(page);
				const earliest = await earliestShown(page);
				const ms = await page.evaluate(jump, JUMPS);
				const { longTasksMs } = await takeFrames(page);
				return [
					{
						bar,
						target,
						measured: `${spreadText(ms)} jumps to any moment; ${longTasksText(longTasksMs)}; the earliest moment is at fact ${earliest}`,
						isMet: quantile(ms, 0.95) <= TARGET_MS && earliest <= 1,
						note: `The file has ${size} and is open after ${openedS} s (${longTasksText(opening.longTasksMs)} meanwhile).`,
					},
				];
			} finally {
				rmSync(folder, { recursive: true, force: true });
			}
		}),
};

/** The lowest number of a fact that the page shows at the beginning of the rail, of any node. */
async function earliestShown(page: Page): Promise<number> {
	await page.getByTestId('rail-range').fill('0');
	await page.locator('[data-testid="rail"][data-now="false"]').waitFor();
	return page
		.locator('.card[data-seq]')
		.evaluateAll((cards) => Math.min(...cards.map((card) => Number(card.getAttribute('data-seq')))));
}

/** Runs in the page: moves the rail as a pointer does, to places all over it. @returns the time of each, milliseconds */
async function jump(count: number): Promise<number[]> {
	const range = document.querySelector<HTMLInputElement>('[data-testid="rail-range"]') as HTMLInputElement;
	const setValue = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set;
	const { port1, port2 } = new MessageChannel();
	const painted = (): Promise<void> =>
		new Promise((resolve) => {
			port1.onmessage = () => resolve();
			requestAnimationFrame(() => port2.postMessage(null));
		});
	const times: number[] = [];
	for (let i = 0; i < count; i++) {
		// The golden ratio leads to places that are far apart and spread evenly.
		setValue?.call(range, String(Math.floor(((i * 0.618_033_988_749_895) % 1) * 600)));
		const beganMs = performance.now();
		range.dispatchEvent(new Event('input', { bubbles: true }));
		await painted();
		times.push(performance.now() - beganMs);
	}
	return times;
}
