/**
 * How long single steps of this process's event loop took: while one runs, nobody is answered and no heartbeat
 * leaves. A timer ticks every `TICK_MS`; what passed between two ticks is the most that a step between them can
 * have taken. So a figure may be too high by one tick, and is never too low.
 *
 * The time in which the thread was ready to run and had no processor is taken off, where the system tells it (Linux):
 * otherwise the figures would be those of the machine's other programs. Garbage collection counts, because everybody
 * waits for it. `perf_hooks.monitorEventLoopDelay` is not used: it knows nothing of the processor, it has no counts
 * that several readers could compare, and after each `reset` it misses the step that is under way.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** Since the process began to watch. They only grow, so who wants those of a span reads them before and after. */
export interface LoopFigures {
	readonly longestMs: number;
	/** How many steps took longer than this. */
	readonly over20Ms: number;
	readonly over50Ms: number;
	readonly over250Ms: number;
}

export interface LoopClocks {
	nowMs(): number;
	/** How long the thread has waited for a processor in all; 0 where nobody knows. Milliseconds. */
	waitedMs(): number;
}

const TICK_MS = 10;
/** Three numbers in nanoseconds and one space between each two of them. */
const SCHEDSTAT_BYTES_MAX = 64;

export class LoopWatch {
	readonly #clocks: LoopClocks;
	#tickedMs: number;
	#waitedMs: number;
	#longestMs = 0;
	#over20Ms = 0;
	#over50Ms = 0;
	#over250Ms = 0;

	constructor(clocks: LoopClocks) {
		this.#clocks = clocks;
		this.#tickedMs = clocks.nowMs();
		this.#waitedMs = clocks.waitedMs();
	}

	/** To be called every `TICK_MS`, or as soon after that as the loop allows. */
	tick(): void {
		const nowMs = this.#clocks.nowMs();
		const waitedMs = this.#clocks.waitedMs();
		const stepMs = nowMs - this.#tickedMs - (waitedMs - this.#waitedMs);
		this.#tickedMs = nowMs;
		this.#waitedMs = waitedMs;
		if (stepMs > this.#longestMs) this.#longestMs = stepMs;
		if (stepMs > 20) this.#over20Ms++;
		if (stepMs > 50) this.#over50Ms++;
		if (stepMs > 250) this.#over250Ms++;
	}

	get figures(): LoopFigures {
		return {
			longestMs: Math.round(this.#longestMs * 10) / 10,
			over20Ms: this.#over20Ms,
			over50Ms: this.#over50Ms,
			over250Ms: this.#over250Ms,
		};
	}
}

export interface RunningLoopWatch {
	figures(): LoopFigures;
	stop(): void;
}

/** Watches the loop of this very thread, which has to be the process's first. It keeps no process running. */
export function watchLoop(): RunningLoopWatch {
	const processor = openProcessorClock();
	const watch = new LoopWatch({ nowMs: () => performance.now(), waitedMs: processor.waitedMs });
	const timer = setInterval(() => watch.tick(), TICK_MS).unref();
	return {
		figures: () => watch.figures,
		stop: () => {
			clearInterval(timer);
			processor.close();
		},
	};
}

/** @source Linux, Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat */
function openProcessorClock(): { waitedMs(): number; close(): void } {
	let file: number;
	try {
		file = openSync('/proc/self/schedstat', 'r');
	} catch {
		return { waitedMs: () => 0, close: () => undefined };
	}
	const bytes = Buffer.alloc(SCHEDSTAT_BYTES_MAX);
	return {
		waitedMs: () => {
			const read = readSync(file, bytes, 0, SCHEDSTAT_BYTES_MAX, 0);
			const waitedNs = Number(bytes.toString('latin1', 0, read).split(' ')[1]);
			return Number.isFinite(waitedNs) ? waitedNs / 1_000_000 : 0;
		},
		close: () => closeSync(file),
	};
}
