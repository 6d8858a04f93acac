/** Why data folders must not be used. Each refusal tells the reason and the remedy. */
import { join } from 'node:path';
import type { CorruptLogError } from '../../shared/disk/corrupt-log-error.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { PutBackError } from '../../shared/replica/memory.ts';
import { FolderError } from './errors.ts';

/** The remedy that helps as long as a majority of the other nodes is well. @param folder the folder of the log */
function orReplace(folder: string): string {
	return (
		`Where that is not possible, move ${folder} away and start the node again: it begins with a new disk, and takes ` +
		'the place of its old self, as long as a majority of the members is well'
	);
}

/** The system does not let this process read a file, so nobody can say that it is damaged. */
export function notReadable(path: string, cause: Error): FolderError {
	const message = `${path} cannot be read: ${cause.message}. Make it readable for this user`;
	return new FolderError('unreadable', message, { cause });
}

/** The swarm was formatted, and the node has no log. */
export function lostMemory(node: string, what: string): FolderError {
	return new FolderError(
		'lost',
		`Node ${node} has no data: ${what}. Where its disk is lost, it must not vote as if it remembered what it promised. ` +
			'Put the folder back as it was when the node last ran; an older copy has forgotten promises too. ' +
			'Where that is not possible, or where the node is new, let it begin with a new disk',
		{ remedy: 'newDisk', node },
	);
}

/** @param folder of the log */
export function damagedLog(folder: string, node: NodeId, error: CorruptLogError): FolderError {
	return new FolderError(
		'damaged',
		`Node ${node} cannot use its log: ${join(folder, error.file)}, at byte ${error.offset}: ${error.reason}. ` +
			`Something that was durable is gone, so the node must not vote as if it remembered it, and nothing was changed. ` +
			`Put ${folder} back as it was when the node last ran; an older copy has forgotten promises too. ${orReplace(folder)}`,
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
			`not vote. Put the folder back as it was when the node last ran. ${orReplace(folder)}`,
		{ cause: error },
	);
}

/** @param folder of the log @param peer the node that has a link to the other process */
export function runsTwice(folder: string, node: NodeId, peer: NodeId): FolderError {
	return new FolderError(
		'twice',
		`Node ${node} runs in another process too, to which node ${peer} has a link: of ${folder} and the log of that process ` +
			'one is a copy of the other. Two processes that do not know what the other has promised must not both vote, so this ' +
			'one, which came later, stops. If its folder is the copy, remove it: a further node needs a name of its own. If it is ' +
			'the one to be kept, stop the other process first',
	);
}

/** @param folder of the log @param path the folder itself or a file in it */
export function notInPlace(folder: string, path: string): FolderError {
	return new FolderError(
		'misplaced',
		`${path} was removed, moved or replaced while its node runs, so the next start would not find what is written to it. ` +
			`Put ${folder} back as it was when the node stopped. ${orReplace(folder)}`,
	);
}

/** @param folder of the log */
export function lockGone(folder: string): FolderError {
	return new FolderError(
		'misplaced',
		`The lock of ${folder} was removed while its node runs, so another process could use the folder too. Start the node ` +
			'again, and leave that file where it is: it holds up nobody once its process has ended',
	);
}
