/**
 * Calls that end by an AbortSignal. A signal may be given to any number of calls of any number of clients, and has
 * one listener for all of them, because Node warns of a leak above ten. The listener is removed with the last call.
 */

/** The end of a call: either `resolve` or `reject` is called, once. */
export interface Settle<T> {
	resolve(result: T): void;
	reject(reason: unknown): void;
}

/**
 * @returns a call that also fails with the signal's reason when the signal is aborted; `settle` where there is no
 * signal
 */
export function abortable<T>(signal: AbortSignal | undefined, settle: Settle<T>): Settle<T> {
	return signal ? new AbortableCall(signal, settle) : settle;
}

/** Settles as the promise does, or fails with the reason of the first of the signals that is aborted before. */
export function unlessAborted<T>(promise: Promise<T>, signals: readonly (AbortSignal | undefined)[]): Promise<T> {
	return new Promise((resolve, reject) => {
		const aborted = signals.find((signal) => signal?.aborted);
		if (aborted) reject(aborted.reason);
		const call = signals.reduce<Settle<T>>((inner, signal) => abortable(signal, inner), { resolve, reject });
		promise.then(
			(result) => call.resolve(result),
			(error: unknown) => call.reject(error),
		);
	});
}

/** Whether the call was ended by its signal. */
export function isAborted(call: Settle<never>): boolean {
	return call instanceof AbortableCall && call.isOver;
}

class AbortableCall<T> implements Settle<T> {
	readonly #signal: AbortSignal;
	#settle: Settle<T> | null;

	constructor(signal: AbortSignal, settle: Settle<T>) {
		this.#signal = signal;
		this.#settle = settle;
		listen(signal, this);
	}

	get isOver(): boolean {
		return this.#settle === null;
	}

	resolve(result: T): void {
		this.#end()?.resolve(result);
	}

	reject(reason: unknown): void {
		this.#end()?.reject(reason);
	}

	/** Called by the signal's listener, which is removed by then. */
	abort(): void {
		const settle = this.#settle;
		this.#settle = null;
		settle?.reject(this.#signal.reason);
	}

	#end(): Settle<T> | null {
		const settle = this.#settle;
		this.#settle = null;
		if (settle) unlisten(this.#signal, this);
		return settle;
	}
}

interface Listening {
	readonly calls: Set<AbortableCall<never>>;
	readonly onAbort: () => void;
}

/** The signals that calls listen to. */
const listening = new WeakMap<AbortSignal, Listening>();

function listen(signal: AbortSignal, call: AbortableCall<never>): void {
	const there = listening.get(signal);
	if (there) return void there.calls.add(call);
	const calls = new Set([call]);
	const onAbort = (): void => {
		listening.delete(signal);
		for (const each of calls) each.abort();
	};
	listening.set(signal, { calls, onAbort });
	signal.addEventListener('abort', onAbort, { once: true });
}

function unlisten(signal: AbortSignal, call: AbortableCall<never>): void {
	const there = listening.get(signal);
	if (!there?.calls.delete(call) || there.calls.size > 0) return;
	listening.delete(signal);
	signal.removeEventListener('abort', there.onAbort);
}
