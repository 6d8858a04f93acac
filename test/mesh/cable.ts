/** A TCP proxy in front of a node, by which a test cuts connections or stops their bytes. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Strand {
	readonly near: Socket;
	readonly far: Socket;
}

/** A cable that is made slow lets this many bytes pass at a time, and waits this long between them. */
const TRICKLE_BYTES = 16_384;
const TRICKLE_MS = 10;

export class Cable {
	readonly #server: Server;
	readonly #strands = new Set<Strand>();
	/** The number of connections that were made through it so far. */
	made = 0;

	private constructor(server: Server, portOfNode: number) {
		this.#server = server;
		server.on('connection', (near) => this.#join(near, portOfNode));
	}

	static async to(portOfNode: number): Promise<Cable> {
		const server = createServer();
		server.listen(0, '127.0.0.1');
		await once(server, 'listening');
		return new Cable(server, portOfNode);
	}

	get port(): number {
		return (this.#server.address() as AddressInfo).port;
	}

	/** Resets every connection, on both sides, as when a process is killed. */
	cut(): void {
		for (const { near, far } of this.#strands) {
			near.resetAndDestroy();
			far.resetAndDestroy();
		}
	}

	/** Resets the dialer's side only: the listener does not notice. */
	cutNear(): void {
		for (const { near, far } of this.#strands) {
			near.unpipe();
			near.resetAndDestroy();
			far.unpipe();
		}
	}

	/** Lets no bytes pass any more, without telling either end. */
	freeze(): void {
		for (const { near, far } of this.#strands) {
			near.unpipe().pause();
			far.unpipe().pause();
		}
	}

	/** Lets no bytes of the dialer pass any more, without telling either end. */
	freezeNear(): void {
		for (const { near } of this.#strands) near.unpipe().pause();
	}

	/** Lets few bytes pass at a time, as a slow network does. */
	trickle(): void {
		for (const { near, far } of this.#strands) {
			pass(near, far);
			pass(far, near);
		}
	}

	async close(): Promise<void> {
		this.cut();
		this.#server.close();
		await once(this.#server, 'close');
	}

	#join(near: Socket, port: number): void {
		this.made++;
		const far = connect(port, '127.0.0.1');
		const strand = { near, far };
		this.#strands.add(strand);
		for (const socket of [near, far]) socket.setNoDelay().on('error', () => socket.destroy());
		near.pipe(far);
		far.pipe(near);
		far.on('close', () => {
			near.destroy();
			this.#strands.delete(strand);
		});
	}
}

function pass(from: Socket, to: Socket): void {
	from.unpipe().pause();
	const timer = setInterval(() => {
		const part = from.read(Math.min(from.readableLength, TRICKLE_BYTES));
		if (part) to.write(part);
	}, TRICKLE_MS);
	from.once('close', () => clearInterval(timer));
}
