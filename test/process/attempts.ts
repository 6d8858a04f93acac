/** Attempts to get into a node without the right token, Host or Origin: what each sends, and that it is refused. */
import { connect as dial } from 'node:net';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { SwarmClient } from '../../shared/client/client.ts';
import { RefusedError } from '../../shared/client/errors.ts';
import type { TestNode } from './swarm.ts';

/** One request as its bytes. `{port}` stands for the port of the node. */
export interface RawAttempt {
	readonly line: string;
	readonly headers?: readonly string[];
	readonly body?: string;
	/** The Host header; that of the node by default. */
	readonly host?: string | null;
	/** 1.1 by default. */
	readonly version?: '1.0' | '1.1';
}

/** Sends the bytes, and resolves with the head and what follows it until the connection ends. */
export async function sendRaw(
	node: TestNode,
	{ line, headers = [], body = '', host, version = '1.1' }: RawAttempt,
): Promise<string> {
	const socket = dial(node.port, '127.0.0.1');
	const hostLine = host === null ? [] : [`Host: ${host ?? `127.0.0.1:${node.port}`}`];
	const isUpgrade = headers.some((header) => /^upgrade:/i.test(header));
	const rest = isUpgrade ? [] : ['Connection: close'];
	const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
	const head = [`${line} HTTP/${version}`, ...hostLine, ...headers, ...rest, ...length];
	socket.end(`${head.join('\r\n')}\r\n\r\n${body}`.replaceAll('{port}', String(node.port)));
	const chunks: Buffer[] = [];
	for await (const chunk of socket) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks).toString();
}

export const WEB_SOCKET = [
	'Connection: Upgrade',
	'Upgrade: websocket',
	'Sec-WebSocket-Version: 13',
	'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

/** What a client with this token is told of each call: the reason of its refusal; 'done' where there was none. */
export async function callsOf(
	node: TestNode,
	token: string | undefined,
	calls: readonly ((client: SwarmClient) => Promise<unknown>)[],
): Promise<string[]> {
	const connect = (url: string) => new WebSocket(url);
	const client = new SwarmClient({ nodes: [node.url], connect, ...(token !== undefined && { token }) });
	try {
		return await Promise.all(calls.map((call) => outcomeOf(call(client))));
	} finally {
		client.close();
	}
}

async function outcomeOf(call: Promise<unknown>): Promise<string> {
	try {
		await call;
		return 'done';
	} catch (error) {
		return error instanceof RefusedError ? error.why : String(error);
	}
}

/** Whether a page with this `auth` is let in: `let in`, or why not, with all that the node has sent by then. */
export function joinFeed(
	node: TestNode,
	auth: object,
	transport: 'websocket' | 'polling' = 'websocket',
): Promise<string> {
	return new Promise((resolve) => {
		const socket = io(node.url, { transports: [transport], forceNew: true, reconnection: false, auth });
		const told: string[] = [];
		const end = (what: string): void => {
			socket.disconnect();
			resolve([what, ...told].join(' '));
		};
		socket.onAny((event: string, ...args: unknown[]) => told.push(event, JSON.stringify(args)));
		socket.on('snapshot', () => end('let in'));
		socket.on('connect_error', ({ message }) => end(message));
	});
}

/** What a page with this token is told while these are sent, until it knows that each was refused. */
export async function refusalsToldBy(node: TestNode, token: string, attempts: readonly RawAttempt[]): Promise<string> {
	const socket = io(node.url, { transports: ['websocket'], forceNew: true, auth: { token } });
	const told: string[] = [];
	const allTold = new Promise<void>((resolve) => {
		socket.onAny((event: string, ...args: unknown[]) => {
			told.push(event, JSON.stringify(args));
			if (told.join('').split('"malformed"').length > attempts.length) resolve();
		});
	});
	await new Promise((resolve) => socket.once('snapshot', resolve));
	for (const attempt of attempts) await sendRaw(node, attempt);
	await allTold;
	socket.disconnect();
	return told.join(' ');
}
