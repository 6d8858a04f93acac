/**
 * `SwarmClient`: puts, deletes and reads of a swarm's keys, many at once over one WebSocket. Calls of one turn
 * of the event loop leave as one frame; it follows the leader, connects again, and sends what is unanswered
 * again under the same identity, so that nothing is applied twice however often it was sent.
 *
 * Calls that do not wait for each other may take effect in any order.
 */
import { toUtf8 } from '../bytes/text.ts';
import { keyFault, VALUE_BYTES_MAX } from '../store/key.ts';
import { ClientCore, type WriteResult } from './core.ts';
import { BadKeyError, BadValueError } from './errors.ts';
import { platform } from './platform.ts';
import type { ReadEntry } from './protocol.ts';
import type { Connect } from './socket.ts';

export type { ReadEntry, WriteResult };

export interface SwarmClientOptions {
	/** `http://host:port` of one member at least; it learns of the others. */
	readonly nodes: readonly string[];
	/** Opens a WebSocket. In a page: `(url) => new WebSocket(url)`; in Node, the same with that of `ws`. */
	readonly connect: Connect;
	/** How long a call may take, connecting included. Milliseconds; 10,000 if left out. */
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

	/** @throws RangeError for no nodes */
	constructor({ nodes, connect, timeoutMs = TIMEOUT_MS }: SwarmClientOptions) {
		if (nodes.length === 0) throw new RangeError('nodes: one at least');
		this.#core = new ClientCore({ nodes, connect, timeoutMs, runtime: platform });
	}

	/** The node that calls go to now; '' while there is none. */
	get node(): string {
		return this.#core.node;
	}

	/**
	 * Writes `value`, text as UTF-8. The bytes are copied before this returns.
	 *
	 * @returns a promise that fails with BadKeyError, BadValueError, RefusedError (it did not happen),
	 * UnknownOutcomeError (it may have), or the signal's reason (it may have, where it was sent)
	 */
	put(key: string, value: Uint8Array | string, options: PutOptions = {}): Promise<WriteResult> {
		const bytes = typeof value === 'string' ? toUtf8(value) : value;
		return new Promise((resolve, reject) => {
			const fault = keyFault(key);
			if (fault !== null) return reject(new BadKeyError(`the key ${fault}`));
			if (bytes.length > VALUE_BYTES_MAX) {
				return reject(new BadValueError(`the value has ${bytes.length} bytes, max size: ${VALUE_BYTES_MAX}`));
			}
			this.#core.put(key, bytes, options.flags ?? 0n, options.cas ?? null, options.signal, { resolve, reject });
		});
	}

	/** Removes a key; `ok` where there was none too. Fails as `put` does. */
	delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
		return new Promise((resolve, reject) => {
			const fault = keyFault(key);
			if (fault !== null) return reject(new BadKeyError(`the key ${fault}`));
			this.#core.delete(key, options.cas ?? null, options.signal, { resolve, reject });
		});
	}

	/**
	 * What the key holds, null for nothing; linearizable unless `stale`. The value is a view into what was
	 * received: copy it to keep it for long.
	 */
	get(key: string, options: ReadOptions = {}): Promise<ReadEntry | null> {
		return new Promise((resolve, reject) => {
			const fault = keyFault(key);
			if (fault !== null) return reject(new BadKeyError(`the key ${fault}`));
			this.#core.get(key, options.stale ? 'stale' : 'linearizable', options.signal, { resolve, reject });
		});
	}

	/** Fails what is unanswered: refused where it was not sent, else unknown. */
	close(): void {
		this.#core.close();
	}
}
