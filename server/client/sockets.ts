/**
 * The clients' door, `/client`: upgrades, and a WebSocket for each connection of the door in `shared/replica`. It
 * knows nothing of what is said on one.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { FRAME_BYTES_MAX } from '../../shared/client/protocol.ts';
import type { ClientConnection } from '../../shared/replica/client-connection.ts';
import type { ClientDoor } from '../../shared/replica/client-door.ts';
import type { DoorSocket } from '../../shared/replica/port.ts';
import type { Place } from '../front/admission.ts';
import { refuseUpgrade } from '../front/upgrade.ts';

/** A client that does not answer the goodbye is gone after this. */
const CLOSE_GRACE_MS = 1000;
/** How often a door that is being drained looks whether it is. */
const LOOK_EVERY_MS = 10;

export class ClientSockets {
	readonly #door: ClientDoor;
	readonly #server = new WebSocketServer({
		noServer: true,
		clientTracking: false,
		perMessageDeflate: false,
		skipUTF8Validation: true,
		maxPayload: FRAME_BYTES_MAX,
	});
	readonly #connections = new Map<WebSocket, ClientConnection>();
	#closed = false;

	constructor(door: ClientDoor) {
		this.#door = door;
	}

	/** For the front's upgrades of `/client`, of clients that were let in. */
	handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, place: Place): void {
		if (this.#closed || !this.#door.hasRoom) return refuseUpgrade(socket, '503 Service Unavailable');
		const from = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
		this.#server.handleUpgrade(request, socket, head, (ws) => this.#connect(ws, from, place));
	}

	/**
	 * Hears nothing new from now on, and resolves when all that was asked is answered. What was not heard yet is surely
	 * not done: the client asks another node.
	 *
	 * @param maxMs then it resolves in any case, in milliseconds
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

	/** Tells every client that the node is stopping, and lets go of all. */
	async close(): Promise<void> {
		this.#closed = true;
		const all = [...this.#connections.keys()].map(closed);
		this.#door.close();
		// A closing frame of theirs is to be heard.
		for (const ws of this.#connections.keys()) ws.resume();
		await Promise.all(all);
	}

	#connect(ws: WebSocket, from: string, place: Place): void {
		place.opened(ws);
		const connection = this.#door.connect(new DoorWebSocket(ws), from);
		this.#connections.set(ws, connection);
		ws.on('message', (data: RawData, isBinary: boolean) => {
			connection.receive(isBinary ? (data as Buffer) : null);
			if (connection.isGreeted) place.greeted();
		});
		ws.on('error', (error) => {
			// A connection that is lost is no fault of the client's: its codes begin with an E, such as ECONNRESET.
			if (!('code' in error) || !String(error.code).startsWith('E')) this.#door.malformed(from, error.message);
		});
		ws.on('close', () => {
			this.#connections.delete(ws);
			connection.closed();
		});
	}
}

/** Resolves when it is closed, which its client may hold up only for a while. */
async function closed(ws: WebSocket): Promise<void> {
	const timer = globalThis.setTimeout(() => ws.terminate(), CLOSE_GRACE_MS);
	await once(ws, 'close');
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
