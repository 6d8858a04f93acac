/**
 * The package as users get it: the tarball, installed into an empty folder with its dependencies only, starts a swarm,
 * takes writes and stops cleanly, and it can be embedded, with its types. It is packed from a clean copy, so that no
 * left-over of this tree can hide a missing file.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { freePorts } from '../process/swarm.ts';
import { leaderAt, QueueProcess } from './job-queue.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const ignored = new Set(['.git', 'node_modules', 'dist', 'data']);
const run = promisify(execFile);

/** The first program in the documents of embedding. */
const jobQueue = /^```ts\n(.*?)^```/ms.exec(
	readFileSync(join(repository, 'server/embedding/README.md'), 'utf8'),
)?.[1] as string;
const JOBS_OF_EACH = 40;
const KILL_AFTER = 30;

let folder: string;
/** The folder in which a user has installed it. */
let home: string;
let packed: readonly string[];

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-package-'));
	const copy = join(folder, 'copy');
	home = join(folder, 'home');
	for (const name of readdirSync(repository).filter((name) => !ignored.has(name))) {
		cpSync(join(repository, name), join(copy, name), { recursive: true });
	}
	// Through the link below, an install in the copy would replace the packages of this tree, so they have to be right
	// before.
	await run(process.execPath, ['server/bootstrap.mjs', '--only', 'install'], { cwd: repository });
	symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'));
	const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: copy });
	const [tarball]: { filename: string; files: { path: string }[] }[] = JSON.parse(stdout);
	if (tarball === undefined) throw new Error('npm pack made nothing');
	packed = tarball.files.map(({ path }) => path);

	mkdirSync(home);
	writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }\n');
	// An audit asks a registry for what no test looks at.
	const flags = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
	await run('npm', ['install', ...flags, join(folder, tarball.filename)], { cwd: home });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Programs of users do this with the client: in a page, in Node, and wrongly. */
const usesClient = `await client.put('a', new TextEncoder().encode('b'), { cas: 0, flags: 1n, signal: new AbortController().signal });
const entry: ReadEntry | null = await client.get('a', { stale: true });
export const value: string = new TextDecoder().decode(entry?.value);
await using session = await client.session({ ttlMs: 30_000 });
const lock: SwarmLock = await client.lock('job', { session });
export const fence: number = lock.fence.modifyRevision;
await lock[Symbol.asyncDispose]();
export const store: KeyvSwarm = new KeyvSwarm({ client, prefix: 'cache/' });
client.close();
`;
const inPage = `import { type ReadEntry, SwarmClient, type SwarmLock } from 'paxos-swarm/client';
import { KeyvSwarm } from 'paxos-swarm/keyv';

const client = new SwarmClient({ nodes: ['http://127.0.0.1:7101'], connect: (url) => new WebSocket(url) });
${usesClient}`;
const inNode = `import { type ReadEntry, SwarmClient, type SwarmLock } from 'paxos-swarm/client';
import { loadConfig } from 'paxos-swarm/config';
import { ConfigError } from 'paxos-swarm/config/errors';
import { FolderError, JoinError } from 'paxos-swarm/errors';
import { KeyvSwarm } from 'paxos-swarm/keyv';
import { WebSocket } from 'ws';

export const ports: readonly number[] = loadConfig({}, process.env, '.').config.nodes.map(({ port }) => port);
export const isOfConfig = (error: unknown): boolean => error instanceof ConfigError;
export const mayBeTriedAgain = (error: unknown): boolean =>
	error instanceof JoinError || (error instanceof FolderError && error.code === 'inUse');
const client = new SwarmClient({ nodes: ['http://127.0.0.1:7101'], connect: (url) => new WebSocket(url) });
${usesClient}`;
const misuse = `${inPage}await client.put('a', 1);\nawait client.put('a', 'b', { flags: 1 });\n`;

describe('the tarball', () => {
	test.each([
		'LICENSE',
		'README.md',
		'CHANGELOG.md',
		'swarm.json',
		'server/swarm.schema.json',
		'server/deploy/paxos-swarm@.service',
		'dist/program/main.js',
		'dist/program/licenses.md',
		'dist/server/embedding/main.js',
		'dist/server/embedding/main.d.ts',
		'dist/dashboard/index.html',
		'dist/sandbox/index.html',
	])('has %s', (path) => {
		expect(packed).toContain(path);
	});

	test('has no source, test, map or record of a build', () => {
		expect(
			packed.filter((path) => /(?<!\.d)\.tsx?$|^test|\/test\/|\.map$|\.tsbuildinfo|vite\.config|\/\.\w/.test(path)),
		).toEqual([]);
	});
});

describe('a swarm in the folder', () => {
	let ports: readonly number[];

	beforeAll(async () => {
		ports = await freePorts(3);
		const nodes = ports.map((port, index) => ({ id: `n${index + 1}`, port }));
		writeFileSync(join(home, 'swarm.json'), JSON.stringify({ name: 'packed', nodes }));
	});

	test('is started by npx paxos-swarm up, takes a write at one node, gives it at another, and stops', async () => {
		const swarm = await start('npx', ['paxos-swarm', 'up']);
		const put = await fetch(`${address(0)}/v1/kv/color`, { method: 'PUT', body: 'red' });
		expect([put.status, await put.text()]).toEqual([200, 'true']);
		const get = await fetch(`${address(1)}/v1/kv/color?raw`);
		expect([get.status, await get.text()]).toEqual([200, 'red']);
		const page = await fetch(address(2));
		expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);

		// The shell between npx and the program reports the signal as its end, so the status is checked below.
		await swarm.interrupt();
		expect(swarm.said).not.toContainEqual(expect.stringContaining(' is down'));
		for (const index of ports.keys()) await expect(fetch(`${address(index)}/livez`)).rejects.toThrow('fetch failed');
	});

	test('has what it was told when it starts again, and ends with status 0', async () => {
		const swarm = await start('node_modules/.bin/paxos-swarm', ['up']);
		expect((await run('npx', ['paxos-swarm', 'get', 'color'], { cwd: home })).stdout.trimEnd()).toBe('red');
		expect(await swarm.interrupt()).toEqual([0, null]);
	});

	function address(index: number): string {
		return `http://127.0.0.1:${ports[index]}`;
	}
});

describe('embedded', () => {
	test('the job queue of the documents compiles, and the types tell what is wrong in another one', async () => {
		const wrong = jobQueue.replace("node.propose({ do: 'take' })", "node.propose({ do: 'steal' })");
		const options = { types: ['node'], skipLibCheck: true, noUncheckedIndexedAccess: true, noEmit: false };
		expect(await compile('typescript', { 'job-queue.ts': jobQueue, 'wrong.ts': wrong }, options)).toMatch(
			/^wrong\.ts\(.*steal[^\n]*\n?$/,
		);
	});

	test('it runs as three processes: the leader is killed, no acknowledged job is lost, and none is there twice', async () => {
		const ports = await freePorts(3);
		const queues = ['n1', 'n2', 'n3'].map((id) => new QueueProcess(home, id, ports));
		onTestFinished(() => {
			for (const queue of queues) queue.kill();
		});
		// Each process adds its jobs one after the other, and tries no job again.
		const acknowledged = new Set<string>();
		let killed: QueueProcess | undefined;
		const addAll = async (queue: QueueProcess): Promise<void> => {
			for (let count = 1; count <= JOBS_OF_EACH && queue !== killed; count++) {
				const work = `${queue.id}-${count}`;
				const answer = await queue.ask(`add ${work}`);
				if (answer?.startsWith('{')) acknowledged.add(work);
				if (killed || acknowledged.size < KILL_AFTER) continue;
				killed = queues.find(({ id }) => id === leaderId) as QueueProcess;
				killed.kill();
			}
		};
		expect(await queues[0]?.ask('add first')).toBe('{"id":1,"work":"first","untilMs":0}');
		const leaderId = await leaderAt(ports[0] as number);
		await Promise.all(queues.map(addAll));
		const lost = killed as QueueProcess;
		expect(lost.id).toBe(leaderId);
		const again = new QueueProcess(home, lost.id, ports);
		const running = [...queues.filter((queue) => queue !== lost), again];
		onTestFinished(() => again.kill());
		const lists = await Promise.all(
			running.map(async (queue) => JSON.parse((await queue.ask('list')) as string) as { id: number; work: string }[]),
		);
		for (const list of lists) {
			const works = list.map(({ work }) => work);
			expect(works).toEqual(expect.arrayContaining([...acknowledged]));
			expect(new Set(works).size).toBe(works.length);
			expect(list.map(({ id }) => id)).toEqual(list.map((_, index) => index + 1));
		}
		expect(acknowledged.size).toBeGreaterThan(2 * JOBS_OF_EACH);
		for (const queue of running) expect(await queue.end()).toBe(0);
	});
});

describe('all that is exported', () => {
	const { exports } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { exports: object };
	const modules = Object.keys(exports).filter((name) => !name.endsWith('.json'));
	const usesAll = modules
		.map((name, index) => `export * as all${index} from 'paxos-swarm${name.slice(1)}';\n`)
		.join('');
	const strict = { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false };

	test.each([
		['node16', 'node16'],
		['esnext', 'bundler'],
	])('has types without a fault by the modules of %s, found as by %s', async (module, moduleResolution) => {
		const options = { module, moduleResolution, types: ['node'], ...strict };
		expect(await compile('typescript', { 'uses-all.ts': usesAll }, options)).toBe('');
		expect(modules.length).toBeGreaterThan(5);
	});

	// It takes ten times as long as its successor, so it gets all programs at once, and does not look for faults in its own
	// types of the language and of pages.
	test('has types without a fault under typescript-5 too, in all programs of this file, and finds those of one', async () => {
		const options = { module: 'esnext', moduleResolution: 'bundler', lib: ['es2023', 'dom'], types: ['node', 'ws'] };
		const right = { 'uses-all.ts': usesAll, 'in-page.ts': inPage, 'in-node.ts': inNode, 'job-queue.ts': jobQueue };
		const files = { ...right, 'misuses-client.ts': misuse };
		const said = await compile('typescript-5', files, { ...options, ...strict, skipDefaultLibCheck: true });
		expect(said.match(/^.*(?=\(.*error TS)/gm)).toEqual(['misuses-client.ts', 'misuses-client.ts']);
	});
});

describe('the client', () => {
	test('takes a WebSocket in a page, and has types that say what is wrong', async () => {
		const options = { lib: ['es2023', 'dom'], types: [], skipLibCheck: false };
		const files = { 'uses-client.ts': inPage, 'misuses-client.ts': misuse };
		const said = await compile('typescript', files, options);
		expect(said.match(/^.*(?=\(.*error TS)/gm)).toEqual(['misuses-client.ts', 'misuses-client.ts']);
	});

	test.each([
		['in Node, with ws', inNode, { lib: ['es2023'], types: ['node', 'ws'], skipLibCheck: true }],
		[
			'in Node beside the types of pages',
			inNode,
			{ lib: ['es2023', 'dom'], types: ['node', 'ws'], skipLibCheck: true },
		],
	])('takes a WebSocket %s', async (_, program, options) => {
		expect(await compile('typescript', { 'uses-client.ts': program }, options)).toBe('');
	});
});

interface Swarm {
	/** The lines of its output so far. */
	readonly said: readonly string[];
	/** Sends SIGINT to every process of the group, as Ctrl-C does. Resolves with status and signal when all are gone. */
	interrupt(): Promise<unknown[]>;
}

/** The compiler's errors for a program of a user. */
async function compile(
	compiler: string,
	files: Readonly<Record<string, string>>,
	options: Readonly<Record<string, unknown>>,
): Promise<string> {
	for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text);
	const compilerOptions = {
		strict: true,
		noEmit: true,
		module: 'nodenext',
		target: 'es2022',
		lib: ['es2023'],
		typeRoots: [join(repository, 'node_modules/@types')],
		...options,
	};
	writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: Object.keys(files) }));
	const tsc = join(repository, 'node_modules', compiler, 'bin', 'tsc');
	return run(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd: home }).then(
		() => '',
		(error: { readonly stdout: string }) => error.stdout,
	);
}

/** Resolves when every node is ready, because the address of the dashboard is printed then. */
async function start(command: string, args: readonly string[]): Promise<Swarm> {
	const child = spawn(command, args, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
	onTestFinished(() => killGroup(child));
	const closed = once(child, 'close');
	const said: string[] = [];
	await new Promise<void>((resolve, reject) => {
		for (const input of [child.stdout, child.stderr]) {
			createInterface({ input }).on('line', (line) => {
				said.push(line);
				if (line.startsWith('Dashboard')) resolve();
			});
		}
		closed.then(() => reject(new Error(`it ended:\n${said.join('\n')}`)), reject);
	});
	return {
		said,
		interrupt: () => {
			if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
			return closed;
		},
	};
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
	if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
}
