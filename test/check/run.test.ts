/**
 * The last line of `npm test`, the table before it and its status are true, and it leaves nothing running. The real runner
 * runs with stand-ins for the bootstrap, the checks, the search of a browser and Vitest.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';

interface ReportedFile {
	readonly name: string;
	/** Milliseconds. */
	readonly startTime: number;
	readonly endTime: number;
	readonly status: 'passed' | 'failed';
	readonly assertionResults: readonly { readonly status: string }[];
}

interface World {
	readonly bootstrapStatus: number;
	readonly checks: { readonly passed: number; readonly failed: number };
	readonly browser: string | undefined;
	/** The report of Vitest; undefined where it leaves none. */
	readonly report: readonly ReportedFile[] | undefined;
	readonly vitestStatus: number;
}

const file = { name: '/tree/test/process/some.test.ts', startTime: 1000, endTime: 1000 };
const passing: ReportedFile = {
	...file,
	status: 'passed',
	assertionResults: [{ status: 'passed' }, { status: 'passed' }],
};
const fine: World = {
	bootstrapStatus: 0,
	checks: { passed: 6, failed: 0 },
	browser: '/a/browser',
	report: [passing],
	vitestStatus: 0,
};

let tree: string;

beforeEach(() => {
	tree = mkdtempSync(join(tmpdir(), 'paxos-swarm-run-'));
	onTestFinished(() => rmSync(tree, { recursive: true, force: true }));
	mkdirSync(join(tree, 'test'));
	for (const name of ['run.mjs', 'slowest.mjs', 'end-started.mjs']) {
		cpSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), join(tree, 'test', name));
	}
});

test('where nothing fails: status 0', () => {
	expect(run(fine)).toEqual({ status: 0, last: '8 passed, 0 failed' });
});

test('a failed test counts', () => {
	const report: ReportedFile[] = [passing, { ...file, status: 'failed', assertionResults: [{ status: 'failed' }] }];
	expect(run({ ...fine, report, vitestStatus: 1 })).toEqual({ status: 1, last: '8 passed, 1 failed' });
});

test.each(['skipped', 'pending', 'todo'])('a %s test counts as failed', (status) => {
	const report: ReportedFile[] = [{ ...file, status: 'passed', assertionResults: [{ status: 'passed' }, { status }] }];
	expect(run({ ...fine, report })).toEqual({ status: 1, last: '7 passed, 1 failed' });
});

test('a file that does not load counts as failed', () => {
	const report: ReportedFile[] = [passing, { ...file, status: 'failed', assertionResults: [] }];
	expect(run({ ...fine, report, vitestStatus: 1 })).toEqual({ status: 1, last: '8 passed, 1 failed' });
});

test('an unhandled error that no test is blamed for counts as failed', () => {
	expect(run({ ...fine, vitestStatus: 1 })).toEqual({ status: 1, last: '8 passed, 1 failed' });
});

test('a Vitest that leaves no report counts as failed', () => {
	expect(run({ ...fine, report: undefined, vitestStatus: 1 })).toEqual({ status: 1, last: '6 passed, 1 failed' });
});

test('no test at all counts as failed', () => {
	expect(run({ ...fine, report: [] })).toEqual({ status: 1, last: '6 passed, 1 failed' });
});

test('a failed check counts', () => {
	expect(run({ ...fine, checks: { passed: 5, failed: 1 } })).toEqual({ status: 1, last: '7 passed, 1 failed' });
});

test('without a browser all other tests run, and the one command is named', () => {
	const { status, stdout } = start({ ...fine, browser: undefined });
	expect(status).toBe(1);
	expect(stdout).toContain('vitest without browser');
	expect(stdout).toContain('Run: the one command');
	expect(stdout.trimEnd().split('\n').at(-1)).toBe('8 passed, 1 failed');
});

test('its slowest parts are named, by project and by file', () => {
	const took = (name: string, seconds: number): ReportedFile => ({
		...passing,
		name: `/tree/test/${name}`,
		endTime: passing.startTime + 1000 * seconds,
	});
	const report = [took('api/kv.test.ts', 100), took('process/a.test.ts', 200), took('process/b.test.ts', 700)];
	const lines = start({ ...fine, report }).stdout.split('\n');
	const rows = lines.slice(
		lines.findIndex((line) => line.startsWith('Slowest parts')),
		-3,
	);
	expect(rows).toEqual([
		'Slowest parts  seconds  share',
		'process          900.0   90 %',
		'  b.test.ts      700.0   70 %',
		'  a.test.ts      200.0   20 %',
		'api              100.0   10 %',
		'  kv.test.ts     100.0   10 %',
	]);
});

test('a build that fails ends it', () => {
	expect(run({ ...fine, bootstrapStatus: 1 })).toEqual({ status: 1, last: '0 passed, 1 failed' });
});

describe('its programs that outlive what started them are ended with it', () => {
	/** Ends at once what waits for minutes, once the programs are there. */
	const HURRY = `import { existsSync } from 'node:fs';
		const wait = globalThis.setTimeout;
		globalThis.setTimeout = (act, ms, ...args) => {
			if (ms < 60_000) return wait(act, ms, ...args);
			const look = setInterval(() => existsSync('started') && act(clearInterval(look)), 20);
			return look;
		};`;
	const LASTING = `process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1_000_000);`;

	/** Vitest starts a program in its own process group, and one in another, and does then what `rest` says. */
	function startLeaving(rest: string, ...flags: readonly string[]): ChildProcess {
		prepare(fine);
		write('hurry.mjs', HURRY);
		write('lasting.mjs', LASTING);
		write(
			'node_modules/vitest/vitest.mjs',
			`import { spawn } from 'node:child_process';
			import { renameSync, writeFileSync } from 'node:fs';
			const pids = [true, false].map((detached) => {
				const child = spawn(process.execPath, ['lasting.mjs'], { stdio: 'inherit', detached });
				child.unref();
				return child.pid;
			});
			writeFileSync('starting', pids.join(' '));
			renameSync('starting', 'started');
			${rest}`,
		);
		const runner = spawn(process.execPath, [...flags, 'test/run.mjs'], {
			cwd: tree,
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		onTestFinished(() => {
			runner.kill('SIGKILL');
			for (const pid of started() ?? []) spawnSync('kill', ['-9', String(pid)]);
		});
		return runner;
	}

	function started(): readonly number[] | undefined {
		const file = join(tree, 'started');
		return existsSync(file) ? readFileSync(file, 'utf8').split(' ').map(Number) : undefined;
	}

	// The output is closed once every process that may write to it has ended.
	test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('where it gets %s', async (signal) => {
		const runner = startLeaving(LASTING);
		const closed = once(runner, 'close');
		await expect.poll(started, { timeout: 60_000 }).toHaveLength(2);
		runner.kill(signal);
		expect(await closed).toEqual([128 + constants.signals[signal], null]);
	});

	test('where Vitest takes too long', async () => {
		const runner = startLeaving(LASTING, '--import', './hurry.mjs');
		expect(await once(runner, 'close')).toEqual([1, null]);
	});

	test('where Vitest ends, and leaves one behind in its group', async () => {
		const runner = startLeaving("process.kill(pids[0], 'SIGKILL');");
		expect(await once(runner, 'close')).toEqual([1, null]);
	});
});

function run(world: World): { readonly status: number | null; readonly last: string | undefined } {
	const { status, stdout } = start(world);
	return { status, last: stdout.trimEnd().split('\n').at(-1) };
}

function start(world: World): { readonly status: number | null; readonly stdout: string } {
	prepare(world);
	return spawnSync(process.execPath, ['test/run.mjs'], { cwd: tree, encoding: 'utf8' });
}

/** Writes the stand-ins. */
function prepare(world: World): void {
	write('server/bootstrap.mjs', `process.exitCode = ${world.bootstrapStatus};`);
	write('test/check/check.mjs', `export const runChecks = async () => (${JSON.stringify(world.checks)});`);
	write(
		'test/browser/find.mjs',
		`export const installCommand = 'the one command';
		export const thisMachine = () => ({});
		export const obtainBrowser = async () => ${JSON.stringify(world.browser)};`,
	);
	write(
		'node_modules/vitest/vitest.mjs',
		`import { writeFileSync } from 'node:fs';
		const report = process.argv.find((arg) => arg.startsWith('--outputFile.json=')).split('=')[1];
		const text = ${JSON.stringify(world.report && JSON.stringify({ testResults: world.report }))};
		if (text !== undefined) writeFileSync(report, text);
		if (process.argv.includes('--project=!browser')) process.stdout.write('vitest without browser\\n');
		process.exitCode = ${world.vitestStatus};`,
	);
}

function write(path: string, text: string): void {
	mkdirSync(dirname(join(tree, path)), { recursive: true });
	writeFileSync(join(tree, path), text);
}
