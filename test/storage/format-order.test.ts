/**
 * Formatting survives a loss of power at any point: all files are whole and durable before the marker is written. The
 * test checks the order of the system calls, because nothing else can show that.
 */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { formatSwarm } from '../../server/storage/new-folder.ts';

const watched = vi.hoisted(() => ({
	calls: [] as (readonly [call: string, path: string])[],
	paths: new Map<number, string>(),
}));

vi.mock('node:fs', async (original) => {
	const system = await original<typeof import('node:fs')>();
	return {
		...system,
		openSync: (path: string, flags: string) => {
			const fd = system.openSync(path, flags);
			watched.paths.set(fd, path);
			if (flags !== 'r') watched.calls.push(['write', path]);
			return fd;
		},
		fsyncSync: (fd: number) => {
			watched.calls.push(['flush', watched.paths.get(fd) ?? '']);
			system.fsyncSync(fd);
		},
		renameSync: (from: string, to: string) => {
			watched.calls.push(['rename', to]);
			system.renameSync(from, to);
		},
	};
});

const SWARM = { name: 'colours', members: { n1: 'http://127.0.0.1:7101' } };

let folder: string;
beforeEach(() => {
	folder = fs.mkdtempSync(join(tmpdir(), 'paxos-format-'));
	watched.calls.length = 0;
});
afterEach(() => fs.rmSync(folder, { recursive: true }));

test('every file is durable before its name, every name before the marker, and the marker comes last', () => {
	formatSwarm(folder, SWARM);
	expect(callsWithin(folder)).toEqual([
		'write n1/log/manifest',
		'flush n1/log/manifest',
		'write n1/log/000000000001.log',
		'flush n1/log/000000000001.log',
		'flush n1/log',
		'write n1/format.json.new',
		'flush n1/format.json.new',
		'rename n1/format.json',
		'flush n1',
		'flush .',
		'write format.json.new',
		'flush format.json.new',
		'rename format.json',
		'flush .',
	]);
});

test('a data folder that is made has a durable name before anything is written there, and so has each folder above it', () => {
	formatSwarm(join(folder, 'above/data'), SWARM);
	expect(callsWithin(folder).slice(0, 3)).toEqual(['flush .', 'flush above', 'write above/data/n1/log/manifest']);
});

/** The calls without those for locks, whose files are not kept. */
function callsWithin(base: string): string[] {
	const calls = watched.calls.map(([call, path]) => `${call} ${relative(base, path) || '.'}`);
	return calls.filter((call) => !call.endsWith('lock'));
}
