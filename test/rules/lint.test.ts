/**
 * Every rule that `.biome.json` adds finds its offence in the rooms it is meant for, and allows what it should. The
 * offences are in a copy of the tree that has no other files, and one run of Biome checks them all.
 */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allowed, impurities, offences } from './offences.ts';
import { moduleOf, type Room, rooms, specifier, ways } from './rooms.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const restrictedImports = 'style/noRestrictedImports';
let copy: string;
/** The rules that each file of the copy breaks. */
let broken: ReadonlyMap<string, readonly string[]>;

beforeAll(() => {
	copy = mkdtempSync(join(tmpdir(), 'paxos-swarm-lint-'));
	for (const file of ['.biome.json', 'package.json']) cpSync(join(repository, file), join(copy, file));
	for (const { files } of offences) for (const [path, code] of files) write(path, code);
	for (const [path, code] of allowed) write(path, code);
	for (const room of rooms) {
		write(moduleOf(room), 'export const room = 1;');
		write(packageImport(room), importOf(room.itsPackage ?? 'zod'));
		if (!room.pure) continue;
		write(builtInImport(room), importOf('node:fs'));
		for (const [index, [, code]] of impurities.entries()) {
			write(impurity(room, index), `export const a = (f: () => void) => [f, ${code}];`);
		}
	}
	for (const { file, to } of ways) write(file, importOf(specifier(file, to)));
	broken = lint();
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('refused', () => {
	test.each(offences)('$rule: $what', ({ rule, files }) => {
		expect(rulesBrokenBy(files[0]?.[0])).toContain(rule);
	});
});

describe('allowed', () => {
	test.each(allowed)('%s', (path) => {
		expect(rulesBrokenBy(path)).toEqual([]);
	});
});

describe('who may import whom', () => {
	test.each(ways.filter(({ may }) => !may))('$from.name never imports $to.name', ({ file }) => {
		expect(rulesBrokenBy(file)).toContain(restrictedImports);
	});

	test.each(ways.filter(({ may }) => may))('$from.name may import $to.name', ({ file }) => {
		expect(rulesBrokenBy(file)).not.toContain(restrictedImports);
	});

	test.each(rooms.filter(({ itsPackage }) => itsPackage === null))('$name imports no package', (room) => {
		expect(rulesBrokenBy(packageImport(room))).toContain(restrictedImports);
	});

	test.each(rooms.filter(({ itsPackage }) => itsPackage !== null))('$name may import $itsPackage', (room) => {
		expect(rulesBrokenBy(packageImport(room))).toEqual([]);
	});
});

describe.each(rooms.filter(({ pure }) => pure))('$name is pure', (room) => {
	test.each(impurities.map(([rule, code], index) => ({ rule, code, index })))('no $code', ({ rule, index }) => {
		expect(rulesBrokenBy(impurity(room, index))).toContain(rule);
	});

	test('no built-in of Node', () => {
		expect(rulesBrokenBy(builtInImport(room))).toContain(restrictedImports);
	});
});

test('every rule that .biome.json turns on has an offence here', () => {
	const shown = new Set([...offences.map(({ rule }) => rule), ...impurities.map(([rule]) => rule)]);
	const configured = configuredRules(JSON.parse(readFileSync(join(repository, '.biome.json'), 'utf8')));
	expect(configured.size).toBeGreaterThan(0);
	expect([...configured].filter((rule) => !shown.has(rule))).toEqual([]);
});

interface Linted {
	readonly linter?: { readonly rules?: Readonly<Record<string, string | Readonly<Record<string, unknown>>>> };
}

/** `group/rule` of each rule that the configuration does not turn off, overrides included. */
function configuredRules(config: Linted & { readonly overrides: readonly Linted[] }): ReadonlySet<string> {
	const groups = [config, ...config.overrides].flatMap(({ linter }) => Object.entries(linter?.rules ?? {}));
	const rules = groups.flatMap(([group, rules]) =>
		typeof rules === 'string'
			? []
			: Object.entries(rules)
					.filter(([, setting]) => setting !== 'off')
					.map(([rule]) => `${group}/${rule}`),
	);
	return new Set(rules);
}

function write(path: string, code: string): void {
	mkdirSync(dirname(join(copy, path)), { recursive: true });
	writeFileSync(join(copy, path), `${code.trimEnd()}\n`);
}

function importOf(specifier: string): string {
	return `import * as imported from '${specifier}';\n\nexport const a = imported;`;
}

function packageImport(room: Room): string {
	return `${room.name}/imports-package.ts`;
}

function builtInImport(room: Room): string {
	return `${room.name}/imports-built-in.ts`;
}

function impurity(room: Room, index: number): string {
	return `${room.name}/impurity-${index}.ts`;
}

function rulesBrokenBy(path: string | undefined): readonly string[] {
	return broken.get(path ?? '') ?? [];
}

function lint(): ReadonlyMap<string, readonly string[]> {
	const biome = join(repository, 'node_modules/.bin/biome');
	const { stdout } = spawnSync(biome, ['lint', '--reporter=json', '--max-diagnostics=none', '.'], {
		cwd: copy,
		encoding: 'utf8',
		maxBuffer: 64 * 1024 * 1024,
	});
	const { diagnostics }: { diagnostics: { category: string; location: { path: string } }[] } = JSON.parse(stdout);
	const rules = new Map<string, string[]>();
	for (const { category, location } of diagnostics) {
		rules.set(location.path, [...(rules.get(location.path) ?? []), category.replace('lint/', '')]);
	}
	return rules;
}
