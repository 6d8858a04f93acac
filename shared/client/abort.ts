/**
 * Calls that end by an AbortSignal. A signal may be given to any number of calls of any number of clients, and yet
 * has one listener only, which is gone when the last of its calls is: Node warns of a leak above ten.
 */

/** How a call ends: one of the two is called, once. */
export interface Settle<T> {
	resolve(result: T): void;
	reject(reason: unknown): void;
}

/** The call as it is to be kept: with a signal, it fails with the signal's reason when that is aborted. */
export function abortable<T>(signal: AbortSignal | undefined, settle: Settle<T>): Settle<T> {
	return signal ? new AbortableCall(signal, settle) : settle;
}

/** Whether its signal has ended the call. */
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

	/** From the signal, which listens no more. */
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

/** A signal is here while calls listen to it. */
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
