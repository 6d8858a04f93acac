/**
 * Measures the floor of this machine, without any protocol: how long a flush of a preallocated file takes, alone and
 * beside two others as with three nodes on one machine, and how long a message over a WebSocket to another process and
 * back takes. In the same run it measures one client's durable put. The difference is the cost of this program.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fdatasyncSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket, WebSocketServer } from 'ws';
import { Swarm } from '../process/swarm.ts';
import { measure } from './load.ts';
import { type Quantiles, quantilesOf } from './quantiles.ts';

export interface FloorOptions {
	readonly rounds: number;
	readonly warmUp: number;
	readonly json?: true;
}

const FILE_BYTES = 16 * 1024 * 1024;
const WRITE_BYTES = 4096;
const PAYLOAD_BYTES = 200;

interface Floor {
	readonly flushAlone: Quantiles;
	readonly flushBesideTwo: Quantiles;
	readonly roundTrip: Quantiles;
	readonly put: Pick<Quantiles, 'p50Ms' | 'p99Ms'>;
}

export async function floor({ rounds, warmUp, json }: FloorOptions): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-floor-'));
	try {
		const flushAlone = await flushIn(folder, 1, rounds);
		const flushBesideTwo = await flushIn(folder, 3, rounds);
		const result: Floor = {
			flushAlone,
			flushBesideTwo,
			roundTrip: await echo(rounds),
			put: await onePut(rounds, warmUp),
		};
		process.stdout.write(json ? `${JSON.stringify({ bench: 'floor', ...result })}\n` : table(result));
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

/** The times of flushes of one process, while so many processes flush at once. */
async function flushIn(folder: string, processes: number, rounds: number): Promise<Quantiles> {
	const children = Array.from({ length: processes }, (_, index) => child('flush', join(folder, `${index}`), rounds));
	const [first] = await Promise.all(children.map(answerOf));
	return quantilesOf(first as number[]);
}

async function echo(rounds: number): Promise<Quantiles> {
	const other = child('echo');
	const port = await answerOf(other);
	const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
	await once(socket, 'open');
	const ms: number[] = [];
	const payload = new Uint8Array(PAYLOAD_BYTES);
	for (let i = 0; i < rounds; i++) {
		const startedMs = performance.now();
		socket.send(payload);
		await once(socket, 'message');
		ms.push(performance.now() - startedMs);
	}
	socket.terminate();
	other.kill();
	return quantilesOf(ms);
}

async function onePut(total: number, warmUp: number): Promise<Floor['put']> {
	const swarm = await Swarm.create({ size: 3 });
	try {
		await swarm.start();
		const nodes = swarm.nodes.map(({ url }) => url);
		const { p50Ms, p99Ms } = await measure(nodes, {
			clients: 1,
			connections: 1,
			total,
			nodes: 3,
			size: 128,
			keys: 10_000,
			warmUp,
			json: true,
		});
		return { p50Ms, p99Ms };
	} finally {
		await swarm.dispose();
	}
}

function child(...args: readonly (string | number)[]): ChildProcess {
	return fork(fileURLToPath(import.meta.url), args.map(String), { stdio: 'inherit' });
}

async function answerOf(process: ChildProcess): Promise<unknown> {
	const [answer] = await once(process, 'message');
	return answer;
}

/** Runs in a process of its own. */
export function flushRounds(file: string, rounds: number): number[] {
	const fd = openSync(file, constants.O_RDWR | constants.O_CREAT);
	writeSync(fd, new Uint8Array(FILE_BYTES), 0, FILE_BYTES, 0);
	fsyncSync(fd);
	const ms: number[] = [];
	for (let i = 0; i < rounds; i++) {
		const startedMs = performance.now();
		writeSync(fd, new Uint8Array(WRITE_BYTES).fill(i), 0, WRITE_BYTES, (i * WRITE_BYTES) % FILE_BYTES);
		fdatasyncSync(fd);
		ms.push(performance.now() - startedMs);
	}
	closeSync(fd);
	return ms;
}

/** Runs in a process of its own, until it is killed. */
async function echoServer(): Promise<number> {
	const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
	server.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
	await once(server, 'listening');
	return (server.address() as AddressInfo).port;
}

function table({ flushAlone, flushBesideTwo, roundTrip, put }: Floor): string {
	const rows = Object.entries({
		'fdatasync of 4 KiB, alone': flushAlone,
		'the same, beside two others': flushBesideTwo,
		'WebSocket, there and back': roundTrip,
		'a durable put, one client': put,
	});
	const line = (what: string, p50: string, p99: string) => `${what.padEnd(30)}${p50.padStart(10)}${p99.padStart(10)}\n`;
	const lines = rows.map(([what, { p50Ms, p99Ms }]) => line(what, p50Ms.toFixed(3), p99Ms.toFixed(3)));
	return line('', 'p50 ms', 'p99 ms') + lines.join('');
}

const [, program, task, file, rounds] = process.argv;
if (program === fileURLToPath(import.meta.url)) {
	if (task === 'flush') process.send?.(flushRounds(file as string, Number(rounds)));
	else process.send?.(await echoServer());
}
