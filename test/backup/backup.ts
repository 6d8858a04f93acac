/** Files as `GET /v1/snapshot` gives them out, of a store with some keys. */
import { type BackupLabel, encodeLabel } from '../../server/backup/file.ts';
import { Writer } from '../../shared/bytes/bytes.ts';
import { SnapshotEncoder } from '../../shared/disk/snapshot-file.ts';
import { firstMembers } from '../../shared/paxos/members.ts';
import { membersPart } from '../../shared/replica/restore.ts';
import { votersNamed } from '../../shared/simulation/node.ts';
import { storeOf } from '../replica/stores.ts';

export const SWARM = 'swarm id';

export interface MadeBackup {
	readonly label: BackupLabel;
	readonly bytes: Buffer;
	/** How many bytes the label takes. */
	readonly labelBytes: number;
	/** The state, by `Store.save`. */
	readonly state: Uint8Array;
}

export function backupOf(keys: number, { through = keys + 1, partBytes = 100 } = {}): MadeBackup {
	const store = storeOf(keys);
	const cut = store.cut();
	const encoder = new SnapshotEncoder({ swarm: SWARM, through });
	const part = new Writer(partBytes);
	const chunks: Uint8Array[] = [];
	chunks.push(encoder.payload(membersPart(firstMembers(votersNamed(['n1', 'n2', 'n3'])))));
	while (cut.write(part, partBytes)) chunks.push(encoder.payload(part.take()));
	cut.close();
	const { bytes, note } = encoder.end();
	const takenAt = '2026-11-26T12:00:00.000Z';
	const label = { name: 'colours', swarm: SWARM, node: 'n1', takenAt, isLinearizable: true, ...note };
	const head = encodeLabel(label);
	return { label, bytes: Buffer.concat([head, ...chunks, bytes]), labelBytes: head.length, state: store.save() };
}
