/** What other nodes have told is remembered over a restart, and never believed where it may be wrong. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatSwarm } from '../../server/storage/new-folder.ts';
import { PeerNotes } from '../../server/storage/peer-notes.ts';

let folder: string;
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'paxos-notes-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const found = (swarmId = 'swarm') => new PeerNotes(folder, swarmId).found;

test('what was noted last is found, in the swarm in which it was told', async () => {
	const notes = new PeerNotes(folder, 'swarm');
	expect(notes.found).toEqual({});
	await Promise.all([notes.note({ n2: 7 }), notes.note({ n2: 9, n3: 4 }), notes.note({ n2: 9, n3: 4 })]);
	expect(found()).toEqual({ n2: 9, n3: 4 });
	expect(found('another swarm')).toEqual({});
});

test('a file with any bit flipped, or cut short, tells nothing', async () => {
	await new PeerNotes(folder, 'swarm').note({ n2: 123_456 });
	const path = join(folder, 'peers.json');
	const whole = readFileSync(path);
	for (let at = 0; at < whole.length - 1; at++) {
		writeFileSync(path, whole.with(at, (whole[at] as number) ^ (1 << (at % 7))));
		expect(found(), `byte ${at}`).toEqual({});
		writeFileSync(path, whole.subarray(0, at));
		expect(found(), `${at} bytes`).toEqual({});
	}
});

test('a failure is told, and the next try goes on', async () => {
	const notes = new PeerNotes(join(folder, 'none'), 'swarm');
	await expect(notes.note({ n2: 7 })).rejects.toMatchObject({ code: 'ENOENT' });
	formatSwarm(folder, { name: 'x', members: { none: 'http://127.0.0.1:7101' } });
	await notes.note({ n2: 7 });
	expect(existsSync(join(folder, 'none/peers.json'))).toBe(true);
	formatSwarm(folder, { name: 'x', members: { none: 'http://127.0.0.1:7101' } }, { force: true });
	expect(existsSync(join(folder, 'none/peers.json'))).toBe(false);
});
