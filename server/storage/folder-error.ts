/** The errors of data folders that must not be used. Each tells the reason and the remedy. */
import { join } from 'node:path';
import type { CorruptLogError } from '../../shared/disk/corrupt-log-error.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { PutBackError } from '../../shared/replica/memory.ts';

export type FolderErrorCode =
	| 'unformatted'
	| 'alreadyFormatted'
	| 'incomplete'
	| 'missing'
	| 'damaged'
	| 'putBack'
	| 'otherSwarm'
	| 'otherNode'
	| 'otherMembers'
	| 'inUse'
	| 'notLockable'
	| 'unknownFormat'
	| 'unreadable'
	| 'notWritable'
	| 'noRoom';

/** The remedy that a message ends with, for which the command line adds the command. */
export type FolderRemedy = 'format' | 'erase';

/** A data folder that must not be used. The message is for people. */
export class FolderError extends Error {
	override readonly name = 'FolderError';
	readonly code: FolderErrorCode;
	readonly remedy: FolderRemedy | null;

	constructor(code: FolderErrorCode, message: string, options: ErrorOptions & { readonly remedy?: FolderRemedy } = {}) {
		super(message, options);
		this.code = code;
		this.remedy = options.remedy ?? null;
	}
}

const NOT_REPLACED =
	'The others go on without it while they are a majority; a member that lost its memory cannot be replaced yet';

/** The swarm was formatted, and a part of what the node promised and accepted is missing. */
export function lostMemory(node: NodeId, what: string): FolderError {
	return new FolderError(
		'missing',
		`Node ${node} has lost its memory: ${what}. It must not vote as if it remembered what it promised. ` +
			`Put the folder back as it was when the node last ran; an older copy has forgotten promises too. ${NOT_REPLACED}`,
	);
}

/** @param folder of the log */
export function damagedLog(folder: string, node: NodeId, error: CorruptLogError): FolderError {
	return new FolderError(
		'damaged',
		`Node ${node} cannot use its log: ${join(folder, error.file)}, at byte ${error.offset}: ${error.reason}. ` +
			`Something that was durable is gone, so the node must not vote as if it remembered it, and nothing was changed. ` +
			`Put ${folder} back as it was when the node last ran; an older copy has forgotten promises too. ${NOT_REPLACED}`,
		{ cause: error },
	);
}

/** @param folder of the log */
export function putBack(folder: string, node: NodeId, error: PutBackError): FolderError {
	const { peer, remembered, newest } = error;
	return new FolderError(
		'putBack',
		`Node ${node} has an older copy of its data folder: ${folder} ends with frame ${newest}, and node ${peer} remembers ` +
			`that it reached frame ${remembered}. What the node promised and accepted after that is not there, so it must ` +
			`not vote. Put the folder back as it was when the node last ran. ${NOT_REPLACED}`,
		{ cause: error },
	);
}
