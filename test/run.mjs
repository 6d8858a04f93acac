/**
 * `npm test`: installs and builds where needed, checks, and runs all tests. It ends with a table of the slowest parts and
 * one line, `N passed, N failed`, and with status 0 only where nothing failed. It must never skip silently: a missing
 * browser, a file that does not load and a skipped test count as failed. However it ends, it must leave nothing running.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChecks } from './check/check.mjs';
import { endStarted } from './end-started.mjs';
import { slowestParts } from './slowest.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const report = join(root, 'dist/test-report.json');
const suitesTimeoutMs = 1_500_000;

/** @typedef {{ passed: number, failed: number }} Count */

/**
 * The process groups of the programs that were started.
 * @type {number[]}
 */
const groups = [];
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
	process.on(signal, () => {
		endStarted(groups);
		process.exit(128 + constants.signals[signal]);
	});
}
process.exitCode = 1;
/** @type {import('./slowest.mjs').Part[]} */
const parts = [];
const isBuilt = await timed('install and build', () =>
	run(process.execPath, ['server/bootstrap.mjs', '--only', 'build'], process.env),
);
const total = isBuilt ? add(await timed('checks', () => runChecks(root)), await suites()) : { passed: 0, failed: 1 };
process.stdout.write(`\n${slowestParts(parts)}\n\n${total.passed} passed, ${total.failed} failed\n`);
if (total.failed === 0) process.exitCode = 0;

/**
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} act
 */
async function timed(name, act) {
	const startedMs = performance.now();
	const result = await act();
	parts.push({ project: name, file: '', seconds: (performance.now() - startedMs) / 1000 });
	return result;
}

/** @returns {Promise<Count>} */
async function suites() {
	const browser = await timed('search for a browser', findBrowser);
	rmSync(report, { force: true });
	mkdirSync(dirname(report), { recursive: true });
	const withoutBrowser = browser.path === undefined ? ['--project=!browser'] : [];
	const args = ['run', '--config=test/vitest.config.ts', '--reporter=default', '--reporter=json', ...withoutBrowser];
	const vitest = join(root, 'node_modules/vitest/vitest.mjs');
	const env = { ...process.env, ...(browser.path !== undefined && { CHROME_PATH: browser.path }) };
	const fine = await run(process.execPath, [vitest, ...args, `--outputFile.json=${report}`], env, suitesTimeoutMs);
	const count = counted(fine);
	if (browser.path !== undefined) return count;
	process.stdout.write(`\nFAIL the browser tests did not run: ${browser.problem}\n`);
	return add(count, { passed: 0, failed: 1 });
}

/** @returns {Promise<{ path?: string, problem?: string }>} */
async function findBrowser() {
	// It needs Playwright, which is installed only now.
	const { installCommand, obtainBrowser, thisMachine } = await import('./browser/find.mjs');
	try {
		const path = await obtainBrowser(thisMachine());
		return path === undefined ? { problem: `there is no browser. Run: ${installCommand}` } : { path };
	} catch (error) {
		return { problem: error instanceof Error ? error.message : String(error) };
	}
}

/**
 * Counts the results of Vitest. A failure outside any test (an unhandled error, a file that does not load) counts too.
 * @param {boolean} fine whether Vitest itself ended with status 0
 * @returns {Count}
 */
function counted(fine) {
	/**
	 * @type {{ name: string, status: string, startTime: number, endTime: number, assertionResults: { status: string }[]
	 * }[]}
	 */
	let files;
	try {
		files = JSON.parse(readFileSync(report, 'utf8')).testResults;
	} catch {
		process.stdout.write(
			`\nFAIL Vitest left no report: it did not start, or was ended after ${suitesTimeoutMs / 60_000} minutes\n`,
		);
		return { passed: 0, failed: 1 };
	}
	for (const { name, startTime, endTime } of files) {
		const [, project = '', file = ''] = /([^/\\]+)[/\\]([^/\\]+)$/.exec(name) ?? [];
		parts.push({ project, file, seconds: (endTime - startTime) / 1000 });
	}
	const tests = files.flatMap((file) => file.assertionResults);
	const passed = tests.filter(({ status }) => status === 'passed').length;
	const blameless = files.filter(
		(file) => file.status === 'failed' && file.assertionResults.every(({ status }) => status === 'passed'),
	);
	const failed = tests.length - passed + blameless.length;
	const saysNothing = tests.length === 0 || !fine;
	return { passed, failed: failed === 0 && saysNothing ? 1 : failed };
}

/**
 * @param {Count} a
 * @param {Count} b
 * @returns {Count}
 */
function add(a, b) {
	return { passed: a.passed + b.passed, failed: a.failed + b.failed };
}

/**
 * Runs a program in a process group of its own, and then ends what is left of the group.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {number} [timeoutMs]
 * @returns {Promise<boolean>} whether it ended with status 0 in time
 */
async function run(command, args, env, timeoutMs) {
	const child = spawn(command, args, { cwd: root, env, stdio: 'inherit', detached: true });
	if (child.pid !== undefined) groups.push(child.pid);
	const bound = timeoutMs === undefined ? undefined : setTimeout(() => endStarted(groups), timeoutMs);
	const [status] = await once(child, 'close');
	clearTimeout(bound);
	endStarted(groups);
	return status === 0;
}
