/**
 * Watches a disk that does not keep up. While the disk is silent the node works on, because a quorum of others
 * may be enough, but it says so and does not call itself ready. When as much waits for the disk as may wait, the node
 * leaves the others alone until the disk answers: a leader that can take nothing in must not stay one.
 */
import type { LoopLog } from './loop.ts';

export interface DiskWatchRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `DiskWatch.fire` after that long; asking again replaces what was asked before. */
	setTimer(afterMs: number): void;
	/** Ends all links and makes no new ones; or makes them again. */
	isolate(isAlone: boolean, why: string): void;
	/** @param detail the rest of a sentence that begins with the node */
	told(what: 'hangs' | 'answers', detail: string): void;
}

/** A disk that has not made anything durable for so long, though something waits, is silent. */
export const DISK_SILENT_MS = 2000;

export class DiskWatch {
	readonly #log: Pick<LoopLog, 'durableThrough' | 'takesValues'>;
	readonly #runtime: DiskWatchRuntime;
	#timerIsSet = false;
	/** What was durable when the timer was set. */
	#durableThrough = 0;
	/** Since when nothing more was durable; null while the disk is not silent. */
	#silentSinceMs: number | null = null;
	#isAlone = false;

	constructor(log: Pick<LoopLog, 'durableThrough' | 'takesValues'>, runtime: DiskWatchRuntime) {
		this.#log = log;
		this.#runtime = runtime;
	}

	/** Why the node is not ready, in a few words; null for no reason. */
	get fault(): string | null {
		return this.#silentSinceMs === null ? null : `the disk has not answered for ${this.#silentSeconds()} s`;
	}

	/** At the end of a turn, where something waits for the disk. */
	waits(): void {
		if (!this.#timerIsSet) this.#setTimer();
	}

	/** The timer has fired. @param waits whether something waits for the disk */
	fire(waits: boolean): void {
		this.#timerIsSet = false;
		if (!waits) return;
		if (this.#log.durableThrough === this.#durableThrough) this.#isSilent();
		this.#setTimer();
	}

	/** The log holds more through a crash than before. @param waits whether something still waits for the disk */
	durable(waits: boolean): void {
		if (this.#silentSinceMs === null) return;
		if (this.#isAlone && waits && !this.#log.takesValues) return;
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
		if (this.#isAlone || this.#log.takesValues) return;
		this.#isAlone = true;
		this.#runtime.told('hangs', 'leaves the others alone until its disk answers, because as much waits as may wait');
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
