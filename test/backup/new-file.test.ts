/** A file is there under its name as a whole or not at all, and nothing is left beside it. */
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NewFile, NewFileError } from '../../server/backup/new-file.ts';

/** What the system says to the next calls. */
const errors = vi.hoisted(() => new Map<string, string>());
vi.mock('node:fs/promises', async (original) => {
	const real = await original<typeof import('node:fs/promises')>();
	const failing =
		(call: string, act: (...args: never[]) => Promise<unknown>) =>
		(...args: never[]): Promise<unknown> => {
			const code = errors.get(call);
			if (code === undefined) return act(...args);
			return Promise.reject(Object.assign(new Error(`${code}: ${call} failed`), { code }));
		};
	const open = async (...args: Parameters<typeof real.open>) => {
		const file = await real.open(...args);
		const { writeFile, sync } = file;
		return Object.assign(file, {
			writeFile: failing('write', writeFile.bind(file)),
			sync: failing('fsync', sync.bind(file)),
		});
	};
	return { ...real, open: failing('open', open), link: failing('link', real.link) };
});

let folder: string;
let path: string;
beforeEach(async () => {
	folder = await fs.mkdtemp(join(tmpdir(), 'paxos-new-file-'));
	path = join(folder, 'a.backup');
});
afterEach(async () => {
	errors.clear();
	await fs.rm(folder, { recursive: true });
});

async function write(text: string, { replaces = false } = {}): Promise<void> {
	const file = await NewFile.create(path, replaces);
	try {
		for (const char of text) await file.write(Buffer.from(char));
		await file.finish();
	} catch (error) {
		await file.abandon();
		throw error;
	}
}

const files = () => fs.readdir(folder);
const content = () => fs.readFile(path, 'utf8');

test('only its owner can read it, unless it is made for others too', async () => {
	await (await NewFile.create(path, false)).finish();
	expect((await fs.stat(path)).mode & 0o777).toBe(0o600);
	await (await NewFile.create(path, true, 0o644)).finish();
	expect((await fs.stat(path)).mode & 0o777).toBe(0o644 & ~process.umask());
});

test('has its name only once it is finished', async () => {
	const file = await NewFile.create(path, false);
	await file.write(Buffer.from('red'));
	expect(await files()).not.toContain('a.backup');
	await file.finish();
	expect(await files()).toEqual(['a.backup']);
	expect(await content()).toBe('red');
});

test('that is abandoned leaves nothing', async () => {
	const file = await NewFile.create(path, false);
	await file.write(Buffer.from('red'));
	await file.abandon();
	expect(await files()).toEqual([]);
});

describe('a file of that name', () => {
	test('is not replaced, unless that is asked for', async () => {
		await write('red');
		await expect(write('blue')).rejects.toThrow(
			new NewFileError(`${path} is there already. To replace it, add --force.`),
		);
		expect(await content()).toBe('red');
		await write('blue', { replaces: true });
		expect(await content()).toBe('blue');
		expect(await files()).toEqual(['a.backup']);
	});

	test.each(['', 'link'])(
		'that another one has made meanwhile is not replaced either (without: %s)',
		async (without) => {
			if (without !== '') errors.set(without, 'EPERM');
			const first = await NewFile.create(path, false);
			await first.write(Buffer.from('red'));
			await fs.writeFile(path, 'blue');
			await expect(first.finish()).rejects.toThrow('is there already');
			await first.abandon();
			expect(await content()).toBe('blue');
			expect(await files()).toEqual(['a.backup']);
		},
	);

	test('is made where the file system has no links', async () => {
		errors.set('link', 'EPERM');
		await write('red');
		expect(await content()).toBe('red');
		expect(await files()).toEqual(['a.backup']);
	});
});

test.each(['write', 'fsync'])('without room (%s) leaves nothing, keeps the one before, and says why', async (call) => {
	await fs.writeFile(path, 'before');
	errors.set(call, 'ENOSPC');
	await expect(async () => {
		const file = await NewFile.create(path, true);
		try {
			await file.write(Buffer.from('red'));
			await file.finish();
		} finally {
			await file.abandon();
		}
	}).rejects.toThrow(`${path} cannot be written: the disk is full (ENOSPC: ${call} failed)`);
	expect(await files()).toEqual(['a.backup']);
	expect(await content()).toBe('before');
});

test.each([
	['a folder', (here: string) => here, 'is a folder'],
	['in a folder that is missing', (here: string) => join(here, 'none', 'a'), 'cannot be written: ENOENT'],
	['below a file', (here: string) => join(here, 'file', 'a'), 'cannot be written: ENOTDIR'],
	['no file', () => '/dev/null', 'is no file that can be replaced'],
])('that is %s is refused', async (_, at, why) => {
	await fs.writeFile(join(folder, 'file'), '');
	await expect(NewFile.create(at(folder), true)).rejects.toThrow(why);
	expect(await files()).toEqual(['file']);
});

test('in a folder that may not be written is refused', async () => {
	errors.set('open', 'EACCES');
	await expect(NewFile.create(path, false)).rejects.toThrow(`${path} cannot be written: EACCES: open failed`);
});
