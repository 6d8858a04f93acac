/**
 * A swarm whose terminal, shell or reader goes away stops or goes on, as it was started. A node whose output nobody takes
 * is never stopped or delayed by that.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFailed, onTestFinished, test } from 'vitest';
import { put } from './client.ts';
import { MAIN, type Program, Swarm, type TestNode, until } from './swarm.ts';

let swarm: Swarm;
let n1: TestNode;
beforeEach(async () => {
	swarm = await Swarm.create({ size: 3 });
	n1 = swarm.node('n1');
	onTestFailed(() => swarm.report());
});
afterEach(() => swarm.dispose());

describe('SIGHUP', () => {
	test('under nohup all go on, also where each process gets it, and SIGTERM still stops them', async () => {
		const up = start('nohup', [process.execPath, MAIN, 'up', '--config', swarm.configFile]);
		await up.printed(/Ctrl-C stops it/);
		for (const { pid } of await swarm.processes()) process.kill(pid, 'SIGHUP');
		await kill('n2');
		// A primary process that was stopping would not print this.
		await up.printed(/n2 is down: SIGKILL/);
		await until('it is written', () => written());
		up.signal('SIGTERM');
		expect(await up.ended).toBe(0);
		expect(await swarm.processes()).toEqual([]);
	});

	test('under nohup one node alone goes on too', async () => {
		await swarm.start([swarm.node('n2'), swarm.node('n3')]);
		const program = start('nohup', [process.execPath, MAIN, 'node', 'n1', '--config', swarm.configFile]);
		await program.printed(/^\{"level":30,.*"node":"n1","msg":"link to n3 is up"\}$/m);
		program.signal('SIGHUP');
		await swarm.node('n3').kill();
		await program.printed(/link to n3 is down/);
		await until('it is written', () => written());
		program.signal('SIGTERM');
		expect(await program.ended).toBe(0);
	});

	test('a terminal that is closed stops all nodes, with status 0', async () => {
		const statusFile = join(swarm.folder, 'status');
		// The system sends SIGHUP to the shell alone, and the shell sends it to its jobs.
		const shell = `'${process.execPath}' '${MAIN}' up --log-level info --config '${swarm.configFile}' & up=$!
			trap 'kill -HUP $up' HUP; wait $up; wait $up; echo $? > '${statusFile}'`;
		const terminal = startInTerminal(shell);
		await terminal.printed(/Ctrl-C stops it/);
		// On a terminal the log is for people. Behind a pipe it is JSON.
		await terminal.printed(/^\[[\d:.]+\] \S*INFO\S*: \S*leads under /m);
		expect(terminal.stdout).not.toContain('"msg"');
		terminal.signal('SIGKILL');
		await until('no process is left', async () => ((await swarm.processes()).length === 0 ? true : undefined));
		expect(readFileSync(statusFile, 'utf8')).toBe('0\n');
	});
});

describe('a reader that is gone', () => {
	test.each([[['stdout']], [['stderr']], [['stdout', 'stderr']]] as const)(
		'of %j: the nodes go on when a child dies, and Ctrl-C ends with status 0',
		async (streams) => {
			const up = start(process.execPath, [MAIN, 'up', '--log-level', 'info', '--config', swarm.configFile]);
			await up.printed(/n\d ready/);
			up.stopReading(...streams);
			await goesOnWithout('n2');
			up.signal('SIGINT');
			expect(await up.ended).toBe(0);
		},
	);

	test('from the start, because the streams were closed: the same', async () => {
		const up = start('sh', ['-c', 'exec "$@" <&- >&- 2>&-', 'sh', process.execPath, MAIN, 'up', ...config()]);
		await goesOnWithout('n2');
		up.signal('SIGTERM');
		expect(await up.ended).toBe(0);
	});

	test('a data command still ends well, and a full disk behind its output is an error', async () => {
		const cut = await start('sh', ['-c', '"$@" | true', 'sh', process.execPath, MAIN, 'schema']).ended;
		expect(cut).toBe(0);
		const full = start('sh', ['-c', 'exec "$@" > /dev/full', 'sh', process.execPath, MAIN, 'schema']);
		expect(await full.ended).toBe(1);
		expect(full.stderr).toMatch(/^The output cannot be written: ENOSPC/);
	});
});

test('a command in a directory that has been removed says so', async () => {
	const script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"';
	const folder = ['-c', `cd "${swarm.folder}" && ${script}`, 'sh'];
	const ended = start('sh', [...folder, process.execPath, MAIN, 'status', ...config()]);
	expect(await ended.ended).toBe(1);
	expect(ended.stderr).toMatch(/^The directory that this was started in is not there any more: .*\n$/);
});

test('a full pipe whose reader has stopped holds up no node, nor its end', async () => {
	const pipe = fullPipe();
	await swarm.start([swarm.node('n2'), swarm.node('n3')]);
	const program = start(process.execPath, [MAIN, 'node', 'n1', ...config()], ['ignore', pipe, pipe]);
	await until('n1 is ready', async () => (await n1.fetch('/readyz')).ok || undefined);
	await swarm.node('n3').kill();
	await until('it is written', () => written());
	program.signal('SIGTERM');
	expect(await program.ended).toBe(0);
});

function config(): string[] {
	return ['--config', swarm.configFile];
}

function start(command: string, args: readonly string[], stdio?: ('ignore' | number)[]): Program {
	const program = swarm.program(args, { command, before: [], stdio });
	onTestFailed(() => {
		process.stderr.write(`--- ${args.join(' ')}\n${program.stdout}${program.stderr}`);
	});
	return program;
}

/** Runs in a pseudo-terminal, which is closed when this program ends. */
function startInTerminal(command: string): Program {
	const args = process.platform === 'linux' ? ['-qec', command, '/dev/null'] : ['-q', '/dev/null', 'sh', '-c', command];
	return start('script', args);
}

/** Checks that the nodes serve, kills one of them, and checks that the others serve. */
async function goesOnWithout(id: string): Promise<void> {
	await until('it is written', () => written());
	await kill(id);
	await until('it is gone', async () => ((await pidOf(id)) === undefined ? true : undefined));
	await until('it is written', () => written());
}

async function kill(id: string): Promise<void> {
	const pid = await until(`${id} has a process`, () => pidOf(id));
	process.kill(pid, 'SIGKILL');
}

async function pidOf(id: string): Promise<number | undefined> {
	return (await swarm.processes()).find(({ args }) => args.includes('--launched') && args.includes(id))?.pid;
}

async function written(): Promise<true | undefined> {
	return (await put(n1, 'color', 'red')).ok || undefined;
}

/** A full pipe, both ends of which stay open here. */
function fullPipe(): number {
	const path = join(swarm.folder, 'pipe');
	execFileSync('mkfifo', [path]);
	const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
	onTestFinished(() => closeSync(pipe));
	for (const bytes of [4096, 1]) fill(pipe, Buffer.alloc(bytes));
	return pipe;
}

function fill(pipe: number, chunk: Buffer): void {
	try {
		for (;;) writeSync(pipe, chunk);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
	}
}
