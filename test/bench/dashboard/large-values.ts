/** Values of 512 KiB, as one line, as JSON and written from right to left: does any of them hold the page up? */
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { VALUE_BYTES_MAX } from '../../../shared/store/key.ts';
import { nextOutcome } from '../../browser/swarm-page.ts';
import { put } from '../../process/client.ts';
import type { Bar } from './bar.ts';
import { longTasksText, takeFrames, watchFrames } from './frames.ts';
import { staged } from './stage.ts';

const SETTLE_MS = 1_500;

/** Each of them has as many bytes as a value may have. */
const VALUES: readonly (readonly [name: string, value: string])[] = [
	['one line', 'x'.repeat(VALUE_BYTES_MAX)],
	['JSON', jsonOf(VALUE_BYTES_MAX)],
	['right to left', 'שלום '.repeat(Math.floor(VALUE_BYTES_MAX / 9))],
];

export const largeValues: Bar = {
	name: 'values',
	measure: () =>
		staged({ nodes: 3 }, async (stage) => {
			const page = await stage.open();
			await watchFrames(page);
			await delay(SETTLE_MS);
			await takeFrames(page);
			const longTasksMs: number[] = [];
			const said: string[] = [];
			for (const [name, value] of VALUES) {
				for (const node of stage.swarm.nodes) {
					const answer = await put(node, `large ${name}`, value);
					if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
				}
				await delay(SETTLE_MS);
				await edit(page, `large ${name}`);
				const looked = await takeFrames(page);
				await proposeLarge(page, value);
				await delay(SETTLE_MS);
				const proposed = await takeFrames(page);
				longTasksMs.push(...looked.longTasksMs, ...proposed.longTasksMs);
				said.push(
					`${name}: ${longTasksText(looked.longTasksMs)} as it comes and is opened, ${longTasksText(proposed.longTasksMs)} as it is typed and proposed`,
				);
			}
			return [
				{
					bar: 'values of 512 KiB: one line, JSON, right to left',
					target: 'no task over 50 ms',
					measured: said.join('; '),
					isMet: longTasksMs.length === 0,
				},
			];
		}),
};

/** Opens the form of the key in the panel of keys, and closes it. */
async function edit(page: Page, key: string): Promise<void> {
	await page.getByTestId('keys-search').fill(key);
	const button = page.getByRole('button', { name: `Edit ${key}`, exact: true });
	await button.click();
	await delay(SETTLE_MS);
	await page.getByRole('button', { name: `Close ${key}`, exact: true }).click();
}

/** Proposes it by the form, and waits for the outcome. */
async function proposeLarge(page: Page, value: string): Promise<void> {
	await page.getByTestId('propose-route-leader').check();
	await page.getByTestId('propose-value').fill(value);
	await Promise.all([nextOutcome(page), page.getByTestId('propose-submit').click()]);
	await page.getByTestId('propose-value').fill('');
	await page.getByTestId('follow').click();
}

function jsonOf(bytes: number): string {
	const entry = (i: number): string =>
		`{"id":${i},"name":"node ${i}","tags":["a","b"],"nested":{"at":[${i},${i + 1}]}}`;
	const entries: string[] = [];
	for (let length = 2, i = 0; ; i++) {
		const next = entry(i);
		length += next.length + 1;
		if (length > bytes) return `[${entries.join(',')}]`;
		entries.push(next);
	}
}
