/**
 * How long it takes from an event at a node until a frame that shows it has been painted. A card tells the number of the
 * newest fact that it shows, and the node's fact of that number tells when it happened, by the same clock.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import type { Fact } from '../../../shared/fact.ts';
import { Watch } from '../../process/watch.ts';
import type { Bar } from './bar.ts';
import { Pace } from './pace.ts';
import { quantile, spreadText } from './spread.ts';
import { staged } from './stage.ts';

const FACTS = 1_000;
const TARGET_MS = 50;
const WARM_UP_MS = 10_000;
const MEASURED_MS = 20_000;

/** From then on the page shows everything of the node through the fact of this number. */
interface Painted {
	readonly node: string;
	readonly seq: number;
	/** Milliseconds since 1970. */
	readonly atMs: number;
}

export const eventToPixel: Bar = {
	name: 'pixel',
	measure: () =>
		staged({}, async (stage) => {
			const page = await stage.open();
			const urls = stage.swarm.nodes.map(({ url }) => url);
			const pace = new Pace(urls, page, FACTS);
			const watches = await Promise.all(stage.swarm.nodes.map(Watch.open));
			try {
				await delay(WARM_UP_MS);
				pace.take();
				await watchPaints(page);
				const sinceMs = Date.now();
				await delay(MEASURED_MS);
				const painted = await page.evaluate(() => (window as unknown as { painted: Painted[] }).painted);
				const delaysMs = watches.flatMap(({ facts }) => delaysOf(facts, painted, sinceMs));
				const { factsPerSecond, isReached, note } = pace.take();
				return [
					{
						bar: `event to pixel, ${FACTS} events/s, loopback`,
						target: `p95 ${TARGET_MS} ms or less`,
						measured: `${spreadText(delaysMs)} events; ${factsPerSecond} a second`,
						isMet: isReached && quantile(delaysMs, 0.95) <= TARGET_MS,
						note,
					},
				];
			} finally {
				for (const watch of watches) watch.close();
				pace.stop();
			}
		}),
};

/** Of each fact since then that was painted. */
function delaysOf(facts: readonly Fact[], painted: readonly Painted[], sinceMs: number): number[] {
	const paints = painted.filter(({ node }) => node === facts[0]?.node);
	const delays: number[] = [];
	let at = 0;
	for (const { seq, time } of facts) {
		if (time < sinceMs) continue;
		while (at < paints.length && (paints[at] as Painted).seq < seq) at++;
		const paint = paints[at];
		if (paint) delays.push(paint.atMs - time);
	}
	return delays;
}

function watchPaints(page: Page): Promise<void> {
	return page.evaluate(() => {
		const painted: Painted[] = [];
		Object.assign(window, { painted });
		const { port1, port2 } = new MessageChannel();
		// A message is handled once the frame in which it was sent has been painted.
		port1.onmessage = ({ data }) => {
			const atMs = performance.timeOrigin + performance.now();
			for (const [node, seq] of data as [string, number][]) painted.push({ node, seq, atMs });
		};
		new MutationObserver((changes) => {
			const cards = new Set(changes.map(({ target }) => target as HTMLElement));
			port2.postMessage([...cards].map(({ dataset }) => [dataset.testid?.slice('node-'.length), Number(dataset.seq)]));
		}).observe(document.querySelector('#nodes') as Element, { subtree: true, attributeFilter: ['data-seq'] });
	});
}
