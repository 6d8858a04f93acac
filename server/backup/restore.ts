/**
 * Makes the data folders of a new swarm from the snapshot of another one. The identity is new, so that nodes and files of
 * the two never mix. The logs of all nodes begin behind the same snapshot, and have promised nothing.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { SnapshotEncoder, type SnapshotNote, snapshotName } from '../../shared/disk/snapshot-file.ts';
import type { Member } from '../../shared/paxos/change.ts';
import { firstMembers } from '../../shared/paxos/members.ts';
import { membersPart } from '../../shared/replica/restore.ts';
import { syncFolder } from '../storage/files.ts';
import { firstVotersOf, type SwarmMembers } from '../storage/identity.ts';
import { type NewSwarm, newSwarm } from '../storage/new-folder.ts';
import type { Backup } from './file.ts';
import type { BackupStep } from './read.ts';

export interface RestoreSource {
	/** Reads the file, from the beginning. */
	steps(): AsyncGenerator<BackupStep, Backup>;
	/** Aborted where the command is told to stop. */
	readonly signal: AbortSignal;
}

/**
 * The folders are durable when it resolves. Where it fails, nothing of them is left.
 *
 * @param backup what is in the file, which was read to its end before
 * @returns the id of the new swarm
 * @throws FolderError `alreadyFormatted`, `incomplete`, `inUse`, `notWritable`, `noRoom`; BackupError
 */
export async function restoreSwarm(
	dataDir: string,
	swarm: SwarmMembers,
	backup: Backup,
	{ steps, signal }: RestoreSource,
): Promise<string> {
	return newSwarm(dataDir, swarm, async (made) => {
		const note = await writeSnapshots(made, firstVotersOf(swarm.members), backup, steps(), signal);
		for (const node of Object.keys(swarm.members)) made.makeLog(node, note);
		signal.throwIfAborted();
	});
}

/** Each node has the same file: that of the backup, with the members of the new swarm. */
async function writeSnapshots(
	{ identity, logOf }: NewSwarm,
	members: readonly Member[],
	{ label }: Backup,
	steps: AsyncGenerator<BackupStep, Backup>,
	signal: AbortSignal,
): Promise<SnapshotNote> {
	const { through } = label;
	const encoder = new SnapshotEncoder({ swarm: identity.swarmId, through });
	const files: FileHandle[] = [];
	const write = async (bytes: Uint8Array): Promise<void> => {
		for (const file of files) await file.writeFile(bytes);
	};
	try {
		for (const { id } of members) files.push(await open(join(logOf(id), snapshotName(through)), 'w'));
		await write(encoder.payload(membersPart(firstMembers(members))));
		let isState = false;
		for await (const { payloads } of steps) {
			signal.throwIfAborted();
			for (const payload of payloads) {
				// The first one tells the members of the old swarm.
				if (isState) await write(encoder.payload(payload));
				isState = true;
			}
		}
		const { bytes, note } = encoder.end();
		await write(bytes);
		for (const file of files) await file.sync();
		for (const { id } of members) syncFolder(logOf(id));
		return note;
	} finally {
		for (const file of files) await file.close();
	}
}
