/** One command installs and builds a fresh clone and runs the program. Five at once do so too, and install once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const BOOTSTRAP = fileURLToPath(new URL('../../server/bootstrap.mjs', import.meta.url));

const TELL = `
import { appendFileSync, chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
const log = (line) => appendFileSync('log', line + '\\n');
`;

/** A fake npm that installs the packages of the lock file for this platform, and waits until it is let go. */
const NPM = `${TELL}
log('npm ' + process.argv.slice(2).join(' '));
const socket = connect(Number(process.env.GATE), '127.0.0.1', () => socket.write(process.pid + '\\n'));
socket.on('error', () => {});
socket.on('close', () => {
	const { packages } = JSON.parse(readFileSync('package-lock.json'));
	delete packages['node_modules/elsewhere'];
	mkdirSync('node_modules/.bin', { recursive: true });
	for (const tool of ['tsc', 'vite']) {
		writeFileSync('node_modules/.bin/' + tool, readFileSync(tool + '.mjs'));
		chmodSync('node_modules/.bin/' + tool, 0o755);
	}
	writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));
});
`;

const TSC = `${TELL}
log('tsc ' + process.argv.slice(2).join(' '));
if (readFileSync('server/a.ts', 'utf8') === 'wrong') {
	process.stdout.write('server/a.ts: this is wrong');
	process.exit(2);
}
mkdirSync('dist/program', { recursive: true });
writeFileSync('dist/program/main.js', 'process.stdout.write("ran " + process.argv.slice(2).join(" "))');
`;

const VITE = `${TELL}
log('vite ' + process.argv.slice(2).join(' '));
`;

const INSTALLED_AND_BUILT = [
	'npm ci --include=dev',
	'tsc -b server',
	'vite build --config server/vite.config.ts',
	'vite build --config dashboard/vite.config.ts',
	'vite build --config dashboard/vite.config.ts --mode sandbox',
];
const BUILT = INSTALLED_AND_BUILT.slice(1);

let folder = '';
let gate: Server;
/** Whether installs go on without waiting. */
let open = true;
const running = new Set<ChildProcess>();

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), 'swarm-bootstrap-'));
	for (const dir of ['server', 'shared/paxos', 'dashboard', 'bin']) mkdirSync(join(folder, dir), { recursive: true });
	cpSync(BOOTSTRAP, join(folder, 'server/bootstrap.mjs'));
	write('package.json', JSON.stringify({ type: 'module', engines: { node: '>=20.19' } }));
	writeLock('1.0.0');
	write('tsconfig.json', '{}');
	write('server/a.ts', 'first');
	write('shared/paxos/b.ts', 'first');
	write('tsc.mjs', `#!${process.execPath}${TSC}`);
	write('vite.mjs', `#!${process.execPath}${VITE}`);
	write('bin/npm', `#!${process.execPath}${NPM}`);
	chmodSync(join(folder, 'bin/npm'), 0o755);
	open = true;
	gate = createServer((socket) => {
		if (open) socket.destroy();
	});
	await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
	for (const child of running) child.kill('SIGKILL');
	await new Promise((resolve) => gate.close(resolve));
	rmSync(folder, { recursive: true });
});

function write(file: string, text: string): void {
	writeFileSync(join(folder, file), text);
}

function writeLock(version: string): void {
	const needed = { version, integrity: `sha512-${version}` };
	const here = { ...needed, optional: true, os: [process.platform], cpu: [process.arch] };
	const elsewhere = { ...needed, optional: true, os: ['plan9'], cpu: ['pdp11'] };
	const packages = {
		'': { name: 'whole' },
		'node_modules/needed': needed,
		'node_modules/here': here,
		'node_modules/elsewhere': elsewhere,
	};
	write('package-lock.json', JSON.stringify({ packages }));
}

/** The calls of npm, tsc and vite since the last call of this. */
function log(): readonly string[] {
	const file = join(folder, 'log');
	if (!existsSync(file)) return [];
	const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
	rmSync(file);
	return lines;
}

interface Started {
	readonly process: ChildProcess;
	/** Resolves once its stderr has a line that matches, with the groups of the match. */
	said(pattern: RegExp): Promise<string>;
	readonly ended: Promise<{ status: number | null; signal: string | null; stdout: string; stderr: string }>;
}

function start(...args: readonly string[]): Started {
	const { port } = gate.address() as AddressInfo;
	const child = spawn(process.execPath, [join(folder, 'server/bootstrap.mjs'), ...args], {
		cwd: folder,
		env: { PATH: join(folder, 'bin'), GATE: String(port) },
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	running.add(child);
	let stdout = '';
	let stderr = '';
	child.stdout.on('data', (chunk) => {
		stdout += chunk;
	});
	child.stderr.on('data', (chunk) => {
		stderr += chunk;
	});
	return {
		process: child,
		said: async (pattern) => {
			for (;;) {
				const match = pattern.exec(stderr);
				if (match) return match[1] ?? '';
				await once(child.stderr, 'data');
			}
		},
		ended: once(child, 'close').then(([status, signal]) => {
			running.delete(child);
			return { status, signal, stdout, stderr };
		}),
	};
}

/** Resolves with the next install that begins: its process, and a function that lets it end. */
async function nextInstall(): Promise<{ pid: number; socket: Socket }> {
	const [socket] = (await once(gate, 'connection')) as [Socket];
	socket.on('error', () => undefined);
	const [line] = await once(createInterface(socket), 'line');
	return { pid: Number(line), socket };
}

it('installs, builds and runs, and the second time only runs', async () => {
	const first = await start('up', '--base-port', '1').ended;
	expect(first).toMatchObject({ status: 0, stdout: 'ran up --base-port 1' });
	expect(first.stderr).toMatch(
		/^Installing packages \(none are here yet\) … [\d.]+ s\nBuilding .* \(not built yet\) … [\d.]+ s\n$/,
	);
	expect(log()).toEqual(INSTALLED_AND_BUILT);

	expect(await start('up').ended).toMatchObject({ status: 0, stdout: 'ran up', stderr: '' });
	expect(log()).toEqual([]);
});

it('builds again when a source changed, appeared or went, and not when it is what it was', async () => {
	await start('up').ended;
	log();
	write('shared/paxos/b.ts', 'second');
	expect((await start('up').ended).stderr).toContain('the sources changed');
	expect(log()).toEqual(BUILT);
	write('dashboard/c.tsx', 'new');
	await start('up').ended;
	expect(log()).toEqual(BUILT);
	write('dashboard/c.tsx', 'new');
	await start('up').ended;
	expect(log()).toEqual([]);
	rmSync(join(folder, 'dashboard/c.tsx'));
	await start('up').ended;
	expect(log()).toEqual(BUILT);
});

it('installs again when what is installed is not what package-lock.json names', async () => {
	await start('up').ended;
	log();
	writeLock('1.0.1');
	expect((await start('up').ended).stderr).toContain('other than package-lock.json names');
	expect(log()).toEqual(INSTALLED_AND_BUILT);
	const packages = { 'node_modules/needed': { version: '1.0.1', integrity: 'sha512-1.0.1' } };
	write('node_modules/.package-lock.json', JSON.stringify({ packages }));
	await start('up').ended;
	expect(log(), 'the package for this platform is missing').toEqual(['npm ci --include=dev']);
});

it('five at the same moment: one works, the others say once that they wait, all run', async () => {
	open = false;
	const starts = Array.from({ length: 5 }, (_, index) => start('node', `n${index}`));
	const { socket } = await nextInstall();
	const waiting = /Another start \(process \d+\) installs or builds; waiting for it …\n/;
	const others = starts.map((started, index) => started.said(waiting).then(() => index));
	const works = starts.map((started, index) => started.said(/Installing/).then(() => index));
	const worker = await Promise.race(works);
	await Promise.all(others.filter((_, index) => index !== worker));
	socket.destroy();
	const ended = await Promise.all(starts.map((started) => started.ended));
	expect(ended.map(({ stdout }) => stdout)).toEqual(starts.map((_, index) => `ran node n${index}`));
	expect(ended.filter(({ stderr }) => waiting.test(stderr))).toHaveLength(4);
	expect(ended.every(({ stderr }) => stderr.split('Another start').length <= 2)).toBe(true);
	expect(log()).toEqual(INSTALLED_AND_BUILT);
});

it('takes over from a process that was killed, but not before its install has ended', async () => {
	open = false;
	const killed = start('up');
	const orphan = await nextInstall();
	killed.process.kill('SIGKILL');
	await once(killed.process, 'exit');

	const next = start('up');
	expect(Number(await next.said(/Another start \(process (\d+)\)/))).toBe(orphan.pid);
	process.kill(orphan.pid, 'SIGKILL');
	const second = await nextInstall();
	second.socket.destroy();
	expect(await next.ended).toMatchObject({ status: 0, stdout: 'ran up' });
	expect(log()).toEqual(['npm ci --include=dev', ...INSTALLED_AND_BUILT]);
});

it('shows what a failed build said, and builds again the next time', async () => {
	write('server/a.ts', 'wrong');
	const failed = await start('up').ended;
	expect(failed).toMatchObject({ status: 1, stdout: '' });
	expect(failed.stderr).toContain('server/a.ts: this is wrong\ntsc -b server: exit status 2\n');
	write('server/a.ts', 'right');
	expect(await start('up').ended).toMatchObject({ status: 0, stdout: 'ran up' });
});

it('says what is missing where there is no npm', async () => {
	rmSync(join(folder, 'bin/npm'));
	const { status, stderr } = await start('up').ended;
	expect(status).toBe(1);
	expect(stderr).toContain('npm ci --include=dev: spawn npm ENOENT');
});

it('says in a sentence which Node.js it needs', async () => {
	write('package.json', JSON.stringify({ type: 'module', engines: { node: '>=99.1' } }));
	const stderr = `paxos-swarm needs Node.js 99.1 or newer; this is ${process.versions.node}.\n`;
	expect(await start('up').ended).toMatchObject({ status: 1, stderr });
	expect(log()).toEqual([]);
});

it('--only install builds nothing, then runs any program with its exit status', async () => {
	const program = ['--', process.execPath, '-e', 'process.stdout.write("hello"); process.exitCode = 5'];
	expect(await start('--only', 'install', ...program).ended).toMatchObject({ status: 5, stdout: 'hello' });
	expect(log()).toEqual(INSTALLED_AND_BUILT.slice(0, 1));
	expect(await start('--only', 'build').ended).toMatchObject({ status: 0, stdout: '' });
	expect(log()).toEqual(BUILT);
});

it('passes signals on to the program that it runs', async () => {
	const program =
		'process.on("SIGTERM", () => process.exit(9)); process.stderr.write("up"); setInterval(() => {}, 1e6)';
	const started = start('--only', 'install', '--', process.execPath, '-e', program);
	await started.said(/up$/);
	started.process.kill('SIGTERM');
	expect((await started.ended).status).toBe(9);
});

it.each([[['--only']], [['--only', 'test']], [['--only', 'build', 'ls']]])(
	'refuses %j with its usage',
	async (args) => {
		const { status, stderr } = await start(...args).ended;
		expect({ status, stderr }).toEqual({
			status: 2,
			stderr: 'Usage: node server/bootstrap.mjs --only install|build [-- PROGRAM…]\n',
		});
	},
);
