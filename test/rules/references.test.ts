/**
 * The project references refuse an import of a room further up. The test has a copy of the tree with every
 * `tsconfig.json`, but for each room only one module and its imports of the others. One run of the compiler checks all.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { moduleOf, type Room, rooms, specifier, ways } from './rooms.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
/** The error code of tsc for a file of a project that is not referenced. */
const notReferenced = 'TS6307';
let copy: string;
let said: string;

beforeAll(() => {
	copy = mkdtempSync(join(tmpdir(), 'paxos-swarm-references-'));
	symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'));
	for (const file of ['tsconfig.json', 'package.json']) cpSync(join(repository, file), join(copy, file));
	for (const room of rooms) {
		mkdirSync(join(copy, room.name), { recursive: true });
		cpSync(join(repository, room.name, 'tsconfig.json'), join(copy, room.name, 'tsconfig.json'));
		writeFileSync(join(copy, moduleOf(room)), 'export const room = 1;\n');
	}
	for (const { file, to } of ways) {
		writeFileSync(join(copy, file), `import { room } from '${specifier(file, to)}';\n\nexport const a = room;\n`);
	}
	const tsc = join(repository, 'node_modules/.bin/tsc');
	// One project at a time: a project without a reference does not wait for the room that it imports, so it could read
	// that room's declarations while they are written, and the compiler keeps what it has read for all projects.
	const { stdout } = spawnSync(tsc, ['-b', '--builders', '1', '--pretty', 'false'], { cwd: copy, encoding: 'utf8' });
	said = stdout;
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

test.each(ways.filter(({ may }) => !may))('$from.name never imports $to.name', ({ file }) => {
	expect(errorsOf(file)).toContain(notReferenced);
});

test.each(ways.filter(({ may, from, to }) => may && references(from).has(to.name)))(
	'$from.name may import $to.name',
	({ file }) => {
		expect(errorsOf(file)).toEqual([]);
	},
);

test('no project references a room that it may not import', () => {
	const surplus = rooms.flatMap((room) =>
		[...references(room)].filter((name) => !room.mayImport.includes(name)).map((name) => `${room.name} to ${name}`),
	);
	expect(surplus).toEqual([]);
});

test('every project is built by the one at the top', () => {
	const { references } = JSON.parse(readFileSync(join(repository, 'tsconfig.json'), 'utf8'));
	expect(references.map(({ path }: { path: string }) => path).sort()).toEqual(rooms.map(({ name }) => name).sort());
});

/** The rooms that a project names as its references. */
function references(room: Room): ReadonlySet<string> {
	const { references } = JSON.parse(readFileSync(join(repository, room.name, 'tsconfig.json'), 'utf8'));
	return new Set(references.map(({ path }: { path: string }) => join(room.name, path)));
}

/** The codes of the errors that the compiler reports in a file. */
function errorsOf(file: string): readonly string[] {
	return said
		.split('\n')
		.filter((line) => line.startsWith(`${file}(`))
		.map((line) => /error (TS\d+)/.exec(line)?.[1] ?? line);
}
