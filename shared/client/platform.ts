/**
 * The runtime in Node and in pages: the one file of this room that may use clocks, timers, randomness and packages. It
 * holds no rule of the client.
 */
import { nanoid, random } from 'nanoid';
import type { SessionRuntime } from './runtime.ts';
import { uuidOf } from './uuid.ts';

/** `crypto.randomUUID` is not there in pages that came over plain HTTP. */
const UUID_BYTES = 16;

declare const setImmediate: ((act: () => void) => unknown) | undefined;

export const platform: SessionRuntime = {
	nowMs: () => performance.now(),
	random: Math.random,
	newId: nanoid,
	newSessionId: () => uuidOf(random(UUID_BYTES)),
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

/** Unix time, milliseconds: for what has to end at a time of the day, as nothing of the client itself has. */
export function wallMs(): number {
	return Date.now();
}
