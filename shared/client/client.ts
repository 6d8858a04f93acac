/**
 * `SwarmClient`: puts, deletes and reads of a swarm's keys, many at once over one WebSocket. Calls of one turn
 * of the event loop leave as one frame; it follows the leader, connects again, and sends what is unanswered
 * again under the same identity, so that nothing is applied twice however often it was sent.
 *
 * Calls that do not wait for each other may take effect in any order. A node takes 65,536 writes and as many keys to
 * read at a time; what is more waits in line here. Beyond 1,048,576 writes or reads without an answer, or 256 MiB of
 * them, a call fails with RefusedError at once (`limits.ts`).
 */
import { addressFault, nameOf } from './address.ts';
import { bytesOf, wrongKey, wrongReadOptions, wrongWriteOptions } from './arguments.ts';
import { ClientCore, type WriteResult } from './core.ts';
import { platform } from './platform.ts';
import type { ReadEntry } from './protocol.ts';
import type { ClientSocket, Connect } from './socket.ts';

export type { ClientSocket, ReadEntry, WriteResult };

export interface SwarmClientOptions {
	/** `http://host:port` of one member at least; it learns of the others. */
	readonly nodes: readonly string[];
	/** Opens a WebSocket. In a page: `(url) => new WebSocket(url)`; in Node, the same with that of `ws`. */
	readonly connect: Connect;
	/**
	 * How long a call may take, connecting, waiting and asking again included: it is settled by then, one way or the
	 * other. Milliseconds; 10,000 if left out.
	 */
	readonly timeoutMs?: number;
}

export interface CallOptions {
	/** The call fails with its reason. What was sent may happen all the same. */
	readonly signal?: AbortSignal;
}

export interface WriteOptions extends CallOptions {
	/** 0: only where the key is absent; above: only where its modifyRevision is that. Left out: in any case. */
	readonly cas?: number;
}

export interface PutOptions extends WriteOptions {
	/** Opaque, unsigned 64 bits; 0 if left out. */
	readonly flags?: bigint;
}

export interface ReadOptions extends CallOptions {
	/** From the node's own state, which may lag behind: no round to other nodes. */
	readonly stale?: boolean;
}

const TIMEOUT_MS = 10_000;

export class SwarmClient {
	readonly #core: ClientCore;

	/** @throws TypeError or RangeError that names the option which is wrong: an address that cannot be one, for example */
	constructor(options: SwarmClientOptions) {
		const { nodes, connect, timeoutMs = TIMEOUT_MS } = options;
		if (!Array.isArray(nodes)) throw new TypeError('nodes: a list of addresses');
		if (nodes.length === 0) throw new RangeError('nodes: one at least');
		for (const [index, address] of nodes.entries()) {
			const fault = addressFault(address);
			if (fault !== null) throw new RangeError(`nodes[${index}]: ${nameOf(address)} ${fault}`);
		}
		if (typeof connect !== 'function') throw new TypeError('connect: a function such as (url) => new WebSocket(url)');
		if (typeof timeoutMs !== 'number') throw new TypeError('timeoutMs: a number of milliseconds');
		if (!(timeoutMs > 0 && timeoutMs < Number.POSITIVE_INFINITY))
			throw new RangeError('timeoutMs: above 0, and finite');
		this.#core = new ClientCore({ nodes: [...nodes], connect, timeoutMs, runtime: platform });
	}

	/** The node that calls go to now; '' while there is none. */
	get node(): string {
		return this.#core.node;
	}

	/**
	 * Writes `value`, text as UTF-8. The bytes are copied before this returns.
	 *
	 * @returns a promise that fails with BadKeyError, BadValueError, BadOptionsError, RefusedError (it did not happen),
	 * UnknownOutcomeError (it may have), or the signal's reason (it may have, where it was sent by then)
	 */
	put(key: string, value: Uint8Array | string, options: PutOptions = {}): Promise<WriteResult> {
		return new Promise((resolve, reject) => {
			const bytes = bytesOf(value);
			const wrong = wrongKey(key) ?? (bytes instanceof Error ? bytes : wrongWriteOptions(options));
			if (wrong || bytes instanceof Error) return reject(wrong);
			const { flags = 0n, cas = null, signal } = options;
			this.#core.put(key, bytes, flags, cas, signal, { resolve, reject });
		});
	}

	/** Removes a key; `ok` where there was none too. Fails as `put` does. */
	delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
		return new Promise((resolve, reject) => {
			const wrong = wrongKey(key) ?? wrongWriteOptions(options);
			if (wrong) return reject(wrong);
			this.#core.delete(key, options.cas ?? null, options.signal, { resolve, reject });
		});
	}

	/**
	 * What the key holds, null for nothing; linearizable unless `stale`. The value is a view into what was
	 * received: copy it to keep it for long. Fails as `put` does, but never with UnknownOutcomeError.
	 */
	get(key: string, options: ReadOptions = {}): Promise<ReadEntry | null> {
		return new Promise((resolve, reject) => {
			const wrong = wrongKey(key) ?? wrongReadOptions(options);
			if (wrong) return reject(wrong);
			this.#core.get(key, options.stale ? 'stale' : 'linearizable', options.signal, { resolve, reject });
		});
	}

	/** Fails what is unanswered: refused where it was not sent, else unknown. */
	close(): void {
		this.#core.close();
	}
}
