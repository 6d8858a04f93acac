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
