/**
 * One minimal offence for each rule that `.biome.json` turns on. They are text, because the tree itself may have none.
 */

export interface Offence {
	/** The rule, as Biome names it. */
	readonly rule: string;
	readonly what: string;
	/** The files. The first one has the offence. */
	readonly files: readonly (readonly [path: string, code: string])[];
}

/** Rules that hold everywhere; `shared/fact.ts` stands for any file. */
const everywhere: readonly Offence[] = [
	offence('correctness/noUndeclaredDependencies', 'a package that package.json does not list', "import 'left-pad';"),
	offence('correctness/noUndeclaredVariables', 'a name nobody declared', 'export const a = nowhere;'),
	offence('correctness/noUnusedFunctionParameters', 'a parameter never read', 'export function f(a: number) {}'),
	offence('correctness/noUnusedImports', 'an import never used', "import { a } from './a.ts';"),
	offence('correctness/noUnusedPrivateClassMembers', 'a private field never read', 'export class A {\n\t#a = 1;\n}'),
	offence('correctness/noUnusedVariables', 'a variable never read', 'const a = 1;'),
	offence(
		'correctness/useImportExtensions',
		'an import without .ts',
		"import { room } from './room';\nexport const a = room;",
	),
	offence(
		'nursery/noFloatingPromises',
		'a promise nobody waits for',
		'async function f(): Promise<void> {\n\tawait null;\n}\nf();',
	),
	offence(
		'nursery/noMisusedPromises',
		'a promise taken for its answer',
		'async function f(): Promise<boolean> {\n\treturn await Promise.resolve(true);\n}\nif (f()) f;',
	),
	offence('nursery/useAwaitThenable', 'awaiting what is there', 'const a: number = 1;\nexport const b = await a;'),
	offence(
		'nursery/useExhaustiveSwitchCases',
		'a case forgotten',
		"export function f(a: 'x' | 'y'): number {\n\tswitch (a) {\n\t\tcase 'x':\n\t\t\treturn 1;\n\t}\n\treturn 2;\n}",
	),
	offence('performance/noBarrelFile', 'a barrel', "export { a } from './a.ts';\nexport { b } from './b.ts';"),
	offence('performance/noReExportAll', 'exporting all of another file', "export * from './a.ts';"),
	offence('style/noDefaultExport', 'a default export', 'export default 1;'),
	offence('style/noEnum', 'an enum', 'export enum A {\n\tB,\n}'),
	offence('style/noNamespace', 'a namespace', 'export namespace A {\n\texport const b = 1;\n}'),
	offence('style/noNonNullAssertion', 'a wish for not null', 'export const f = (a: string | null) => a!.length;'),
	offence(
		'style/noParameterAssign',
		'a parameter changed',
		'export const f = (a: number) => {\n\ta += 1;\n\treturn a;\n};',
	),
	offence('style/useImportType', 'a type imported as a value', "import { A } from './a.ts';\nexport const b: A = 1;"),
	offence('style/useNodejsImportProtocol', 'a built-in without node:', "import fs from 'fs';\nexport const a = fs;"),
	offence('style/useThrowOnlyError', 'throwing a text', "throw 'no';"),
	offence('suspicious/noConsole', 'the console', 'console.log(1);'),
	{
		rule: 'suspicious/noDeprecatedImports',
		what: 'something deprecated',
		files: [
			['shared/deprecated-use.ts', "import { old } from './deprecated.ts';\nexport const a = old;"],
			['shared/deprecated.ts', '/** @deprecated */\nexport const old = 1;'],
		],
	},
	offence('suspicious/noEmptyBlockStatements', 'an error swallowed', 'try {\n\tMath.abs(1);\n} catch {}'),
	offence('suspicious/noExplicitAny', 'any', 'export const a: any = 1;'),
	offence('suspicious/noFocusedTests', 'only', "import { test } from 'vitest';\ntest.only('a', () => {});"),
	{
		rule: 'suspicious/noImportCycles',
		what: 'two files that need each other',
		files: [
			['shared/cycle-a.ts', "import { b } from './cycle-b.ts';\nexport const a = () => b;"],
			['shared/cycle-b.ts', "import { a } from './cycle-a.ts';\nexport const b = () => a;"],
		],
	},
	offence('suspicious/noSkippedTests', 'skip', "import { test } from 'vitest';\ntest.skip('a', () => {});"),
	offence('suspicious/noTsIgnore', '@ts-ignore', "// @ts-ignore\nexport const a: number = 'b';"),
	offence(
		'suspicious/noUnassignedVariables',
		'a variable never set',
		'let a: number | undefined;\nexport const b = a;',
	),
];

/** Each denied global once. The test puts all of these into every pure room. */
export const impurities: readonly (readonly [rule: string, code: string])[] = [
	['style/noRestrictedGlobals', 'Date.now()'],
	['style/noRestrictedGlobals', 'new Date()'],
	['style/noRestrictedGlobals', 'performance.now()'],
	['style/noRestrictedGlobals', 'new Intl.NumberFormat()'],
	['style/noRestrictedGlobals', 'setTimeout(f, 1)'],
	['style/noRestrictedGlobals', 'setInterval(f, 1)'],
	['style/noRestrictedGlobals', 'setImmediate(f)'],
	['style/noRestrictedGlobals', 'queueMicrotask(f)'],
	['style/noRestrictedGlobals', 'crypto.randomUUID()'],
	['style/noRestrictedGlobals', 'console.error(1)'],
	['style/noRestrictedGlobals', "fetch('/')"],
	['style/noRestrictedGlobals', "new WebSocket('ws://localhost')"],
	['style/noRestrictedGlobals', 'process.env'],
	['style/noRestrictedGlobals', 'Buffer.alloc(1)'],
	['style/noRestrictedGlobals', 'globalThis.Date'],
	['nursery/noJsRestrictedProperties', 'Math.random()'],
	['nursery/noJsRestrictedProperties', "Math['random']()"],
];

export const offences: readonly Offence[] = [
	...everywhere,
	{
		rule: 'correctness/noNodejsModules',
		what: 'a built-in of Node in the page',
		files: [['dashboard/built-in.ts', "import { join } from 'node:path';\nexport const a = join;"]],
	},
	{
		rule: 'correctness/useHookAtTopLevel',
		what: 'a hook behind a condition',
		files: [
			[
				'dashboard/hook.tsx',
				"import { useState } from 'preact/hooks';\nexport function A(p: { b: boolean }) {\n\tif (p.b) useState(1);\n\treturn <p />;\n}",
			],
		],
	},
	{
		rule: 'correctness/noUndeclaredDependencies',
		what: 'a package that users do not get, in the server',
		files: [['server/dev-package.ts', "import { h } from 'preact';\nexport const a = h;"]],
	},
	...['server/bootstrap.mjs', 'test/run.mjs', 'test/check/check.mjs'].map((path) => ({
		rule: 'style/noRestrictedImports',
		what: `a package in ${path}, which runs before any is installed`,
		files: [[path, "import { z } from 'zod';\nexport const a = z;"]] as const,
	})),
];

/** Code that the same rules must allow. */
export const allowed: readonly (readonly [path: string, code: string])[] = [
	['dashboard/vite.config.ts', "import { join } from 'node:path';\n\nexport default { root: join('a', 'b') };\n"],
	[
		'server/built-in.ts',
		"import { join } from 'node:path';\n\nexport const a = join('a', Math.random().toString());\n",
	],
	['test/check/built-in.mjs', "import { join } from 'node:path';\n\nexport const a = join('a', 'b');\n"],
	[
		'shared/client/platform.ts',
		"import { nanoid } from 'nanoid';\n\nexport const a = (f: () => void) => [nanoid(), setTimeout(f, Math.random())];\n",
	],
	['shared/paxos/arithmetic.ts', 'export const a = Math.max(1, 2);\n'],
];

function offence(rule: string, what: string, code: string): Offence {
	return { rule, what, files: [[`shared/${rule.replace('/', '-')}.ts`, code]] };
}
