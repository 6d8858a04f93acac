/**
 * Every check of `npm run check` finds its fault. Each runs on a small tree that is right, and then on one with a fault
 * in it. `npm run check` itself checks this repository.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { addresses } from './addresses.mjs';
import { lockFile } from './lock-file.mjs';
import { schema } from './schema.mjs';
import { style } from './style.mjs';
import { topLevel } from './top-level.mjs';
import { types } from './types.mjs';

const repository = fileURLToPath(new URL('../..', import.meta.url));
/** Those of the repository that stand for themselves. */
const DOCUMENTS = ['LICENSE', 'CHANGELOG.md', 'SECURITY.md'];

let tree: string;

beforeEach(() => {
	tree = mkdtempSync(join(tmpdir(), 'paxos-swarm-check-'));
	onTestFinished(() => rmSync(tree, { recursive: true, force: true }));
	for (const file of ['.biome.json', '.gitignore', 'package.json', 'package-lock.json', ...DOCUMENTS]) {
		cpSync(join(repository, file), join(tree, file));
	}
	for (const folder of ['server', 'dashboard', 'shared', 'test', 'dist']) mkdirSync(join(tree, folder));
	for (const file of ['README.md', 'swarm.json']) write(file, '{}\n');
	write('tsconfig.json', JSON.stringify({ files: ['shared/a.ts'], compilerOptions: { noEmit: true, types: [] } }));
	write('shared/a.ts', 'export const a: number = 1;\n');
	symlinkSync(join(repository, 'node_modules'), join(tree, 'node_modules'));
});

describe('the top level', () => {
	test('is fine with what belongs there, dotfiles and what is ignored', () => {
		expect(topLevel(tree)).toEqual([]);
	});

	test('holds no other file or folder', () => {
		write('docs/a.md', 'a');
		write('vitest.config.ts', 'a');
		expect(topLevel(tree)).toEqual([
			'docs does not belong at the top level',
			'vitest.config.ts does not belong at the top level',
		]);
	});

	test('lacks nothing', () => {
		rmSync(join(tree, 'LICENSE'));
		expect(topLevel(tree)).toEqual(['LICENSE is missing']);
	});
});

describe('no file', () => {
	test('has an address that is refused, in a fine tree', () => {
		expect(addresses(tree)).toEqual([]);
	});

	// Put together here, so that this file does not name them.
	test.each([
		['a registry', ['https://registry', 'npmjs.org/ws'].join('.')],
		['a mirror of its own', ['https://my-artifactory', 'example:8080/npm'].join('.')],
		['a token', ['_auth', 'Token=abc'].join('')],
		['a home folder on linux', ['', 'home', 'ada', 'swarm'].join('/')],
		['a home folder on macOS', ['', 'Users', 'ada', 'swarm'].join('/')],
		['a home folder on Windows', ['C:', 'Users', 'ada'].join('\\')],
		['the home folder of root', ['', 'root', 'swarm'].join('/')],
		['the home folder of the user who runs this', join(homedir(), 'swarm')],
	])('names %s', (_, text) => {
		write('server/deep/a.ts', `// one\n// see ${text}\n`);
		expect(addresses(tree)).toContainEqual(expect.stringContaining('server/deep/a.ts:2 names '));
	});

	test('names the folder that the tree lies in', () => {
		write('README.md', `cd ${tree}\n`);
		expect(addresses(tree)).toEqual([`README.md:1 names a folder of this machine: ${tree}`]);
	});
});

describe('the lock file', () => {
	interface Entry {
		version: string;
		resolved?: string;
		integrity?: string;
	}

	function spoil(how: (packages: Record<string, Entry>) => void): void {
		const lock: { packages: Record<string, Entry> } = JSON.parse(readFileSync(join(tree, 'package-lock.json'), 'utf8'));
		how(lock.packages);
		write('package-lock.json', JSON.stringify(lock));
	}

	test('of this repository is complete', () => {
		expect(lockFile(tree)).toEqual([]);
	});

	test.each([
		['node_modules/@biomejs/cli-win32-x64', 'win32-x64'],
		['node_modules/@biomejs/cli-linux-arm64-musl', 'linux-arm64-musl'],
		['node_modules/@typescript/typescript-darwin-arm64', 'darwin-arm64'],
		['node_modules/@rolldown/binding-win32-arm64-msvc', 'win32-arm64'],
		['node_modules/lightningcss-linux-x64-gnu', 'linux-x64-glibc'],
	])('does not lack %s', (build, platform) => {
		spoil((packages) => delete packages[build]);
		expect(lockFile(tree)).toEqual([
			expect.stringContaining(`may need ${build.replace('node_modules/', '')}, which the lock file lacks`),
			expect.stringContaining(`has no build for ${platform}`),
		]);
	});

	test('has no download address', () => {
		spoil((packages) => Object.assign(packages['node_modules/ws'] ?? {}, { resolved: 'https://example.com/ws.tgz' }));
		expect(lockFile(tree)).toEqual(['node_modules/ws has a download address']);
	});

	test('has a checksum for each package', () => {
		spoil((packages) => delete packages['node_modules/ws']?.integrity);
		expect(lockFile(tree)).toEqual(['node_modules/ws has no checksum']);
	});

	test('wants what package.json wants', () => {
		const wishes = JSON.parse(readFileSync(join(tree, 'package.json'), 'utf8'));
		write('package.json', JSON.stringify({ ...wishes, dependencies: { ...wishes.dependencies, ws: '^9.0.0' } }));
		expect(lockFile(tree)).toEqual([expect.stringMatching(/^ws: package.json wants \^9\.0\.0, the lock file \^8\./)]);
	});

	test('has native tools at all, else the check would say nothing', () => {
		spoil((packages) => {
			for (const [path, entry] of Object.entries(packages)) {
				if ('optionalDependencies' in entry) delete packages[path];
			}
		});
		expect(lockFile(tree)).toContain('no native tool found: this check would say nothing');
	});
});

describe('format and lint', () => {
	test('pass a file that is as Biome wants it', async () => {
		rmSync(join(tree, 'tsconfig.json'));
		expect(await style(tree)).toEqual([]);
	});

	test('refuse a file in another format', async () => {
		write('shared/a.ts', 'export const a = "b"\n');
		expect(await style(tree)).toEqual([expect.stringContaining('shared/a.ts format')]);
	});

	test('refuse a file that breaks a rule', async () => {
		write('shared/a.ts', 'export const a: any = 1;\n');
		expect(await style(tree)).toEqual([expect.stringContaining('noExplicitAny')]);
	});

	test('refuse what is only a warning', async () => {
		write('shared/a.ts', 'const a = true;\nexport const b = a ? true : false;\n');
		expect(await style(tree)).toEqual([expect.stringContaining('noUselessTernary')]);
	});
});

describe('types', () => {
	test('pass where they fit', async () => {
		expect(await types(tree)).toEqual([]);
	});

	test('are refused where they do not', async () => {
		write('shared/a.ts', "export const a: number = 'b';\n");
		expect(await types(tree)).toEqual([expect.stringContaining('shared/a.ts(1,14): error TS2322')]);
	});
});

describe('the schema', () => {
	beforeEach(() => {
		write(
			'dist/server/config/swarm-file.js',
			'export const swarmJsonSchema = () => ({ type: "object", no: undefined });\n',
		);
		write('server/swarm.schema.json', '{ "type": "object" }\n');
	});

	test('is fine where it says what the program describes', async () => {
		expect(await schema(tree)).toEqual([]);
	});

	test('is refused when stale', async () => {
		write('server/swarm.schema.json', '{ "type": "array" }\n');
		expect(await schema(tree)).toEqual([expect.stringContaining('server/swarm.schema.json is stale')]);
	});

	test('is refused when missing', async () => {
		rmSync(join(tree, 'server/swarm.schema.json'));
		expect(await schema(tree)).toEqual(['server/swarm.schema.json is missing']);
	});

	test('asks for a build first', async () => {
		rmSync(join(tree, 'dist'), { recursive: true });
		expect(await schema(tree)).toEqual(['dist/server/config/swarm-file.js is missing: build first']);
	});
});

describe('npm run check', () => {
	function check(): { readonly status: number | null; readonly verdicts: readonly string[] } {
		cpSync(join(repository, 'test/check'), join(tree, 'test/check'), { recursive: true });
		const { status, stdout } = spawnSync(process.execPath, ['test/check/check.mjs'], { cwd: tree, encoding: 'utf8' });
		return { status, verdicts: stdout.split('\n').filter((line) => /^(ok|FAIL) /.test(line)) };
	}

	beforeEach(() => {
		write('tsconfig.json', '{ "files": ["shared/a.ts"], "compilerOptions": { "noEmit": true, "types": [] } }\n');
		write('dist/server/config/swarm-file.js', 'export const swarmJsonSchema = () => ({});\n');
		write('server/swarm.schema.json', '{}\n');
	});

	test('ends with status 0 where every check is fine, each with its line', () => {
		expect(check()).toEqual({
			status: 0,
			verdicts: [
				'ok   top level holds nothing else',
				'ok   no registry host, no path of a machine',
				'ok   lock file complete for linux, darwin, win32',
				'ok   format and lint',
				'ok   types',
				'ok   server/swarm.schema.json fresh',
			],
		});
	});

	test('runs all of them also after one has failed, or thrown, and ends with status 1', () => {
		write('docs/a.md', 'a');
		write('package-lock.json', 'not JSON');
		const { status, verdicts } = check();
		expect(status).toBe(1);
		expect(verdicts.map((line) => line.slice(0, 4))).toEqual(['FAIL', 'ok  ', 'FAIL', 'ok  ', 'ok  ', 'ok  ']);
	});
});

function write(path: string, text: string): void {
	mkdirSync(dirname(join(tree, path)), { recursive: true });
	writeFileSync(join(tree, path), text);
}
