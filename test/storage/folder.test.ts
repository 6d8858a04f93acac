/** The data folder: formatted once, by one process; opened by one; refused, with the reason, in every other case. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { formatOnce, formatSwarm, type OpenFolder, openFolder } from '../../server/storage/folder.ts';
import { FolderError, type FolderErrorCode } from '../../server/storage/identity.ts';
import { LockedError, lockFolder } from '../../server/storage/lock.ts';
import { Log } from '../../shared/disk/log.ts';
import { accepted, listen } from './records.ts';

const swarm = { name: 'colours', members: ['n1', 'n2', 'n3'] };

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
	// For a process of another user.
	fs.chmodSync(program, 0o755);
});

afterAll(() => fs.rmSync(program, { recursive: true }));

beforeEach(() => {
	dataDir = join(fs.mkdtempSync(join(tmpdir(), 'paxos-folder-')), 'data');
});

afterEach(async () => {
	for (const folder of opened.splice(0)) await folder.close();
	for (const child of children.splice(0)) {
		if (child.exitCode !== null || child.signalCode !== null) continue;
		child.kill('SIGKILL');
		await once(child, 'exit');
	}
	fs.rmSync(join(dataDir, '..'), { recursive: true });
});

describe('formatting', () => {
	test('gives every node a folder that says whose it is, and knows the incarnation of every other', () => {
		const { swarmId, incarnations } = formatSwarm(dataDir, swarm);
		expect(Object.keys(incarnations)).toEqual(swarm.members);
		expect(new Set(Object.values(incarnations)).size).toBe(3);
		for (const id of swarm.members) {
			const { disk: _, close: __, ...identity } = open(id);
			expect(identity).toEqual({ swarmId, incarnation: incarnations[id], incarnations });
		}
	});

	test('is refused a second time', () => {
		const first = formatSwarm(dataDir, swarm);
		expect(codeOf(() => formatSwarm(dataDir, swarm))).toBe('alreadyFormatted');
		expect(formatOnce(dataDir, swarm)).toBe(false);
		expect(open('n1').swarmId).toBe(first.swarmId);
	});

	test('with force starts afresh, and touches nothing that is not its own', async () => {
		const first = formatSwarm(dataDir, { name: 'old', members: ['n1', 'n9'] });
		fs.writeFileSync(join(dataDir, 'notes.txt'), 'mine');
		fs.mkdirSync(join(dataDir, 'pictures'));
		await writeTo(open('n1', { name: 'old', members: ['n1', 'n9'] }));
		const second = formatSwarm(dataDir, swarm, { force: true });
		expect(second.swarmId).not.toBe(first.swarmId);
		expect(Log.open(open('n1').disk, { segmentBytes: 512 }, listen()).records).toEqual([]);
		expect(fs.readdirSync(dataDir)).toEqual(['format.json', 'n1', 'n2', 'n3', 'notes.txt', 'pictures']);
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
		for (const id of swarm.members) open(id);
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
		expect(fs.readdirSync(dataDir)).toEqual(['format.json', ...members]);
	});
});

describe('a folder is refused', () => {
	beforeEach(() => {
		formatSwarm(dataDir, swarm);
	});

	const edit = (file: string, change: (identity: Record<string, unknown>) => void) => {
		const path = join(dataDir, file);
		const identity = JSON.parse(fs.readFileSync(path, 'utf8')) as Record<string, unknown>;
		change(identity);
		fs.writeFileSync(path, JSON.stringify(identity));
	};
	const remove = (path: string) => fs.rmSync(join(dataDir, path), { recursive: true });

	const refusals: readonly [string, FolderErrorCode, () => void, readonly string[]][] = [
		['that was never formatted', 'unformatted', () => remove('.'), ['not formatted yet', 'To format it, once']],
		['that is gone', 'missing', () => remove('n1'), ['lost its memory', 'or erase the data of every node']],
		['whose format.json is gone', 'missing', () => remove('n1/format.json'), ['lost its memory', 'n1/format.json']],
		['whose log is gone', 'missing', () => remove('n1/log'), ['lost its memory', 'n1/log is missing']],
		['whose log was emptied', 'missing', () => remove('n1/log/000000000001.log'), ['lost its memory']],
		[
			'of a swarm with another name',
			'otherSwarm',
			() =>
				['format.json', 'n1/format.json'].map((file) =>
					edit(file, (identity) => Object.assign(identity, { name: 'old' })),
				),
			['belongs to the swarm "old"', '"colours"', '--data-dir'],
		],
		[
			'of another swarm of that name',
			'otherSwarm',
			() => edit('n1/format.json', (identity) => Object.assign(identity, { swarmId: 'other' })),
			['belongs to another swarm (other)', 'or erase the data of every node'],
		],
		[
			'of another node',
			'otherNode',
			() => {
				remove('n1');
				fs.cpSync(join(dataDir, 'n2'), join(dataDir, 'n1'), { recursive: true });
			},
			['the folder of node n2, not of n1', 'or erase the data of every node'],
		],
		[
			'of a later format',
			'unknownFormat',
			() => edit('n1/format.json', (identity) => Object.assign(identity, { format: 2, more: true })),
			['has format 2', 'knows format 1 only'],
		],
		[
			'whose format.json is not JSON',
			'unreadable',
			() => fs.writeFileSync(join(dataDir, 'n1/format.json'), '{"format": 1, "na'),
			['n1/format.json cannot be read', 'JSON'],
		],
		[
			'whose format.json lacks something',
			'unreadable',
			() => edit('format.json', (identity) => delete identity.incarnations),
			['format.json cannot be read', 'incarnations'],
		],
	];

	test.each(refusals)('%s (%s)', (_, code, spoil, words) => {
		spoil();
		const error = errorOf(() => open('n1'));
		expect(error.code).toBe(code);
		for (const word of words) expect(error.message).toContain(word);
		expect(locksIn('n1')).toEqual([]);
	});

	test.each([
		['one more', ['n1', 'n2', 'n3', 'n4']],
		['one less', ['n1', 'n2']],
		['others', ['n1', 'n2', 'n4']],
	])('with %s in swarm.json than it was formatted for (otherMembers)', (_, members) => {
		const error = errorOf(() => open('n1', { ...swarm, members }));
		expect(error.code).toBe('otherMembers');
		expect(error.message).toContain(`formatted for the members n1, n2, n3, but swarm.json names ${members.join(', ')}`);
	});

	test('that this process has opened already (inUse)', async () => {
		const first = open('n1');
		expect(codeOf(() => open('n1'))).toBe('inUse');
		await first.close();
		open('n1');
	});

	test('that another process has opened (inUse), until that one is killed', async () => {
		const child = start('formatOnceAndOpen', dataDir, 'n1', ...swarm.members);
		await said(child, 'ready');
		child.send('go');
		await said(child, 'opened');
		const error = errorOf(() => open('n1'));
		expect(error.code).toBe('inUse');
		expect(error.message).toContain(`kill ${child.pid}`);
		child.kill('SIGKILL');
		await once(child, 'exit');
		expect(locksIn('n1')).toHaveLength(1);
		open('n1');
		expect(locksIn('n1')).toHaveLength(1);
	});

	test('that this user may not write to (notWritable)', async () => {
		// Root may write everywhere, so the process asks as somebody else.
		const isRoot = process.getuid?.() === 0;
		fs.chmodSync(join(dataDir, '..'), 0o755);
		if (!isRoot) fs.chmodSync(join(dataDir, 'n1'), 0o555);
		const child = start('formatOnceAndOpen', dataDir, 'n1', ...swarm.members);
		await said(child, 'ready');
		child.send(isRoot ? 'goAsNobody' : 'go');
		const { code, message } = await said(child, 'refused');
		expect(code).toBe('notWritable');
		expect(message).toContain('Make it writable for this user');
		fs.chmodSync(join(dataDir, 'n1'), 0o755);
	});
});

describe('a lock', () => {
	beforeEach(() => {
		fs.mkdirSync(dataDir);
	});

	test('of a process that is no more is taken over', () => {
		fs.writeFileSync(join(dataDir, `lock-${2 ** 30}-1234`), '');
		lockFolder(dataDir)();
		expect(fs.readdirSync(dataDir)).toEqual([]);
	});

	test('of a pid that another process has by now is taken over', () => {
		// This very process and its parent live, but neither started then.
		for (const pid of [process.pid, process.ppid]) fs.writeFileSync(join(dataDir, `lock-${pid}-longAgo`), '');
		lockFolder(dataDir)();
		expect(fs.readdirSync(dataDir)).toEqual([]);
	});

	test('that a live process holds is left alone', async () => {
		const child = start('lock', dataDir);
		await said(child, 'locked');
		const before = fs.readdirSync(dataDir);
		expect(() => lockFolder(dataDir)).toThrow(LockedError);
		expect(fs.readdirSync(dataDir)).toEqual(before);
	});
});

function open(id: string, members = swarm): OpenFolder {
	const folder = openFolder(dataDir, id, members);
	opened.push(folder);
	return folder;
}

/** One record, durable; then the folder is closed. */
async function writeTo(folder: OpenFolder): Promise<void> {
	await new Promise<void>((resolve, reject) => {
		const handlers = {
			durable: (through: number) => through === 1 && resolve(),
			failed: reject,
			flushed: () => undefined,
		};
		const { log } = Log.open(folder.disk, { segmentBytes: 512 }, handlers);
		log.append([accepted(1)]);
		log.flush();
	});
	await folder.close();
}

function locksIn(node: string): string[] {
	const folder = join(dataDir, node);
	return fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.startsWith('lock-')) : [];
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

/** The next message of a process; an error if it is of another kind, or if the process ends instead. */
async function said(child: ChildProcess, kind: string): Promise<Record<string, unknown>> {
	const message = await new Promise<Record<string, unknown>>((resolve, reject) => {
		child.once('message', (value) => resolve(value as Record<string, unknown>));
		child.once('exit', (status, signal) => reject(new Error(`the process ended: ${status ?? signal}`)));
	});
	if (message.kind !== kind) throw new Error(`not "${kind}" but ${JSON.stringify(message)}`);
	return message;
}
