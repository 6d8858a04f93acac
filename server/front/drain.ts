/**
 * Closes a node's plain HTTP connections before it stops, without losing an answer or resetting a connection that a
 * client uses. Each answer says that it is the last one, and connections that are not used for a while are closed. Those
 * that are left after a bounded time are cut by the caller.
 */
import { setTimeout } from 'node:timers/promises';
import type { Connection } from './connection.ts';

/** Times in milliseconds. Together with the closing of WebSockets they are shorter than a launcher waits, 5 s. */
export const DRAIN_TIMINGS = {
	/** `/readyz` answers 503 for so long before anything else changes, so that load balancers notice. */
	unreadyMs: 250,
	/** A connection without a request is closed after this time. */
	idleMs: 250,
	/** Answers under way are awaited for so long after new connections are no longer let in. */
	answersMs: 1000,
} as const;

const LOOK_EVERY_MS = 10;

/** @param plain returns the plain connections that are left */
export async function drain(plain: () => readonly Connection[], timings = DRAIN_TIMINGS): Promise<void> {
	const startedMs = performance.now();
	for (const { unanswered } of plain()) if (unanswered?.headersSent === false) isLast(unanswered);
	for (;;) {
		const passedMs = performance.now() - startedMs;
		const open = plain().filter(({ socket }) => !socket.writableEnded);
		if (open.length === 0 || passedMs >= timings.answersMs) return;
		if (passedMs >= timings.idleMs) for (const { socket, isIdle } of open) if (isIdle) socket.end();
		await setTimeout(LOOK_EVERY_MS);
	}
}

/** Marks a response as the last one on its connection. */
export function isLast(response: { setHeader(name: string, value: string): unknown }): void {
	response.setHeader('Connection', 'close');
}
