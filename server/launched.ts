/**
 * What a node's process and the primary process that started it say to each other, over the IPC channel
 * between them. A launched node must never outlive its primary: the channel closes however that one ends.
 */

export type ChildMessage =
	| { readonly kind: 'ready' }
	/** It could not start, and ends now with a status that is not 0. */
	| { readonly kind: 'failed'; readonly why: string };

export interface Primary {
	/** Resolves when the message is on its way, or nobody is left to read it. */
	tell(message: ChildMessage): Promise<void>;
	/** Resolves when the primary process has ended, by whatever means. */
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
			// It may have ended before this process came to listen.
			if (!process.connected) resolve();
		}),
		leave: () => {
			if (process.connected) process.disconnect();
		},
	};
}

/** What arrives from a child is taken for anything at all until it was looked at. */
export function isChildMessage(message: unknown): message is ChildMessage {
	if (typeof message !== 'object' || message === null || !('kind' in message)) return false;
	return message.kind === 'ready' || (message.kind === 'failed' && 'why' in message && typeof message.why === 'string');
}
