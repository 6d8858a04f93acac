/** The errors of data folders, by which a program that starts a node tells one from another. */

export type FolderErrorCode =
	| 'unformatted'
	| 'alreadyFormatted'
	| 'incomplete'
	| 'missing'
	| 'misplaced'
	| 'lost'
	| 'damaged'
	| 'putBack'
	| 'twice'
	| 'otherSwarm'
	| 'otherNode'
	| 'otherMachine'
	| 'inUse'
	| 'notLockable'
	| 'unknownFormat'
	| 'unreadable'
	| 'notWritable'
	| 'noRoom';

/**
 * The remedy that a message ends with. The command line adds the command or the flag for it, a program has options of its
 * own.
 */
export type FolderRemedy = 'format' | 'erase' | 'newDisk' | 'otherFolder';

/** A data folder that must not be used. The message is for people. */
export class FolderError extends Error {
	override readonly name = 'FolderError';
	readonly code: FolderErrorCode;
	readonly remedy: FolderRemedy | null;
	/** The name of the node whose folder it is; '' where the remedy is for all nodes. */
	readonly node: string;

	constructor(
		code: FolderErrorCode,
		message: string,
		options: ErrorOptions & { readonly remedy?: FolderRemedy; readonly node?: string } = {},
	) {
		super(message, options);
		this.code = code;
		this.remedy = options.remedy ?? null;
		this.node = options.node ?? '';
	}
}

/** A node cannot join, because no member tells which swarm it is. The message says what each answered. */
export class JoinError extends Error {
	override readonly name = 'JoinError';
}
