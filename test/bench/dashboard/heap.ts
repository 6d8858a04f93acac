/** How much the page's heap grows, after a collection of garbage, while five nodes tell 10,000 facts a second. */
import { setTimeout as delay } from 'node:timers/promises';
import type { CDPSession } from 'playwright-core';
import type { Bar } from './bar.ts';
import { BUSY_FACTS } from './busy.ts';
import { Pace } from './pace.ts';
import { tenths } from './spread.ts';
import { staged } from './stage.ts';

const GROWTH_MIB_MAX = 10;
/** What the page keeps is bounded, and is full by then. */
const WARM_UP_MS = 60_000;

export const heap: Bar = {
	name: 'heap',
	measure: ({ minutes }) =>
		staged({}, async (stage) => {
			const page = await stage.open();
			const pace = new Pace(
				stage.swarm.nodes.map(({ url }) => url),
				page,
				BUSY_FACTS,
			);
			try {
				const session = await page.context().newCDPSession(page);
				await session.send('HeapProfiler.enable');
				await delay(WARM_UP_MS);
				pace.take();
				const sizes = [await liveMib(session)];
				for (let minute = 0; minute < minutes; minute++) {
					await delay(60_000);
					sizes.push(await liveMib(session));
				}
				const { factsPerSecond, isReached, note } = pace.take();
				const growth = (sizes.at(-1) as number) - (sizes[0] as number);
				return [
					{
						bar: `heap growth over ${minutes} minutes, ${BUSY_FACTS} events/s`,
						target: `${GROWTH_MIB_MAX} MiB or less after warm-up`,
						measured: `${tenths(growth)} MiB; minute by minute ${sizes.map(tenths).join(', ')} MiB; ${factsPerSecond} facts a second`,
						isMet: isReached && growth <= GROWTH_MIB_MAX,
						note,
					},
				];
			} finally {
				pace.stop();
			}
		}),
};

/** The size of what is reachable. */
async function liveMib(session: CDPSession): Promise<number> {
	// What the first collection finalizes is free after the second one.
	await session.send('HeapProfiler.collectGarbage');
	await session.send('HeapProfiler.collectGarbage');
	const { usedSize } = await session.send('Runtime.getHeapUsage');
	return usedSize / 2 ** 20;
}
