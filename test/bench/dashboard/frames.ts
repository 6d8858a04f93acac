/** What the page's main thread does: its frames, and its tasks of 50 ms and more. */
import type { Page } from 'playwright-core';

export interface Frames {
	/** The times between two frames, milliseconds. */
	readonly frameMs: readonly number[];
	/** The times from the beginning of a frame to its end on the main thread, milliseconds. */
	readonly workMs: readonly number[];
	/** The tasks of 50 ms and more, milliseconds. The browser tells no shorter ones. */
	readonly longTasksMs: readonly number[];
}

interface Probe {
	frames: number[];
	works: number[];
	tasks: number[];
}

/** Begins to watch. It is called once for a page that is loaded. */
export function watchFrames(page: Page): Promise<void> {
	return page.evaluate(() => {
		const probe: Probe = { frames: [], works: [], tasks: [] };
		Object.assign(window, { probe });
		new PerformanceObserver((list) => {
			for (const { duration } of list.getEntries()) probe.tasks.push(duration);
		}).observe({ type: 'longtask' });
		const { port1, port2 } = new MessageChannel();
		let beganMs = 0;
		// A message is handled once the frame in which it was sent has been painted.
		port1.onmessage = () => probe.works.push(performance.now() - beganMs);
		const each = (nowMs: number): void => {
			if (beganMs > 0) probe.frames.push(nowMs - beganMs);
			beganMs = nowMs;
			port2.postMessage(null);
			requestAnimationFrame(each);
		};
		requestAnimationFrame(each);
	});
}

/** All since the last call. */
export function takeFrames(page: Page): Promise<Frames> {
	return page.evaluate(() => {
		const { probe } = window as unknown as { probe: Probe };
		return {
			frameMs: probe.frames.splice(0),
			workMs: probe.works.splice(0),
			longTasksMs: probe.tasks.splice(0),
		};
	});
}

/** Such as `none of 50 ms or more`. */
export function longTasksText(longTasksMs: readonly number[]): string {
	if (longTasksMs.length === 0) return 'no task of 50 ms or more';
	return `${longTasksMs.length} tasks of 50 ms or more, the longest ${Math.max(...longTasksMs)} ms`;
}
