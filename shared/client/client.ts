/**
 * `SwarmClient`: puts, deletes and reads of a swarm's keys, watches, sessions and locks, many at once over one WebSocket.
 * Calls of one turn of the event loop leave as one frame. The client follows the leader and connects again when a
 * connection ends. It sends unanswered calls again under the same identity, so that no command is applied twice, however
 * often it was sent.
 *
 * Calls that do not wait for each other may take effect in any order. A node takes 65,536 writes and as many keys to
 * read at a time; further ones wait in line here. Above 1,048,576 writes or reads without an answer, or 256 MiB of
 * them, a call fails with RefusedError at once (`limits.ts`).
 */
import { addressFault, nameOf } from './address.ts';
import {
	bytesOf,
	wrongCallOptions,
	wrongKey,
	wrongLockOptions,
	wrongPrefix,
	wrongReadOptions,
	wrongSessionOptions,
	wrongWatchOptions,
	wrongWriteOptions,
} from './arguments.ts';
import type { WatchedChange } from './changes.ts';
import { ClientCore, type WriteResult } from './core.ts';
import { BadOptionsError } from './errors.ts';
import { type Fence, KeyLock, type LockOptions, type LockOwner, type ReleaseOptions, type SwarmLock } from './lock.ts';
import { lockOwner } from './lock-owner.ts';
import { platform } from './platform.ts';
import type { ListedEntry, Page, ReadEntry } from './protocol.ts';
import { OpenSession, type SessionCallOptions, type SwarmSession } from './session.ts';
import { attributesOf, type SessionOptions } from './session-attributes.ts';
import type { ClientSocket, Connect } from './socket.ts';
import { soundTraceparent } from './traceparent.ts';
import { operationsOf, resultOf, type TxnOperation, type TxnResult } from './txn.ts';
import { WatchIterator } from './watch-iterator.ts';
import type { WatchedChanges } from './watches.ts';

export type {
	ClientSocket,
	Fence,
	ListedEntry,
	LockOptions,
	ReadEntry,
	ReleaseOptions,
	SessionCallOptions,
	SessionOptions,
	SwarmLock,
	SwarmSession,
	TxnOperation,
	TxnResult,
	WatchedChange,
	WatchedChanges,
	WriteResult,
};

export interface SwarmClientOptions {
	/** Addresses `http://host:port` of members, one at least. The client learns those of the others from the nodes. */
	readonly nodes: readonly string[];
	/** Opens a WebSocket: `(url) => new WebSocket(url)`, in Node with the `WebSocket` of `ws`. */
	readonly connect: Connect;
	/** By which the nodes let the client in, where the swarm has tokens. It is sent to the nodes and told nowhere. */
	readonly token?: string;
	/**
	 * Asked at each write for the trace that it belongs to, as the header `traceparent` of W3C Trace Context; null for none,
	 * or one that is not sampled. `activeTraceparent` of `paxos-swarm/tracing` is one. Where it throws, or returns something
	 * else, the write has no trace. Nodes of 0.1 refuse a client with it.
	 */
	readonly traceparent?: () => string | null;
	/**
	 * The time limit of a call, with connecting, waiting and sending again. The call is settled by then. Milliseconds;
	 * 10,000 by default.
	 */
	readonly timeoutMs?: number;
}

export interface CallOptions {
	/** When it is aborted, the call fails with its reason. A write that was sent may happen all the same. */
	readonly signal?: AbortSignal;
}

export interface WriteOptions extends CallOptions {
	/** 0: only where the key is absent. Above 0: only where the key has this modifyRevision. Left out: in any case. */
	readonly cas?: number;
}

export interface PutOptions extends WriteOptions {
	/** Unsigned 64 bits that the store only keeps; 0 by default. */
	readonly flags?: bigint;
}

export interface ReadOptions extends CallOptions {
	/** Reads from the node's own state, which may lag behind, without asking other nodes. */
	readonly stale?: boolean;
}

export interface WatchOptions extends CallOptions {
	/**
	 * The changes above this revision are told, such as that of a write or of the last changes that came. Left out: those
	 * that come after the present state of the node that the watch begins at. A read that is called later finds no older
	 * state, so it and the watch miss nothing together. A write that is called later may be in that state already, where the
	 * connection breaks before the node tells where the watch begins, and then it is not told.
	 */
	readonly from?: number;
}

const TIMEOUT_MS = 10_000;

export class SwarmClient {
	readonly #core: ClientCore;
	readonly #owner: LockOwner;
	readonly #sessions = new Set<OpenSession>();
	#isClosed = false;

	/** @throws TypeError or RangeError for a wrong option, which the error names */
	constructor(options: SwarmClientOptions) {
		const { nodes, connect, token = null, traceparent = null, timeoutMs = TIMEOUT_MS } = options;
		if (!Array.isArray(nodes)) throw new TypeError('nodes: a list of addresses');
		if (nodes.length === 0) throw new RangeError('nodes: one at least');
		for (const [index, address] of nodes.entries()) {
			const fault = addressFault(address);
			if (fault !== null) throw new RangeError(`nodes[${index}]: ${nameOf(address)} ${fault}`);
		}
		if (typeof connect !== 'function') throw new TypeError('connect: a function such as (url) => new WebSocket(url)');
		if (token !== null && typeof token !== 'string') throw new TypeError('token: a text');
		if (traceparent !== null && typeof traceparent !== 'function') throw new TypeError('traceparent: a function');
		if (typeof timeoutMs !== 'number') throw new TypeError('timeoutMs: a number of milliseconds');
		if (!(timeoutMs > 0 && timeoutMs < Number.POSITIVE_INFINITY))
			throw new RangeError('timeoutMs: above 0, and finite');
		const traces = traceparent && soundTraceparent(traceparent);
		this.#core = new ClientCore({
			nodes: [...nodes],
			connect,
			token,
			traceparent: traces,
			timeoutMs,
			runtime: platform,
		});
		this.#owner = lockOwner(this.#core, platform);
	}

	/** The id of the node that calls go to now, such as `n1`; '' while there is none. */
	get node(): string {
		return this.#core.node;
	}

	/**
	 * Writes `value`, a text as UTF-8: `await client.put('color', 'red', { cas: 0 })`. The bytes are copied before this
	 * returns. A key has 4,096 bytes of UTF-8 at most, and a value 524,288.
	 *
	 * @returns a promise that fails with BadKeyError, BadValueError, BadOptionsError or RefusedError (the write did not
	 * happen), UnknownOutcomeError (it may have happened), or the signal's reason (it may have, if it was sent by then)
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

	/**
	 * Removes a key: `await client.delete('color', { cas: entry.modifyRevision })`. The result is `ok` also where the key was
	 * absent. Fails as `put` does.
	 */
	delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
		return new Promise((resolve, reject) => {
			const wrong = wrongKey(key) ?? wrongWriteOptions(options);
			if (wrong) return reject(wrong);
			this.#core.delete(key, options.cas ?? null, options.signal, { resolve, reject });
		});
	}

	/**
	 * Reads a key, linearizably unless `stale` is set: `const entry = await client.get('color')`. The entry is null where
	 * the key is absent. Its value is a view of a received frame: copy it to keep it for long. Fails as `put` does, but
	 * never with UnknownOutcomeError.
	 */
	get(key: string, options: ReadOptions = {}): Promise<ReadEntry | null> {
		return new Promise((resolve, reject) => {
			const wrong = wrongKey(key) ?? wrongReadOptions(options);
			if (wrong) return reject(wrong);
			this.#core.get(key, options.stale ? 'stale' : 'linearizable', options.signal, { resolve, reject });
		});
	}

	/**
	 * The entries whose keys begin with `prefix`, in the order of the keys' UTF-8 bytes:
	 * `for await (const { key, value } of client.list('app/'))`. They come in pages of up to 1,000. Each page is read when
	 * the loop has come to it, as `get` reads a key, so all of them together need not be of one moment.
	 *
	 * @returns an iterator that fails as `get` does
	 */
	async *list(prefix: string, options: ReadOptions = {}): AsyncGenerator<ListedEntry, void, undefined> {
		const wrong = wrongPrefix(prefix) ?? wrongReadOptions(options);
		if (wrong) throw wrong;
		const mode = options.stale ? 'stale' : 'linearizable';
		for (let after = ''; ; ) {
			const { entries, isLast } = await new Promise<Page>((resolve, reject) => {
				this.#core.list(prefix, after, mode, options.signal, { resolve, reject });
			});
			yield* entries;
			if (isLast) return;
			after = entries.at(-1)?.key ?? after;
		}
	}

	/**
	 * Removes all keys that begin with `prefix` together, with '' every key: `await client.deletePrefix('app/')`. The result
	 * is `ok` also where there are none. Fails as `put` does.
	 */
	deletePrefix(prefix: string, options: CallOptions = {}): Promise<WriteResult> {
		return new Promise((resolve, reject) => {
			const wrong = wrongPrefix(prefix) ?? wrongCallOptions(options);
			if (wrong) return reject(wrong);
			this.#core.submit({ kind: 'deletePrefix', prefix }, options.signal, { resolve, reject });
		});
	}

	/**
	 * Carries out up to 64 operations together, or none of them: all where every one holds. Each sees what those before it
	 * have done, and nobody sees a state in between. It goes through the log, so what it reads is linearizable.
	 *
	 *     const { ok } = await client.txn([
	 *       { kind: 'check', key: 'job', cas: lock.fence.modifyRevision },
	 *       { kind: 'put', key: 'report', value: 'done' },
	 *     ]);
	 *
	 * @returns a promise of what each operation answers, or of the places of those that do not hold. It fails as `put` does,
	 * or with ReadingsLostError: it has happened, and what it read is not known
	 */
	txn<const Of extends readonly TxnOperation[]>(operations: Of, options: CallOptions = {}): Promise<TxnResult<Of>> {
		return new Promise((resolve, reject) => {
			const all = operationsOf(operations);
			const wrong = all instanceof Error ? all : wrongCallOptions(options);
			if (wrong || all instanceof Error) return reject(wrong);
			this.#core.transact(all, options.signal, { resolve: (answer) => resolve(resultOf(all, answer)), reject });
		});
	}

	/**
	 * Every change of the keys that begin with `prefix`, once and in order, also while the client goes from node to node:
	 * `for await (const { revision, changes } of client.watch('app/'))`. The changes of a transaction come together. Values
	 * are views of received frames. A node tells what it has applied, and so may be some time behind a write.
	 *
	 * The watch begins with this call and ends when the loop is left. A loop that is slow takes what a node still has:
	 * about 1 MiB waits for it here.
	 *
	 * @returns an iterator that fails with CompactedError where changes are not kept any more, BadKeyError,
	 * BadOptionsError, RefusedError (`closed`, or `overloaded` above 64 watches), or the signal's reason
	 */
	watch(prefix: string, options: WatchOptions = {}): AsyncIterableIterator<WatchedChanges, undefined> {
		const wrong = wrongPrefix(prefix) ?? wrongWatchOptions(options);
		return new WatchIterator(wrong ? AbortSignal.abort(wrong) : options.signal, (watcher) =>
			this.#core.watch(prefix, options.from ?? null, watcher),
		);
	}

	/**
	 * Creates a session, which is renewed by itself until it is lost, destroyed, or this client is closed:
	 * `await using session = await client.session({ ttlMs: 30_000, name: 'importer' })`.
	 *
	 * @returns a promise that fails with BadOptionsError, RefusedError (`overloaded` too where the swarm has too many
	 * sessions), UnknownOutcomeError, or the signal's reason; in the last two cases the session may be there, and then ends
	 * after its time-out
	 */
	async session(options: SessionOptions = {}): Promise<SwarmSession> {
		const wrong = wrongSessionOptions(options);
		if (wrong) throw wrong;
		return this.#create(options);
	}

	/**
	 * Waits until a session holds the key: `await using lock = await client.lock('job')`. No other session holds it then,
	 * until the lock is released or lost; see `SwarmLock.lost` and `SwarmLock.fence`. While it waits it watches the key. It
	 * has no time limit beside the signal's, such as `AbortSignal.timeout(5_000)`. There is no order among those that wait.
	 *
	 * A lock is advisory: other writes of the key go through, and a deletion of the key ends it.
	 *
	 * @returns a promise that fails with BadKeyError, BadValueError or BadOptionsError; LockHeldError where it is not to
	 * wait; SessionLostError where the session is over, such as when no node was reached within its time-out; RefusedError
	 * (`denied`); the signal's reason; or, before the lock's own session is there, as `session` does
	 */
	async lock(key: string, options: LockOptions = {}): Promise<SwarmLock> {
		const wrong = wrongKey(key) ?? wrongLockOptions(options);
		if (wrong) throw wrong;
		const { session: given, value: text = '', flags = 0n, wait: waits = true, signal } = options;
		const bytes = bytesOf(text);
		if (bytes instanceof Error) throw bytes;
		const value = bytes.slice();
		if (given !== undefined && !(given instanceof OpenSession && given.isOf(this.#owner))) {
			throw new BadOptionsError('session is a session of this client');
		}
		given?.lost.throwIfAborted();
		const ownsSession = given === undefined;
		const session = given ?? (await this.#create({ signal }));
		return KeyLock.acquire(this.#owner, { key, value, flags, session, ownsSession, waits, signal });
	}

	/**
	 * Closes the connection, at the end of a program: `client.close()`. Unanswered writes that were sent fail with
	 * UnknownOutcomeError, all other calls and watches with RefusedError. Sessions are lost as `closed`, and the swarm
	 * ends them after their time-outs.
	 */
	close(): void {
		this.#isClosed = true;
		for (const session of this.#sessions) session.end('closed');
		this.#core.close();
	}

	async #create(options: SessionOptions): Promise<OpenSession> {
		const session = await OpenSession.create(this.#owner, attributesOf(options), options.signal);
		const { lost } = session;
		if (!lost.aborted) this.#sessions.add(session);
		lost.addEventListener('abort', () => this.#sessions.delete(session));
		// The caller of another call that was answered in the same frame may have closed the client.
		if (this.#isClosed) session.end('closed');
		return session;
	}
}
