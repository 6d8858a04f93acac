/**
 * Measures how long single steps of this process's event loop take, because while one runs no request is answered and no
 * heartbeat leaves. A timer ticks every `TICK_MS`. A step between two ticks took at most the time between them, so a
 * figure may be too high by one tick.
 *
 * A tick costs a tenth of a millisecond where the thread would sleep otherwise. So while the loop has little to do the
 * timer ticks every `IDLE_TICK_MS` only, and the time in which the loop waited for events is subtracted.
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
	/**
	 * The number of steps in which the thread ran for longer than 50 ms: waits for the disk and for other threads of this
	 * process do not count. 0 where the system does not tell.
	 */
	readonly ranOver50Ms: number;
}

export interface LoopClocks {
	nowMs(): number;
	/** How long the thread has run and waited for a processor in all, milliseconds; 0 where the system does not tell. */
	processor(): ProcessorTimes;
	/** How long the loop has waited for events in all, milliseconds. */
	idleMs(): number;
}

export interface ProcessorTimes {
	readonly ranMs: number;
	readonly waitedMs: number;
}

export const TICK_MS = 10;
export const IDLE_TICK_MS = 40;
/** The loop has little to do while it waits for events for this share of the time. */
const IDLE_SHARE = 0.5;
/** Room for the three numbers of the file and the spaces between them. */
const SCHEDSTAT_BYTES_MAX = 64;

export class LoopWatch {
	readonly #clocks: LoopClocks;
	readonly #stalled: (ms: number) => void;
	#tickedMs: number;
	#processor: ProcessorTimes;
	#idleMs: number;
	#everyMs = TICK_MS;
	#longestMs = 0;
	#over20Ms = 0;
	#over50Ms = 0;
	#over250Ms = 0;
	#ranOver50Ms = 0;

	/** @param stalled is told of a step that took longer than 250 ms, milliseconds */
	constructor(clocks: LoopClocks, stalled: (ms: number) => void = () => undefined) {
		this.#clocks = clocks;
		this.#stalled = stalled;
		this.#tickedMs = clocks.nowMs();
		this.#processor = clocks.processor();
		this.#idleMs = clocks.idleMs();
	}

	/** @returns after how many milliseconds it has to be called again, or as soon after that as the loop allows */
	tick(): number {
		const nowMs = this.#clocks.nowMs();
		const processor = this.#clocks.processor();
		const idleMs = this.#clocks.idleMs();
		const spanMs = nowMs - this.#tickedMs;
		// The timer ends each wait. A longer one is a process that was stopped meanwhile.
		const spanIdleMs = Math.min(idleMs - this.#idleMs, this.#everyMs);
		const stepMs =
			spanMs - (processor.waitedMs - this.#processor.waitedMs) - (this.#everyMs > TICK_MS ? spanIdleMs : 0);
		// The system counts what has run a little late, so that a short step may seem to have run for longer than it took.
		if (stepMs > 50 && processor.ranMs - this.#processor.ranMs > 50) this.#ranOver50Ms++;
		this.#tickedMs = nowMs;
		this.#processor = processor;
		this.#idleMs = idleMs;
		this.#everyMs = spanIdleMs >= IDLE_SHARE * spanMs ? IDLE_TICK_MS : TICK_MS;
		if (stepMs > this.#longestMs) this.#longestMs = stepMs;
		if (stepMs > 20) this.#over20Ms++;
		if (stepMs > 50) this.#over50Ms++;
		if (stepMs > 250) {
			this.#over250Ms++;
			this.#stalled(stepMs);
		}
		return this.#everyMs;
	}

	get figures(): LoopFigures {
		return {
			longestMs: Math.round(this.#longestMs * 10) / 10,
			over20Ms: this.#over20Ms,
			over50Ms: this.#over50Ms,
			over250Ms: this.#over250Ms,
			ranOver50Ms: this.#ranOver50Ms,
		};
	}
}

export interface RunningLoopWatch {
	figures(): LoopFigures;
	stop(): void;
}

/**
 * Watches the loop of this thread, which has to be the main thread. It does not keep the process running.
 *
 * @param stalled is told of a step that took longer than 250 ms, milliseconds
 */
export function watchLoop(stalled: (ms: number) => void): RunningLoopWatch {
	const processor = openProcessorClock();
	const clocks: LoopClocks = {
		nowMs: () => performance.now(),
		processor: processor.times,
		idleMs: () => performance.nodeTiming.idleTime,
	};
	const watch = new LoopWatch(clocks, stalled);
	let timer = setTimeout(tick, TICK_MS).unref();
	function tick(): void {
		timer = setTimeout(tick, watch.tick()).unref();
	}
	return {
		figures: () => watch.figures,
		stop: () => {
			clearTimeout(timer);
			processor.close();
		},
	};
}

/** @source Linux, Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat */
function openProcessorClock(): { times(): ProcessorTimes; close(): void } {
	let file: number;
	try {
		file = openSync('/proc/self/schedstat', 'r');
	} catch {
		return { times: () => ({ ranMs: 0, waitedMs: 0 }), close: () => undefined };
	}
	const bytes = Buffer.alloc(SCHEDSTAT_BYTES_MAX);
	return {
		times: () => {
			const read = readSync(file, bytes, 0, SCHEDSTAT_BYTES_MAX, 0);
			const [ranMs, waitedMs] = bytes.toString('latin1', 0, read).split(' ').map(msOf);
			return { ranMs: ranMs ?? 0, waitedMs: waitedMs ?? 0 };
		},
		close: () => closeSync(file),
	};
}

function msOf(nanoseconds: string): number {
	const ns = Number(nanoseconds);
	return Number.isFinite(ns) ? ns / 1_000_000 : 0;
}
