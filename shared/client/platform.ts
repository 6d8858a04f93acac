/**
 * The runtime in Node and in pages: the one file of this room that may use clocks, timers, randomness and packages. It
 * holds no rule of the client.
 */
import { nanoid } from 'nanoid';
import type { ClientRuntime } from './runtime.ts';

declare const setImmediate: ((act: () => void) => unknown) | undefined;

export const platform: ClientRuntime = {
	nowMs: () => performance.now(),
	random: Math.random,
	newId: nanoid,
	after: (ms, act) => {
		const timer = setTimeout(act, ms);
		return () => clearTimeout(timer);
	},
	/** In Node after all I/O that was ready; a page has no such point, so there it is after the present callback. */
	afterTurn: (act) => {
		if (typeof setImmediate === 'function') setImmediate(act);
		else queueMicrotask(act);
	},
};
