/**
 * `SwarmClient`: puts, deletes and reads of a swarm's keys, many at once over one WebSocket. Calls of one turn
 * of the event loop leave as one frame; it follows the leader, connects again, and sends what is unanswered
 * again under the same identity, so that nothing is applied twice however often it was sent.
 *
 * Calls that do not wait for each other may take effect in any order.
 */
import { nanoid } from 'nanoid';
import { toUtf8 } from '../bytes/text.ts';
import { keyFault, VALUE_BYTES_MAX } from '../store/key.ts';
import { BadKeyError, BadValueError, RefusedError } from './errors.ts';
import type { ReadEntry, ReadMode } from './protocol.ts';
import { Reads } from './reads.ts';
import { Route } from './route.ts';
import type { Connect } from './socket.ts';
import { afterTurn } from './turn.ts';
import { Writes } from './writes.ts';

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

export interface WriteResult {
	/** False where the condition did not hold: nothing was changed. */
	readonly ok: boolean;
	/** The command's place among all commands that were applied. */
	readonly revision: number;
}

const TIMEOUT_MS = 10_000;
/** Calls are looked at so often for whether their time is over. */
const SWEEP_EVERY_MS = 100;

export class SwarmClient {
	readonly #timeoutMs: number;
	readonly #writes: Writes;
	readonly #reads: Reads;
	readonly #route: Route;
	#clientId = nanoid();
	#turnEnds = false;
	#sweeper: ReturnType<typeof setTimeout> | undefined;
	#closed = false;

	/** @throws RangeError for no nodes */
	constructor({ nodes, connect, timeoutMs = TIMEOUT_MS }: SwarmClientOptions) {
		if (nodes.length === 0) throw new RangeError('nodes: one at least');
		this.#timeoutMs = timeoutMs;
		this.#writes = new Writes({
			clientId: () => this.#clientId,
			renew: (dropped) => this.#renew(dropped),
			send: (frame) => this.#send(frame),
			failure: () => this.#route.failure,
			soon: () => this.#soon(),
		});
		this.#reads = new Reads({
			send: (frame) => this.#send(frame),
			failure: () => this.#route.failure,
			soon: () => this.#soon(),
		});
		this.#route = new Route({
			nodes,
			connect,
			clientId: () => this.#clientId,
			up: () => {
				this.#writes.sendAgain();
				this.#reads.sendAgain();
			},
			section: (section) => {
				switch (section.kind) {
					case 'results':
						return this.#writes.results(section);
					case 'values':
						return this.#reads.values(section.first, section.entries);
					case 'refused':
						return section.what === 'write' ? this.#writes.refused(section) : this.#reads.refused(section);
					case 'leader':
				}
			},
		});
	}

	/** The node that calls go to now; '' while there is none. */
	get node(): string {
		return this.#route.node;
	}

	/**
	 * Writes `value`, text as UTF-8. The bytes are copied before this returns.
	 *
	 * @returns a promise that fails with BadKeyError, BadValueError, RefusedError (it did not happen),
	 * UnknownOutcomeError (it may have), or the signal's reason (it may have, where it was sent)
	 */
	put(key: string, value: Uint8Array | string, options: PutOptions = {}): Promise<WriteResult> {
		const bytes = typeof value === 'string' ? toUtf8(value) : value;
		const fault = this.#fault(key, options);
		if (fault) return Promise.reject(fault);
		if (bytes.length > VALUE_BYTES_MAX) {
			return Promise.reject(new BadValueError(`the value has ${bytes.length} bytes, max size: ${VALUE_BYTES_MAX}`));
		}
		return this.#writes.put(key, bytes, options.flags ?? 0n, options.cas ?? null, options.signal, this.#deadlineMs);
	}

	/** Removes a key; `ok` where there was none too. Fails as `put` does. */
	delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
		const fault = this.#fault(key, options);
		if (fault) return Promise.reject(fault);
		return this.#writes.delete(key, options.cas ?? null, options.signal, this.#deadlineMs);
	}

	/**
	 * What the key holds, null for nothing; linearizable unless `stale`. The value is a view into what was
	 * received: copy it to keep it for long.
	 */
	get(key: string, options: ReadOptions = {}): Promise<ReadEntry | null> {
		const fault = this.#fault(key, options);
		if (fault) return Promise.reject(fault);
		const mode: ReadMode = options.stale ? 'stale' : 'linearizable';
		return this.#reads.get(key, mode, options.signal, this.#deadlineMs);
	}

	/** Fails what is unanswered: refused where it was not sent, else unknown. */
	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		clearTimeout(this.#sweeper);
		this.#route.close();
		this.#writes.close();
		this.#reads.close();
	}

	get #deadlineMs(): number {
		return performance.now() + this.#timeoutMs;
	}

	#fault(key: string, { signal }: CallOptions): unknown {
		if (this.#closed) return new RefusedError('closed', 'the client is closed');
		if (signal?.aborted) return signal.reason;
		const fault = keyFault(key);
		return fault === null ? undefined : new BadKeyError(`the key ${fault}`);
	}

	#send(frame: Uint8Array): boolean {
		const { current } = this.#route;
		current?.send(frame);
		return current !== undefined;
	}

	/** The state machine has dropped the client: what was not sent under it goes under a new one. */
	#renew(dropped: string): void {
		if (dropped !== this.#clientId) return;
		this.#clientId = nanoid();
		this.#route.current?.hello(this.#clientId);
	}

	#soon(): void {
		if (this.#turnEnds) return;
		this.#turnEnds = true;
		afterTurn(() => {
			this.#turnEnds = false;
			if (this.#closed) return;
			this.#writes.endTurn();
			this.#reads.endTurn();
			this.#sweeper ??= setTimeout(() => this.#sweep(), SWEEP_EVERY_MS);
		});
	}

	#sweep(): void {
		this.#sweeper = undefined;
		const nowMs = performance.now();
		const left = this.#writes.sweep(nowMs) + this.#reads.sweep(nowMs);
		if (left > 0) this.#sweeper = setTimeout(() => this.#sweep(), SWEEP_EVERY_MS);
	}
}
