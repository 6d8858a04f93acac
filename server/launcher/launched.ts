/**
 * The messages of a node's process to the primary process that started it, over the IPC channel between them. A launched
 * node must never outlive its primary process: the channel closes however that process ends.
 */

import { isNodeAct, type NodeAct } from '../../shared/lab.ts';
import type { NodeActor } from '../lab/lab.ts';
import type { StartProgress } from '../replica/memory.ts';

export type ChildMessage =
	| { readonly kind: 'ready' }
	/** Its progress, before it is ready. */
	| { readonly kind: 'progress'; readonly progress: StartProgress }
	/** The node is no member of the swarm any more, and its process ends with status 0. */
	| { readonly kind: 'removed' }
	/** In a lab, something is to be done to a node. The answer has the same number. */
	| { readonly kind: 'act'; readonly number: number; readonly act: NodeAct; readonly node: string }
	/** It could not start, and ends with a status that is not 0. */
	| { readonly kind: 'failed'; readonly why: string };

/** The answer of the primary process. */
export interface ActedMessage {
	readonly kind: 'acted';
	readonly number: number;
	/** Why it could not be done, a sentence; null where it is done. */
	readonly why: string | null;
}

export interface Primary extends NodeActor {
	/** Resolves when the message was sent, or the primary process is gone. */
	tell(message: ChildMessage): Promise<void>;
	/** Resolves when the primary process has ended. */
	readonly gone: Promise<void>;
	/** Closes this end of the channel, which would keep the process from ending. */
	leave(): void;
}

export function connectPrimary(): Primary {
	const asked = new Map<number, (why: string | null) => void>();
	let askedCount = 0;
	process.on('message', (message) => {
		if (!isActed(message)) return;
		asked.get(message.number)?.(message.why);
		asked.delete(message.number);
	});
	const tell = (message: ChildMessage): Promise<void> =>
		new Promise((resolve) => {
			if (process.send && process.connected) process.send(message, () => resolve());
			else resolve();
		});
	return {
		tell,
		act: (act, node) =>
			new Promise((resolve) => {
				const number = ++askedCount;
				asked.set(number, resolve);
				void tell({ kind: 'act', number, act, node });
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

function isActed(message: unknown): message is ActedMessage {
	return typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'acted';
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
		case 'act':
			return 'act' in message && isNodeAct(message.act) && 'node' in message && 'number' in message;
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
