/**
 * The place where a node keeps what it has promised and accepted, as the node uses it: its data folder, or memory that ends
 * with the process.
 */
import { CorruptLogError } from '../../shared/disk/corrupt-log-error.ts';
import { SEGMENT_BYTES_DEFAULT } from '../../shared/disk/log.ts';
import { newLogFiles } from '../../shared/disk/manifest.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { PutBackError } from '../../shared/replica/memory.ts';
import type { MachineLabel } from '../../shared/store/own-machine.ts';
import type { FileDisk } from './files.ts';
import { openFolder, ownerOf } from './folder.ts';
import type { FirstMembers, SwarmMembers } from './identity.ts';
import { explained } from './locked-folder.ts';
import { KEY_VALUE_LABEL, noteMachine, refuseOtherMachine } from './machine-label.ts';
import { MemoryDisk } from './memory.ts';
import { PeerNotes } from './peer-notes.ts';

/** The system's errors where this user may not do what the log needs, at the start or later. */
const NOT_ALLOWED: readonly unknown[] = ['EACCES', 'EPERM', 'EROFS'];

/** The identity of a throw-away swarm. The primary process makes it for all nodes, and it is never used twice. */
export interface MemoryIdentity {
	readonly swarmId: string;
}

export interface Home extends MemoryIdentity {
	/** The node's id. */
	readonly id: NodeId;
	/** The members that the swarm began with. */
	readonly members: FirstMembers;
	/** The disk of the node's log. */
	readonly disk: FileDisk | MemoryDisk;
	/** The owner of the log on the disk: see `LogOptions`. */
	readonly owner: string;
	/** What the other nodes have told; null where nothing is kept. */
	readonly notes: PeerNotes | null;
	/** The name of the swarm among nodes: those with another state machine have another one. */
	readonly meshId: string;
	/** The log was read. @param isNew whether there was nothing in it @throws FolderError where it is that of another machine */
	started(isNew: boolean): void;
	/** The error for people where the node cannot start or go on. Some errors are about the folder, and name it. */
	reasonOf(error: Error): Error;
	/** The error for people where another process of the node has a link to `peer`. */
	twice(peer: NodeId): Error;
	close(): Promise<void> | void;
}

/**
 * Opens the data folder of the node `name`, and locks it.
 *
 * @param swarm the name of the swarm
 * @throws FolderError where it must not be used, also because another state machine has written there
 */
export async function openHome(dataDir: string, swarm: string, name: string, label: MachineLabel): Promise<Home> {
	const folder = openFolder(dataDir, name, swarm);
	try {
		refuseOtherMachine(folder.path, label);
	} catch (error) {
		await folder.close();
		throw error;
	}
	return {
		...folder,
		notes: new PeerNotes(folder.path, folder.swarmId),
		meshId: meshIdOf(folder.swarmId, label),
		started: (isNew) => noteMachine(folder.path, label, isNew),
		reasonOf: (error) => {
			if (error instanceof CorruptLogError) return folder.damaged(error);
			if (error instanceof PutBackError) return folder.putBack(error);
			return 'code' in error && NOT_ALLOWED.includes(error.code) ? (explained(folder.path, error) as Error) : error;
		},
	};
}

/** A home that keeps nothing on disk. */
export function memoryHome(
	{ swarmId }: MemoryIdentity,
	{ members }: SwarmMembers,
	name: string,
	label: MachineLabel,
): Home {
	const owner = ownerOf(swarmId, name);
	return {
		swarmId,
		id: name,
		members,
		disk: new MemoryDisk(newLogFiles(owner, SEGMENT_BYTES_DEFAULT)),
		owner,
		notes: null,
		meshId: meshIdOf(swarmId, label),
		started: () => undefined,
		reasonOf: (error) => error,
		twice: (peer) => new Error(`another process of ${name} has a link to ${peer}`),
		close: () => undefined,
	};
}

/** A machine of the user's own adds its name, so its nodes never link with those of another machine. */
function meshIdOf(swarmId: string, label: MachineLabel): string {
	return label === KEY_VALUE_LABEL ? swarmId : `${swarmId}/${label.name}`;
}
