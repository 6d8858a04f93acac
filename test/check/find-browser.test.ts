/**
 * The search for a browser, branch by branch, on fake machines made of folders. A browser is a script that answers
 * `--version`; a downloader or package manager is a script that leaves such a script behind.
 */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
	chmodSync,
	createReadStream,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { findBrowser, type Machine, obtainBrowser } from '../browser/find.mjs';

let folder: string;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-find-'));
	onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
	mkdirSync(join(folder, 'bin'));
});

describe('an installed browser', () => {
	test('is the one of CHROME_PATH before all others', async () => {
		const asked = browser('asked/chrome');
		browser('bin/chromium');
		expect(await findBrowser(machine({ env: { CHROME_PATH: asked } }))).toBe(asked);
	});

	test('is never another than the one of CHROME_PATH', async () => {
		browser('bin/chromium');
		const asked = join(folder, 'asked/chrome');
		await expect(findBrowser(machine({ env: { CHROME_PATH: asked } }))).rejects.toThrow(`CHROME_PATH: ${asked} is no`);
	});

	test.each(['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'])(
		'is found on the PATH as %s',
		async (name) => {
			const path = browser(`bin/${name}`);
			expect(await findBrowser(machine())).toBe(path);
		},
	);

	test.each(['/usr/bin/chromium', '/opt/google/chrome/chrome', '/opt/microsoft/msedge/msedge', '/snap/bin/chromium'])(
		'is found on linux at %s',
		async (place) => {
			const path = browser(`root${place}`);
			expect(await findBrowser(machine({ platform: 'linux' }))).toBe(path);
			expect(await findBrowser(machine({ platform: 'darwin' }))).toBeUndefined();
		},
	);

	test.each([
		'root/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
		'root/Applications/Chromium.app/Contents/MacOS/Chromium',
		'root/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
		'home/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
	])('is found on macOS at %s', async (place) => {
		const path = browser(place);
		expect(await findBrowser(machine({ platform: 'darwin' }))).toBe(path);
		expect(await findBrowser(machine({ platform: 'linux' }))).toBeUndefined();
	});

	test('may be what Playwright downloaded earlier, after all others', async () => {
		const downloaded = browser('downloaded/chrome');
		expect(await findBrowser(machine())).toBe(downloaded);
		const installed = browser('bin/chromium');
		expect(await findBrowser(machine())).toBe(installed);
	});

	test('answers --version: a script that only says where to get one is passed over', async () => {
		script('bin/chromium-browser', 'echo "install the snap instead"; exit 1');
		script('bin/google-chrome', 'echo "hello"');
		expect(await findBrowser(machine())).toBeUndefined();
	});

	test('is executable, and a file', async () => {
		chmodSync(browser('bin/chromium'), 0o644);
		mkdirSync(join(folder, 'bin/google-chrome'));
		// For root every file with an executable bit is executable, and none without.
		expect(await findBrowser(machine())).toBeUndefined();
	});
});

describe('where none is installed', () => {
	test('Playwright downloads one', async () => {
		script('bin/npx', `echo "$@" >> ${log()}; ${leaveBrowser('downloaded/chrome')}`);
		expect(await obtainBrowser(machine())).toBe(join(folder, 'downloaded/chrome'));
		expect(calls()).toEqual(['playwright-core install chromium']);
	});

	test('nothing is downloaded where one is installed', async () => {
		script('bin/npx', `echo "$@" >> ${log()}`);
		const installed = browser('bin/chromium');
		expect(await obtainBrowser(machine())).toBe(installed);
		expect(calls()).toEqual([]);
	});

	test.each([
		['apt-get', ['update', 'install -y --no-install-recommends chromium']],
		['dnf', ['install -y chromium']],
		['apk', ['add --no-cache chromium']],
		['pacman', ['-Sy --noconfirm chromium']],
	])('as root, where the download fails, %s installs one', async (manager, expected) => {
		script('bin/npx', 'exit 1');
		script(`bin/${manager}`, `echo "$@" >> ${log()}; ${leaveBrowser('bin/chromium')}`);
		expect(await obtainBrowser(machine({ isRoot: true }))).toBe(join(folder, 'bin/chromium'));
		expect(calls()).toEqual(expected);
	});

	test('without root no package manager is called, and never sudo', async () => {
		script('bin/npx', 'exit 1');
		for (const name of ['apt-get', 'dnf', 'apk', 'pacman', 'sudo']) script(`bin/${name}`, `echo "$@" >> ${log()}`);
		expect(await obtainBrowser(machine({ isRoot: false }))).toBeUndefined();
		expect(calls()).toEqual([]);
	});

	test('a download that hangs is ended, with all that it started', async () => {
		const held = join(folder, 'held');
		execFileSync('mkfifo', [held]);
		script('bin/npx', `/bin/sleep 1000 > ${held} & wait`);
		// The pipe ends when the last process that has it open is gone.
		const ended = once(createReadStream(held).resume(), 'end');
		expect(await obtainBrowser(machine({ downloadTimeoutMs: 3_000 }))).toBeUndefined();
		await ended;
	});

	test('and nothing can be had, there is none', async () => {
		expect(await obtainBrowser(machine({ isRoot: true }))).toBeUndefined();
	});
});

/** A machine with only the files that a test puts into its folders. */
function machine(differences: Partial<Machine> = {}): Machine {
	return {
		platform: 'linux',
		home: join(folder, 'home'),
		root: join(folder, 'root'),
		isRoot: false,
		downloaded: join(folder, 'downloaded/chrome'),
		downloadTimeoutMs: 20_000,
		say: () => undefined,
		...differences,
		env: { PATH: join(folder, 'bin'), ...differences.env },
	};
}

function browser(path: string): string {
	return script(path, 'echo "Chromium 140.0.0.0"');
}

function script(path: string, body: string): string {
	const file = join(folder, path);
	mkdirSync(dirname(file), { recursive: true });
	writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
	return file;
}

/** The shell command by which a fake downloader leaves a browser behind. */
function leaveBrowser(path: string): string {
	const file = join(folder, path);
	const tools = 'PATH=/bin:/usr/bin';
	return `${tools} mkdir -p ${dirname(file)}; ${tools} cp ${browser('store/chrome')} ${file}`;
}

function log(): string {
	return join(folder, 'calls');
}

function calls(): readonly string[] {
	return existsSync(log()) ? readFileSync(log(), 'utf8').trim().split('\n') : [];
}
