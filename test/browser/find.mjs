/**
 * Finds the browser of the tests: `CHROME_PATH`; an installed Chromium, Chrome or Edge; Playwright's download; the
 * distribution's package, but only as root. It must never ask for more rights, and never wait without a limit.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** The command that people are told where no browser is found. */
export const installCommand = 'npx playwright-core install --with-deps chromium';

const packageTimeoutMs = 180_000;
const versionTimeoutMs = 10_000;

const names = [
	'chromium',
	'chromium-browser',
	'google-chrome',
	'google-chrome-stable',
	'chrome',
	'microsoft-edge',
	'microsoft-edge-stable',
];

const linuxPlaces = [
	'/usr/bin/chromium',
	'/usr/bin/chromium-browser',
	'/usr/lib/chromium/chromium',
	'/usr/lib64/chromium-browser/chromium-browser',
	'/snap/bin/chromium',
	'/opt/google/chrome/chrome',
	'/opt/microsoft/msedge/msedge',
];

const macApplications = [
	'Google Chrome.app/Contents/MacOS/Google Chrome',
	'Chromium.app/Contents/MacOS/Chromium',
	'Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
];

/** The commands of each distribution that update its list of packages and install one. */
const packageManagers = [
	{ manager: 'apt-get', commands: [['update'], ['install', '-y', '--no-install-recommends', 'chromium']] },
	{ manager: 'dnf', commands: [['install', '-y', 'chromium']] },
	{ manager: 'apk', commands: [['add', '--no-cache', 'chromium']] },
	{ manager: 'pacman', commands: [['-Sy', '--noconfirm', 'chromium']] },
];

/**
 * The machine as the search sees it.
 * @typedef {object} Machine
 * @property {Readonly<Record<string, string | undefined>>} env
 * @property {NodeJS.Platform} platform
 * @property {string} home
 * @property {string} root in front of every fixed place; '' but in tests
 * @property {boolean} isRoot
 * @property {string} downloaded where Playwright's download lies, or would
 * @property {number} downloadTimeoutMs after which a download is given up
 * @property {(line: string) => void} say
 */

/** @returns {Machine} */
export function thisMachine() {
	return {
		env: process.env,
		platform: process.platform,
		home: homedir(),
		root: '',
		isRoot: process.getuid?.() === 0,
		downloaded: chromium.executablePath(),
		downloadTimeoutMs: 60_000,
		say: (line) => process.stdout.write(`${line}\n`),
	};
}

/**
 * An installed browser that answers `--version`, else one that is fetched now.
 * @param {Machine} machine
 * @returns {Promise<string | undefined>} its executable; undefined where none can be had
 * @throws {Error} when `CHROME_PATH` is set but is no browser: another one would not be what was asked for
 */
export async function obtainBrowser(machine) {
	return (await findBrowser(machine)) ?? (await download(machine)) ?? (await installPackage(machine));
}

/**
 * An installed browser that answers `--version`. Fetches nothing.
 * @param {Machine} machine
 * @returns {Promise<string | undefined>}
 * @throws {Error} when `CHROME_PATH` is set but is no browser
 */
export async function findBrowser(machine) {
	const asked = machine.env.CHROME_PATH;
	if (asked) {
		if (await answers(asked)) return asked;
		throw new Error(`CHROME_PATH: ${asked} is no browser (it has to be executable and to answer --version)`);
	}
	for (const candidate of [...onPath(machine), ...places(machine), machine.downloaded]) {
		if (await answers(candidate)) return candidate;
	}
	return undefined;
}

/** @param {Machine} machine */
function onPath({ env }) {
	const folders = (env.PATH ?? '').split(':').filter((folder) => folder !== '');
	return names.flatMap((name) => folders.map((folder) => join(folder, name)));
}

/** @param {Machine} machine */
function places({ platform, home, root }) {
	if (platform === 'linux') return linuxPlaces.map((place) => root + place);
	if (platform !== 'darwin') return [];
	return macApplications.flatMap((place) => [`${root}/Applications/${place}`, join(home, 'Applications', place)]);
}

/** @param {Machine} machine */
async function download(machine) {
	machine.say(`no browser found: fetching one with Playwright, ${machine.downloadTimeoutMs / 1000} s at most`);
	const fetched = await run(machine, 'npx', ['playwright-core', 'install', 'chromium'], machine.downloadTimeoutMs);
	return fetched && (await answers(machine.downloaded)) ? machine.downloaded : undefined;
}

/** @param {Machine} machine */
async function installPackage(machine) {
	if (!machine.isRoot || machine.platform !== 'linux') return undefined;
	for (const { manager, commands } of packageManagers) {
		if (!(machine.env.PATH ?? '').split(':').some((folder) => isExecutable(join(folder, manager)))) continue;
		machine.say(`no browser yet: installing the distribution's with ${manager}`);
		for (const args of commands) await run(machine, manager, args, packageTimeoutMs);
		return findBrowser(machine);
	}
	return undefined;
}

/**
 * Ubuntu's `chromium-browser` may be a script that only says where to get one; so a browser has to answer.
 * @param {string} path
 */
async function answers(path) {
	if (!isExecutable(path)) return false;
	const child = spawn(path, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'], timeout: versionTimeoutMs });
	let said = '';
	child.stdout.setEncoding('utf8').on('data', (text) => {
		said += text;
	});
	return (await endsWell(child)) && /chrom|edge/i.test(said);
}

/** @param {string} path */
function isExecutable(path) {
	try {
		accessSync(path, constants.X_OK);
		return statSync(path).isFile();
	} catch {
		return false;
	}
}

/**
 * @param {Machine} machine
 * @param {string} command found on the machine's PATH
 * @param {readonly string[]} args
 * @param {number} timeoutMs after which it and its children are killed
 */
async function run(machine, command, args, timeoutMs) {
	const child = spawn(command, args, {
		env: { ...machine.env, DEBIAN_FRONTEND: 'noninteractive' },
		stdio: ['ignore', 'ignore', 'ignore'],
		detached: true,
	});
	const timer = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), timeoutMs);
	const well = await endsWell(child);
	clearTimeout(timer);
	return well;
}

/** @param {import('node:child_process').ChildProcess} child */
async function endsWell(child) {
	try {
		const [status] = await once(child, 'close');
		return status === 0;
	} catch {
		return false;
	}
}
