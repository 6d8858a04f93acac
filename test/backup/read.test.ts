/** A file that is read twice is the same file both times. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BackupChecker } from '../../server/backup/file.ts';
import { readBackup } from '../../server/backup/read.ts';
import { backupOf } from './backup.ts';

let folder: string;
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-backup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('refuses a snapshot that has taken the place of the one that was checked', async () => {
	const path = join(folder, 'a.backup');
	const [before, after] = [backupOf(3), backupOf(4)];
	const checker = new BackupChecker();
	checker.add(before.bytes);
	const checked = checker.finish();
	const read = async (): Promise<number> => {
		let payloads = 0;
		for await (const step of readBackup(path, checked)) payloads += step.payloads.length;
		return payloads;
	};
	writeFileSync(path, before.bytes);
	expect(await read()).toBeGreaterThan(1);
	writeFileSync(path, after.bytes);
	await expect(read()).rejects.toThrow(`${path} was replaced by another snapshot while it was read.`);
});
