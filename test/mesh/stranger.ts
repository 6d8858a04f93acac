/** A client that connects to a node's `/mesh` and sends any bytes that a test wants. */
import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';
import { DialerHandshake, type Identity, NONCE_BYTES, PROTOCOL } from '../../server/mesh/handshake.ts';
import { refusalText } from '../../server/mesh/refusal.ts';

/** A node at a port of this machine. */
export interface Dialed {
	readonly id: string;
	readonly port: number;
}

export class Stranger {
	readonly ws: WebSocket;
	/** The close code. */
	readonly closed: Promise<number>;
	/** The binary frames that came. */
	readonly received: Uint8Array[] = [];
	#waiting: (() => void)[] = [];

	private constructor(ws: WebSocket) {
		this.ws = ws;
		this.closed = new Promise((resolve) => ws.on('close', resolve));
		ws.on('error', () => undefined);
		ws.on('message', (data) => {
			this.received.push(new Uint8Array(data as Buffer));
			for (const wake of this.#waiting.splice(0)) wake();
		});
	}

	static async at(node: Pick<Dialed, 'port'>, options: ClientOptions = {}): Promise<Stranger> {
		const stranger = new Stranger(new WebSocket(`ws://127.0.0.1:${node.port}/mesh`, options));
		await once(stranger.ws, 'open');
		return stranger;
	}

	/** Connects and proves itself to be the node of `identity`. */
	static async proven(
		node: Dialed,
		identity: Partial<Identity> & { self: string },
		options: ClientOptions = {},
	): Promise<Stranger> {
		const stranger = await Stranger.at(node, options);
		const handshake = new DialerHandshake(identityOf(identity), node.id, new Uint8Array(NONCE_BYTES));
		stranger.ws.send(handshake.opening);
		for (let steps = 1; ; steps++) {
			const step = handshake.receive(await stranger.hears(steps));
			if (step.kind === 'proven') return stranger;
			if (step.kind === 'refuse') throw new Error(step.refusal);
			stranger.ws.send(step.bytes);
		}
	}

	/** The `count`th frame that came, from 1. Rejects with the reason where the connection was closed instead. */
	async hears(count: number): Promise<Uint8Array> {
		const closed = this.closed.then((code) => Promise.reject(new Error(refusalText(code) ?? `closed with ${code}`)));
		while (this.received.length < count) {
			await Promise.race([closed, new Promise<void>((resolve) => this.#waiting.push(resolve))]);
		}
		closed.catch(() => undefined);
		return this.received[count - 1] as Uint8Array;
	}

	async close(): Promise<void> {
		this.ws.terminate();
		await this.closed;
	}
}

/** The identity of a node of the tests' swarm. */
export function identityOf(identity: Partial<Identity> & { self: string }): Identity {
	const { self } = identity;
	return {
		epoch: `${self}-1`,
		swarmId: 'swarm',
		refusalOf: () => null,
		delayOf: () => null,
		secret: null,
		protocol: PROTOCOL,
		remembered: () => 0,
		...identity,
	};
}
