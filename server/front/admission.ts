/**
 * Bounds the connections of each kind at this node's port. A connection cannot keep its place by doing nothing: where
 * all places are taken, the oldest one that has not said what it wants is closed first, then the one that has been idle
 * for longest. A connection with an unanswered request is never closed for a newcomer.
 *
 * Clients' WebSockets lose their places also when they do not say hello in time or do not answer pings any more. The
 * feed and the mesh have pings of their own.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { Connection } from './connection.ts';
import type { ConnectionLimits } from './limits.ts';

/** Times in milliseconds. */
export interface AdmissionTimings {
	/** The time limit from the upgrade to a client's hello. */
	readonly greetingMs: number;
	/** The interval of pings to clients. */
	readonly pingEveryMs: number;
}

const ADMISSION_TIMINGS: AdmissionTimings = { greetingMs: 5000, pingEveryMs: 10_000 };

/** A client that has left so many pings in a row unanswered is dropped. */
const ROUNDS_UNANSWERED_MAX = 2;
/** A client that has sent nothing in this many rounds of pings may have to make room for a newcomer. */
const ROUNDS_IDLE_MIN = 3;

/** The place of a WebSocket. The door that serves it calls these. */
export interface Place {
	/** The WebSocket is open. */
	opened(ws: WebSocket): void;
	/** Its client has said hello. */
	greeted(): void;
}

export interface ConnectionCounts {
	readonly arriving: number;
	readonly http: number;
	readonly clients: number;
	readonly feed: number;
	readonly mesh: number;
}

export interface AdmissionOptions {
	readonly limits: ConnectionLimits;
	readonly timings?: AdmissionTimings;
	/** A connection was closed or not let in. `from` is an address. */
	refused(door: 'http' | 'client' | 'feed' | 'mesh', from: string, why: string): void;
	/** A connection is closed. */
	left(connection: Connection): void;
}

export class Admission {
	readonly #limits: ConnectionLimits;
	readonly #timings: AdmissionTimings;
	readonly #refused: AdmissionOptions['refused'];
	readonly #left: AdmissionOptions['left'];
	readonly #connections = new WeakMap<Socket, Connection>();
	/** All that are not closed yet, those without a place included. */
	readonly #open = new Set<Connection>();
	/** In each of these sets the oldest comes first; in `#http`, the one that was used least recently. */
	readonly #arriving = new Set<Connection>();
	readonly #http = new Set<Connection>();
	readonly #ungreeted = new Set<Connection>();
	readonly #clients = new Set<Connection>();
	readonly #feed = new Set<Connection>();
	readonly #mesh = new Set<Connection>();
	/** The number of plain HTTP connections and clients of each address. */
	readonly #countOf = new Map<string, number>();
	readonly #pinger: NodeJS.Timeout;
	#pingedAtMs = performance.now();

	constructor({ limits, timings = ADMISSION_TIMINGS, refused, left }: AdmissionOptions) {
		this.#limits = limits;
		this.#timings = timings;
		this.#refused = refused;
		this.#left = left;
		this.#pinger = setInterval(() => {
			const nowMs = performance.now();
			const isLate = nowMs - this.#pingedAtMs > 2 * timings.pingEveryMs;
			this.#pingedAtMs = nowMs;
			// A process that stood still for a while must first read the pongs that came meanwhile.
			if (!isLate) this.pingClients();
		}, timings.pingEveryMs).unref();
	}

	/** A connection came in. It may be passed more than once. */
	arrived(socket: Socket): void {
		if (this.#connections.has(socket)) return;
		const connection = new Connection(socket);
		this.#connections.set(socket, connection);
		this.#open.add(connection);
		this.#arriving.add(connection);
		socket.once('close', () => {
			this.#open.delete(connection);
			this.#leave(connection);
			this.#left(connection);
		});
		if (this.#arriving.size <= this.#limits.arrivingMax) return;
		const [oldest] = this.#arriving;
		this.#evict(oldest as Connection, 'http');
	}

	/** undefined for a socket that never arrived, such as one whose TLS handshake has failed. */
	find(socket: Socket): Connection | undefined {
		return this.#connections.get(socket);
	}

	of(socket: Socket): Connection {
		const connection = this.#connections.get(socket);
		if (!connection) throw new RangeError('a socket that never arrived');
		return connection;
	}

	/** The connection that arrived as `before` is encrypted, and goes on as `socket`. */
	goesOn(before: Socket, socket: Socket): Connection {
		const connection = this.of(before);
		connection.socket = socket;
		this.#connections.set(socket, connection);
		return connection;
	}

	/** A request came. @returns whether there is a place for its connection among those of plain HTTP */
	admitHttp(connection: Connection): boolean {
		if (connection.kind === 'http') {
			this.#http.delete(connection);
			this.#http.add(connection);
			return true;
		}
		if (!this.#makeRoom(connection)) return this.#turnAway(connection, 'http');
		this.#enter(connection, 'http', this.#http);
		return true;
	}

	/** A connection asks to become a WebSocket of `kind`. @returns its place; null where there is none */
	admitWebSocket(connection: Connection, kind: 'client' | 'feed' | 'mesh'): Place | null {
		this.#leave(connection);
		switch (kind) {
			case 'client':
				return this.#admitClient(connection);
			case 'feed':
				return this.#admitTo(connection, kind, this.#feed, this.#limits.feedMax);
			case 'mesh':
				return this.#admitTo(connection, kind, this.#mesh, this.#limits.meshMax);
		}
	}

	/** The plain HTTP connections, with those that are still arriving. */
	get plain(): readonly Connection[] {
		return [...this.#arriving, ...this.#http];
	}

	get counts(): ConnectionCounts {
		return {
			arriving: this.#arriving.size,
			http: this.#http.size,
			clients: this.#ungreeted.size + this.#clients.size,
			feed: this.#feed.size,
			mesh: this.#mesh.size,
		};
	}

	/** Runs one round of pings. A client that has left too many of them unanswered is dropped. */
	pingClients(): void {
		for (const client of this.#clients) {
			if (client.roundsUnanswered >= ROUNDS_UNANSWERED_MAX) {
				this.#refused('client', client.address, 'vanished: it answers no ping');
				this.#drop(client);
				continue;
			}
			client.roundsUnanswered++;
			client.roundsIdle = client.isUsed ? 0 : client.roundsIdle + 1;
			client.isUsed = false;
			client.ws?.ping();
		}
	}

	/** Cuts every connection, in whatever state it is. */
	stop(): void {
		clearInterval(this.#pinger);
		for (const { greetingTimer } of this.#ungreeted) clearTimeout(greetingTimer);
		for (const { socket } of this.#open) socket.destroy();
	}

	#admitClient(connection: Connection): Place | null {
		const clients = this.#ungreeted.size + this.#clients.size;
		const isFull = clients >= this.#limits.clientsMax;
		if ((isFull && !this.#evictClient(null)) || !this.#makeRoom(connection)) {
			this.#turnAway(connection, 'client');
			return null;
		}
		this.#enter(connection, 'client', this.#ungreeted);
		const { greetingMs } = this.#timings;
		connection.greetingTimer = setTimeout(() => {
			this.#refused('client', connection.address, `no hello within ${greetingMs} ms`);
			this.#drop(connection);
		}, greetingMs);
		return {
			opened: (ws) => {
				connection.ws = ws;
				ws.on('pong', () => {
					connection.roundsUnanswered = 0;
				});
				ws.on('message', () => {
					connection.isUsed = true;
				});
			},
			greeted: () => {
				if (connection.isGreeted || connection.kind !== 'client') return;
				connection.isGreeted = true;
				clearTimeout(connection.greetingTimer);
				this.#ungreeted.delete(connection);
				this.#clients.add(connection);
			},
		};
	}

	#admitTo(connection: Connection, kind: 'feed' | 'mesh', all: Set<Connection>, max: number): Place | null {
		if (all.size >= max) {
			this.#turnAway(connection, kind);
			return null;
		}
		connection.kind = kind;
		all.add(connection);
		return { opened: () => undefined, greeted: () => undefined };
	}

	/** Makes room, by closing another connection where it has to. @returns false where there is none */
	#makeRoom({ address }: Connection): boolean {
		const { connectionsMax, connectionsPerAddressMax } = this.#limits;
		const ofAddress = this.#countOf.get(address) ?? 0;
		if (ofAddress >= connectionsPerAddressMax) return this.#evictOne(address);
		const all = this.#http.size + this.#ungreeted.size + this.#clients.size;
		return all < connectionsMax || this.#evictOne(null);
	}

	/** @param address the address of the connection to close; null for any */
	#evictOne(address: string | null): boolean {
		return this.#evictIdle(address) || this.#evictClient(address);
	}

	/** Closes the least recently used of the idle plain connections. */
	#evictIdle(address: string | null): boolean {
		for (const connection of this.#http) {
			if (!connection.isIdle || (address !== null && connection.address !== address)) continue;
			this.#evict(connection, 'http');
			return true;
		}
		return false;
	}

	/** Closes the oldest client that has not said hello, else the one that has been idle for longest. */
	#evictClient(address: string | null): boolean {
		const isOf = (connection: Connection) => address === null || connection.address === address;
		let victim = [...this.#ungreeted].find(isOf);
		if (!victim) {
			for (const client of this.#clients) {
				if (!isOf(client) || client.roundsIdle < ROUNDS_IDLE_MIN) continue;
				if (!victim || client.roundsIdle > victim.roundsIdle) victim = client;
			}
		}
		if (!victim) return false;
		this.#evict(victim, 'client');
		return true;
	}

	#evict(connection: Connection, door: 'http' | 'client'): void {
		this.#refused(door, connection.address, 'crowded out: too many connections');
		this.#leave(connection);
		connection.cut();
	}

	#turnAway({ address }: Connection, door: 'http' | 'client' | 'feed' | 'mesh'): false {
		this.#refused(door, address, 'no place: too many connections');
		return false;
	}

	#enter(connection: Connection, kind: 'http' | 'client', place: Set<Connection>): void {
		this.#leave(connection);
		connection.kind = kind;
		place.add(connection);
		this.#countOf.set(connection.address, (this.#countOf.get(connection.address) ?? 0) + 1);
	}

	/** Takes the connection's place away. */
	#leave(connection: Connection): void {
		const { kind, address } = connection;
		if (kind === 'closed') return;
		connection.kind = 'closed';
		clearTimeout(connection.greetingTimer);
		this.#placeOf(connection, kind).delete(connection);
		if (kind !== 'http' && kind !== 'client') return;
		const count = (this.#countOf.get(address) ?? 1) - 1;
		if (count === 0) this.#countOf.delete(address);
		else this.#countOf.set(address, count);
	}

	#placeOf({ isGreeted }: Connection, kind: Exclude<Connection['kind'], 'closed'>): Set<Connection> {
		switch (kind) {
			case 'arriving':
				return this.#arriving;
			case 'http':
				return this.#http;
			case 'client':
				return isGreeted ? this.#clients : this.#ungreeted;
			case 'feed':
				return this.#feed;
			case 'mesh':
				return this.#mesh;
		}
	}

	/** Cuts a connection without a closing frame, because its client does not read. */
	#drop(connection: Connection): void {
		this.#leave(connection);
		connection.socket.destroy();
	}
}
