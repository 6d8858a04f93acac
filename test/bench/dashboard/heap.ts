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
/** A page that is too busy for it would be waited for without end. */
const COLLECTED_MS_MAX = 60_000;

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
				told(`${WARM_UP_MS / 1_000} s of warm-up, and then ${minutes} min`);
				await delay(WARM_UP_MS);
				pace.take();
				const sizes: number[] = [];
				for (let minute = 0; minute <= minutes; minute++) {
					if (minute > 0) await delay(60_000);
					const mib = await liveMib(session);
					told(`${tenths(mib)} MiB after ${minute} of ${minutes} min`);
					sizes.push(mib);
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

function told(how: string): void {
	process.stderr.write(`heap: ${how}\n`);
}

/** The size of what is reachable. @throws {Error} where the page does not say it in time */
async function liveMib(session: CDPSession): Promise<number> {
	const late = new AbortController();
	const isLate = delay(COLLECTED_MS_MAX, undefined, { signal: late.signal }).then(() => {
		throw new Error(`the page collected no garbage within ${COLLECTED_MS_MAX / 1_000} s`);
	});
	try {
		return await Promise.race([sizeAfterCollection(session), isLate]);
	} finally {
		late.abort();
		await isLate.catch(() => undefined);
	}
}

async function sizeAfterCollection(session: CDPSession): Promise<number> {
	// What the first collection finalizes is free after the second one.
	await session.send('HeapProfiler.collectGarbage');
	await session.send('HeapProfiler.collectGarbage');
	const { usedSize } = await session.send('Runtime.getHeapUsage');
	return usedSize / 2 ** 20;
}
