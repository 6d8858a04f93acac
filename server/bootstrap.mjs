/**
 * `npm start` and the other npm scripts run this file first, because a fresh clone has nothing installed or built. It
 * installs the packages of package-lock.json, builds what is stale, and then runs the command.
 *
 *     node server/bootstrap.mjs COMMAND…                             a command of paxos-swarm, such as `up`
 *     node server/bootstrap.mjs --only install|build [-- PROGRAM…]    only installs or builds, then runs any program
 *
 * Several of it may start at the same moment: one works, the others wait. It may use nothing but Node.js itself. It
 * reports on stderr only, so that stdout belongs to the command.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAIN = join(ROOT, 'dist/program/main.js');
/** This folder is ignored by git, and is not in node_modules, which `npm ci` removes. */
const STATE_DIR = join(ROOT, 'dist/.bootstrap');
const BUILT_FILE = join(STATE_DIR, 'built');
const SOURCE_DIRS = ['shared', 'server', 'dashboard'];
const SOURCE_FILES = ['package-lock.json', 'tsconfig.json'];
const BUILD = [
	['tsc', '-b', 'server'],
	['vite', 'build', '--config', 'server/vite.config.ts'],
	['vite', 'build', '--config', 'dashboard/vite.config.ts'],
	['vite', 'build', '--config', 'dashboard/vite.config.ts', '--mode', 'sandbox'],
];
const LOCK_POLL_MS = 100;
const LOCK_WAIT_MAX_MS = 600_000;
const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/**
 * The same as in server/cli/hangup.ts, which may not be built yet: with `nohup` this must not end with the terminal.
 */
const USES_TERMINAL = (process.platform === 'linux' ? [0, 1, 2] : [1, 2]).some((stream) => isatty(stream));

await main(process.argv.slice(2));

async function main(args) {
	// It goes on where the reader of its messages is gone.
	process.stderr.on('error', () => undefined);
	if (!USES_TERMINAL) process.on('SIGHUP', () => undefined);
	refuseOldNode();
	if (args[0] !== '--only') {
		await makeReady(true);
		process.argv = [process.execPath, MAIN, ...args];
		await import(pathToFileURL(MAIN).href);
		return;
	}
	const [, only, dashes, ...program] = args;
	if ((only !== 'install' && only !== 'build') || (dashes !== undefined && dashes !== '--')) {
		fail('Usage: node server/bootstrap.mjs --only install|build [-- PROGRAM…]', 2);
	}
	await makeReady(only === 'build');
	if (program.length > 0) await runProgram(program);
}

function refuseOldNode() {
	const [, major, minor] = /(\d+)\.(\d+)/.exec(packageJson().engines.node).map(Number);
	const [haveMajor, haveMinor] = process.versions.node.split('.').map(Number);
	if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
	fail(`paxos-swarm needs Node.js ${major}.${minor} or newer; this is ${process.versions.node}.`, 1);
}

function packageJson() {
	return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
}

async function makeReady(wantsBuild) {
	if (isInstalled() && (!wantsBuild || isBuilt(sourceDigest()))) return;
	await withLock(async (lock) => {
		// Another process may have done the work while this one waited.
		if (!isInstalled()) await install(lock);
		const digest = sourceDigest();
		if (wantsBuild && !isBuilt(digest)) await build(digest, lock);
	});
}

async function install(lock) {
	const why = existsSync(join(ROOT, 'node_modules')) ? 'other than package-lock.json names' : 'none are here yet';
	// Development packages are installed in any environment, because they build the dashboard.
	await step(`Installing packages (${why})`, [['npm', 'ci', '--include=dev']], lock);
}

async function build(digest, lock) {
	const why = existsSync(BUILT_FILE) ? 'the sources changed' : 'not built yet';
	await step(`Building server and dashboard (${why})`, BUILD, lock);
	writeFileSync(BUILT_FILE, digest);
}

/**
 * Whether the installed packages are those of package-lock.json. npm writes its list of installed packages last, so an
 * interrupted install is noticed. Only packages for other platforms may be missing.
 */
function isInstalled() {
	const installed = readPackages('node_modules/.package-lock.json');
	const wanted = readPackages('package-lock.json');
	if (!wanted) fail('package-lock.json is missing or not JSON.', 1);
	return (
		installed !== null &&
		Object.entries(wanted).every(([path, entry]) => {
			if (path === '') return true;
			const found = installed[path];
			if (!found) return entry.optional && !isForHere(entry);
			return found.version === entry.version && found.integrity === entry.integrity;
		})
	);
}

function readPackages(file) {
	try {
		return JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages;
	} catch {
		return null;
	}
}

/** Whether an optional package is surely for this platform. One that depends on the libc may not be. */
function isForHere({ os, cpu, libc }) {
	return !libc && os?.includes(process.platform) === true && cpu?.includes(process.arch) === true;
}

function isBuilt(digest) {
	try {
		return readFileSync(BUILT_FILE, 'utf8') === digest && existsSync(MAIN);
	} catch {
		return false;
	}
}

/** A digest of the sources' names and contents, so that a checkout of sources that were built needs no new build. */
function sourceDigest() {
	const hash = createHash('sha256');
	const add = (path) => hash.update(`\0${path}\0`).update(readFileSync(join(ROOT, path)));
	const walk = (dir) => {
		const entries = readdirSync(join(ROOT, dir), { withFileTypes: true });
		for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
			if (entry.name.startsWith('.')) continue;
			const path = `${dir}/${entry.name}`;
			if (entry.isDirectory()) walk(path);
			else if (entry.isFile()) add(path);
		}
	};
	SOURCE_FILES.forEach(add);
	SOURCE_DIRS.forEach(walk);
	return hash.digest('hex');
}

/** Runs programs one after the other. Where one fails, its output is shown and this process ends. */
async function step(title, programs, lock) {
	const startedMs = performance.now();
	process.stderr.write(`${title} … `);
	for (const [program, ...args] of programs) {
		const output = [];
		const stdio = ['ignore', 'pipe', 'pipe'];
		// In a process group of its own the program does not get a SIGHUP that is sent to all processes of a shell's job.
		const child = spawn(program, args, { cwd: ROOT, env: environment(), stdio, detached: !USES_TERMINAL });
		if (child.pid) lock.shareWith(child.pid);
		child.stdout.on('data', (chunk) => output.push(chunk));
		child.stderr.on('data', (chunk) => output.push(chunk));
		const ended = await exitOf(child);
		if (ended === 0) continue;
		process.stderr.write(`failed\n\n${Buffer.concat(output)}\n`);
		lock.release();
		fail(`${[program, ...args].join(' ')}: ${describeEnd(ended)}`, 1);
	}
	process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`);
}

/** Runs a program in place of this process, with its input and output, its signals and its exit status. */
async function runProgram([program, ...args]) {
	const child = spawn(program, args, { env: environment(), stdio: 'inherit' });
	for (const signal of FORWARDED_SIGNALS) process.on(signal, () => child.kill(signal));
	const ended = await exitOf(child);
	if (ended instanceof Error) fail(`${program}: ${ended.message}`, 127);
	process.exit(typeof ended === 'number' ? ended : 128 + constants.signals[ended]);
}

/** The environment of programs, in which installed ones come first, as in an npm script. */
function environment() {
	return { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? ''}` };
}

/** Resolves with the child's exit status, the signal that ended it, or the error of its start. */
function exitOf(child) {
	return new Promise((resolve) => {
		child.on('error', resolve);
		child.on('close', (status, signal) => resolve(signal ?? status));
	});
}

function describeEnd(ended) {
	if (ended instanceof Error) return ended.message;
	return typeof ended === 'number' ? `exit status ${ended}` : `ended by ${ended}`;
}

/**
 * Lets one process work at a time. A lock is a file `lock.N` that names its holder. Only the one with the highest number
 * counts, and it is never removed. A process that finds it released, or its holder dead, makes the next one, which
 * exactly one process can do. So a killed holder leaves nothing to clean up, and no race can remove a held lock.
 */
async function withLock(work) {
	mkdirSync(STATE_DIR, { recursive: true });
	const deadlineMs = performance.now() + LOCK_WAIT_MAX_MS;
	let said = false;
	for (;;) {
		const newest = newestLock();
		const holder = newest > 0 ? readHolder(newest) : [];
		const alive = holder.find(isAlive);
		if (alive === undefined) {
			const lock = tryLock(newest + 1);
			if (!lock) continue;
			await work(lock);
			return lock.release();
		}
		if (!said) process.stderr.write(`Another start (process ${alive}) installs or builds; waiting for it …\n`);
		said = true;
		if (performance.now() > deadlineMs) {
			fail(`Process ${alive} is still not done. If it hangs, end it; if it is something else, remove ${STATE_DIR}.`, 1);
		}
		await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
	}
}

function newestLock() {
	return Math.max(0, ...lockNumbers());
}

function lockNumbers() {
	return readdirSync(STATE_DIR).flatMap((name) => (/^lock\.\d+$/.test(name) ? [Number(name.slice(5))] : []));
}

function lockFile(number) {
	return join(STATE_DIR, `lock.${number}`);
}

/** The process ids of the lock's holders: none once it is released, or removed because a newer one is held. */
function readHolder(number) {
	try {
		return readFileSync(lockFile(number), 'utf8').split(' ').filter(Boolean).map(Number);
	} catch {
		return [];
	}
}

function isAlive(pid) {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return error.code === 'EPERM';
	}
}

/** Makes the lock of this number. @returns null where another process was first */
function tryLock(number) {
	const own = join(STATE_DIR, `holder.${process.pid}`);
	const hold = (pids) => {
		writeFileSync(own, pids.join(' '));
		renameSync(own, lockFile(number));
	};
	writeFileSync(own, String(process.pid));
	try {
		// A link appears together with its content.
		linkSync(own, lockFile(number));
	} catch (error) {
		if (error.code !== 'EEXIST') throw error;
		return null;
	} finally {
		rmSync(own, { force: true });
	}
	// A process that looked late may have made a lock below the newest one, where an old one was removed.
	if (newestLock() !== number) {
		rmSync(lockFile(number), { force: true });
		return null;
	}
	for (const older of lockNumbers()) if (older < number) rmSync(lockFile(older), { force: true });
	return {
		/** Adds a program that works for the holder. It may outlive the holder, and the lock is held until it ends. */
		shareWith: (pid) => hold([process.pid, pid]),
		release: () => hold([]),
	};
}

function fail(message, status) {
	process.stderr.write(`${message}\n`);
	process.exit(status);
}
