/**
 * The front of a node: its one HTTP server. It lets in who may come in, keeps requests of one connection in order,
 * hands each to the room that answers it, and turns WebSockets over to their doors. It knows HTTP and limits, and
 * must know nothing of what is asked.
 */
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import net, { type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isProbe } from '../api/health.ts';
import type { Doors, Refusal } from '../doors.ts';
import { type ConnectionLimits, socketsMax } from '../limits.ts';
import { Admission, type AdmissionTimings, type ConnectionCounts, type Place } from './admission.ts';
import type { Connection } from './connection.ts';
import { drain, isLast } from './drain.ts';
import { asksForWebSocket, hasIgnoredUpgrade, refuseUpgrade, serveAnyway, shouldUpgradeCallback } from './upgrade.ts';

/** Where somebody was refused. */
export type DoorName = 'http' | 'client' | 'feed' | 'mesh';

/** A room that takes WebSockets. */
export interface UpgradeDoor {
	readonly name: Exclude<DoorName, 'http'>;
	handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, place: Place): void;
}

/** What is behind the front. */
export interface Rooms {
	/** Answers every request that is let in. */
	readonly request: RequestListener;
	/** The door of a path; null where nobody takes WebSockets. */
	upgrade(path: string): UpgradeDoor | null;
}

/** A request that is sent too slowly ends with 408. All in milliseconds. */
export interface ArrivalTimings {
	/** From its first byte, or from the connection's beginning, to the end of its headers. */
	readonly headersTimeout: number;
	/** To the end of its body. */
	readonly requestTimeout: number;
	/** How often Node.js looks. */
	readonly connectionsCheckingInterval: number;
}

const ARRIVAL_TIMINGS: ArrivalTimings = {
	headersTimeout: 15_000,
	requestTimeout: 60_000,
	connectionsCheckingInterval: 5000,
};

export interface FrontOptions {
	readonly doors: Pick<Doors, 'refusal'>;
	readonly limits: ConnectionLimits;
	readonly timings?: AdmissionTimings;
	/** How long a request may take to arrive, if not as long as usual. */
	readonly arrival?: ArrivalTimings;
	/** Somebody was not let in, or had to leave. `from` is an address. */
	refused(door: DoorName, from: string, why: string): void;
	/** The system would not give this node a connection: it goes on without. */
	failed(error: Error): void;
}

/** Requests that were sent before earlier ones on their connection were answered: of one connection, and of all. */
export const PIPELINED_MAX = 2048;
const PIPELINED_OF_ALL_MAX = 65_536;
/** Node.js would drop those beyond its own limit without a word, and with them an Origin: here they are refused. */
export const HEADERS_MAX = 128;
/** All headers of a request, with its first line: a key of 4,096 bytes may take three times as many. */
const HEADER_BYTES_MAX = 16_384;

const SERVER_OPTIONS: http.ServerOptions = {
	/** Clients keep their connections; one that is not used for so long is closed. Milliseconds. */
	keepAliveTimeout: 70_000,
	/** A machine that vanished without a word is noticed by the kernel. */
	keepAlive: true,
	keepAliveInitialDelay: 30_000,
	maxHeaderSize: HEADER_BYTES_MAX,
	/** Two Host headers must not look like the first of them alone. */
	joinDuplicateHeaders: true,
};

export class Front {
	readonly #options: FrontOptions;
	readonly #admission: Admission;
	readonly #server: http.Server;
	#rooms: Rooms | null = null;
	#isDraining = false;
	/** Of all connections. */
	#pipelined = 0;

	constructor(options: FrontOptions) {
		this.#options = options;
		this.#admission = new Admission({
			...options,
			left: (connection) => this.#forget(connection, connection.pipelined),
		});
		// Versions of Node.js that do not know the last option ignore it.
		const serverOptions: http.ServerOptions & { readonly shouldUpgradeCallback: unknown } = {
			...SERVER_OPTIONS,
			...(options.arrival ?? ARRIVAL_TIMINGS),
			shouldUpgradeCallback: shouldUpgradeCallback((request) => this.#doorOf(request) !== null),
		};
		const server = http.createServer(serverOptions);
		this.#server = server;
		// None is dropped in silence: their bytes are bounded, and so is, below, their number.
		server.maxHeadersCount = 0;
		server.maxConnections = socketsMax(options.limits) + 1;
		// A client may be done with sending and still read: `nc -N` is. Not in the types of Node.js, and in all its versions.
		Object.assign(server, { httpAllowHalfOpen: true });
		// In front of the listener of Node.js, whose parser may close the connection at once.
		server.prependListener('connection', (socket: Socket) => this.#admission.arrived(socket));
		server.on('request', (request, response) => this.#request(request, response));
		server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
			this.#upgrade(request, socket as Socket, head),
		);
		server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#clientError(error, socket as Socket));
	}

	/** Rejects with the system's error, as EADDRINUSE. */
	listen(host: string, port: number): Promise<void> {
		return new Promise((resolve, reject) => {
			this.#server.once('error', reject);
			this.#server.listen(port, host, () => {
				this.#server.off('error', reject);
				this.#server.on('error', (error) => this.#options.failed(error));
				resolve();
			});
		});
	}

	/** The port that it listens on: where 0 was asked for, the system has chosen one. */
	get port(): number {
		const address = this.#server.address();
		return typeof address === 'object' && address !== null ? address.port : 0;
	}

	/** How many there are of each kind. */
	get connections(): ConnectionCounts {
		return this.#admission.counts;
	}

	/** Asks every client's WebSocket for a sign of life, as a timer does from time to time. */
	pingClients(): void {
		this.#admission.pingClients();
	}

	/** From now on requests are passed on to `rooms`; before, they are answered with 503. */
	open(rooms: Rooms): void {
		this.#rooms = rooms;
	}

	/** Lets nobody in any more, and resolves when every plain connection has its answers, or after a bounded time. */
	async drain(): Promise<void> {
		this.#isDraining = true;
		// The listener alone: the one of `http.Server` would cut connections that clients are about to use.
		net.Server.prototype.close.call(this.#server);
		await drain(() => this.#admission.plain);
	}

	/** Stops listening and cuts every connection. */
	close(): Promise<void> {
		this.#admission.stop();
		return new Promise((resolve) => {
			this.#server.close(() => resolve());
			this.#server.closeAllConnections();
		});
	}

	// Requests

	#request(request: IncomingMessage, response: ServerResponse): void {
		// A goodbye was sent already: it could not be answered, so it is not done.
		if (!request.socket.writable) return;
		if (request.url?.[0] !== '/') toOriginForm(request);
		const connection = this.#admission.of(request.socket);
		const mustWait = connection.begin(request, response);
		if (response.socket === null && !this.#mayPipeline(connection, response)) return;
		if (mustWait) response.once('socket', () => this.#serve(request, response, connection));
		else this.#serve(request, response, connection);
	}

	/** Returns whether there is room for a request that was sent ahead. Where there is none, it is not done. */
	#mayPipeline(connection: Connection, response: ServerResponse): boolean {
		const { socket } = connection;
		connection.pipelined++;
		this.#pipelined++;
		response.once('socket', () => this.#forget(connection, 1));
		if (connection.isBroken) {
			if (connection.pipelined > 2 * PIPELINED_MAX) socket.destroy();
			return false;
		}
		if (connection.pipelined <= PIPELINED_MAX && this.#pipelined <= PIPELINED_OF_ALL_MAX) return true;
		connection.isBroken = true;
		this.#options.refused('http', connection.address, 'too many requests sent ahead');
		response.once('socket', () => answer(response, TOO_FAR_AHEAD));
		return false;
	}

	#forget(connection: Connection, pipelined: number): void {
		const forgotten = Math.min(pipelined, connection.pipelined);
		connection.pipelined -= forgotten;
		this.#pipelined -= forgotten;
	}

	#serve(request: IncomingMessage, response: ServerResponse, connection: Connection): void {
		if (this.#isDraining || hasIgnoredUpgrade(request)) isLast(response);
		const refusal = this.#refusalOf(request);
		if (refusal !== null) {
			this.#options.refused('http', connection.address, refusal.why);
			return answer(response, refusal);
		}
		if (!this.#admission.admitHttp(connection)) {
			// Who asks whether this node is well is to hear that it is, however many others there are.
			isLast(response);
			if (!isProbe(pathOf(request))) return answer(response, CROWDED);
		}
		if (this.#rooms === null) return answer(response, STARTING);
		this.#rooms.request(request, response);
	}

	#refusalOf(request: IncomingMessage): Refusal | null {
		if (request.rawHeaders.length > 2 * HEADERS_MAX) return TOO_MANY_HEADERS;
		const { doors } = this.#options;
		const refusal = doors.refusal(request.headers);
		return refusal !== null && isProbe(pathOf(request)) ? doors.refusal(request.headers, true) : refusal;
	}

	// WebSockets

	#doorOf(request: IncomingMessage): UpgradeDoor | null {
		return asksForWebSocket(request) ? (this.#rooms?.upgrade(pathOf(request)) ?? null) : null;
	}

	#upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
		const connection = this.#admission.of(socket);
		const onError = (): void => void socket.destroy();
		socket.on('error', onError);
		connection.whenAnswered(() => {
			socket.off('error', onError);
			socket.setTimeout(0);
			const door = this.#doorOf(request);
			if (!door) return serveAnyway(this.#server, request, socket, head);
			toOriginForm(request);
			this.#enter(door, request, connection, head);
		});
	}

	#enter(door: UpgradeDoor, request: IncomingMessage, connection: Connection, head: Buffer): void {
		const { socket } = connection;
		const refusal = this.#refusalOf(request);
		if (refusal !== null) {
			this.#options.refused(door.name, connection.address, refusal.why);
			return refuseUpgrade(socket, `${refusal.status} ${http.STATUS_CODES[refusal.status]}`, refusal.why);
		}
		const place = this.#admission.admitWebSocket(connection, door.name);
		if (place) door.handleUpgrade(request, socket, head, place);
		else refuseUpgrade(socket, '503 Service Unavailable', CROWDED.why);
	}

	// What is no HTTP

	/** What was asked before is answered first: it may have been done. */
	#clientError(error: NodeJS.ErrnoException, socket: Socket): void {
		const connection = this.#admission.of(socket);
		if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
		if (connection.isBroken) return;
		connection.isBroken = true;
		const status = CLIENT_ERRORS[error.code ?? ''] ?? 400;
		this.#options.refused('http', connection.address, `not HTTP: ${error.code ?? error.message}`);
		const end = (): void => refuseUpgrade(socket, `${status} ${http.STATUS_CODES[status]}`);
		const last = connection.unanswered;
		if (last === null || last.req.complete) return connection.whenAnswered(end);
		// It is the body of this very request that cannot be parsed.
		if (last.socket === null) last.once('socket', () => socket.destroy());
		else if (last.headersSent) socket.destroy();
		else end();
	}
}

const TOO_MANY_HEADERS: Refusal = { status: 431, why: `The request has more than ${HEADERS_MAX} headers.` };
const CROWDED: Refusal = { status: 503, why: 'This node has too many connections; try again soon.' };
const TOO_FAR_AHEAD: Refusal = {
	status: 503,
	why: `More than ${PIPELINED_MAX} requests were sent ahead; this one is not done.`,
};
const STARTING: Refusal = { status: 503, why: 'This node is starting.' };

/** What Node.js would answer to each; 400 to all others. */
const CLIENT_ERRORS: Readonly<Record<string, number>> = {
	HPE_HEADER_OVERFLOW: 431,
	HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
	ERR_HTTP_REQUEST_TIMEOUT: 408,
};

function answer(response: ServerResponse, { status, why }: Refusal): void {
	response.statusCode = status;
	if (status !== 403) isLast(response);
	response.setHeader('Content-Type', 'text/plain; charset=utf-8');
	response.setHeader('X-Content-Type-Options', 'nosniff');
	// A page from elsewhere is not even to learn that it was answered.
	response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
	response.setHeader('Content-Length', Buffer.byteLength(why));
	if (status === 503) response.setHeader('Retry-After', '1');
	response.end(why);
}

/** What a proxy is sent, `http://host:port/path`: its host counts, whatever the header says. @source RFC 9112, 3.2.2 */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)/i;

function toOriginForm(request: IncomingMessage): void {
	const { url = '' } = request;
	const [prefix, host] = ABSOLUTE_FORM.exec(url) ?? [];
	if (prefix === undefined || host === undefined) return;
	const path = url.slice(prefix.length);
	request.url = path.startsWith('/') ? path : `/${path}`;
	request.headers.host = host;
}

function pathOf({ url = '' }: IncomingMessage): string {
	const path = url.startsWith('/') ? url : url.replace(ABSOLUTE_FORM, '');
	const end = path.indexOf('?');
	return end < 0 ? path : path.slice(0, end);
}
