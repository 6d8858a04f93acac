/** The disk on real files flushes off the event loop, in order, once, and never again after an error. */
import { spawnSync } from 'node:child_process';
import { closeSync, type NoParamCallback, openSync, readFileSync, renameSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FileDisk } from '../../server/storage/files.ts';
import { NoRoomError } from '../../shared/disk/disk.ts';

/** Flushes that wait until the test lets them go on. They wait only where the test wants it. */
const flushes = vi.hoisted(() => ({
	held: false,
	waiting: [] as (() => void)[],
	count: 0,
	error: null as Error | null,
}));

/** The system calls in order, and the errors that calls of these names get. */
const system = vi.hoisted(() => ({ calls: [] as string[], errors: new Map<string, string>() }));

/** What happens before the next looks of the disk at its files, one for each look. */
const beforeLooks = vi.hoisted(() => [] as (() => void)[]);

vi.mock('../../server/storage/in-place.ts', async (original) => {
	const { isInPlace } = await original<typeof import('../../server/storage/in-place.ts')>();
	return {
		isInPlace: (file: Parameters<typeof isInPlace>[0]) => {
			beforeLooks.shift()?.();
			return isInPlace(file);
		},
	};
});

vi.mock('node:fs', async (original) => {
	const fs = await original<typeof import('node:fs')>();
	const fdatasync = (fd: number, done: NoParamCallback) => {
		flushes.count++;
		const { error } = flushes;
		const flush = () => (error ? setImmediate(done, error) : fs.fdatasync(fd, done));
		if (flushes.held) flushes.waiting.push(flush);
		else flush();
	};
	/** Calls the system, unless the test wants an error. */
	const watched =
		<Args extends unknown[]>(call: string, act: (...args: Args) => void) =>
		(...args: Args): void => {
			system.calls.push(call);
			const code = system.errors.get(call);
			const done = args.at(-1) as (error: Error) => void;
			if (code === undefined) act(...args);
			else setImmediate(done, Object.assign(new Error(`${code}: ${call}`), { code }));
		};
	const openSync = (path: string, flags: string) => {
		const code = flags === 'w+' ? system.errors.get('open') : undefined;
		if (code !== undefined) throw Object.assign(new Error(`${code}: open`), { code });
		return fs.openSync(path, flags);
	};
	const rmSync = (...args: Parameters<typeof fs.rmSync>) => {
		const code = system.errors.get('rm');
		if (code !== undefined) throw Object.assign(new Error(`${code}: rm`), { code });
		fs.rmSync(...args);
	};
	const write = Object.assign(watched('write', fs.write as (...args: unknown[]) => void), {
		[Symbol.for('nodejs.util.promisify.custom')]: (...args: unknown[]) =>
			new Promise((resolve, reject) =>
				watched('write', fs.write as (...args: unknown[]) => void)(...args, (error: Error, bytesWritten: number) =>
					error ? reject(error) : resolve({ bytesWritten }),
				),
			),
	});
	return {
		...fs,
		fdatasync,
		openSync,
		rmSync,
		write,
		fsync: watched('fsync', fs.fsync),
		rename: watched('rename', fs.rename),
	};
});

let folder: string;
let disk: FileDisk;

beforeEach(async () => {
	Object.assign(flushes, { held: false, waiting: [], count: 0, error: null });
	system.errors.clear();
	folder = await mkdtemp(join(tmpdir(), 'paxos-files-'));
	disk = new FileDisk(folder);
	await create('a', 256 * 1024);
});

afterEach(async () => {
	await disk.close();
	await rm(folder, { recursive: true });
});

test('what is no file counts as missing, because to read it might never end', async () => {
	await mkdir(join(folder, 'folder'));
	await symlink(join(folder, 'itself'), join(folder, 'itself'));
	await symlink(join(folder, 'a'), join(folder, 'link'));
	expect(spawnSync('mkfifo', [join(folder, 'pipe')]).status).toBe(0);
	expect(disk.list()).toEqual(['a', 'link']);
});

test('a slow disk does not block the event loop, and nothing is durable before it has flushed', async () => {
	flushes.held = true;
	const durable: string[] = [];
	const small = write('a', 0, new Uint8Array(512).fill(1)).then(() => durable.push('small'));
	const large = write('a', 512, new Uint8Array(200 * 1024).fill(2)).then(() => durable.push('large'));
	// The event loop goes on, and can read files, while the disk works.
	for (let turns = 0; turns < 20; turns++) await turn();
	expect((await readFile(join(folder, 'a')))[0]).toBe(1);
	expect(durable).toEqual([]);
	expect(flushes.count).toBe(1);

	flushes.held = false;
	flushes.waiting.shift()?.();
	await Promise.all([small, large]);
	expect(durable).toEqual(['small', 'large']);
	expect(flushes.count).toBe(2);
	expect(readFileSync(join(folder, 'a'))[512]).toBe(2);
});

test('writes to several files are answered in the order of the calls', async () => {
	await create('b', 4096);
	const order: number[] = [];
	const files = ['a', 'b', 'a', 'b', 'b', 'a'];
	await Promise.all(files.map((name, i) => write(name, 512 * i, new Uint8Array(512)).then(() => order.push(i))));
	expect(order).toEqual([0, 1, 2, 3, 4, 5]);
});

test('a flush that failed is not tried again, and everything afterwards fails with its error', async () => {
	flushes.error = new Error('EIO: input/output error');
	await expect(write('a', 0, new Uint8Array(512))).rejects.toThrow('EIO');
	flushes.error = null;
	await expect(write('a', 512, new Uint8Array(512))).rejects.toThrow('EIO');
	await expect(create('b', 4096)).rejects.toThrow('EIO');
	expect(flushes.count).toBe(1);
	expect(disk.list()).toEqual(['a']);
});

test('a write to a file that is not there fails, after the call has returned', async () => {
	await expect(write('nowhere', 0, new Uint8Array(512))).rejects.toThrow('ENOENT');
});

test('a file that was half made when the process died is not there, and can be made anew', async () => {
	await disk.close();
	await writeFile(join(folder, 'b.making'), new Uint8Array(100));
	disk = new FileDisk(folder);
	expect(disk.list()).toEqual(['a']);
	await create('b', 4096);
	expect(disk.read('b')).toEqual(Buffer.alloc(4096));
	expect(await readdir(folder)).toEqual(['a', 'b']);
});

test('to close waits for what is on its way, and lets nothing else begin', async () => {
	flushes.held = true;
	let durable = false;
	const writing = write('a', 0, new Uint8Array(512)).then(() => {
		durable = true;
	});
	const closed = disk.close().then(() => durable);
	flushes.waiting.shift()?.();
	await writing;
	expect(await closed).toBe(true);
	await expect(write('a', 0, new Uint8Array(512))).rejects.toThrow('the disk is closed');
});

test('to close waits for a write that follows the one on its way', async () => {
	flushes.held = true;
	let followed: Error | null | undefined;
	disk.write('a', 0, new Uint8Array(512), () => {
		disk.write('a', 512, new Uint8Array(512), (error) => {
			followed = error;
		});
	});
	const closed = disk.close().then(() => followed);
	flushes.held = false;
	flushes.waiting.shift()?.();
	expect(await closed).toBeNull();
});

test('a file is there under its name only once all of it is durable, and then its name is made so', async () => {
	system.calls.length = 0;
	await create('b', 3 * 1024 * 1024);
	expect(system.calls).toEqual(['write', 'fsync', 'write', 'fsync', 'write', 'fsync', 'rename', 'fsync']);
});

describe('a file to which is appended', () => {
	const part = new Uint8Array(800 * 1024);

	test('is flushed after some parts, and all of it is durable before it gets its name', async () => {
		system.calls.length = 0;
		for (let i = 0; i < 4; i++) await append('b', part);
		await publish('b');
		expect(system.calls).toEqual([...'wwwfwfrf'].map((call) => ({ w: 'write', f: 'fsync', r: 'rename' })[call]));
		expect(disk.read('b').length).toBe(4 * part.length);
	});

	test.each([
		['the last flush', 'fsync'],
		['its name', 'rename'],
	])('may lack room as late as for %s, which leaves nothing behind and is no end', async (_, call) => {
		await append('b', part);
		system.errors.set(call, 'ENOSPC');
		await expect(publish('b')).rejects.toThrow(NoRoomError);
		system.errors.clear();
		expect(await readdir(folder)).toEqual(['a']);
		disk.abandon('b');
		await append('b', part);
		await publish('b');
		expect(disk.list()).toEqual(['a', 'b']);
	});
});

describe('a file for which there is no room', () => {
	test.each([
		['write', 'ENOSPC', 'the disk is full'],
		['fsync', 'ENOSPC', 'the disk is full'],
		['write', 'EDQUOT', 'the disk quota is used up'],
		['open', 'EMFILE', 'this process has too many files open'],
		['open', 'ENFILE', 'the system has too many files open'],
	])(
		'(%s says %s) leaves nothing behind, and is no end: all else goes on, and it can be made later',
		async (call, code, why) => {
			system.errors.set(call, code);
			const error = await create('b', 4096).catch((reason: unknown) => reason);
			expect(error).toBeInstanceOf(NoRoomError);
			expect((error as Error).message).toBe(why);
			expect(await readdir(folder)).toEqual(['a']);
			system.errors.clear();
			await write('a', 0, new Uint8Array(512));
			await create('b', 4096);
			await write('b', 0, new Uint8Array(512));
			expect(disk.list()).toEqual(['a', 'b']);
		},
	);

	test('that is to have another name keeps the one that it has', async () => {
		const before = await openHere();
		system.errors.set('rename', 'ENOSPC');
		await expect(renamed('a', 'b')).rejects.toThrow(NoRoomError);
		system.errors.clear();
		await write('a', 0, new Uint8Array(512));
		await renamed('a', 'b');
		expect(disk.list()).toEqual(['b']);
		expect(await openHere()).toBe(before);
	});

	test.each(['write', 'fsync', 'rename'])(
		'is told from one that the disk failed to make: %s says EIO',
		async (call) => {
			system.errors.set(call, 'EIO');
			await expect(create('b', 4096)).rejects.toThrow('EIO');
			system.errors.clear();
			await expect(write('a', 0, new Uint8Array(512))).rejects.toThrow('EIO');
		},
	);
});

test('a disk that has failed and lets nothing be removed is closed all the same', async () => {
	await append('b', Uint8Array.of(1));
	system.errors.set('rm', 'EROFS');
	await disk.close();
	system.errors.clear();
	expect(await openHere()).toBe(0);
	expect(await readdir(folder)).toContain('b.making');
});

test('the descriptor that is kept for the next file is kept again where that one could not be made', async () => {
	await create('b', 4096);
	const before = await openHere();
	for (const [call, code] of [
		['open', 'EMFILE'],
		['write', 'ENOSPC'],
	] as const) {
		system.errors.set(call, code);
		await expect(create('c', 4096)).rejects.toThrow(NoRoomError);
		system.errors.clear();
		expect(await openHere()).toBe(before);
	}
});

test('a folder with many files is served with five descriptors, and each of them can be read and written', async () => {
	const names = ['a', 'b', 'c', 'd', 'e', 'f'];
	for (const name of names.slice(1)) await create(name, 4096);
	for (const name of [...names, ...names.toReversed()]) {
		await write(name, 512, new Uint8Array(512).fill(name.charCodeAt(0)));
		expect(disk.read(name)[512]).toBe(name.charCodeAt(0));
	}
	expect(await openHere()).toBeLessThanOrEqual(5);
	await disk.close();
	expect(await openHere()).toBe(0);
});

/** The number of descriptors that this process has in the folder, where the system tells. */
async function openHere(): Promise<number> {
	const fds = await readdir('/proc/self/fd').catch(() => []);
	const paths = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
	return paths.filter((path) => path.startsWith(folder)).length;
}

function append(name: string, bytes: Uint8Array): Promise<void> {
	return new Promise((resolve, reject) => disk.append(name, bytes, (error) => (error ? reject(error) : resolve())));
}

function publish(name: string): Promise<void> {
	return new Promise((resolve, reject) => disk.publish(name, (error) => (error ? reject(error) : resolve())));
}

function renamed(from: string, to: string): Promise<void> {
	return new Promise((resolve, reject) => disk.rename(from, to, (error) => (error ? reject(error) : resolve())));
}

function create(name: string, bytes: number): Promise<void> {
	return new Promise((resolve, reject) => disk.create(name, bytes, (error) => (error ? reject(error) : resolve())));
}

/**
 * Resolves when the disk is done, and rejects with its error. The test fails where the disk answers inside the call.
 */
function write(name: string, offset: number, bytes: Uint8Array): Promise<void> {
	return new Promise((resolve, reject) => {
		let returned = false;
		disk.write(name, offset, bytes, (error) => {
			if (!returned) reject(new Error('answered before the call returned'));
			else if (error) reject(error);
			else resolve();
		});
		returned = true;
	});
}

describe('a folder in use', () => {
	const written = (): Promise<Error | null> => new Promise((done) => disk.write('a', 0, Uint8Array.of(1), done));

	test('is in place, also while the log renames its files', async () => {
		await written();
		let isOver = false;
		const renames = (async () => {
			for (let i = 0; i < 30; i++) {
				for (const [from, to] of [
					['a', 'b'],
					['b', 'a'],
				] as const) {
					await renamed(from, to);
				}
			}
			isOver = true;
		})();
		while (!isOver) expect(await disk.look()).toBeNull();
		await renames;
	});

	test.each([
		['was removed', '', async () => rm(folder, { recursive: true })],
		['was moved', '', async () => rename(folder, `${folder}-moved`)],
		[
			'was replaced by a copy',
			'',
			async () => {
				await rename(folder, `${folder}-moved`);
				await cp(`${folder}-moved`, folder, { recursive: true });
			},
		],
		['has lost a file', 'a', async () => rm(join(folder, 'a'))],
		[
			'has a copy of a file in its place',
			'a',
			async () => {
				await cp(join(folder, 'a'), join(folder, 'copy'));
				await rename(join(folder, 'copy'), join(folder, 'a'));
			},
		],
	])('%s, which is said, and nothing is written any more', async (_, file, spoil) => {
		await spoil();
		const found = (await disk.look()) as Error;
		expect(found).toMatchObject({ code: 'misplaced' });
		expect(found.message).toContain(`${join(folder, file)} was removed, moved or replaced while its node runs`);
		expect(await written()).toBe(found);
		await mkdir(folder, { recursive: true });
		await rm(`${folder}-moved`, { recursive: true, force: true });
	});

	test.each([0, 1, 2])('is the one that is named where it is moved before look %i of three', async (looks) => {
		const lock = join(folder, 'lock');
		await writeFile(lock, '');
		const fd = openSync(lock, 'r');
		const locked = new FileDisk(folder, { path: lock, fd });
		await new Promise((done) => locked.write('a', 0, Uint8Array.of(1), done));
		beforeLooks.push(...Array.from({ length: looks }, () => () => undefined), () =>
			renameSync(folder, `${folder}-moved`),
		);
		expect((await locked.look())?.message).toContain(`${folder} was removed, moved or replaced`);
		expect(beforeLooks).toEqual([]);
		await locked.close();
		closeSync(fd);
		renameSync(`${folder}-moved`, folder);
	});

	test.each([1, 2])('is not blamed where the disk is closed before look %i of two', async (look) => {
		await written();
		const closes = new Promise<void>((resolve) => {
			beforeLooks.push(...Array.from({ length: look - 1 }, () => () => undefined), () => resolve(disk.close()));
		});
		expect(await disk.look()).toBeNull();
		await closes;
		expect(beforeLooks).toEqual([]);
	});
});
