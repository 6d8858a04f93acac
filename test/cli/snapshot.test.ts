/** `snapshot save` leaves a whole file or none, `status` tells what is in one, `restore` makes a swarm of it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { backupOf } from '../backup/backup.ts';
import type { FakeApi } from './api.ts';
import { FakeSwarm } from './fake-swarm.ts';

const made = backupOf(40);
const whole = { body: made.bytes };

let fake: FakeSwarm;
let first: FakeApi;
let second: FakeApi;
let file: string;
beforeEach(async () => {
	fake = await FakeSwarm.create();
	({ first, second } = fake);
	file = join(fake.folder, 'a.backup');
});
afterEach(() => fake.close());

const files = () => readdirSync(fake.folder).filter((name) => name !== 'swarm.json');

describe('snapshot save', () => {
	it('writes what the node gives, and says what is in it', async () => {
		first.answer = whole;
		const { status, stdout, stderr } = await fake.run('snapshot save a.backup');
		expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
		expect(stdout).toContain('keys     40\n');
		expect(stdout).toContain(`Saved in ${file}\n`);
		expect(readFileSync(file)).toEqual(made.bytes);
		expect(first.asked).toEqual([{ method: 'GET', url: '/v1/snapshot', body: '' }]);
		expect(files()).toEqual(['a.backup']);
	});

	it('replaces a file only with --force, and asks no node before', async () => {
		writeFileSync(file, 'before');
		const refused = { status: 1, stdout: '', stderr: `${file} is there already. To replace it, add --force.\n` };
		expect(await fake.run('snapshot save a.backup')).toEqual(refused);
		expect(first.asked).toEqual([]);
		first.answer = whole;
		expect((await fake.run('snapshot save a.backup --force --stale')).status).toBe(0);
		expect(first.asked).toMatchObject([{ url: '/v1/snapshot?stale' }]);
		expect(readFileSync(file)).toEqual(made.bytes);
	});

	it('asks the node that is named, and no other', async () => {
		second.answer = whole;
		expect((await fake.run('snapshot save a.backup --node n2')).status).toBe(0);
		expect(first.asked).toEqual([]);
	});

	it('asks a member that swarm.json does not name', async () => {
		const url = `http://127.0.0.1:${second.port}`;
		const n4 = {
			id: 'n4~k2xp7',
			url,
			isVoter: true,
			replaces: null,
			linked: true,
			role: 'follower',
			behind: 0,
			heardMs: 1,
		};
		const sets = [{ chosenAt: 0, from: 1, members: [n4] }];
		const known = { node: 'n1', leader: null, chosenThrough: 9, isChanging: false, sets, members: [n4] };
		first.answer = { body: JSON.stringify(known) };
		second.answer = whole;
		expect((await fake.run('snapshot save a.backup --node n4')).status).toBe(0);
		expect(await fake.run('snapshot save b.backup --node n9')).toMatchObject({
			status: 2,
			stderr: 'There is no node "n9": swarm.json names n1, n2, and the members are n4~k2xp7.\n',
		});
	});

	it.each([
		['refuses', { status: 503, body: 'n1 gives out no snapshot now: its disk is full.' }],
		['is cut off', { body: made.bytes.subarray(0, -1) }],
		['says that more comes, and ends', { body: made.bytes.subarray(0, 99), headers: { 'content-length': '500' } }],
		['hangs up', { hangUp: true }],
		['has a damaged snapshot', { body: damaged() }],
	] as const)('takes it from the next node where one %s', async (_, answer) => {
		first.answer = answer;
		second.answer = whole;
		expect((await fake.run('snapshot save a.backup')).status).toBe(0);
		expect(readFileSync(file)).toEqual(made.bytes);
		expect(files()).toEqual(['a.backup']);
	});

	it('leaves nothing, keeps the file before, and names the reasons where no node gives a whole one', async () => {
		writeFileSync(file, 'before');
		first.answer = { status: 503, body: 'n1 gives out no snapshot now: its disk is full.' };
		second.answer = { body: damaged() };
		const { status, stdout, stderr } = await fake.run('snapshot save a.backup --force');
		expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
		const [what, one, two] = stderr.split('\n');
		expect(what).toBe('No node gave a snapshot, and nothing was saved.');
		expect(one).toMatch(/: n1 gives out no snapshot now: its disk is full\.$/);
		expect(two).toMatch(/: its snapshot is damaged at byte \d+: a chunk is not as it was written$/);
		expect(files()).toEqual(['a.backup']);
		expect(readFileSync(file, 'utf8')).toBe('before');
	});

	it('draws a bar on a terminal, and takes it away; elsewhere there is none', async () => {
		first.answer = whole;
		const { stderr } = await fake.run('snapshot save a.backup', '', { isTTY: true });
		expect(stderr).toContain('█ saving 100 %');
		expect(stderr.endsWith('\r\x1b[K')).toBe(true);
		expect((await fake.run('snapshot status a.backup', '', { isTTY: true })).stderr).toContain('checking 100 %');
		expect((await fake.run('snapshot status a.backup')).stderr).toBe('');
	});
});

describe('snapshot status', () => {
	beforeEach(() => writeFileSync(file, made.bytes));

	it('tells what is in the file', async () => {
		const { status, stdout, stderr } = await fake.run('snapshot status a.backup');
		expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
		expect(stdout).toBe(
			[
				`${file} is whole.`,
				'swarm    colours (swarm id)',
				'taken    2026-11-26T12:00:00.000Z at n1',
				'through  slot 41, revision 41',
				'keys     40',
				`size     ${made.bytes.length} bytes\n`,
			].join('\n'),
		);
	});

	it('as JSON', async () => {
		const { stdout } = await fake.run('snapshot status a.backup --json');
		expect(JSON.parse(stdout)).toEqual({ ...made.label, bytes: made.bytes.length, keys: 40, revision: 41 });
	});

	it.each([
		['damaged', damaged(), /^FILE is damaged at byte \d+: a chunk is not as it was written\.\n$/],
		['cut off', made.bytes.subarray(0, -1), /^FILE is cut off: it ends after \d+ of \d+ bytes\.\n$/],
		['empty', Buffer.alloc(0), /^FILE is cut off: it ends after 0 bytes\.\n$/],
		['something else', Buffer.from('{}'), /^FILE is no snapshot of a swarm, or its first bytes are damaged\.\n$/],
	])('ends with status 1 where the file is %s, and so does restore', async (_, bytes, message) => {
		writeFileSync(file, bytes);
		for (const command of ['status', 'restore']) {
			const { status, stdout, stderr } = await fake.run(`snapshot ${command} a.backup`);
			expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
			expect(stderr.replace(file, 'FILE')).toMatch(message);
		}
		expect(files()).toEqual(['a.backup']);
	});

	it('ends with status 1 where there is no file', async () => {
		mkdirSync(join(fake.folder, 'folder'));
		const folder = { status: 1, stderr: `${join(fake.folder, 'folder')} is a folder.\n` };
		expect(await fake.run('snapshot status folder')).toMatchObject(folder);
		const missing = { status: 1, stderr: expect.stringMatching(/none cannot be read: ENOENT/) };
		expect(await fake.run('snapshot status none')).toMatchObject(missing);
	});
});

describe('snapshot restore', () => {
	beforeEach(() => writeFileSync(file, made.bytes));

	it.each([
		['new/it-is_1.2', 'new/it-is_1.2'],
		['$HOME;x', "'$HOME;x'"],
		["don't", "'don'\\''t'"],
	])('says how to start the nodes of the folder %s as a shell takes it', async (folder, shown) => {
		const { stdout } = await fake.run(`snapshot restore a.backup --data-dir ${folder}`);
		expect(stdout).toContain(`Start it: npx paxos-swarm up --data-dir ${shown}\n`);
	});

	it('makes the folders of the nodes of swarm.json, says how to start them, and never replaces them', async () => {
		const { status, stdout, stderr } = await fake.run('snapshot restore a.backup --data-dir data');
		expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
		expect(stdout).toContain(`Restored into ${join(fake.folder, 'data')} as the new swarm `);
		expect(stdout).toContain('Start it: npx paxos-swarm up --data-dir data\n');
		expect(existsSync(join(fake.folder, 'data/n2/log/000000000041.snapshot'))).toBe(true);
		const again = await fake.run('snapshot restore a.backup --data-dir data');
		expect(again).toMatchObject({ status: 1, stdout: '' });
		expect(again.stderr).toContain('holds the data of a swarm already');
	});
});

function damaged(): Buffer {
	const bytes = Buffer.from(made.bytes);
	const at = made.labelBytes + 100;
	bytes[at] = (bytes[at] as number) ^ 1;
	return bytes;
}
