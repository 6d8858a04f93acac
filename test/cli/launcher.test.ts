/** The primary process leaves no child behind, reports what happened, and stops no more nodes than it must. */
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { type LaunchLab, launch } from '../../server/launcher/launcher.ts';

/** A stand-in for a node's process, whose argument says what it does. */
const CHILD = `
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectPrimary } from './launched.mjs';
const behaviour = process.argv[2];
const primary = connectPrimary();
process.on('SIGTERM', () => behaviour === 'stubborn' || process.exit(0));
process.on('SIGINT', () => {});
primary.gone.then(() => process.exit(0));
setInterval(() => {}, 60_000);
const told = async (name) => {
	while (!existsSync(new URL(name, import.meta.url))) await sleep(10);
};
if (behaviour === 'waits') await told('be-ready');
if (behaviour === 'lingers') {
	await primary.tell({ kind: 'removed' });
	await primary.tell({ kind: 'progress', progress: { doing: 'reading', count: 1, percent: 50 } });
	await told('be-gone');
	process.exit(0);
}
if (behaviour === 'fails') {
	await primary.tell({ kind: 'failed', why: 'no luck' });
	process.exit(1);
}
if (behaviour === 'reads') {
	await primary.tell({ kind: 'progress', progress: { doing: 'nothing' } });
	await primary.tell({ kind: 'progress', progress: { doing: 'reading', count: 7, percent: 12 } });
}
if (behaviour === 'never') {
	await primary.tell({ kind: 'removed' });
	process.exit(0);
}
await primary.tell({ kind: 'ready' });
if (behaviour === 'removed') {
	await primary.tell({ kind: 'removed' });
	process.exit(0);
}
if (behaviour === 'crashes') process.exit(7);
if (behaviour === 'asks') {
	await told('asked');
	for (const asked of readFileSync(new URL('asked', import.meta.url), 'utf8').split('\\n')) {
		const acts = asked.split(' and ').map((one) => primary.act(...one.split(' ')));
		writeFileSync(new URL('sent', import.meta.url), '');
		const whys = await Promise.all(acts);
		const answer = whys.map((why) => why ?? 'done').join(' and ');
		appendFileSync(new URL('answers', import.meta.url), asked + ': ' + answer + '\\n');
	}
	writeFileSync(new URL('all-asked', import.meta.url), '');
}
if (behaviour === 'killed') process.kill(process.pid, 'SIGKILL');
`;

const PRIMARY = `
import { launch } from './launcher.mjs';
await launch({
	nodes: ['n1', 'n2', 'n3'].map((id) => ({ id, url: '', args: [process.argv[2], 'steady'], whenDown: '' })),
	environment: process.env,
	signals: process,
	stopSignals: ['SIGTERM', 'SIGHUP'],
	say: () => {},
	complain: () => {},
	lab: null,
	whenLeft: () => '',
	onProgress: () => {},
	onReady: () => console.log('all ready'),
});
`;

/** The files by which a test and its children tell each other something. */
const TOLD = ['be-ready', 'be-gone', 'asked', 'sent', 'answers', 'all-asked'];

let folder = '';

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), 'swarm-launcher-'));
	const source = (name: string) => fileURLToPath(new URL(`../../server/launcher/${name}.ts`, import.meta.url));
	await build({
		configFile: false,
		logLevel: 'silent',
		build: {
			ssr: true,
			outDir: folder,
			emptyOutDir: false,
			rolldownOptions: {
				input: { launcher: source('launcher'), launched: source('launched') },
				output: { entryFileNames: '[name].mjs' },
			},
		},
	});
	writeFileSync(join(folder, 'child.mjs'), CHILD);
	writeFileSync(join(folder, 'primary.mjs'), PRIMARY);
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
	vi.useRealTimers();
	for (const name of TOLD) rmSync(join(folder, name), { force: true });
});

interface Launched {
	/** All lines it has said, in order. Complaints begin with "! ". */
	readonly lines: readonly string[];
	/** Resolves once it has said this. */
	said(line: string): Promise<void>;
	interrupt(signal: 'SIGINT' | 'SIGTERM'): void;
	readonly fine: Promise<boolean>;
}

/** Nodes n1, n2, … with these behaviours, in a lab where one is given. */
function launched(...behaviours: readonly string[]): Launched {
	return launchedIn(null, behaviours);
}

function launchedIn(lab: LaunchLab | null, behaviours: readonly string[]): Launched {
	const signals = new EventEmitter();
	const lines: string[] = [];
	const heard = new EventEmitter();
	const say = (line: string): void => {
		lines.push(line);
		heard.emit('line');
	};
	const fine = launch({
		nodes: behaviours.map((behaviour, index) => ({
			id: `n${index + 1}`,
			url: `url${index + 1}`,
			args: [join(folder, 'child.mjs'), behaviour],
			whenDown: `npm run node n${index + 1}`,
		})),
		lab,
		environment: process.env,
		signals,
		stopSignals: ['SIGTERM'],
		say,
		complain: (line) => say(`! ${line}`),
		whenLeft: (count, removed) => `${count} left, ${removed} removed.`,
		onProgress: (id, progress) => progress && say(`${id} ${progress.percent} %`),
		onReady: () => say('all ready'),
	});
	return {
		lines,
		said: async (line) => {
			while (!lines.includes(line)) await once(heard, 'line');
		},
		interrupt: (signal) => signals.emit(signal),
		fine,
	};
}

it('names each node as it gets ready, and Ctrl-C stops all of them cleanly', async () => {
	const swarm = launched('steady', 'steady', 'steady');
	await swarm.said('all ready');
	expect([...swarm.lines].sort()).toEqual(['all ready', 'n1 ready  url1', 'n2 ready  url2', 'n3 ready  url3']);
	expect(swarm.lines.at(-1)).toBe('all ready');
	swarm.interrupt('SIGINT');
	expect(await swarm.fine).toBe(true);
	expect(swarm.lines.slice(4)).toEqual(['Stopping …']);
});

it('passes on how far a child is, and nothing that makes no sense', async () => {
	const swarm = launched('reads');
	await swarm.said('all ready');
	expect(swarm.lines).toEqual(['n1 12 %', 'n1 ready  url1', 'all ready']);
	swarm.interrupt('SIGINT');
	expect(await swarm.fine).toBe(true);
});

it.each([
	['crashes', 'exit status 7'],
	['killed', 'SIGKILL'],
])('reports a child that %s with the command that starts it again, and the others go on', async (behaviour, how) => {
	const swarm = launched('steady', behaviour);
	await swarm.said(`! n2 is down: ${how}\n1 left, 0 removed. npm run node n2`);
	swarm.interrupt('SIGTERM');
	expect(await swarm.fine).toBe(true);
	expect(swarm.lines.filter((line) => line.startsWith('!'))).toHaveLength(1);
});

it('says of a node that was removed from the swarm that it has stopped, and lets nobody start it again', async () => {
	const swarm = launched('steady', 'removed', 'never');
	const gone = (id: string) => `${id} is no member of the swarm any more, and has stopped.`;
	await Promise.all(['all ready', gone('n2'), gone('n3')].map((line) => swarm.said(line)));
	expect(swarm.lines.filter((line) => line === 'all ready')).toHaveLength(1);
	expect(swarm.lines.filter((line) => line.startsWith('!'))).toEqual([]);
	swarm.interrupt('SIGTERM');
	expect(await swarm.fine).toBe(true);
});

it('says once that all are ready, though a node that was removed ends only after that', async () => {
	const swarm = launched('waits', 'lingers');
	await swarm.said('n2 50 %');
	writeFileSync(join(folder, 'be-ready'), '');
	await swarm.said('all ready');
	writeFileSync(join(folder, 'be-gone'), '');
	await swarm.said('n2 is no member of the swarm any more, and has stopped.');
	expect(swarm.lines.filter((line) => line === 'all ready')).toHaveLength(1);
	swarm.interrupt('SIGTERM');
	expect(await swarm.fine).toBe(true);
});

it('says that all are ready also where one of them has gone down since', async () => {
	const swarm = launched('crashes', 'waits');
	await swarm.said('! n1 is down: exit status 7\n1 left, 0 removed. npm run node n1');
	writeFileSync(join(folder, 'be-ready'), '');
	await swarm.said('all ready');
	swarm.interrupt('SIGTERM');
	expect(await swarm.fine).toBe(true);
});

it('stops the others where one cannot start, and says why once', async () => {
	const swarm = launched('steady', 'fails', 'fails', 'steady');
	expect(await swarm.fine).toBe(false);
	const complaints = swarm.lines.filter((line) => line.startsWith('!'));
	expect(complaints).toEqual([expect.stringMatching(/^! n[23] could not start: no luck$/)]);
	expect(swarm.lines).not.toContain('all ready');
});

it('ends, and not well, when no node is left', async () => {
	const swarm = launched('crashes');
	expect(await swarm.fine).toBe(false);
	expect(swarm.lines.at(-1)).toBe('! No node is left.');
});

it('a second Ctrl-C waits for nobody', async () => {
	const swarm = launched('stubborn');
	await swarm.said('all ready');
	// From here on time is fake, so the time limit of a stubborn child passes only when the test says so.
	vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
	swarm.interrupt('SIGINT');
	vi.advanceTimersByTime(1000);
	swarm.interrupt('SIGINT');
	expect(await swarm.fine).toBe(true);
});

it('a child that does not stop is killed after a while', async () => {
	const swarm = launched('stubborn', 'steady');
	await swarm.said('all ready');
	vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
	swarm.interrupt('SIGTERM');
	vi.advanceTimersByTime(5000);
	expect(await swarm.fine).toBe(true);
});

it('a SIGKILL of the primary leaves no child behind', async () => {
	const args = [join(folder, 'primary.mjs'), join(folder, 'child.mjs')];
	const primary = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
	const [line] = await once(createInterface(primary.stdout), 'line');
	expect(line).toBe('all ready');
	primary.kill('SIGKILL');
	// The children hold the same pipe, which closes when the last of them is gone.
	const [, signal] = await once(primary, 'close');
	expect(signal).toBe('SIGKILL');
});

/** Has the child that asks ask for one of these after the other. It asks for two at once where they are joined by `and`. */
function ask(...asked: readonly string[]): void {
	writeFileSync(join(folder, 'to-ask'), asked.join('\n'));
	renameSync(join(folder, 'to-ask'), join(folder, 'asked'));
}

const LAST_ONE = 'n1 is the only node left that can be asked. Start or resume another one first.';

async function answered(): Promise<string[]> {
	await vi.waitFor(() => expect(existsSync(join(folder, 'all-asked'))).toBe(true), { timeout: 60_000 });
	return readFileSync(join(folder, 'answers'), 'utf8').trimEnd().split('\n');
}

it('in a lab a node may have others paused, killed, wiped and started, and the last one goes on', async () => {
	const wiped: string[] = [];
	const asked = [
		'kill n9',
		'start n2',
		'resume n2',
		'pause n2',
		'pause n2',
		'kill n1',
		'resume n2',
		'kill n2',
		'kill n2',
		'pause n2',
		'wipe n2',
		'start n2',
	];
	const swarm = launchedIn({ neverAgain: null, wipe: (id) => wiped.push(id) }, ['asks', 'steady']);
	await swarm.said('all ready');
	ask(...asked);
	await swarm.said('! n2 is down: SIGKILL\n1 left, 0 removed. npm run node n2');
	expect(await answered()).toEqual([
		'kill n9: n9 was not started by this primary process.',
		'start n2: n2 runs already.',
		'resume n2: n2 is not paused.',
		'pause n2: done',
		'pause n2: n2 is paused already.',
		`kill n1: ${LAST_ONE}`,
		'resume n2: done',
		'kill n2: done',
		'kill n2: n2 is down already.',
		'pause n2: n2 is down.',
		'wipe n2: done',
		'start n2: done',
	]);
	expect(wiped).toEqual(['n2']);
	await vi.waitFor(() => expect(swarm.lines.filter((line) => line === 'n2 ready  url2')).toHaveLength(2), {
		timeout: 60_000,
	});
	expect(swarm.lines.filter((line) => line === 'all ready')).toHaveLength(1);
	swarm.interrupt('SIGTERM');
	expect(await swarm.fine).toBe(true);
});

it.each([
	['kill n2 and kill n1', `done and ${LAST_ONE}`],
	['pause n2 and pause n1', `done and ${LAST_ONE}`],
	['kill n2 and start n2', 'done and done'],
])('in a lab what comes at once is done one after the other: %s', async (asked, answer) => {
	const swarm = launchedIn({ neverAgain: null, wipe: () => undefined }, ['asks', 'steady']);
	await swarm.said('all ready');
	ask(asked);
	// This thread stands still meanwhile, and then reads all of it in one turn.
	while (!existsSync(join(folder, 'sent'))) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
	expect(await answered()).toEqual([`${asked}: ${answer}`]);
	swarm.interrupt('SIGTERM');
	expect(await swarm.fine).toBe(true);
});

it('in a lab a node that is killed before it is ready is down, and the others go on', async () => {
	ask('kill n2');
	const swarm = launchedIn({ neverAgain: null, wipe: () => undefined }, ['asks', 'waits']);
	await swarm.said('! n2 is down: SIGKILL\n1 left, 0 removed. npm run node n2');
	swarm.interrupt('SIGTERM');
	expect(await swarm.fine).toBe(true);
});

it('without a lab a node can do nothing to others', async () => {
	ask('kill n2');
	const swarm = launched('asks', 'steady');
	expect(await answered()).toEqual(['kill n2: The primary process was started without --lab.']);
	swarm.interrupt('SIGTERM');
	expect(await swarm.fine).toBe(true);
});
