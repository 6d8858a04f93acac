/**
 * How a node lets go of its plain HTTP connections when it is to stop: no answer is lost, and no connection is reset
 * under a client that uses it. Each answer says that it is the last one; a connection that is not used for a while is
 * closed; and after a bounded time the rest is left to be cut.
 */
import { setTimeout } from 'node:timers/promises';
import type { Connection } from './connection.ts';

/** All in milliseconds. Together with the goodbyes of WebSockets they stay below what a launcher waits: 5 s. */
export const DRAIN_TIMINGS = {
	/** `/readyz` says 503 for so long before anything else changes: load balancers are to hear it. */
	unreadyMs: 250,
	/** A connection that was not used for so long, though it could have been, is idle. */
	idleMs: 250,
	/** The answers under way are awaited for so long, as of when nothing new is let in. */
	answersMs: 1000,
} as const;

const LOOK_EVERY_MS = 10;

/** @param plain the connections that are left, each time it is asked */
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

/** The client is told to send nothing more on this connection. */
export function isLast(response: { setHeader(name: string, value: string): unknown }): void {
	response.setHeader('Connection', 'close');
}
