/**
 * The front of a node that shares the HTTP server of its program. It takes the requests and WebSockets of the node's paths,
 * and passes on all others to the listeners that were there before. The program owns the server: it listens, bounds
 * connections and closes it. What comes from a page or for a host that must not use the swarm is refused here too.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Place } from './admission.ts';
import type { Refusal } from './doors.ts';
import { answer, type Front, type FrontOptions, type FrontTls, type Rooms, STARTING } from './front.ts';
import { isProbe, pathOf, toOriginForm } from './target.ts';
import { refuseUpgrade } from './upgrade.ts';

/** The first segments of the node's paths. Its page is not among them, because it would be at `/`. */
const SEGMENTS: readonly string[] = ['v1', 'mesh', 'client', 'socket.io', 'livez', 'readyz', 'metrics'];

export type MountedOptions = Pick<FrontOptions, 'doors' | 'refused'> & {
	/** null, which is the default, where the server of the program does not encrypt connections. */
	readonly tls?: Pick<FrontTls, 'refusalOf'> | null;
};

type Listener = (...args: unknown[]) => void;

/** Nobody counts connections here. */
const NO_PLACE: Place = { opened: () => undefined, greeted: () => undefined };

export class MountedFront implements Pick<Front, 'listen' | 'open' | 'drain' | 'close'> {
	readonly #server: Server;
	readonly #options: MountedOptions;
	#rooms: Rooms | null = null;
	/** The listeners of the program, by event. */
	readonly #others = new Map<'request' | 'upgrade', Listener[]>();
	readonly #own = {
		request: (request: IncomingMessage, response: ServerResponse) => this.#request(request, response),
		upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => this.#upgrade(request, socket, head),
	};

	constructor(server: Server, options: MountedOptions) {
		this.#server = server;
		this.#options = options;
	}

	/** Takes the place of the listeners. The program makes its server listen, before or later. */
	async listen(): Promise<void> {
		for (const event of ['request', 'upgrade'] as const) {
			this.#others.set(event, this.#server.listeners(event) as Listener[]);
			this.#server.removeAllListeners(event);
			this.#server.on(event, this.#own[event]);
		}
	}

	open(rooms: Rooms): void {
		this.#rooms = rooms;
	}

	async drain(): Promise<void> {
		// The server stays open, and answers the requests under way.
	}

	/** Gives the listeners back. */
	async close(): Promise<void> {
		for (const [event, others] of this.#others) {
			this.#server.off(event, this.#own[event]);
			for (const other of others) this.#server.on(event, other);
		}
		this.#others.clear();
	}

	#request(request: IncomingMessage, response: ServerResponse): void {
		const path = pathOf(request);
		if (!isOfNode(path)) return this.#passOn('request', request, response);
		toOriginForm(request);
		const refusal = this.#refusalOf(request, isProbe(path));
		if (refusal !== null) {
			this.#options.refused('http', addressOf(request), refusal.why);
			return answer(response, refusal);
		}
		if (this.#rooms === null) return answer(response, STARTING);
		this.#rooms.request(request, response);
	}

	#upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
		const path = pathOf(request);
		if (!isOfNode(path)) {
			if (this.#others.get('upgrade')?.length === 0) return void socket.destroy();
			return this.#passOn('upgrade', request, socket, head);
		}
		const door = this.#rooms?.upgrade(path);
		if (!door) return refuseUpgrade(socket, this.#rooms ? '404 Not Found' : '503 Service Unavailable');
		toOriginForm(request);
		const refusal = this.#refusalOf(request, false);
		if (refusal === null) return door.handleUpgrade(request, socket, head, NO_PLACE);
		this.#options.refused(door.name, addressOf(request), refusal.why);
		refuseUpgrade(socket, `${refusal.status} Refused`, refusal.why);
	}

	#refusalOf({ headers, socket }: IncomingMessage, isForProbe: boolean): Refusal | null {
		const { doors, tls = null } = this.#options;
		const ofCertificate = tls === null || isForProbe ? null : tls.refusalOf(socket as TLSSocket);
		return ofCertificate ?? doors.refusal(headers, isForProbe);
	}

	#passOn(event: 'request' | 'upgrade', ...args: unknown[]): void {
		for (const other of this.#others.get(event) ?? []) other.apply(this.#server, args);
	}
}

function isOfNode(path: string): boolean {
	return SEGMENTS.includes(path.split('/', 2)[1] ?? '');
}

function addressOf(request: IncomingMessage): string {
	return request.socket.remoteAddress ?? '';
}
