/** Every disk keeps the promises of `Disk`: a real one, one in memory, the simulator's, and the one of these tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { FileDisk } from '../../server/storage/files.ts';
import { MemoryDisk } from '../../server/storage/memory.ts';
import type { Disk } from '../../shared/disk/disk.ts';
import { SimulatedDisk } from '../../shared/simulation/disk.ts';
import { Random } from '../../shared/simulation/random.ts';
import { Schedule } from '../../shared/simulation/schedule.ts';
import { CrashDisk } from './crash-disk.ts';

const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
	for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Made {
	readonly disk: Disk;
	/** Does what the disk waits to be told. */
	run(): void;
	/** Ends the process at once, and opens the same files in another. A disk in memory has no other life. */
	again?(): Promise<Disk> | Disk;
}

const kinds: Readonly<Record<string, () => Made>> = {
	files: () => {
		const folder = mkdtempSync(join(tmpdir(), 'paxos-disks-'));
		cleanUps.push(() => rmSync(folder, { recursive: true }));
		const open = () => {
			const disk = new FileDisk(folder);
			cleanUps.push(() => disk.close());
			return disk;
		};
		return { disk: open(), run: () => undefined, again: open };
	},
	memory: () => ({ disk: new MemoryDisk([]), run: () => undefined }),
	simulated: () => {
		const schedule = new Schedule<() => void>();
		const runtime = {
			get now() {
				return schedule.now;
			},
			at: (time: number, act: () => void) => schedule.at(time, act),
		};
		const disk = new SimulatedDisk(new Random(7), runtime, []);
		return {
			disk,
			run: () => {
				while (schedule.size > 0) schedule.take()();
			},
			again: () => {
				disk.crash(runtime, 'torn');
				return disk;
			},
		};
	},
	crashing: () => {
		const disk = new CrashDisk();
		return { disk, run: () => disk.finishAll(), again: () => disk.losePower(() => false) };
	},
};

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | null) => new TextDecoder().decode(bytes ?? bytesOf('none'));

describe.each(Object.entries(kinds))('a disk of the kind %s', (_, make) => {
	/** Makes a call and resolves with its error, which never comes before the call has returned. */
	const using = ({ disk, run }: Made) => {
		return (call: (disk: Disk, done: (error: Error | null) => void) => void): Promise<Error | null> =>
			new Promise((resolve, reject) => {
				let hasReturned = false;
				call(disk, (error) => (hasReturned ? resolve(error) : reject(new Error('answered before it returned'))));
				hasReturned = true;
				run();
			});
	};

	test('has no file to which is appended, until it is published, and then all that was appended', async () => {
		const made = make();
		const does = using(made);
		const { disk } = made;
		expect(await does((d, done) => d.append('a', bytesOf('one '), done))).toBeNull();
		expect(await does((d, done) => d.append('a', bytesOf('two '), done))).toBeNull();
		expect(disk.list()).toEqual([]);
		expect(await does((d, done) => d.publish('a', done))).toBeNull();
		expect(disk.list()).toEqual(['a']);
		expect(textOf(disk.read('a'))).toBe('one two ');
		const after = (await made.again?.()) ?? disk;
		expect(textOf(after.read('a'))).toBe('one two ');
	});

	test('answers in order for one file, also where several calls are on their way', async () => {
		const made = make();
		const does = using(made);
		const order: string[] = [];
		const call = (name: string, act: (done: (error: Error | null) => void) => void) =>
			act((error) => order.push(error ? `${name} failed` : name));
		for (const text of ['1', '2', '3']) call(text, (done) => made.disk.append('a', bytesOf(text), done));
		await does((d, done) =>
			d.publish('a', (error) => {
				order.push('published');
				done(error);
			}),
		);
		expect(order).toEqual(['1', '2', '3', 'published']);
		expect(textOf(made.disk.read('a'))).toBe('123');
	});

	test('puts a published file in the place of the one before', async () => {
		const made = make();
		const does = using(made);
		for (const text of ['the first', 'second']) {
			await does((d, done) => d.append('a', bytesOf(text), done));
			await does((d, done) => d.publish('a', done));
		}
		expect(textOf(made.disk.read('a'))).toBe('second');
		expect(made.disk.list()).toEqual(['a']);
	});

	test('keeps nothing of a file that is abandoned, and begins it anew', async () => {
		const made = make();
		const does = using(made);
		await does((d, done) => d.append('a', bytesOf('wrong'), done));
		made.disk.abandon('a');
		await does((d, done) => d.append('a', bytesOf('right'), done));
		await does((d, done) => d.publish('a', done));
		expect(textOf(made.disk.read('a'))).toBe('right');
		made.disk.abandon('a');
		made.run();
		await does((d, done) => d.create('b', 512, done));
		expect(made.disk.list()).toEqual(['a', 'b']);
	});

	test('has nothing of an unpublished file in its next life', async () => {
		const made = make();
		if (!made.again) return expect(made.disk).toBeInstanceOf(MemoryDisk);
		const does = using(made);
		await does((d, done) => d.append('a', bytesOf('lost'), done));
		const after = await made.again();
		expect(after.list()).toEqual([]);
	});

	test('reads parts of a file, which are shorter at its end', async () => {
		const made = make();
		const does = using(made);
		for (const text of ['0123', '456', '789']) await does((d, done) => d.append('a', bytesOf(text), done));
		await does((d, done) => d.publish('a', done));
		const later = (name: string, offset: number, bytes: number) =>
			new Promise<string>((resolve) => {
				made.disk.readPart(name, { offset, bytes }, (error, part) => resolve(error ? 'failed' : textOf(part)));
				made.run();
			});
		for (const [offset, bytes, text] of [
			[0, 10, '0123456789'],
			[2, 3, '234'],
			[3, 5, '34567'],
			[8, 100, '89'],
			[10, 5, ''],
			[20, 5, ''],
		] as const) {
			expect(textOf(made.disk.read('a', { offset, bytes }))).toBe(text);
			expect(await later('a', offset, bytes)).toBe(text);
		}
		// Such an error ends nothing.
		expect(await later('nowhere', 0, 5)).toBe('failed');
		expect(await does((d, done) => d.create('b', 512, done))).toBeNull();
	});

	test('renames a file, which is written on under its new name', async () => {
		const made = make();
		const does = using(made);
		await does((d, done) => d.create('a', 1024, done));
		await does((d, done) => d.write('a', 0, new Uint8Array(512).fill(1), done));
		expect(await does((d, done) => d.rename('a', 'b', done))).toBeNull();
		expect(made.disk.list()).toEqual(['b']);
		await does((d, done) => d.write('b', 512, new Uint8Array(512).fill(2), done));
		const after = (await made.again?.()) ?? made.disk;
		expect(after.list()).toEqual(['b']);
		expect([after.read('b')[0], after.read('b')[512]]).toEqual([1, 2]);
	});

	test('removes a file, and can make another of its name', async () => {
		const made = make();
		const does = using(made);
		await does((d, done) => d.create('a', 512, done));
		await does((d, done) => d.write('a', 0, new Uint8Array(512).fill(1), done));
		expect(await does((d, done) => d.remove('a', done))).toBeNull();
		expect(made.disk.list()).toEqual([]);
		await does((d, done) => d.create('a', 1024, done));
		await does((d, done) => d.write('a', 512, new Uint8Array(512).fill(3), done));
		const after = (await made.again?.()) ?? made.disk;
		expect(after.read('a')).toHaveLength(1024);
		expect([after.read('a')[0], after.read('a')[512]]).toEqual([0, 3]);
	});
});

test('a file that is renamed or removed on a real disk leaves no descriptor behind, nor any half-made file', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'paxos-disks-'));
	const disk = new FileDisk(folder);
	const does = (call: (done: (error: Error | null) => void) => void) =>
		new Promise<void>((resolve, reject) => call((error) => (error ? reject(error) : resolve())));
	const open = async () => (await readdir('/proc/self/fd').catch(() => [])).length;
	await does((done) => disk.create('a', 512, done));
	const before = await open();
	for (let round = 0; round < 5; round++) {
		await does((done) => disk.rename('a', 'b', done));
		await does((done) => disk.append('s', bytesOf('x'), done));
		await does((done) => disk.publish('s', done));
		await does((done) => disk.append('t', bytesOf('x'), done));
		disk.abandon('t');
		await does((done) => disk.remove('b', done));
		await does((done) => disk.create('a', 512, done));
	}
	await does((done) => disk.append('t', bytesOf('x'), done));
	await disk.close();
	expect(await readdir(folder)).toEqual(['a', 's']);
	expect(await open()).toBeLessThan(before);
	rmSync(folder, { recursive: true });
});
