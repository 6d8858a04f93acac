/**
 * The data folder is formatted once, by one process, and opened by one. In every other case it is refused with the
 * reason.
 */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import system, * as fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { FolderError, type FolderErrorCode } from '../../server/storage/errors.ts';
import { type OpenFolder, openFolder } from '../../server/storage/folder.ts';
import { checkIdentity, type SwarmMembers } from '../../server/storage/identity.ts';
import { LockedError, lockFolder } from '../../server/storage/lock.ts';
import { KEY_VALUE_LABEL, noteMachine, refuseOtherMachine } from '../../server/storage/machine-label.ts';
import { formatOnce, formatSwarm, makeNewDisk } from '../../server/storage/new-folder.ts';
import { Log } from '../../shared/disk/log.ts';
import { accepted, listen } from './records.ts';

const nodes = ['n1', 'n2', 'n3'];
const swarm = swarmOf('colours', nodes);

/** The code that the processes of these tests run. */
let program: string;
let dataDir: string;
const opened: OpenFolder[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
	program = fs.mkdtempSync(join(tmpdir(), 'paxos-program-'));
	await build({
		configFile: false,
		logLevel: 'error',
		ssr: { noExternal: true },
		build: { ssr: fileURLToPath(new URL('folder-process.ts', import.meta.url)), outDir: program, emptyOutDir: true },
	});
	fs.renameSync(join(program, 'folder-process.js'), join(program, 'folder-process.mjs'));
	// A process of another user has to reach the folder.
	fs.chmodSync(program, 0o755);
});

afterAll(() => fs.rmSync(program, { recursive: true }));

beforeEach(() => {
	dataDir = join(fs.mkdtempSync(join(tmpdir(), 'paxos-folder-')), 'data');
});

afterEach(async () => {
	vi.unstubAllEnvs();
	for (const folder of opened.splice(0)) await folder.close();
	for (const child of children.splice(0)) {
		if (child.exitCode !== null || child.signalCode !== null) continue;
		child.kill('SIGKILL');
		await once(child, 'exit');
	}
	fs.rmSync(join(dataDir, '..'), { recursive: true });
});

/** Another user may look for files below the data folder. */
function letOthersIn(): void {
	for (const folder of [join(dataDir, '..'), dataDir]) fs.chmodSync(folder, 0o755);
}

describe('formatting', () => {
	test('gives every node a folder that says whose it is, and knows the members that the swarm began with', () => {
		const { swarmId } = formatSwarm(dataDir, swarm);
		for (const node of nodes) expect(open(node)).toMatchObject({ swarmId, id: node, members: swarm.members });
	});

	test('makes a data folder that only its owner can read', () => {
		formatSwarm(dataDir, swarm);
		expect(fs.statSync(dataDir).mode & 0o777).toBe(0o700);
	});

	test('is refused a second time', () => {
		const first = formatSwarm(dataDir, swarm);
		expect(codeOf(() => formatSwarm(dataDir, swarm))).toBe('alreadyFormatted');
		expect(formatOnce(dataDir, swarm)).toBe(false);
		expect(open('n1').swarmId).toBe(first.swarmId);
	});

	test('with force starts afresh, and touches nothing that is not its own', async () => {
		const first = formatSwarm(dataDir, swarmOf('old', ['n1', 'n9']));
		fs.writeFileSync(join(dataDir, 'notes.txt'), 'mine');
		fs.mkdirSync(join(dataDir, 'pictures'));
		await writeTo(open('n1', 'old'));
		for (const node of ['n1', 'n9']) noteMachine(join(dataDir, node), { name: 'counters', version: 1 }, true);
		const second = formatSwarm(dataDir, swarm, { force: true });
		expect(second.swarmId).not.toBe(first.swarmId);
		const { disk, owner, path } = open('n1');
		expect(Log.open(disk, { owner }, listen()).records).toEqual([]);
		refuseOtherMachine(path, KEY_VALUE_LABEL);
		expect(fs.readdirSync(dataDir)).toEqual(['format.json', 'lock', 'n1', 'n2', 'n3', 'notes.txt', 'pictures']);
	});

	test('with force is refused while a node runs', () => {
		formatSwarm(dataDir, swarm);
		const { swarmId } = open('n2');
		expect(codeOf(() => formatSwarm(dataDir, swarm, { force: true }))).toBe('inUse');
		expect(open('n1').swarmId).toBe(swarmId);
	});

	test('that was cut off is done again, for no node can have started', () => {
		formatSwarm(dataDir, swarm);
		fs.rmSync(join(dataDir, 'format.json'));
		fs.rmSync(join(dataDir, 'n3'), { recursive: true });
		expect(formatOnce(dataDir, swarm)).toBe(true);
		for (const id of nodes) open(id);
	});

	test('that fails on its way leaves nothing of what it has made', () => {
		fs.mkdirSync(dataDir);
		fs.writeFileSync(join(dataDir, 'n3'), 'a file in the way');
		expect(codeOf(() => formatSwarm(dataDir, swarm))).toBe('notWritable');
		expect(fs.readdirSync(dataDir)).toEqual(['lock', 'n3']);
		fs.rmSync(join(dataDir, 'n3'));
		expect(formatOnce(dataDir, swarm)).toBe(true);
	});

	test('never wipes a log by itself, also where format.json is gone', async () => {
		formatSwarm(dataDir, swarm);
		await writeTo(open('n2'));
		fs.rmSync(join(dataDir, 'format.json'));
		expect(codeOf(() => formatOnce(dataDir, swarm))).toBe('incomplete');
		expect(codeOf(() => formatSwarm(dataDir, swarm))).toBe('incomplete');
		expect(codeOf(() => open('n2'))).toBe('incomplete');
		formatSwarm(dataDir, swarm, { force: true });
		open('n2');
	});

	test('by five processes at once is done by one, and all see the same swarm', async () => {
		const members = ['n1', 'n2', 'n3', 'n4', 'n5'];
		const processes = members.map((id) => start('formatOnceAndOpen', dataDir, id, ...members));
		await Promise.all(processes.map((child) => said(child, 'ready')));
		for (const child of processes) child.send('go');
		const answers = await Promise.all(processes.map((child) => said(child, 'opened')));
		expect(answers.filter(({ formatted }) => formatted)).toHaveLength(1);
		expect(new Set(answers.map(({ swarmId }) => swarmId)).size).toBe(1);
		expect(fs.readdirSync(dataDir)).toEqual(['format.json', 'lock', ...members]);
	});
});

describe('a new disk', () => {
	test('is of the same node and swarm, under an id that no other disk has', () => {
		const identity = formatSwarm(dataDir, swarm);
		fs.rmSync(join(dataDir, 'n3'), { recursive: true });
		const id = makeNewDisk(dataDir, 'n3', identity);
		expect(id).toMatch(/^n3~[a-z2-9]{5}$/);
		expect(open('n3')).toMatchObject({ id, swarmId: identity.swarmId, members: swarm.members });
	});

	test('is made for a node that the swarm did not begin with, and in a data folder of no swarm yet', () => {
		const identity = formatSwarm(dataDir, swarm);
		const elsewhere = join(dataDir, '..', 'elsewhere');
		const id = makeNewDisk(elsewhere, 'n4', identity);
		const folder = openFolder(elsewhere, 'n4', swarm.name);
		opened.push(folder);
		expect(folder).toMatchObject({ id, swarmId: identity.swarmId, members: swarm.members });
		expect(fs.readdirSync(elsewhere)).toEqual(['format.json', 'lock', 'n4']);
	});

	test('is not made where there is a log, of which nothing is changed', async () => {
		const identity = formatSwarm(dataDir, swarm);
		await writeTo(open('n1'));
		expect(makeNewDisk(dataDir, 'n1', identity)).toBe(null);
		const { disk, owner, id } = open('n1');
		expect(id).toBe('n1');
		expect(Log.open(disk, { owner }, listen()).records).toHaveLength(1);
	});

	test('whose making was cut off is made anew', () => {
		const identity = formatSwarm(dataDir, swarm);
		fs.renameSync(join(dataDir, 'n2/log'), join(dataDir, 'n2/log.new'));
		const id = makeNewDisk(dataDir, 'n2', identity);
		expect(open('n2').id).toBe(id);
		expect(fs.readdirSync(join(dataDir, 'n2'))).toEqual(['format.json', 'lock', 'log']);
	});

	test('of another node is refused, whatever its id', () => {
		const identity = formatSwarm(dataDir, swarm);
		fs.rmSync(join(dataDir, 'n3'), { recursive: true });
		makeNewDisk(dataDir, 'n3', identity);
		fs.rmSync(join(dataDir, 'n1'), { recursive: true });
		fs.renameSync(join(dataDir, 'n3'), join(dataDir, 'n1'));
		expect(errorOf(() => open('n1')).message).toContain('is the log of node n3, not of node n1');
	});
});

describe('a folder is refused', () => {
	beforeEach(() => {
		formatSwarm(dataDir, swarm);
	});

	/** Edits the file as a person would who also corrects the checksum. */
	const edit = (file: string, change: object) => {
		const path = join(dataDir, file);
		const { checksum: _, ...identity } = JSON.parse(fs.readFileSync(path, 'utf8')) as Record<string, unknown>;
		const content = { ...identity, ...change };
		const checksum = createHash('sha256').update(JSON.stringify(content)).digest('hex');
		fs.writeFileSync(path, JSON.stringify({ ...content, checksum }));
	};
	const replace = (file: string, find: string, by: string) => {
		const path = join(dataDir, file);
		fs.writeFileSync(path, fs.readFileSync(path, 'utf8').replace(find, by));
	};
	const remove = (path: string) => fs.rmSync(join(dataDir, path), { recursive: true });
	const swap = (path: string, node: string) => {
		remove(`n1/${path}`);
		fs.cpSync(join(dataDir, node, path), join(dataDir, 'n1', path), { recursive: true });
	};
	const oneRemedy = () =>
		`Every format.json of one swarm is the same and never changes, so copy another over it: ` +
		`cp ${join(dataDir, 'format.json')} ${join(dataDir, 'n1/format.json')}`;

	const refusals: readonly [string, FolderErrorCode, () => void, () => readonly string[]][] = [
		[
			'that was never formatted',
			'unformatted',
			() => remove('.'),
			() => ['not formatted yet. It has to be, once for all nodes'],
		],
		['that is gone', 'lost', () => remove('n1'), () => ['Node n1 has no data', `${dataDir}/n1 is missing`]],
		['whose log is gone', 'lost', () => remove('n1/log'), () => ['Node n1 has no data', 'n1/log is missing']],
		['whose format.json is gone', 'missing', () => remove('n1/format.json'), () => [oneRemedy()]],
		[
			'whose manifest is gone',
			'damaged',
			() => remove('n1/log/manifest'),
			() => [`Node n1 cannot use its log: ${dataDir}/n1/log/manifest, at byte 0: the file is missing`],
		],
		[
			'whose manifest is cut short',
			'damaged',
			() => fs.truncateSync(join(dataDir, 'n1/log/manifest'), 100),
			() => [
				'n1/log/manifest, at byte 0: the file has 100 bytes',
				`move ${dataDir}/n1/log away and start the node again`,
			],
		],
		[
			'of a swarm with another name',
			'otherSwarm',
			() => ['format.json', 'n1/format.json'].map((file) => edit(file, { name: 'old' })),
			() => ['belongs to the swarm "old"', '"colours"', 'a data folder of its own'],
		],
		[
			'of another swarm of that name',
			'otherSwarm',
			() => edit('n1/format.json', { swarmId: 'other' }),
			() => ['belongs to another swarm (other)', 'Put the folder of node n1 that belongs there in its place'],
		],
		[
			'of another node',
			'otherNode',
			() => {
				remove('n1');
				fs.cpSync(join(dataDir, 'n2'), join(dataDir, 'n1'), { recursive: true });
			},
			() => [`${dataDir}/n1/log is the log of node n2, not of node n1`],
		],
		[
			'with the log of another node',
			'otherNode',
			() => swap('log', 'n3'),
			() => ['is the log of node n3, not of node n1. Put the log of node n1 in its place'],
		],
		[
			'with the log of the same node in another swarm',
			'otherSwarm',
			() => {
				const { swarmId } = formatSwarm(join(dataDir, 'other'), swarm);
				expect(swarmId).not.toBe('');
				remove('n1/log');
				fs.cpSync(join(dataDir, 'other/n1/log'), join(dataDir, 'n1/log'), { recursive: true });
			},
			() => ['is the log of node n1 of another swarm (', 'Put the log of node n1 in its place'],
		],
		[
			'of a later format',
			'unknownFormat',
			() => edit('n1/format.json', { format: 9, more: true }),
			() => ['has format 9', 'knows format 8 only'],
		],
		[
			'of an earlier format',
			'unknownFormat',
			() => fs.writeFileSync(join(dataDir, 'n1/format.json'), '{"format": 4, "name": "colours", "node": "n1"}'),
			() => ['has format 4', 'knows format 8 only. Run the version that made it, or erase the data of every node'],
		],
		[
			'whose format.json is not JSON',
			'unreadable',
			() => fs.writeFileSync(join(dataDir, 'n1/format.json'), '{"format": 1, "na'),
			() => ['n1/format.json is damaged', 'JSON', oneRemedy()],
		],
		[
			'whose format.json lacks something',
			'unreadable',
			() => edit('n1/format.json', { members: undefined }),
			() => ['n1/format.json is damaged', 'members', oneRemedy()],
		],
		[
			'whose format.json has another address of a member',
			'unreadable',
			() => replace('n1/format.json', '"n2": "', '"n2": "x'),
			() => [`${dataDir}/n1/format.json is damaged: its checksum does not fit what it says.`, oneRemedy()],
		],
		[
			'in a data folder whose format.json is damaged',
			'unreadable',
			() => replace('format.json', '"name": "colours"', '"name": "colourt"'),
			() => [
				`${dataDir}/format.json is damaged: its checksum does not fit what it says`,
				`: cp ${dataDir}/n1/format.json ${dataDir}/format.json`,
			],
		],
	];

	test.each(refusals)('%s (%s)', (_, code, spoil, words) => {
		spoil();
		const error = errorOf(() => open('n1'));
		expect(error.code).toBe(code);
		for (const word of words()) expect(error.message).toContain(word);
		if (code !== 'unknownFormat') expect(error.message).not.toContain('erase');
		// A process that was refused holds no lock.
		if (fs.existsSync(join(dataDir, 'n1'))) lockFolder(join(dataDir, 'n1'))();
	});

	test('whose format.json has any bit flipped, or is none the worse for it', () => {
		const path = join(dataDir, 'n1/format.json');
		const whole = fs.readFileSync(path);
		const { swarmId } = JSON.parse(whole.toString()) as { swarmId: string };
		for (let at = 0; at < whole.length; at++) {
			const damaged = Uint8Array.from(whole);
			damaged[at] = (damaged[at] as number) ^ (1 << (at % 7));
			fs.writeFileSync(path, damaged);
			try {
				expect(checkIdentity(dataDir, 'n1', swarm.name).swarmId).toBe(swarmId);
				expect(JSON.parse(Buffer.from(damaged).toString())).toEqual(JSON.parse(whole.toString()));
			} catch (error) {
				if (!(error instanceof FolderError)) throw error;
				expect(error.code).toBe('unreadable');
			}
		}
	});

	test('whose format.json was damaged can be used again after the one remedy', async () => {
		const { swarmId } = open('n2');
		replace('n1/format.json', swarmId, 'x');
		const [, from = '', to = ''] = / cp (\S+) (\S+)$/.exec(errorOf(() => open('n1')).message) ?? [];
		fs.copyFileSync(from, to);
		expect(open('n1').swarmId).toBe(swarmId);
	});

	test('whose lock is removed while it is used, which is noticed', async () => {
		const { disk } = open('n1');
		expect(await disk.look()).toBeNull();
		fs.rmSync(join(dataDir, 'n1/lock'));
		expect(await disk.look()).toMatchObject({
			code: 'misplaced',
			message: expect.stringContaining(`The lock of ${join(dataDir, 'n1/log')} was removed while its node runs`),
		});
	});

	test('that this process has opened already (inUse)', async () => {
		const first = open('n1');
		expect(codeOf(() => open('n1'))).toBe('inUse');
		await first.close();
		open('n1');
	});

	test('that another process has opened (inUse), until that one is killed', async () => {
		const child = start('formatOnceAndOpen', dataDir, 'n1', ...nodes);
		await said(child, 'ready');
		child.send('go');
		await said(child, 'opened');
		const error = errorOf(() => open('n1'));
		expect(error.code).toBe('inUse');
		expect(error.message).toContain(`kill ${child.pid}`);
		child.kill('SIGKILL');
		await once(child, 'exit');
		open('n1');
	});

	test('in the way of which a file is (notWritable), and says so', () => {
		fs.writeFileSync(join(dataDir, '..', 'file'), '');
		const inFile = join(dataDir, '..', 'file', 'data');
		expect(() => formatSwarm(inFile, swarm)).toThrow(/file\/data cannot be written: it is a file, and no folder/);
	});

	test('that this user may not write to (notWritable)', async () => {
		// Root may write everywhere, so the process runs as another user.
		const isRoot = process.getuid?.() === 0;
		fs.chmodSync(join(dataDir, '..'), 0o755);
		if (!isRoot) fs.chmodSync(join(dataDir, 'n1'), 0o555);
		const child = start('formatOnceAndOpen', dataDir, 'n1', ...nodes);
		await said(child, 'ready');
		child.send(isRoot ? 'goAsNobody' : 'go');
		const { code, message } = await said(child, 'refused');
		expect(code).toBe('notWritable');
		expect(message).toContain('Make it writable for this user');
		fs.chmodSync(join(dataDir, 'n1'), 0o755);
	});

	test('whose log may be read, and no file be made there (notWritable)', async () => {
		letOthersIn();
		await open('n1').close();
		const isRoot = process.getuid?.() === 0;
		const log = join(dataDir, 'n1/log');
		for (const file of ['n1/lock', 'n1/log/manifest', 'n1/log/000000000001.log'])
			fs.chmodSync(join(dataDir, file), 0o666);
		fs.chmodSync(log, 0o555);
		const child = start('formatOnceAndOpen', dataDir, 'n1', ...nodes);
		await said(child, 'ready');
		child.send(isRoot ? 'goAsNobody' : 'go');
		const { code, message } = await said(child, 'refused');
		expect(code).toBe('notWritable');
		expect(message).toContain(`EACCES: permission denied, access '${log}'. Make it writable for this user`);
		fs.chmodSync(log, 0o755);
	});

	test('of which this user may not read a file (unreadable), which is not said to be damaged', async () => {
		letOthersIn();
		await open('n1').close();
		fs.chmodSync(join(dataDir, 'n1/lock'), 0o666);
		const file = join(dataDir, 'n1/format.json');
		const isRoot = process.getuid?.() === 0;
		fs.chmodSync(file, isRoot ? 0o600 : 0o000);
		const child = start('formatOnceAndOpen', dataDir, 'n1', ...nodes);
		await said(child, 'ready');
		child.send(isRoot ? 'goAsNobody' : 'go');
		const { code, message } = await said(child, 'refused');
		expect(code).toBe('unreadable');
		expect(message).toBe(
			`${file} cannot be read: EACCES: permission denied, open '${file}'. Make it readable for this user`,
		);
	});
});

test('a log goes on from segment to segment in a process that has no descriptor left', async () => {
	formatSwarm(dataDir, swarm);
	const command = `ulimit -n 64; exec "$0" "$@"`;
	const args = [process.execPath, join(program, 'folder-process.mjs'), 'fill', dataDir, 'n1', ...nodes];
	const child = spawn('sh', ['-c', command, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
	children.push(child);
	const filled = await said(child, 'filled');
	expect(filled.taken).toBeGreaterThan(10);
	expect(filled.lacks).toEqual([]);
	expect(fs.readdirSync(join(dataDir, 'n1/log')).length).toBeGreaterThanOrEqual(4);
});

describe('a lock', () => {
	beforeEach(() => {
		fs.mkdirSync(dataDir);
	});

	test('is had by one at a time, this process included, and can be had again once it is given back', () => {
		const unlock = lockFolder(dataDir);
		expect(lockErrorOf(dataDir).pid).toBe(process.pid);
		unlock();
		lockFolder(dataDir)();
	});

	test('is held for as long as its holder lives, also while that one is stopped, and not a moment longer', async () => {
		const child = start('lock', dataDir);
		await said(child, 'locked');
		expect(lockErrorOf(dataDir)).toMatchObject({ pid: child.pid, holder: `process ${child.pid}` });
		child.kill('SIGSTOP');
		expect(lockErrorOf(dataDir).pid).toBe(child.pid);
		child.kill('SIGKILL');
		await once(child, 'exit');
		lockFolder(dataDir)();
	});

	test('holds against a process that has process ids of its own, and against one that sees no others', async () => {
		const unlock = lockFolder(dataDir);
		const refused = await said(startElsewhere('lock', dataDir), 'refused');
		expect(refused.message).toContain(`${dataDir} is in use by `);
		unlock();
		const holder = startElsewhere('lock', dataDir);
		await said(holder, 'locked');
		const error = lockErrorOf(dataDir);
		if (isElsewhere) expect(error).toMatchObject({ pid: null, holder: expect.stringContaining('another container') });
		expect(error.message).toContain(`${dataDir} is in use by `);
	});

	test('that was left by a process that ended, or by an older version, is in nobody’s way', () => {
		fs.writeFileSync(join(dataDir, 'lock'), `${process.ppid} one\n`);
		fs.writeFileSync(join(dataDir, `lock-${process.ppid}-longAgo`), '');
		lockFolder(dataDir)();
	});

	// This is the lock on Linux. Elsewhere the system locks the file as it opens it.
	const isByProgram = process.platform === 'linux';

	test('on a file that was removed before it was locked is worth nothing, so it is taken anew', () => {
		const flock = spawnSync('sh', ['-c', 'command -v flock'], { encoding: 'utf8' }).stdout.trim();
		const folder = join(dataDir, 'n1');
		fs.mkdirSync(folder);
		// The folder may be erased and made anew between the opening of the file and its lock.
		const spoiler = `#!/bin/sh\nrm ${join(dataDir, 'flock')}; rm ${join(folder, 'lock')}; exec ${flock} "$@"\n`;
		fs.writeFileSync(join(dataDir, 'flock'), spoiler, { mode: 0o755 });
		vi.stubEnv('PATH', `${dataDir}:${process.env.PATH}`);
		const unlock = lockFolder(folder);
		expect(fs.existsSync(join(dataDir, 'flock'))).toBe(!isByProgram);
		expect(lockErrorOf(folder).pid).toBe(process.pid);
		unlock();
	});

	test('that cannot be had for want of the program flock is refused, with what to install', () => {
		formatSwarm(join(dataDir, 'swarm'), swarm);
		vi.stubEnv('PATH', dataDir);
		const open = () => openFolder(join(dataDir, 'swarm'), 'n1', swarm.name);
		if (!isByProgram) return void open().close();
		const error = errorOf(open);
		expect(error.code).toBe('notLockable');
		expect(error.message).toContain('flock (of util-linux) cannot lock it: it is not installed');
	});

	test('is had on a full disk too, where nobody can be told who holds it', () => {
		const unlock = whileFailing('writeSync', 'ENOSPC', () => lockFolder(dataDir));
		expect(lockErrorOf(dataDir)).toMatchObject({ pid: null, holder: 'another process' });
		unlock();
	});

	test('that its caller is not given is not kept', () => {
		expect(() => whileFailing('writeSync', 'EIO', () => lockFolder(dataDir))).toThrow('EIO');
		lockFolder(dataDir)();
	});

	test('is given back on a disk that has failed', () => {
		whileFailing('ftruncateSync', 'EROFS', lockFolder(dataDir));
		lockFolder(dataDir)();
	});

	test('is given back once, whatever is asked', () => {
		const unlock = lockFolder(dataDir);
		unlock();
		const again = lockFolder(dataDir);
		unlock();
		expect(lockErrorOf(dataDir).pid).toBe(process.pid);
		again();
	});
});

function swarmOf(name: string, members: readonly string[]): SwarmMembers {
	return { name, members: Object.fromEntries(members.map((id) => [id, `http://${id}`])) };
}

function open(id: string, name = swarm.name): OpenFolder {
	const folder = openFolder(dataDir, id, name);
	opened.push(folder);
	return folder;
}

/** Writes one durable record, and closes the folder. */
async function writeTo(folder: OpenFolder): Promise<void> {
	await new Promise<void>((resolve, reject) => {
		const handlers = {
			durable: (through: number) => through === 1 && resolve(),
			failed: reject,
			flushed: () => undefined,
			room: () => undefined,
		};
		const { log } = Log.open(folder.disk, folder, handlers);
		log.append([accepted(1)]);
		log.flush();
	});
	await folder.close();
}

/** Runs `act` while this call of the system fails. */
function whileFailing<T>(call: 'writeSync' | 'ftruncateSync', code: string, act: () => T): T {
	const failing = vi.spyOn(system, call).mockImplementation(() => {
		throw Object.assign(new Error(`${code}: ${call}`), { code });
	});
	syncBuiltinESMExports();
	try {
		return act();
	} finally {
		failing.mockRestore();
		syncBuiltinESMExports();
	}
}

function lockErrorOf(folder: string): LockedError {
	try {
		lockFolder(folder)();
	} catch (error) {
		if (error instanceof LockedError) return error;
		throw error;
	}
	throw new Error('it could be locked');
}

function errorOf(act: () => unknown): FolderError {
	try {
		act();
	} catch (error) {
		if (error instanceof FolderError) return error;
		throw error;
	}
	throw new Error('nothing was refused');
}

function codeOf(act: () => unknown): FolderErrorCode {
	return errorOf(act).code;
}

function start(...words: string[]): ChildProcess {
	const child = fork(join(program, 'folder-process.mjs'), words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
	children.push(child);
	return child;
}

const [elsewhere = '', ...asElsewhere] = ['unshare', '--pid', '--fork', '--mount-proc'];
/** Whether this user may make processes with process ids of their own. */
const isElsewhere = spawnSync(elsewhere, [...asElsewhere, 'true']).status === 0;

/** Starts a process with process ids of its own, as in another container, where this user may do so. */
function startElsewhere(...words: string[]): ChildProcess {
	const command = [process.execPath, join(program, 'folder-process.mjs'), ...words];
	const [file = '', ...args] = isElsewhere ? [elsewhere, ...asElsewhere, '--kill-child', ...command] : command;
	const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
	children.push(child);
	return child;
}

/** Resolves with the next message of a process. Rejects where it is of another kind, or where the process ends. */
async function said(child: ChildProcess, kind: string): Promise<Record<string, unknown>> {
	const message = await new Promise<Record<string, unknown>>((resolve, reject) => {
		child.once('message', (value) => resolve(value as Record<string, unknown>));
		child.once('exit', (status, signal) => reject(new Error(`the process ended: ${status ?? signal}`)));
	});
	if (message.kind !== kind) throw new Error(`not "${kind}" but ${JSON.stringify(message)}`);
	return message;
}
