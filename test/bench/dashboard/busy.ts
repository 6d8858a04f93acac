/** How smooth the page is while five nodes tell 10,000 facts a second. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bar } from './bar.ts';
import { longTasksText, takeFrames, watchFrames } from './frames.ts';
import { Pace } from './pace.ts';
import { quantile, spreadText, tenths } from './spread.ts';
import { staged } from './stage.ts';

export const BUSY_FACTS = 10_000;
export const WARM_UP_MS = 20_000;
/** A frame of a screen with 60 of them a second. */
const FRAME_MS = 16.7;

export const busy: Bar = {
	name: 'frames',
	measure: ({ seconds }) =>
		staged({}, async (stage) => {
			const page = await stage.open();
			const pace = new Pace(
				stage.swarm.nodes.map(({ url }) => url),
				page,
				BUSY_FACTS,
			);
			try {
				await watchFrames(page);
				await delay(WARM_UP_MS);
				await takeFrames(page);
				pace.take();
				await delay(seconds * 1_000);
				const { frameMs, workMs, longTasksMs } = await takeFrames(page);
				const { factsPerSecond, isReached, note } = pace.take();
				const rate = `${factsPerSecond} facts a second`;
				return [
					{
						bar: `frame time, ${BUSY_FACTS} events/s, 5 nodes, ${seconds} s`,
						target: `p95 ${FRAME_MS} ms or less on a real screen`,
						measured: `${spreadText(frameMs)}; the main thread's part of a frame: ${spreadText(workMs)}; ${rate}`,
						isMet: isReached && tenths(quantile(frameMs, 0.95)) <= FRAME_MS,
						note: `The browser has no screen and no GPU here, and shares the processors with the nodes. ${note}`,
					},
					{
						bar: `tasks, ${BUSY_FACTS} events/s, 5 nodes, ${seconds} s`,
						target: 'none over 50 ms',
						measured: `${longTasksText(longTasksMs)}; ${rate}`,
						isMet: isReached && longTasksMs.length === 0,
						note,
					},
				];
			} finally {
				pace.stop();
			}
		}),
};
