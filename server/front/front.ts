/**
 * The front of a node: its one HTTP server. It refuses requests that may not come in, keeps the requests of one
 * connection in order, hands each to the room that answers it, and hands WebSockets to their doors. It knows HTTP and
 * limits, and must know nothing of the contents of requests.
 */
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions, TLSSocket, TlsOptions } from 'node:tls';
import { Turns } from '../process/turns.ts';
import { Admission, type AdmissionTimings, type ConnectionCounts, type Place } from './admission.ts';
import { addressKey, type Connection } from './connection.ts';
import type { Doors, Refusal } from './doors.ts';
import { drain, isLast } from './drain.ts';
import { Handshakes } from './handshakes.ts';
import { type ConnectionLimits, HELD_BYTES, socketsMax } from './limits.ts';
import { isProbe, lacksHost, pathOf, toOriginForm } from './target.ts';
import { asksForWebSocket, hasIgnoredUpgrade, refuseUpgrade, serveAnyway, shouldUpgradeCallback } from './upgrade.ts';

/** The door at which a connection or request was refused. */
export type DoorName = 'http' | 'client' | 'feed' | 'mesh';

/** A room that takes WebSockets. */
export interface UpgradeDoor {
	readonly name: Exclude<DoorName, 'http'>;
	handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, place: Place): void;
}

/** The rooms behind the front. */
export interface Rooms {
	/** Answers every request that is let in. */
	readonly request: RequestListener;
	/** The door of a path; null for a path that takes no WebSockets. */
	upgrade(path: string): UpgradeDoor | null;
}

/** Times in milliseconds. A request that is sent too slowly is answered with 408. */
export interface ArrivalTimings {
	/** From the first byte, or the beginning of the connection, to the end of the headers. */
	readonly headersTimeout: number;
	/** From the same to the end of the body. */
	readonly requestTimeout: number;
	/** The interval at which Node.js checks these times. */
	readonly connectionsCheckingInterval: number;
}

const ARRIVAL_TIMINGS: ArrivalTimings = {
	headersTimeout: 15_000,
	requestTimeout: 60_000,
	connectionsCheckingInterval: 5000,
};

/** How connections are encrypted. */
export interface FrontTls {
	readonly options: TlsOptions;
	/** Why nothing but a probe is answered on a connection; null where its certificate, or that it has none, is in order. */
	refusalOf(socket: TLSSocket): Refusal | null;
	/** Calls `take` with each certificate that comes in the place of that of `options`. */
	onRenewed(take: (context: SecureContextOptions) => void): void;
}

export interface FrontOptions {
	readonly doors: Pick<Doors, 'refusal'>;
	readonly limits: ConnectionLimits;
	/** null, which is the default, where connections are not encrypted. */
	readonly tls?: FrontTls | null;
	readonly timings?: AdmissionTimings;
	/** ARRIVAL_TIMINGS by default. */
	readonly arrival?: ArrivalTimings;
	/** A connection or request was refused or closed. `from` is an address. */
	refused(door: DoorName, from: string, why: string): void;
	/** The system failed to accept a connection. The node goes on. */
	failed(error: Error): void;
}

/**
 * The bounds on requests that wait for the answers to earlier ones, of one connection and of all. Programs that measure send
 * a hundred ahead, and browsers none. Where a connection is lost, each that is not answered costs Node.js an error.
 */
export const PIPELINED_MAX = 256;
const PIPELINED_OF_ALL_MAX = 4096;
/** Once so many requests that were sent ahead have come in one turn of the event loop, nothing more is read in it. */
export const PARSED_AT_ONCE_MAX = 64;
/** So many bytes are read from a connection and ignored after it was broken off. Then it is ended. */
const IGNORED_BYTES_MAX = 1_048_576;
/** So many requests that were sent ahead are served in one turn of the event loop. */
const AHEAD_AT_ONCE_MAX = 16;
/** The same of those that ask for an upgrade, each of which takes a parser of its own. */
export const UPGRADES_AT_ONCE_MAX = 16;
/**
 * The bound on the headers of a request. One with more is refused, because Node.js would silently drop the headers above
 * its own limit, and an Origin among them.
 */
export const HEADERS_MAX = 128;
/**
 * The bound on the first line and the headers of a request. A key of 4,096 bytes may take 12,288 when it is encoded.
 */
const HEADER_BYTES_MAX = 16_384;

const SERVER_OPTIONS: http.ServerOptions = {
	/** A connection that is not used for so long is closed, milliseconds. */
	keepAliveTimeout: 70_000,
	/** By these the kernel notices a machine that is gone. */
	keepAlive: true,
	keepAliveInitialDelay: 30_000,
	noDelay: true,
	maxHeaderSize: HEADER_BYTES_MAX,
	/** A request with two Host headers must not look like one with the first of them. */
	joinDuplicateHeaders: true,
	highWaterMark: HELD_BYTES,
	/** Node.js would answer each request without a Host by itself, however many were sent ahead. */
	requireHostHeader: false,
};

export class Front {
	readonly #options: FrontOptions;
	readonly #admission: Admission;
	readonly #server: http.Server;
	/** The event by which the server is given a connection whose requests can be read. */
	readonly #arrival: 'connection' | 'secureConnection';
	#rooms: Rooms | null = null;
	#isDraining = false;
	/** The number of requests, of all connections, that wait for the answers to earlier ones. */
	#pipelined = 0;
	/** The number of those that have come in this turn of the event loop. */
	#pipelinedInTurn = 0;
	/** Serves requests that were sent ahead and need not wait: a single packet may hold more than a thousand. */
	readonly #ahead = new Turns(AHEAD_AT_ONCE_MAX);
	readonly #upgrades = new Turns(UPGRADES_AT_ONCE_MAX);

	constructor(options: FrontOptions) {
		this.#options = options;
		this.#admission = new Admission({
			...options,
			left: (connection) => this.#forget(connection, connection.pipelined),
		});
		// Versions of Node.js without `shouldUpgradeCallback` ignore it.
		const serverOptions: http.ServerOptions & { readonly shouldUpgradeCallback: unknown } = {
			...SERVER_OPTIONS,
			...(options.arrival ?? ARRIVAL_TIMINGS),
			shouldUpgradeCallback: shouldUpgradeCallback((request) => this.#doorOf(request) !== null),
		};
		const { tls = null } = options;
		const server = tls ? https.createServer({ ...serverOptions, ...tls.options }) : http.createServer(serverOptions);
		this.#server = server;
		this.#arrival = tls ? 'secureConnection' : 'connection';
		// Node.js must drop no headers. Their bytes are bounded by HEADER_BYTES_MAX, and their number by HEADERS_MAX.
		server.maxHeadersCount = 0;
		server.maxConnections = socketsMax(options.limits) + 1;
		// A client such as `nc -N` ends its side and still reads. All versions of Node.js have this option, their types do
		// not.
		Object.assign(server, { httpAllowHalfOpen: true });
		// This listener comes before that of Node.js, whose parser may close the connection at once.
		server.prependListener('connection', (socket: Socket) => this.#admission.arrived(socket));
		if (tls) this.#encrypt(server as https.Server, tls);
		server.on('request', (request, response) => this.#request(request, response, this.#serve));
		// Without this listener Node.js would answer by itself, however many were sent ahead.
		server.on('checkExpectation', (request, response) => this.#request(request, response, this.#refuseExpectation));
		server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
			this.#upgrade(request, socket as Socket, head),
		);
		server.on('clientError', (error: ParseError, socket) => this.#clientError(error, socket as Socket));
	}

	#encrypt(server: https.Server, tls: FrontTls): void {
		const handshakes = new Handshakes();
		server.prependListener('connection', (socket: Socket) => handshakes.begin(socket));
		server.prependListener('secureConnection', (socket: TLSSocket) => {
			const before = handshakes.end(socket);
			// A connection that is given to the server again has gone on before.
			if (before) this.#admission.goesOn(before, socket).refusal = tls.refusalOf(socket);
		});
		tls.onRenewed((context) => server.setSecureContext(context));
	}

	/** Rejects with the system's error, such as EADDRINUSE. */
	listen(host: string, port: number): Promise<void> {
		return new Promise((resolve, reject) => {
			const failed = (error: Error): void => {
				this.#admission.stop();
				reject(error);
			};
			this.#server.once('error', failed);
			this.#server.listen(port, host, () => {
				this.#server.off('error', failed);
				this.#server.on('error', (error) => this.#options.failed(error));
				resolve();
			});
		});
	}

	/** The port that it listens on. Where 0 was asked for, it is the one that the system has chosen. */
	get port(): number {
		const address = this.#server.address();
		return typeof address === 'object' && address !== null ? address.port : 0;
	}

	/** The numbers of connections of each kind. */
	get connections(): ConnectionCounts {
		return this.#admission.counts;
	}

	/** Pings all clients' WebSockets, as a timer also does. */
	pingClients(): void {
		this.#admission.pingClients();
	}

	/** From now on requests are passed on to `rooms`. Before, they are answered with 503. */
	open(rooms: Rooms): void {
		this.#rooms = rooms;
	}

	/** Lets no new connection in, and resolves when all plain connections are closed, or after a bounded time. */
	async drain(): Promise<void> {
		this.#isDraining = true;
		// This only stops listening. `http.Server.close` would also cut idle connections, which clients may be about to use.
		net.Server.prototype.close.call(this.#server);
		await drain(() => this.#admission.plain);
	}

	/**
	 * Stops listening and cuts every connection, also those that `closeAllConnections` of Node.js does not know: one whose
	 * handshake of TLS has not ended, and one that waits to become a WebSocket.
	 */
	close(): Promise<void> {
		return new Promise((resolve) => {
			this.#server.close(() => resolve());
			this.#admission.stop();
		});
	}

	// Requests

	#request(request: IncomingMessage, response: ServerResponse, serve: Serve): void {
		// The connection is ending, so the request could not be answered, and is not carried out.
		if (!request.socket.writable) return;
		const connection = this.#admission.of(request.socket);
		if (connection.isBroken) return;
		if (request.url?.[0] !== '/') toOriginForm(request);
		const mustWait = connection.begin(request, response);
		if (response.socket === null && !this.#mayPipeline(connection, response)) return;
		if (mustWait) response.once('socket', () => serve(request, response, connection));
		else if (response.socket === null) this.#ahead.run(() => serveAhead(request, response, connection, serve));
		else serve(request, response, connection);
	}

	/** @returns whether there is room for a request that was sent ahead; where there is none, it is not carried out */
	#mayPipeline(connection: Connection, response: ServerResponse): boolean {
		if (++connection.pipelined > AHEAD_AT_ONCE_MAX) connection.readInNextTurn();
		this.#boundTurn();
		this.#pipelined++;
		response.once('socket', () => this.#forget(connection, 1));
		if (connection.pipelined <= PIPELINED_MAX && this.#pipelined <= PIPELINED_OF_ALL_MAX) return true;
		connection.breakOff();
		this.#options.refused('http', connection.address, 'too many requests sent ahead');
		response.once('socket', () => answer(response, TOO_FAR_AHEAD));
		return false;
	}

	/** One more request was parsed that was sent ahead. Many connections may have such at once. */
	#boundTurn(): void {
		if (this.#pipelinedInTurn++ === 0) {
			setImmediate(() => {
				this.#pipelinedInTurn = 0;
			});
		}
		if (this.#pipelinedInTurn === PARSED_AT_ONCE_MAX) for (const each of this.#admission.plain) each.yieldTurn();
	}

	#forget(connection: Connection, pipelined: number): void {
		const forgotten = Math.min(pipelined, connection.pipelined);
		connection.pipelined -= forgotten;
		this.#pipelined -= forgotten;
	}

	readonly #serve: Serve = (request, response, connection) => {
		if (this.#isDraining || hasIgnoredUpgrade(request)) isLast(response);
		const coding = request.headers['transfer-encoding'];
		if (coding !== undefined) endWhereUnread(request, response);
		const isKnown = coding === undefined || coding.toLowerCase() === 'chunked';
		const refusal = isKnown ? this.#refusalOf(request, connection) : OTHER_CODING;
		if (refusal !== null) {
			this.#options.refused('http', connection.address, refusal.why);
			return refuse(response, connection, refusal);
		}
		if (!this.#admission.admitHttp(connection)) {
			// Probes are answered even where there is no place, because a crowded node is not ill.
			isLast(response);
			if (!isProbe(pathOf(request))) return refuse(response, connection, CROWDED);
		}
		if (this.#rooms === null) return refuse(response, connection, STARTING);
		this.#rooms.request(request, response);
	};

	readonly #refuseExpectation: Serve = (_request, response, connection) => {
		this.#options.refused('http', connection.address, UNMET_EXPECTATION.why);
		refuse(response, connection, UNMET_EXPECTATION);
	};

	#refusalOf(request: IncomingMessage, connection: Connection): Refusal | null {
		if (request.rawHeaders.length > 2 * HEADERS_MAX) return TOO_MANY_HEADERS;
		const { doors } = this.#options;
		const refusal = connection.refusal ?? doors.refusal(request.headers);
		if (refusal === null) return null;
		if (lacksHost(request)) return NO_HOST;
		return isProbe(pathOf(request)) ? doors.refusal(request.headers, true) : refusal;
	}

	// WebSockets

	#doorOf(request: IncomingMessage): UpgradeDoor | null {
		return asksForWebSocket(request) ? (this.#rooms?.upgrade(pathOf(request)) ?? null) : null;
	}

	#upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
		const connection = this.#admission.of(socket);
		connection.leaveReading();
		const onError = (): void => void socket.destroy();
		socket.on('error', onError);
		const goOn = (): void => {
			socket.off('error', onError);
			if (socket.destroyed) return;
			socket.setTimeout(0);
			const door = this.#doorOf(request);
			if (!door) return serveAnyway(this.#server, this.#arrival, request, socket, head);
			toOriginForm(request);
			this.#enter(door, request, connection, head);
		};
		// Of many that were sent ahead, each would come in the same turn as the one before it.
		connection.whenAnswered(() => this.#upgrades.run(goOn));
	}

	#enter(door: UpgradeDoor, request: IncomingMessage, connection: Connection, head: Buffer): void {
		const { socket } = connection;
		const refusal = this.#refusalOf(request, connection);
		if (refusal !== null) {
			this.#options.refused(door.name, connection.address, refusal.why);
			return refuseUpgrade(socket, `${refusal.status} ${http.STATUS_CODES[refusal.status]}`, refusal.why);
		}
		const place = this.#admission.admitWebSocket(connection, door.name);
		if (place) door.handleUpgrade(request, socket, head, place);
		else refuseUpgrade(socket, '503 Service Unavailable', CROWDED.why);
	}

	// Input that is not HTTP

	/** Ends the connection with an error, after the answers to earlier requests, which may have been carried out. */
	#clientError(error: ParseError, socket: Socket): void {
		const connection = this.#admission.find(socket);
		if (connection === undefined) return this.#handshakeFailed(error, socket);
		if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
		if (connection.isBroken) return connection.ignore(error.rawPacket?.length ?? 0, IGNORED_BYTES_MAX);
		connection.breakOff();
		const status = CLIENT_ERRORS[error.code ?? ''] ?? 400;
		this.#options.refused('http', connection.address, `not HTTP: ${error.code ?? error.message}`);
		const end = (): void => refuseUpgrade(socket, `${status} ${http.STATUS_CODES[status]}`);
		const last = connection.unanswered;
		if (last === null || last.req.complete) return connection.whenAnswered(end);
		// The body of the last request is what cannot be parsed.
		if (last.socket === null) last.once('socket', () => socket.destroy());
		else if (last.headersSent) socket.destroy();
		else end();
	}

	/** The connection has no request yet, and nothing that is sent on it could be read. */
	#handshakeFailed({ code, message }: NodeJS.ErrnoException, socket: Socket): void {
		if (code !== 'ECONNRESET')
			this.#options.refused('http', addressKey(socket.remoteAddress), `no TLS: ${code ?? message}`);
		socket.destroy();
	}
}

/** What Node.js tells of bytes that it could not parse. */
type ParseError = NodeJS.ErrnoException & { readonly rawPacket?: Uint8Array };

type Serve = (request: IncomingMessage, response: ServerResponse, connection: Connection) => void;

function serveAhead(request: IncomingMessage, response: ServerResponse, connection: Connection, serve: Serve): void {
	if (request.socket.writable) serve(request, response, connection);
}

/** Answers with a refusal. Where the connection ends with it, nothing that was sent behind the request is looked at. */
function refuse(response: ServerResponse, connection: Connection, refusal: Refusal): void {
	answer(response, refusal);
	if (response.getHeader('Connection') === 'close') connection.breakOff();
}

/**
 * Ends the connection behind the answer where nobody looked at the request's body, which comes in chunks: Node.js would read
 * on, chunk by chunk, however small they are.
 */
function endWhereUnread(request: IncomingMessage, response: ServerResponse): void {
	response.once('finish', () => {
		if (!request.complete && !request.readableDidRead) request.destroy();
	});
}

const NO_HOST: Refusal = { status: 400, why: 'The request has no Host header.' };
/**
 * Node.js takes an empty one for none, and others might not. Of one such as `gzip, chunked` it takes the chunks apart, and what
 * is in them would be kept as if it were the body.
 */
const OTHER_CODING: Refusal = { status: 400, why: 'The request has another Transfer-Encoding than chunked.' };
const UNMET_EXPECTATION: Refusal = { status: 417, why: 'This node meets no expectation but 100-continue.' };
const TOO_MANY_HEADERS: Refusal = { status: 431, why: `The request has more than ${HEADERS_MAX} headers.` };
const CROWDED: Refusal = { status: 503, why: 'This node has too many connections; try again soon.' };
const TOO_FAR_AHEAD: Refusal = {
	status: 503,
	why: `More than ${PIPELINED_MAX} requests were sent ahead; this one is not done.`,
};
export const STARTING: Refusal = { status: 503, why: 'This node is starting.' };

/** The statuses that Node.js would answer with; 400 for all other errors. */
const CLIENT_ERRORS: Readonly<Record<string, number>> = {
	HPE_HEADER_OVERFLOW: 431,
	HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
	ERR_HTTP_REQUEST_TIMEOUT: 408,
};

export function answer(response: ServerResponse, { status, why }: Refusal): void {
	response.statusCode = status;
	if (status !== 403) isLast(response);
	response.setHeader('Content-Type', 'text/plain; charset=utf-8');
	response.setHeader('X-Content-Type-Options', 'nosniff');
	// A page of another site must not learn anything from the answer.
	response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
	response.setHeader('Content-Length', Buffer.byteLength(why));
	if (status === 503) {
		response.setHeader('Retry-After', '1');
		// An earlier copy of a write with a name may have been carried out.
		const isNamed = response.req.headers['idempotency-key'] !== undefined;
		response.setHeader('X-Swarm-Outcome', isNamed ? 'unknown' : 'not-applied');
	}
	response.end(why);
}
