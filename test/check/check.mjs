/**
 * `npm run check`: checks of the repository. Each one returns its problems and gets one line, and all of them run even
 * after one has failed. It is plain JavaScript, and needs the packages and a build. It must never change a source.
 */

import { fileURLToPath } from 'node:url';
import { addresses } from './addresses.mjs';
import { lockFile } from './lock-file.mjs';
import { schema } from './schema.mjs';
import { style } from './style.mjs';
import { topLevel } from './top-level.mjs';
import { types } from './types.mjs';

/** @typedef {(root: string) => string[] | Promise<string[]>} Check The problems it finds below `root`; none is fine. */

/**
 * @type {readonly (readonly [string, Check])[]} Quick checks come first, and the schema after the types, which build.
 */
const checks = [
	['top level holds nothing else', topLevel],
	['no registry host, no path of a machine', addresses],
	['lock file complete for linux, darwin, win32', lockFile],
	['format and lint', style],
	['types', types],
	['server/swarm.schema.json fresh', schema],
];

/**
 * Runs all checks and prints one line for each, its problems below it.
 * @param {string} root the repository
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export async function runChecks(root) {
	let failed = 0;
	for (const [name, check] of checks) {
		const problems = await problemsOf(check, root);
		if (problems.length > 0) failed += 1;
		const detail = problems.map((problem) => `\n     ${problem.trimEnd().replaceAll('\n', '\n     ')}`).join('');
		process.stdout.write(`${problems.length > 0 ? 'FAIL' : 'ok  '} ${name}${detail}\n`);
	}
	return { passed: checks.length - failed, failed };
}

/**
 * A check that throws has a problem, and must not keep the others from running.
 * @param {Check} check
 * @param {string} root
 */
async function problemsOf(check, root) {
	try {
		return await check(root);
	} catch (error) {
		return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
	}
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const { failed } = await runChecks(fileURLToPath(new URL('../..', import.meta.url)));
	process.exitCode = failed > 0 ? 1 : 0;
}
