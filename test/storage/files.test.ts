/** What only the disk on real files does: flush off the loop, in order, once, and never again after an error. */
import { type NoParamCallback, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FileDisk } from '../../server/storage/files.ts';

/** Flushes that were asked for and wait here until the test lets them go on; not held back unless asked. */
const flushes = vi.hoisted(() => ({
	held: false,
	waiting: [] as (() => void)[],
	count: 0,
	error: null as Error | null,
}));

vi.mock('node:fs', async (original) => {
	const fs = await original<typeof import('node:fs')>();
	const fdatasync = (fd: number, done: NoParamCallback) => {
		flushes.count++;
		const { error } = flushes;
		const flush = () => (error ? setImmediate(done, error) : fs.fdatasync(fd, done));
		if (flushes.held) flushes.waiting.push(flush);
		else flush();
	};
	return { ...fs, fdatasync };
});

let folder: string;
let disk: FileDisk;

beforeEach(async () => {
	Object.assign(flushes, { held: false, waiting: [], count: 0, error: null });
	folder = await mkdtemp(join(tmpdir(), 'paxos-files-'));
	disk = new FileDisk(folder);
	await create('a', 256 * 1024);
});

afterEach(async () => {
	await disk.close();
	await rm(folder, { recursive: true });
});

test('a slow disk does not block the event loop, and nothing is durable before it has flushed', async () => {
	flushes.held = true;
	const durable: string[] = [];
	const small = write('a', 0, new Uint8Array(512).fill(1)).then(() => durable.push('small'));
	const large = write('a', 512, new Uint8Array(200 * 1024).fill(2)).then(() => durable.push('large'));
	// The loop turns, and reads files, while the disk is at it.
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

function create(name: string, bytes: number): Promise<void> {
	return new Promise((resolve, reject) => disk.create(name, bytes, (error) => (error ? reject(error) : resolve())));
}

/** Rejects where the disk answers with an error; fails the test where it answers before the call returns. */
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
