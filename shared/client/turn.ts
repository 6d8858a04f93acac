/** The end of a turn of the event loop: when all callbacks that were due have run. */

declare const setImmediate: ((act: () => void) => unknown) | undefined;

/** In Node after everything that was ready; in a page, which has no such place, after the present callback. */
export function afterTurn(act: () => void): void {
	if (typeof setImmediate === 'function') setImmediate(act);
	else queueMicrotask(act);
}
