/**
 * The messages of a node's process to the primary process that started it, over the IPC channel between them. A launched
 * node must never outlive its primary process: the channel closes however that process ends.
 */

import type { StartProgress } from './replica/memory.ts';

export type ChildMessage =
	| { readonly kind: 'ready' }
	/** Its progress, before it is ready. */
	| { readonly kind: 'progress'; readonly progress: StartProgress }
	/** The node is no member of the swarm any more, and its process ends with status 0. */
	| { readonly kind: 'removed' }
	/** It could not start, and ends with a status that is not 0. */
	| { readonly kind: 'failed'; readonly why: string };

export interface Primary {
	/** Resolves when the message was sent, or the primary process is gone. */
	tell(message: ChildMessage): Promise<void>;
	/** Resolves when the primary process has ended. */
	readonly gone: Promise<void>;
	/** Closes this end of the channel, which would keep the process from ending. */
	leave(): void;
}

export function connectPrimary(): Primary {
	return {
		tell: (message) =>
			new Promise((resolve) => {
				if (process.send && process.connected) process.send(message, () => resolve());
				else resolve();
			}),
		gone: new Promise((resolve) => {
			process.once('disconnect', resolve);
			// The primary process may have ended before this process listened.
			if (!process.connected) resolve();
		}),
		leave: () => {
			if (process.connected) process.disconnect();
		},
	};
}

/** Checks a message from a child. */
export function isChildMessage(message: unknown): message is ChildMessage {
	if (typeof message !== 'object' || message === null || !('kind' in message)) return false;
	switch (message.kind) {
		case 'ready':
		case 'removed':
			return true;
		case 'failed':
			return 'why' in message && typeof message.why === 'string';
		case 'progress':
			return 'progress' in message && isProgress(message.progress);
		default:
			return false;
	}
}

function isProgress(progress: unknown): progress is StartProgress {
	if (typeof progress !== 'object' || progress === null) return false;
	const { doing, count, percent } = progress as Partial<Record<keyof StartProgress, unknown>>;
	const isKnown = doing === 'restoring' || doing === 'reading' || doing === 'applying';
	return isKnown && typeof count === 'number' && typeof percent === 'number';
}
