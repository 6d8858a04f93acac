/** A client that writes the bytes of a test to one connection, and reads the answers. */
import { connect, type Socket } from 'node:net';

export interface WireAnswer {
	readonly status: number;
	/** The headers, with names in lower case. */
	readonly headers: Readonly<Record<string, string>>;
	readonly body: string;
}

export class Wire {
	readonly socket: Socket;
	/** Resolves when the other end has closed, and tells how. */
	readonly closed: Promise<'end' | 'reset'>;
	#received = Buffer.alloc(0);
	#ended = false;
	#wake: () => void = () => undefined;

	constructor(port: number, options: { readonly host?: string; readonly localAddress?: string } = {}) {
		this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, ...options });
		this.socket.on('data', (chunk: Buffer) => {
			this.#received = Buffer.concat([this.#received, chunk]);
			this.#wake();
		});
		this.closed = new Promise((resolve) => {
			this.socket.once('end', () => resolve('end'));
			this.socket.once('error', () => resolve('reset'));
			this.socket.once('close', () => resolve('end'));
		});
		void this.closed.then(() => {
			this.#ended = true;
			this.#wake();
		});
	}

	write(text: string | Uint8Array): this {
		this.socket.write(text);
		return this;
	}

	/** The next answer. Rejects where the connection is closed before it is whole. */
	async answer(isToHead = false): Promise<WireAnswer> {
		for (;;) {
			const answer = this.#take(isToHead);
			if (answer) return answer;
			if (this.#ended) throw new Error(`closed after ${JSON.stringify(this.#received.toString())}`);
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
	}

	/** The text that was not read as answers. */
	get received(): string {
		return this.#received.toString();
	}

	/** The same bytes. */
	get bytes(): Buffer {
		return this.#received;
	}

	/** Resolves when this text has come, and was not read as an answer. Rejects where the connection is closed before. */
	async receives(text = '\n'): Promise<void> {
		while (!this.received.includes(text)) {
			if (this.#ended) throw new Error(`closed after ${JSON.stringify(this.received)}`);
			await new Promise<void>((resolve) => {
				this.#wake = resolve;
			});
		}
	}

	/** Resolves when there is an answer, or when none can come any more. */
	async closedOrAnswered(): Promise<void> {
		await this.answer().catch(() => undefined);
	}

	/** The bodies of the next `count` answers. */
	async bodies(count: number): Promise<string[]> {
		const bodies: string[] = [];
		while (bodies.length < count) bodies.push((await this.answer()).body);
		return bodies;
	}

	/** The bytes that were not read as answers, once the other end has closed. */
	async rest(): Promise<string> {
		await this.closed;
		return this.#received.toString();
	}

	#take(isToHead: boolean): WireAnswer | null {
		const end = this.#received.indexOf('\r\n\r\n');
		if (end < 0) return null;
		const [line = '', ...rest] = this.#received.subarray(0, end).toString('latin1').split('\r\n');
		const headers = Object.fromEntries(
			rest.map((header) => {
				const at = header.indexOf(':');
				return [header.slice(0, at).toLowerCase(), header.slice(at + 1).trim()];
			}),
		);
		const bytes = isToHead ? 0 : Number(headers['content-length'] ?? 0);
		if (this.#received.length < end + 4 + bytes) return null;
		const body = this.#received.subarray(end + 4, end + 4 + bytes).toString();
		this.#received = this.#received.subarray(end + 4 + bytes);
		return { status: Number(line.split(' ')[1]), headers, body };
	}
}

/** The text of a whole request. */
export function request(
	method: string,
	path: string,
	{ host = 'localhost', headers = [], body }: { host?: string; headers?: readonly string[]; body?: string } = {},
): string {
	const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
	return `${[`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...headers, ...length].join('\r\n')}\r\n\r\n${body ?? ''}`;
}
