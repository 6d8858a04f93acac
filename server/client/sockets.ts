/**
 * The WebSockets of the clients' door, `/client`: one for each connection of the door in `shared/replica`. It knows
 * nothing of the protocol on them.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { type RawData, type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { FRAME_BYTES_MAX } from '../../shared/client/protocol.ts';
import type { ClientConnection, GrantOf } from '../../shared/replica/client-connection.ts';
import type { ClientDoor } from '../../shared/replica/client-door.ts';
import type { DoorSocket } from '../../shared/replica/port.ts';
import type { Tokens } from '../access/tokens.ts';
import type { Place } from '../front/admission.ts';
import { readInTurns } from '../front/reading.ts';
import { refuseUpgrade } from '../front/upgrade.ts';

/** A client that does not answer the closing frame within this time is cut. */
const CLOSE_GRACE_MS = 1000;
/** The types of ws lack `closeTimeout`. */
const SOCKET_OPTIONS: ServerOptions & { readonly closeTimeout: number } = {
	noServer: true,
	clientTracking: false,
	perMessageDeflate: false,
	skipUTF8Validation: true,
	maxPayload: FRAME_BYTES_MAX,
	closeTimeout: CLOSE_GRACE_MS,
};
/** The interval at which `drain` looks whether all connections are settled. */
const LOOK_EVERY_MS = 10;

export class ClientSockets {
	readonly #door: ClientDoor;
	readonly #grantOf: GrantOf | null;
	readonly #server = new WebSocketServer(SOCKET_OPTIONS);
	readonly #connections = new Map<WebSocket, ClientConnection>();
	#closed = false;

	/** @param tokens null where nobody needs one */
	constructor(door: ClientDoor, tokens: Pick<Tokens, 'grantOf'> | null = null) {
		this.#door = door;
		this.#grantOf = tokens && ((token) => tokens.grantOf(token));
	}

	/** Takes an upgrade of `/client` that the front has let in. */
	handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, place: Place): void {
		if (this.#closed || !this.#door.hasRoom) return refuseUpgrade(socket, '503 Service Unavailable');
		const from = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
		this.#server.handleUpgrade(request, socket, head, (ws) => {
			readInTurns(ws, socket);
			this.#connect(ws, from, place);
		});
	}

	/**
	 * Reads no more frames, and resolves when all commands and reads are answered. Those that were not read surely do not
	 * happen, and their clients send them to another node.
	 *
	 * @param maxMs the time after which it resolves in any case, milliseconds
	 */
	async drain(maxMs: number): Promise<void> {
		this.#closed = true;
		for (const ws of this.#connections.keys()) ws.pause();
		const untilMs = performance.now() + maxMs;
		while ([...this.#connections.values()].some(({ isSettled }) => !isSettled)) {
			if (performance.now() >= untilMs) return;
			await setTimeout(LOOK_EVERY_MS);
		}
	}

	/** Tells every client that the node is stopping, and closes all connections. */
	async close(): Promise<void> {
		this.#closed = true;
		const all = [...this.#connections.keys()].map(closed);
		this.#door.close();
		// The closing frames of the clients have to be read.
		for (const ws of this.#connections.keys()) ws.resume();
		await Promise.all(all);
	}

	#connect(ws: WebSocket, from: string, place: Place): void {
		place.opened(ws);
		const connection = this.#door.connect(new DoorWebSocket(ws), from, this.#grantOf);
		this.#connections.set(ws, connection);
		ws.on('message', (data: RawData, isBinary: boolean) => {
			connection.receive(isBinary ? (data as Buffer) : null);
			if (connection.isGreeted) place.greeted();
		});
		ws.on('error', (error) => {
			// A lost connection is not malformed. The codes of such errors begin with E, as in ECONNRESET.
			if (!('code' in error) || !String(error.code).startsWith('E')) this.#door.malformed(from, error.message);
		});
		ws.on('close', () => {
			this.#connections.delete(ws);
			connection.closed();
		});
	}
}

/** Resolves when the WebSocket is closed. It is cut after a while. */
async function closed(ws: WebSocket): Promise<void> {
	const timer = globalThis.setTimeout(() => ws.terminate(), CLOSE_GRACE_MS);
	// `once` of node:events would fail where the client sends a malformed frame meanwhile.
	await new Promise((resolve) => ws.once('close', resolve));
	clearTimeout(timer);
}

class DoorWebSocket implements DoorSocket {
	readonly #ws: WebSocket;

	constructor(ws: WebSocket) {
		this.#ws = ws;
	}

	get unsentBytes(): number {
		return this.#ws.bufferedAmount;
	}

	send(frame: Uint8Array, sent: () => void): void {
		this.#ws.send(frame, sent);
	}

	close(code: number, why: string): void {
		this.#ws.close(code, why);
	}

	terminate(): void {
		this.#ws.terminate();
	}
}
