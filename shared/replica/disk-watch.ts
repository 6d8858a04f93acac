/**
 * Watches for a disk that does not keep up. While the disk is silent the node works on, because a quorum of others may
 * be enough, but it reports the silence and is not ready. When the log takes no more values, the node cuts its links
 * to the others until the disk answers: a leader that can take nothing in must not stay the leader.
 */
import type { LoopLog } from './loop.ts';

export interface DiskWatchRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `DiskWatch.fire` after so many milliseconds. A new request replaces the earlier one. */
	setTimer(afterMs: number): void;
	/** Ends all links and makes no new ones (true), or makes them again (false). */
	isolate(isAlone: boolean, why: string): void;
	/** @param detail the rest of a sentence that begins with the node */
	told(what: 'hangs' | 'answers', detail: string): void;
}

/** A disk is silent when records wait for it and it has made none durable for this long. */
export const DISK_SILENT_MS = 2000;

export class DiskWatch {
	readonly #log: Pick<LoopLog, 'durableThrough' | 'room'>;
	readonly #runtime: DiskWatchRuntime;
	#timerIsSet = false;
	/** `LoopLog.durableThrough` when the timer was set. */
	#durableThrough = 0;
	/** The monotonic time at which the silence began; null while the disk is not silent. */
	#silentSinceMs: number | null = null;
	#isAlone = false;

	constructor(log: Pick<LoopLog, 'durableThrough' | 'room'>, runtime: DiskWatchRuntime) {
		this.#log = log;
		this.#runtime = runtime;
	}

	/** Why the disk keeps the node from being ready, in a few words; null where it does not. */
	get fault(): string | null {
		return this.#silentSinceMs === null ? null : `the disk has not answered for ${this.#silentSeconds()} s`;
	}

	/** Called at the end of a turn after which records wait for the disk. */
	waits(): void {
		if (!this.#timerIsSet) this.#setTimer();
	}

	/** The timer has fired. @param waits whether records wait for the disk */
	fire(waits: boolean): void {
		this.#timerIsSet = false;
		if (!waits) return;
		if (this.#log.durableThrough === this.#durableThrough) this.#isSilent();
		this.#setTimer();
	}

	/** More records are durable than before. @param waits whether others still wait for the disk */
	durable(waits: boolean): void {
		if (this.#isAlone && waits && this.#log.room !== 'everything') return;
		this.answers();
	}

	/** The disk has answered, if only that it has no room: what waits then waits for room, and all else goes on. */
	answers(): void {
		if (this.#silentSinceMs === null) return;
		this.#runtime.told('answers', `is answered by its disk again, after ${this.#silentSeconds()} s`);
		this.#silentSinceMs = null;
		if (!this.#isAlone) return;
		this.#isAlone = false;
		this.#runtime.isolate(false, '');
	}

	#isSilent(): void {
		if (this.#silentSinceMs === null) {
			this.#silentSinceMs = this.#runtime.nowMs() - DISK_SILENT_MS;
			const detail = `has waited for its disk for ${this.#silentSeconds()} s, and is not ready until it answers`;
			this.#runtime.told('hangs', detail);
		}
		if (this.#isAlone || this.#log.room === 'everything') return;
		this.#isAlone = true;
		this.#runtime.told('hangs', 'makes no links until its disk answers, because too much waits for it');
		this.#runtime.isolate(true, 'its disk does not answer');
	}

	#silentSeconds(): string {
		return ((this.#runtime.nowMs() - (this.#silentSinceMs ?? 0)) / 1000).toFixed(1);
	}

	#setTimer(): void {
		this.#timerIsSet = true;
		this.#durableThrough = this.#log.durableThrough;
		this.#runtime.setTimer(DISK_SILENT_MS);
	}
}
