/** A new swarm is made of a saved file: as a whole or not at all, and never over other data. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BackupError } from '../../server/backup/file.ts';
import { readBackup } from '../../server/backup/read.ts';
import { restoreSwarm } from '../../server/backup/restore.ts';
import { FolderError } from '../../server/storage/errors.ts';
import { openFolder } from '../../server/storage/folder.ts';
import { formatSwarm } from '../../server/storage/new-folder.ts';
import { readManifest } from '../../shared/disk/manifest.ts';
import { readSnapshot, type SnapshotNote } from '../../shared/disk/snapshot-file.ts';
import { Restore } from '../../shared/replica/restore.ts';
import { votersNamed } from '../../shared/simulation/node.ts';
import { StoreRestore } from '../../shared/store/restore.ts';
import { backupOf, SWARM } from '../backup/backup.ts';

/** The system's answer to writes of so many bytes or more; none while it is empty. */
const room = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY }));
vi.mock('node:fs/promises', async (original) => {
	const real = await original<typeof import('node:fs/promises')>();
	const open = async (...args: Parameters<typeof real.open>) => {
		const file = await real.open(...args);
		const write = file.writeFile.bind(file);
		return Object.assign(file, {
			writeFile: (bytes: Uint8Array) => {
				room.left -= bytes.length;
				if (room.left >= 0) return write(bytes);
				return Promise.reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
			},
		});
	};
	return { ...real, open };
});

const nodes = ['n1', 'n2', 'n3'];
const swarm = { name: 'paints', members: Object.fromEntries(nodes.map((id) => [id, `http://${id}`])) };
const members = votersNamed(nodes);
const made = backupOf(200);

let folder: string;
let dataDir: string;
let file: string;
beforeEach(() => {
	folder = fs.mkdtempSync(join(tmpdir(), 'paxos-restore-'));
	dataDir = join(folder, 'data');
	file = join(folder, 'a.backup');
	fs.writeFileSync(file, made.bytes);
});
afterEach(() => {
	room.left = Number.POSITIVE_INFINITY;
	fs.rmSync(folder, { recursive: true });
});

function restore(signal = new AbortController().signal): Promise<string> {
	const backup = { label: made.label, members, keysCount: 200, revision: 201, bytes: made.bytes.length };
	return restoreSwarm(dataDir, swarm, backup, { steps: () => readBackup(file), signal });
}

test('each node begins with the whole state, under a new identity', async () => {
	const swarmId = await restore();
	expect(swarmId).not.toBe(SWARM);
	for (const node of nodes) {
		const opened = openFolder(dataDir, node, swarm.name);
		expect(opened.swarmId).toBe(swarmId);
		expect(opened.id).toBe(node);
		const { snapshot, owner, reached } = readManifest(opened.disk);
		expect(owner).toBe(opened.owner);
		expect(reached).toBe(0);
		expect(snapshot?.through).toBe(made.label.through);
		const restore = new Restore(new StoreRestore());
		for (const { payloads } of readSnapshot(opened.disk, snapshot as SnapshotNote, swarmId)) {
			for (const payload of payloads) restore.add(payload);
		}
		const { machine: restored, members: first } = restore.finish();
		expect(first.sets).toMatchObject([{ chosenAt: 0, voters: nodes }]);
		expect(restored.save()).toEqual(made.state);
		// A command that a client sends again is not applied a second time.
		expect(restored.outcomeOf('client', 201)).toEqual({ kind: 'duplicate', revision: 201, ok: true });
		await opened.close();
	}
});

describe('nothing is changed', () => {
	test('where there is a swarm already', async () => {
		formatSwarm(dataDir, swarm);
		const before = readAll(dataDir);
		await expect(restore()).rejects.toMatchObject({ code: 'alreadyFormatted' });
		expect(readAll(dataDir)).toEqual(before);
	});

	test('where a node has data, and its swarm is not known', async () => {
		formatSwarm(dataDir, swarm);
		fs.rmSync(join(dataDir, 'format.json'));
		fs.writeFileSync(join(dataDir, 'n2/log/000000000001.log'), 'not only zeros');
		const before = readAll(dataDir);
		await expect(restore()).rejects.toMatchObject({ code: 'incomplete' });
		expect(readAll(dataDir)).toEqual(before);
	});

	test('in folders of others beside it, where it fails', async () => {
		fs.mkdirSync(join(dataDir, 'n9'), { recursive: true });
		fs.writeFileSync(join(dataDir, 'n9/format.json'), '{}');
		room.left = 100;
		await expect(restore()).rejects.toThrow(FolderError);
		expect(readAll(dataDir).filter((name) => !name.startsWith('lock'))).toEqual(['n9', 'n9/format.json']);
	});
});

describe('nothing is left', () => {
	test.each([0, 100, 1000, made.bytes.length + 10, 2 * made.bytes.length])(
		'where the disk is full after %i bytes',
		async (bytes) => {
			room.left = bytes;
			const error = (await restore().catch((reason: unknown) => reason)) as FolderError;
			expect(error).toMatchObject({ name: 'FolderError', code: 'noRoom' });
			expect(error.message).toContain(`${dataDir} has no room: ENOSPC`);
			expect(fs.existsSync(dataDir)).toBe(false);
		},
	);

	test('where the file was changed since it was checked', async () => {
		const bytes = Buffer.from(made.bytes);
		bytes[bytes.length - 20] = (bytes[bytes.length - 20] as number) ^ 1;
		fs.writeFileSync(file, bytes);
		await expect(restore()).rejects.toThrow(BackupError);
		expect(fs.existsSync(dataDir)).toBe(false);
	});

	test('where it is told to stop', async () => {
		await expect(restore(AbortSignal.abort())).rejects.toThrow();
		expect(fs.existsSync(dataDir)).toBe(false);
	});

	test('and it can be made again', async () => {
		room.left = 100;
		await expect(restore()).rejects.toThrow();
		room.left = Number.POSITIVE_INFINITY;
		await restore();
		expect(readAll(dataDir)).toContain('n3/format.json');
	});
});

test('what a restore that was killed has left is taken for no data, and is removed by the next one', async () => {
	await restore();
	fs.rmSync(join(dataDir, 'format.json'));
	await restore();
	const opened = openFolder(dataDir, 'n1', swarm.name);
	await opened.close();
});

function readAll(at: string): string[] {
	return (fs.readdirSync(at, { recursive: true }) as string[]).sort();
}
