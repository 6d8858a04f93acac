/**
 * Measures how long single steps of this process's event loop take, because while one runs no request is answered and no
 * heartbeat leaves. A timer ticks every `TICK_MS`. A step between two ticks took at most the time between them, so a
 * figure may be too high by one tick, and is never too low.
 *
 * Time in which the thread was ready to run and had no processor is subtracted where the system tells it (Linux), because
 * it is the fault of the machine's other programs. Garbage collection counts, because requests wait for it.
 * `perf_hooks.monitorEventLoopDelay` is not used: it does not know the time without a processor, it has no counts that
 * several readers could compare, and after each `reset` it misses the step that is under way.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** The figures since the watch began. They only grow, so those of a span of time are differences of two readings. */
export interface LoopFigures {
	readonly longestMs: number;
	/** The numbers of steps that took longer than 20, 50 and 250 ms. */
	readonly over20Ms: number;
	readonly over50Ms: number;
	readonly over250Ms: number;
}

export interface LoopClocks {
	nowMs(): number;
	/** How long the thread has waited for a processor in all, milliseconds; 0 where the system does not tell. */
	waitedMs(): number;
}

const TICK_MS = 10;
/** Room for the three numbers of the file and the spaces between them. */
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

	/** It has to be called every `TICK_MS`, or as soon after that as the loop allows. */
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

/** Watches the loop of this thread, which has to be the main thread. It does not keep the process running. */
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
