/**
 * Real nodes for tests, each in a process of the program that users run, with a temporary folder and free ports. It waits
 * for events or for `/readyz`, always with a time limit, and shows the nodes' output where that failed. It must leave no
 * process and no folder behind.
 */
import { type ChildProcess, execFile, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Fetch, fetchWith } from '../../server/tls/fetch.ts';
import { nameOf } from '../../shared/member-name.ts';

/** The built program. This file may run from its source or from its own build. */
export const MAIN = join(repository(), 'dist/program/main.js');

const READY_MAX_MS = 120_000;
const POLL_EVERY_MS = 50;
const OUTPUT_CHARS_MAX = 20_000;
/** The ports of nodes. As many above them show which ones are taken, and all are below those that the system gives away. */
const PORT_MIN = 20_000;
const PORTS = 6_000;
const PORT_TRIES_MAX = 1_000;

export interface SwarmOptions {
	readonly size: number;
	/** The timings in `swarm.json`, milliseconds. */
	readonly timings?: Readonly<Record<string, number>>;
	/** `logMiB` in `swarm.json`. */
	readonly logMiB?: number;
	/** Variables beside those of this process. */
	readonly environment?: Readonly<Record<string, string>>;
	/** Whether clients have to show a certificate, where the nodes speak TLS; by default they speak none. */
	readonly tls?: 'optional' | 'required';
	/** The file of the program; `MAIN` by default. */
	readonly main?: string;
}

export class Swarm {
	readonly folder: string;
	readonly main: string;
	readonly nodes: readonly TestNode[];
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** How nodes are asked: by the certificate of a client where they speak TLS. */
	readonly fetch: Fetch;
	readonly #programs = new Set<Program>();

	private constructor(ports: readonly number[], { timings, logMiB, environment, tls, main = MAIN }: SwarmOptions) {
		if (!existsSync(main)) throw new Error(`${main} is missing: npm test builds it`);
		this.main = main;
		this.folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-'));
		const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SWARM_'));
		this.environment = { ...Object.fromEntries(inherited), ...environment };
		this.nodes = ports.map((port, index) => new TestNode(this, `n${index + 1}`, port, tls ? 'https' : 'http'));
		this.fetch = fetchWith(() => ({ ...this.certificate('client'), agent: false }));
		const nodes = this.nodes.map(({ id, port }) => ({ id, port }));
		const files = tls && { ca: 'certs/ca.crt', cert: 'certs/{id}.crt', key: 'certs/{id}.key', clients: tls };
		const config = { name: 'test', nodes, dataDir: 'data', timings, logMiB, tls: files };
		writeFileSync(this.configFile, JSON.stringify(config));
	}

	/** Writes `swarm.json`, and makes certificates where it names some; starts no node. */
	static async create(options: SwarmOptions): Promise<Swarm> {
		const swarm = new Swarm(await freePorts(options.size), options);
		if (options.tls === undefined) return swarm;
		const { status, stderr } = await swarm.run('certs', 'init');
		if (status !== 0) throw new Error(stderr);
		return swarm;
	}

	/** The certificate of a node or a client, with its key and its authority, as PEM. */
	certificate(name: string): { readonly ca: string; readonly cert: string; readonly key: string } {
		const read = (file: string): string => readFileSync(join(this.folder, 'certs', file), 'utf8');
		return { ca: read('ca.crt'), cert: read(`${name}.crt`), key: read(`${name}.key`) };
	}

	get configFile(): string {
		return join(this.folder, 'swarm.json');
	}

	get dataDir(): string {
		return join(this.folder, 'data');
	}

	node(id: string): TestNode {
		const node = this.nodes.find((candidate) => candidate.id === id);
		if (node === undefined) throw new Error(`there is no ${id}`);
		return node;
	}

	/** Starts these nodes in this order, all at once, and waits until each is ready. */
	async start(nodes: readonly TestNode[] = this.nodes): Promise<void> {
		for (const node of nodes) node.launch();
		await Promise.all(nodes.map((node) => node.ready()));
	}

	/** Runs a command line of the program to its end: `await swarm.run('put', 'color', 'red')`. */
	async run(...args: readonly string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
		const program = this.program([...args, '--config', this.configFile]);
		const status = await program.ended;
		return { status, stdout: program.stdout, stderr: program.stderr };
	}

	/** Starts the program, or another one. It is ended with the swarm at the latest. */
	program(
		args: readonly string[],
		{ command = process.execPath, environment = {}, before = [this.main], stdio }: RunOptions = {},
	): Program {
		const program = new Program(command, [...before, ...args], { ...this.environment, ...environment }, stdio);
		this.#programs.add(program);
		void program.ended.then(() => this.#programs.delete(program));
		return program;
	}

	/** Waits until a running node hears a leader, and resolves with it. */
	async leader(at: TestNode = this.#anyRunning()): Promise<TestNode> {
		const id = await until(`${at.id} hears a leader`, async () => {
			const response = await at.fetch('/v1/swarm');
			const { leader } = (await response.json()) as { leader: string | null };
			return leader || undefined;
		});
		return this.node(nameOf(id));
	}

	/** All processes of this swarm, also those that others have started, by the names of this folder's files in them. */
	async processes(): Promise<RunningProcess[]> {
		const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', 'pid=,stat=,args=']);
		return stdout.split('\n').flatMap((line) => {
			const [, pid, state, args] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
			if (!args?.includes(this.folder) || state?.startsWith('Z')) return [];
			return [{ pid: Number(pid), args: args.split(' ') }];
		});
	}

	/** Kills all processes, and removes the folder. */
	async dispose(): Promise<void> {
		const programs = [...this.#programs];
		for (const program of programs) program.signal('SIGKILL');
		await until('no process is left', async () => {
			const left = await this.processes();
			for (const { pid } of left) killIfThere(pid);
			return left.length === 0 ? true : undefined;
		});
		await Promise.all(programs.map(({ ended }) => ended));
		rmSync(this.folder, { recursive: true, force: true });
	}

	/** The output of the nodes, for a failed test. */
	report(): void {
		process.stderr.write(`${this.transcript()}\n`);
	}

	/** The last output of all nodes. */
	transcript(): string {
		return this.nodes.map((node) => `--- ${node.id}\n${node.output}`).join('\n');
	}

	#anyRunning(): TestNode {
		const running = this.nodes.find(({ isRunning }) => isRunning);
		if (running === undefined) throw new Error('no node runs');
		return running;
	}
}

export interface RunningProcess {
	readonly pid: number;
	readonly args: readonly string[];
}

interface RunOptions {
	readonly command?: string;
	readonly environment?: Readonly<Record<string, string>>;
	/** Flags of a node, beside the configuration. */
	readonly flags?: readonly string[];
	/** The first argument: the program's file. */
	readonly before?: readonly string[];
	/** The streams; pipes for stdout and stderr by default. */
	readonly stdio?: StdioOptions | undefined;
}

export class TestNode {
	readonly id: string;
	readonly port: number;
	readonly url: string;
	readonly #swarm: Swarm;
	#program: Program | null = null;
	/** The process that has said that the node listens. */
	#listening: Program | null = null;

	constructor(swarm: Swarm, id: string, port: number, scheme: 'http' | 'https' = 'http') {
		this.#swarm = swarm;
		this.id = id;
		this.port = port;
		this.url = `${scheme}://127.0.0.1:${port}`;
	}

	get folder(): string {
		return join(this.#swarm.dataDir, this.id);
	}

	get isRunning(): boolean {
		return this.#program?.isRunning ?? false;
	}

	get pid(): number {
		return this.#running().pid;
	}

	/** Its last output in this life of its process. */
	get output(): string {
		return this.#program === null ? '' : this.#program.stdout + this.#program.stderr;
	}

	/** Starts the process without waiting for anything. */
	launch(options?: RunOptions): Program {
		const args = ['node', this.id, '--config', this.#swarm.configFile, ...(options?.flags ?? [])];
		const program = this.#swarm.program(args, options);
		this.#program = program;
		program.printed(new RegExp(`^${this.id} (ready|waits to be let in) `, 'm')).then(
			() => {
				this.#listening = program;
			},
			// A node that ends before is noticed where the test waits for it.
			() => undefined,
		);
		return program;
	}

	/** Starts the process by another program, such as a tracer: its arguments come before the node's own. */
	launchUnder(command: string, args: readonly string[]): Program {
		return this.launch({ command, before: [...args, this.#swarm.main] });
	}

	/** Starts the process, and waits until the node hears a leader and has caught up. */
	async start(options?: RunOptions): Promise<void> {
		this.launch(options);
		await this.ready();
	}

	async ready(): Promise<void> {
		const program = this.#running();
		await until(`${this.id} is ready`, async () => {
			if (!program.isRunning) throw new Error(`${this.id} ended`);
			// Requests that nothing answers would only slow down the nodes that start.
			if (this.#listening !== program) return undefined;
			return (await this.fetch('/readyz')).ok || undefined;
		}).catch((error: unknown) => {
			throw new Error(`${this.id} did not get ready:\n${this.#swarm.transcript()}`, { cause: error });
		});
	}

	/** Sends SIGKILL. Bytes that were written and not flushed are still in the system's memory. */
	async kill(): Promise<void> {
		await this.#end('SIGKILL');
	}

	/** Sends SIGINT, as Ctrl-C does. Resolves with the exit status. */
	async stop(): Promise<number | null> {
		return this.#end('SIGTERM');
	}

	/** Sends SIGSTOP: the node falls silent with all its connections open. */
	pause(): void {
		this.#running().signal('SIGSTOP');
	}

	resume(): void {
		this.#running().signal('SIGCONT');
	}

	/** Sends one request on a connection of its own, so that none is reused after its process was killed. */
	fetch(path: string, init: RequestInit = {}): Promise<Response> {
		const send = this.url.startsWith('https:') ? (this.#swarm.fetch as typeof fetch) : fetch;
		return send(this.url + path, {
			signal: AbortSignal.timeout(READY_MAX_MS),
			...init,
			headers: { connection: 'close', ...init.headers },
		});
	}

	#running(): Program {
		if (this.#program === null) throw new Error(`${this.id} was not started`);
		return this.#program;
	}

	async #end(signal: NodeJS.Signals): Promise<number | null> {
		const program = this.#running();
		program.signal(signal);
		return program.ended;
	}
}

/** One process and its output. */
export class Program {
	readonly #process: ChildProcess;
	#stdout = '';
	#stderr = '';
	#heard: (() => void)[] = [];
	/** Resolves with the exit status (null for a signal) when the process has ended and its output was read. */
	readonly ended: Promise<number | null>;

	constructor(
		command: string,
		args: readonly string[],
		environment: NodeJS.ProcessEnv,
		stdio: StdioOptions = ['ignore', 'pipe', 'pipe'],
	) {
		this.#process = spawn(command, args, { env: environment, stdio });
		this.#process.stdout?.on('data', (chunk: Buffer) => {
			this.#stdout = (this.#stdout + chunk).slice(-OUTPUT_CHARS_MAX);
			this.#hear();
		});
		this.#process.stderr?.on('data', (chunk: Buffer) => {
			this.#stderr = (this.#stderr + chunk).slice(-OUTPUT_CHARS_MAX);
			this.#hear();
		});
		this.ended = once(this.#process, 'close').then(([status]) => {
			this.#hear();
			return status as number | null;
		});
	}

	get pid(): number {
		if (this.#process.pid === undefined) throw new Error('the process did not start');
		return this.#process.pid;
	}

	get isRunning(): boolean {
		return this.#process.exitCode === null && this.#process.signalCode === null;
	}

	get stdout(): string {
		return this.#stdout;
	}

	get stderr(): string {
		return this.#stderr;
	}

	signal(signal: NodeJS.Signals): void {
		this.#process.kill(signal);
	}

	/** Closes the reading end of its output, as `head -1` does when it has its line. */
	stopReading(...streams: readonly ('stdout' | 'stderr')[]): void {
		for (const stream of streams) this.#process[stream]?.destroy();
	}

	/** Resolves with the first match in its output; rejects when it ends without one. */
	async printed(pattern: RegExp): Promise<RegExpExecArray> {
		for (;;) {
			const match = pattern.exec(`${this.#stdout}\n${this.#stderr}`);
			if (match !== null) return match;
			if (!this.isRunning) throw new Error(`it ended without ${pattern}:\n${this.#stdout}${this.#stderr}`);
			await new Promise<void>((resolve) => this.#heard.push(resolve));
		}
	}

	#hear(): void {
		for (const resolve of this.#heard.splice(0)) resolve();
	}
}

/** Calls `ask` until it returns something else than undefined. A request that fails counts as undefined. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, maxMs = READY_MAX_MS): Promise<T> {
	const deadlineMs = performance.now() + maxMs;
	let lastError: unknown;
	while (performance.now() < deadlineMs) {
		try {
			const answer = await ask();
			if (answer !== undefined) return answer;
		} catch (error) {
			if (!(error instanceof TypeError)) throw error;
			lastError = error;
		}
		await new Promise((resolve) => setTimeout(resolve, POLL_EVERY_MS));
	}
	throw new Error(`not within ${maxMs} ms: ${what}`, { cause: lastError });
}

function repository(): string {
	for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
		if (existsSync(join(folder, 'package.json'))) return folder;
	}
}

function killIfThere(pid: number): void {
	try {
		process.kill(pid, 'SIGKILL');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
	}
}

/**
 * Different ports that nothing listens on. They are not among those that the system gives to outgoing connections,
 * because one of these could take the port of a node that is restarting. No other test takes them either, in this run or
 * in another one on the machine: see `take`.
 */
export async function freePorts(count: number): Promise<number[]> {
	return Promise.all(Array.from({ length: count }, () => freePortsInARow(1)));
}

/** So many of them, one after the other. @returns the first one */
export async function freePortsInARow(count: number): Promise<number> {
	for (let tries = 0; tries < PORT_TRIES_MAX; tries++) {
		const first = PORT_MIN + Math.floor(Math.random() * (PORTS - count));
		const guards: (Server | null)[] = [];
		for (let port = first; port < first + count && !guards.includes(null); port++) guards.push(await take(port));
		if (!guards.includes(null)) return first;
		for (const guard of guards) guard?.close();
	}
	throw new Error(`no ${count} ports in a row are free`);
}

/**
 * Takes a port for as long as this process lives: it listens on another one, which stands for that.
 *
 * @returns null where something else has taken the port, or listens on it
 */
async function take(port: number): Promise<Server | null> {
	const guard = await listen(port + PORTS);
	const server = guard && (await listen(port));
	if (server) await promisify(server.close.bind(server))();
	else guard?.close();
	return server && guard;
}

/** Listens on the port, if nothing else does, and keeps no process alive. */
function listen(port: number): Promise<Server | null> {
	return new Promise((resolve) => {
		const server = createServer().unref();
		server.once('error', () => resolve(null));
		server.listen(port, '127.0.0.1', () => resolve(server));
	});
}
