/**
 * A watch as `for await` takes it. What has come and was not taken is bounded: above the bound the watch is paused, and
 * goes on when the loop has taken everything.
 */
import { abortable, type Settle } from './abort.ts';
import type { WatchedChange } from './changes.ts';
import type { WatchedChanges, Watcher, WatchHandle } from './watches.ts';

/** The bound on the bytes that wait for the loop. What the present frame holds may come beyond it. */
const WAITING_BYTES_FULL = 1_048_576;
const CHANGE_BYTES = 128;

interface Waiting {
	resolve(result: IteratorResult<WatchedChanges, undefined>): void;
	reject(reason: unknown): void;
}

export class WatchIterator implements AsyncIterableIterator<WatchedChanges, undefined>, Watcher {
	/** Listens to the signal, until the watch ends. */
	readonly #watching: Settle<void> | undefined;
	#handle: WatchHandle | undefined;
	#queue: WatchedChanges[] = [];
	#bytes = 0;
	#isPaused = false;
	/** The calls of `next` that wait, the first one first. */
	#waiting: Waiting[] = [];
	#isOver = false;
	/** It is thrown once, when everything before it was taken. */
	#failure: { readonly reason: unknown } | null = null;

	/** @param begin begins the watch */
	constructor(signal: AbortSignal | undefined, begin: (watcher: Watcher) => WatchHandle) {
		if (signal?.aborted) {
			this.#fail(signal.reason);
		} else {
			this.#watching = abortable(signal, { resolve: () => undefined, reject: (reason) => this.#fail(reason) });
			this.#handle = begin(this);
		}
	}

	[Symbol.asyncIterator](): this {
		return this;
	}

	next(): Promise<IteratorResult<WatchedChanges, undefined>> {
		const changes = this.#queue.shift();
		if (changes) {
			this.#bytes -= bytesOf(changes);
			if (this.#isPaused && this.#queue.length === 0) {
				this.#isPaused = false;
				this.#handle?.resume();
			}
			return Promise.resolve({ done: false, value: changes });
		}
		const failure = this.#failure;
		this.#failure = null;
		if (failure) return Promise.reject(failure.reason);
		if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
		return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
	}

	/** The loop was left. */
	return(): Promise<IteratorResult<WatchedChanges, undefined>> {
		this.#end();
		this.#queue = [];
		this.#failure = null;
		for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
		return Promise.resolve({ done: true, value: undefined });
	}

	// From the client

	changed(changes: WatchedChanges): void {
		const waiting = this.#waiting.shift();
		if (waiting) return waiting.resolve({ done: false, value: changes });
		this.#queue.push(changes);
		this.#bytes += bytesOf(changes);
		if (this.#bytes < WAITING_BYTES_FULL || this.#isPaused) return;
		this.#isPaused = true;
		this.#handle?.pause();
	}

	ended(error: Error): void {
		this.#fail(error);
	}

	#fail(reason: unknown): void {
		if (this.#isOver) return;
		this.#end();
		const [first, ...others] = this.#waiting.splice(0);
		if (first) first.reject(reason);
		else this.#failure = { reason };
		for (const { resolve } of others) resolve({ done: true, value: undefined });
	}

	#end(): void {
		this.#isOver = true;
		this.#watching?.resolve();
		this.#handle?.close();
		this.#handle = undefined;
	}
}

function bytesOf({ changes }: WatchedChanges): number {
	return changes.reduce((sum, change) => sum + bytesOfChange(change), 0);
}

function bytesOfChange(change: WatchedChange): number {
	return CHANGE_BYTES + 2 * change.key.length + (change.kind === 'put' ? change.value.length : 0);
}
