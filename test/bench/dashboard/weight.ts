/** How many bytes the first useful view loads, and how long it takes until it is painted: all nodes are shown as up. */
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import type { Bar } from './bar.ts';
import { median, tenths } from './spread.ts';
import { type Stage, staged } from './stage.ts';

const KB_MAX = 120;
const MS_MAX = 1_000;

interface View {
	/** Every file that was loaded, compressed by gzip, bytes. */
	readonly bytes: number;
	readonly files: number;
	/** From the beginning of the navigation, milliseconds. */
	readonly ms: number;
}

export const weight: Bar = {
	name: 'weight',
	measure: ({ rounds }) =>
		staged({}, async (stage) => {
			const views: View[] = [];
			for (let round = 0; round < rounds; round++) views.push(await firstView(stage));
			const { bytes, files } = views.at(-1) as View;
			const times = views.map(({ ms }) => Math.round(ms));
			return [
				{
					bar: 'page weight, first useful view',
					target: `${KB_MAX} KB of gzip or less`,
					measured: `${tenths(bytes / 1000)} KB in ${files} files`,
					isMet: bytes <= KB_MAX * 1000,
				},
				{
					bar: 'time to the first useful view',
					target: `${MS_MAX} ms or less`,
					measured: `median ${median(times)} ms of ${times.join(', ')}, nothing cached`,
					isMet: median(times) <= MS_MAX,
				},
			];
		}),
};

async function firstView(stage: Stage): Promise<View> {
	const page = await stage.blank();
	const sizes: Promise<number>[] = [];
	page.on('response', (response) => sizes.push(response.body().then((body) => gzipSync(body).length)));
	await watchFirstView(page, stage.swarm.nodes.length);
	await stage.show(page);
	const painted = await page.waitForFunction(() => (window as { firstViewMs?: number }).firstViewMs);
	const ms = (await painted.jsonValue()) as number;
	const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
	await page.context().close();
	return { bytes, files: sizes.length, ms };
}

function watchFirstView(page: Page, nodes: number): Promise<unknown> {
	return page.addInitScript((count: number) => {
		const { port1, port2 } = new MessageChannel();
		// A message is handled once the frame in which it was sent has been painted.
		port1.onmessage = () => Object.assign(window, { firstViewMs: performance.now() });
		const look = (): void => {
			if (document.querySelectorAll('.card[data-state="up"]').length < count) requestAnimationFrame(look);
			else port2.postMessage(null);
		};
		requestAnimationFrame(look);
	}, nodes);
}
