/**
 * How many bytes the first useful view loads, and how long it takes until it is painted: all nodes are shown as up. What
 * the sandbox and a rule that is taken out need is loaded only for them.
 */
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { stateBecomes } from '../../browser/swarm-page.ts';
import type { Bar } from './bar.ts';
import { median, tenths } from './spread.ts';
import { type Stage, staged } from './stage.ts';

const KB_MAX = 120;
const MS_MAX = 1_000;

interface View {
	/** Every file that was loaded, compressed by gzip, bytes. */
	readonly bytes: number;
	readonly files: ReadonlySet<string>;
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
			const later = await loadedLater(stage, files);
			const times = views.map(({ ms }) => Math.round(ms));
			return [
				{
					bar: 'page weight, first useful view',
					target: `${KB_MAX} KB of gzip or less`,
					measured: `${tenths(bytes / 1000)} KB in ${files.size} files`,
					isMet: bytes <= KB_MAX * 1000,
				},
				{
					bar: 'time to the first useful view',
					target: `${MS_MAX} ms or less`,
					measured: `median ${median(times)} ms of ${times.join(', ')}, nothing cached`,
					isMet: median(times) <= MS_MAX,
				},
				{
					bar: 'the sandbox, and a rule that is taken out',
					target: 'loaded when asked for',
					measured: `${later.sandbox} files more for the sandbox, and ${later.rule} more for the rule`,
					isMet: later.sandbox > 0 && later.rule > 0,
				},
			];
		}),
};

async function firstView(stage: Stage): Promise<View> {
	const page = await stage.blank();
	const sizes: Promise<number>[] = [];
	const files = filesOf(page);
	page.on('response', (response) => sizes.push(response.body().then((body) => gzipSync(body).length)));
	await watchFirstView(page, stage.swarm.nodes.length);
	await stage.show(page);
	const painted = await page.waitForFunction(() => (window as { firstViewMs?: number }).firstViewMs);
	const ms = (await painted.jsonValue()) as number;
	const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
	await page.context().close();
	return { bytes, files, ms };
}

/** How many files the sandbox loads that the first view has not, and how many a rule that is taken out then. */
async function loadedLater(stage: Stage, first: ReadonlySet<string>): Promise<{ sandbox: number; rule: number }> {
	const page = await stage.blank();
	const files = filesOf(page);
	await page.goto(`${stage.swarm.node('n2').url}/?sandbox`);
	await stateBecomes(page, 'n5', 'up');
	const ofSandbox = new Set(files);
	await page.getByTestId('rule-half').click();
	await page.getByTestId('rule-out').waitFor();
	const rule = [...files].filter((file) => !ofSandbox.has(file)).length;
	await page.context().close();
	return { sandbox: [...ofSandbox].filter((file) => !first.has(file)).length, rule };
}

/** Grows with each file that the page loads. */
function filesOf(page: Page): ReadonlySet<string> {
	const files = new Set<string>();
	page.on('response', (response) => files.add(new URL(response.url()).pathname));
	return files;
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
