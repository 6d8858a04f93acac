/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Locks of a client: a key that a session holds. A call that waits for a key watches it, and asks for it when it is let
 * go. While the key waits out a lock delay nothing tells when that is over, so the call asks about once a second then.
 *
 * An acquisition without an answer is asked for again. That is safe. The session may hold the key already, and then gets
 * it again. The client has given the first command up, so that it is never applied once the second one was.
 *
 * What it must never do: leave a key held that nobody was told of; tell that a key is held when its session may be over.
 */
import { abortable, type Settle, unlessAborted } from './abort.ts';
import { bytesOf, wrongCallOptions } from './arguments.ts';
import type { WriteResult } from './core.ts';
import { CompactedError, LockHeldError, LockLostError, RefusedError, UnknownOutcomeError } from './errors.ts';
import type { ReadEntry } from './protocol.ts';
import type { OpenSession, SessionOwner, SwarmSession } from './session.ts';
import type { WatchedChanges, Watcher, WatchHandle } from './watches.ts';

export interface LockOptions {
	/**
	 * The session that is to hold the key, of this client. By default the lock has one of its own, with the defaults of
	 * `SessionOptions`, which ends with it.
	 */
	readonly session?: SwarmSession;
	/** What is written under the key, such as who holds it; empty by default. It replaces what is there. */
	readonly value?: Uint8Array | string;
	/**
	 * Unsigned 64 bits that the store keeps with the value, also when the key is let go; 0 by default. Clients of Consul in
	 * Go take a key for a lock only where they are `0x2ddccbc058a50c18n`.
	 */
	readonly flags?: bigint;
	/** Whether it waits until the key is free; true by default. If not, it fails with LockHeldError where it is not. */
	readonly wait?: boolean;
	/** When it is aborted, the call fails with its reason, and the key is let go if it was acquired meanwhile. */
	readonly signal?: AbortSignal;
}

export interface ReleaseOptions {
	/** What is written under the key; by default what was written when it was acquired. */
	readonly value?: Uint8Array | string;
	/** When it is aborted, the call fails with its reason. The key may be let go all the same. */
	readonly signal?: AbortSignal;
}

/** Numbers that grow from holder to holder, and are the same for as long as one holds the key. */
export interface Fence {
	/** How often the key was acquired so far, `LockIndex` over HTTP. It begins at 1 again where the key was deleted. */
	readonly lockIndex: number;
	/** The revision of the acquisition, `ModifyIndex` over HTTP. It never goes back. */
	readonly modifyRevision: number;
}

/** A key that is held. */
export interface SwarmLock {
	readonly key: string;
	/**
	 * Tells the holders apart, for what the lock protects: it refuses a request with a lower number than the highest that
	 * it has seen, such as `write(file, lock.fence.modifyRevision)`.
	 */
	readonly fence: Fence;
	/**
	 * Is aborted once, with a LockLostError as its reason, when the key is not held any more though `release` was not called:
	 * `await fetch(url, { signal: lock.lost })`. A lock in a session that it was given is also lost like this behind a call of
	 * `release` that has failed.
	 */
	readonly lost: AbortSignal;
	/**
	 * Lets the key go, and ends the lock's own session: `await lock.release({ value: 'done' })`. The next holder need not
	 * wait for the lock delay. To call it again is fine.
	 *
	 * @returns a promise of whether the key was held until then. It fails with BadValueError or BadOptionsError; or with
	 * RefusedError, UnknownOutcomeError or the signal's reason, and then the key may be held until the session ends
	 */
	release(options?: ReleaseOptions): Promise<boolean>;
	/** The same as `release`: `await using lock = await client.lock('job')`. */
	[Symbol.asyncDispose](): Promise<void>;
}

/** The part of a client that its locks use. */
export interface LockOwner extends SessionOwner {
	get(key: string): Promise<ReadEntry | null>;
	watch(key: string, after: number, watcher: Watcher): WatchHandle;
}

export interface Wanted {
	readonly key: string;
	readonly value: Uint8Array;
	readonly flags: bigint;
	readonly session: OpenSession;
	/** Whether the session is the lock's own, and ends with it. */
	readonly ownsSession: boolean;
	readonly waits: boolean;
	readonly signal: AbortSignal | undefined;
}

/** A pause is drawn between half of this and all of it, milliseconds. */
const PAUSE_MS = 1000;
const NOTHING = (): void => undefined;

export class KeyLock implements SwarmLock, Watcher {
	readonly key: string;
	fence: Fence = { lockIndex: 0, modifyRevision: 0 };
	readonly #owner: LockOwner;
	readonly #wanted: Wanted;
	readonly #lost = new AbortController();
	#state: 'waits' | 'held' | 'letting go' | 'over' = 'waits';
	/** The last command that acquires the key; null where it surely does not hold it. */
	#asked: Promise<unknown> | null = null;
	#releasing: Promise<boolean> | null = null;
	/** Resolves when the last command that lets the key go is over, also where its caller waits no more; null for none. */
	#letsGo: Promise<unknown> | null = null;
	#watch: WatchHandle | null = null;
	/** The session that holds the key as far as is known, '' for none, null where it is gone; and the revision that says so. */
	#holder: string | null = '';
	#seenRevision = 0;
	/** Ends the present wait. */
	#wake = NOTHING;
	#cancelPause = NOTHING;
	#endTurn = NOTHING;
	#session: Settle<void> | null = null;

	/** @throws as `SwarmClient.lock` */
	static async acquire(owner: LockOwner, wanted: Wanted): Promise<KeyLock> {
		const lock = new KeyLock(owner, wanted);
		try {
			await lock.#acquire();
			return lock;
		} catch (error) {
			void lock.#giveUp();
			throw error;
		}
	}

	private constructor(owner: LockOwner, wanted: Wanted) {
		this.key = wanted.key;
		this.#owner = owner;
		this.#wanted = wanted;
	}

	get lost(): AbortSignal {
		// If the session is found to be over now, this lock hears of it at once.
		this.#wanted.session.look();
		return this.#lost.signal;
	}

	release(options: ReleaseOptions = {}): Promise<boolean> {
		const wrong = wrongCallOptions(options);
		if (wrong) return Promise.reject(wrong);
		if (this.#state === 'over') return Promise.resolve(false);
		if (this.#releasing !== null) return unlessAborted(this.#releasing, [options.signal]);
		this.#releasing = this.#release(options).finally(() => {
			this.#releasing = null;
		});
		return this.#releasing;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.release();
	}

	// From the watch

	changed({ changes }: WatchedChanges): void {
		for (const change of changes) {
			const { kind, key, modifyRevision } = change;
			if (kind === 'put' && key === this.key) this.#isHeldBy(change.lock.session, modifyRevision);
			if (kind === 'delete' && key === this.key) this.#isHeldBy(null, modifyRevision);
			if (kind === 'deletePrefix' && this.key.startsWith(key)) this.#isHeldBy(null, modifyRevision);
		}
	}

	ended(error: Error): void {
		this.#watch = null;
		if (this.#wanted.session.lost.aborted) return;
		// A client that has too many watches asks now and then instead.
		if (error instanceof CompactedError) this.#askAgain();
		else this.#pause(() => this.#askAgain());
	}

	// Until it is held

	async #acquire(): Promise<void> {
		const { key, session, value, flags, waits, signal } = this.#wanted;
		this.#endTurn = await session.turns.take(key, [signal, session.lost]);
		for (;;) {
			const { ok, revision } = await this.#persist(() => {
				const asked = this.#owner.submit({ kind: 'acquire', key, value, flags, session: session.id });
				this.#asked = asked;
				return asked;
			});
			if (!ok) {
				this.#asked = null;
				if (!waits) throw new LockHeldError(key);
				await this.#untilFree(revision);
				continue;
			}
			const entry = await this.#persist(() => this.#owner.get(key));
			if (entry?.lock.session !== session.id || this.#isGoneSince(revision)) continue;
			// The session may have ended since the answer came.
			session.lost.throwIfAborted();
			// An earlier command may have acquired it, or a later one may have written the key.
			const modifyRevision = Math.min(revision, entry.modifyRevision);
			this.fence = { lockIndex: entry.lock.index, modifyRevision };
			this.#session = abortable(session.lost, {
				resolve: NOTHING,
				reject: (cause) => this.#lose('session', { cause }),
			});
			this.#state = 'held';
			if (!this.#watch) this.#begin(revision);
			return;
		}
	}

	/** Resolves when the key may be free, which it was not at this revision. */
	async #untilFree(revision: number): Promise<void> {
		if (!this.#watch) {
			this.#holder = '';
			this.#seenRevision = 0;
			this.#begin(revision);
			const entry = await this.#persist(() => this.#owner.get(this.key));
			if (entry) this.#isHeldBy(entry.lock.session, entry.modifyRevision);
		}
		if (!this.#isTaken && this.#seenRevision > revision) return;
		await this.#wait((done) => {
			this.#wake = done;
			// It waits out a lock delay, the session may hold no more keys or be over, or no watch would tell that it is let go.
			if (!this.#isTaken) {
				this.#pause(() => {
					// The next renewal by itself, which tells that the session is over, may be hours away.
					this.#wanted.session.renew().catch(NOTHING);
					done();
				});
			} else if (!this.#watch) this.#pause(done);
			return () => {
				this.#cancelPause();
				this.#wake = NOTHING;
			};
		});
	}

	/** Whether a change after this revision is known by which the session does not hold the key. */
	#isGoneSince(revision: number): boolean {
		return this.#seenRevision > revision && this.#holder !== this.#wanted.session.id;
	}

	get #isTaken(): boolean {
		return this.#holder !== null && this.#holder !== '' && this.#holder !== this.#wanted.session.id;
	}

	/** @param holder the session that holds the key since this revision, '' for none; null where the key is gone */
	#isHeldBy(holder: string | null, revision: number): void {
		if (revision < this.#seenRevision) return;
		this.#seenRevision = revision;
		this.#holder = holder;
		if (this.#state === 'held') this.#loseIfGone();
		if (this.#state !== 'waits') return;
		if (this.#isTaken) this.#cancelPause();
		else this.#wake();
	}

	#begin(after: number): void {
		this.#cancelPause();
		this.#watch = this.#owner.watch(this.key, after, this);
	}

	/** The watch has ended. */
	#askAgain(): void {
		if (this.#state === 'waits') return this.#wake();
		if (this.#state === 'held') void this.#check().catch(NOTHING);
	}

	/** Asks whether the key is held still, and goes on watching it from there. */
	async #check(): Promise<void> {
		const { key, session } = this.#wanted;
		const { ok, revision } = await this.#persist(() =>
			this.#owner.submit({ kind: 'checkSession', key, session: session.id }),
		);
		if (this.#state !== 'held') return;
		if (!ok) this.#lose('released');
		else if (!this.#watch) this.#begin(revision);
	}

	// Its end

	#lose(why: LockLostError['why'], options?: ErrorOptions): void {
		if (this.#state !== 'held') return;
		this.#isOver();
		this.#lost.abort(new LockLostError(this.key, why, options));
		if (this.#wanted.ownsSession) this.#wanted.session.destroy().catch(NOTHING);
	}

	#loseIfGone(): void {
		if (this.#isGoneSince(this.fence.modifyRevision)) this.#lose(this.#holder === null ? 'deleted' : 'released');
	}

	async #release({ value, signal }: ReleaseOptions): Promise<boolean> {
		const { session, ownsSession } = this.#wanted;
		const bytes = value === undefined ? this.#wanted.value : bytesOf(value);
		if (bytes instanceof Error) throw bytes;
		const copy = bytes.slice();
		this.#state = 'letting go';
		try {
			if (this.#letsGo !== null) await unlessAborted(this.#letsGo, [signal]);
			signal?.throwIfAborted();
			// The signal ends the wait, and not the command, which may be carried out still.
			const letGo = this.#submitRelease(copy);
			this.#letsGo = letGo.catch(NOTHING);
			// They leave in one batch, in this order, so that the key need not wait for the lock delay.
			const both = Promise.all([letGo, ownsSession ? session.destroy() : null]);
			const [{ ok }] = await unlessAborted(both, [signal]);
			this.#isOver();
			return ok;
		} catch (error) {
			this.#afterFailedRelease();
			throw error;
		}
	}

	/** The key may have been let go all the same. */
	#afterFailedRelease(): void {
		const { session, ownsSession } = this.#wanted;
		if (ownsSession) {
			this.#isOver();
			session.destroy().catch(NOTHING);
			return;
		}
		this.#state = 'held';
		if (session.lost.aborted) this.#lose('session', { cause: session.lost.reason });
		this.#loseIfGone();
		if (this.#state === 'held' && !this.#watch) this.#askAgain();
	}

	#submitRelease(value: Uint8Array): Promise<WriteResult> {
		const { key, session, flags } = this.#wanted;
		return this.#owner.submit({ kind: 'release', key, value, flags, session: session.id });
	}

	/** It was not acquired, or nobody wants to know any more. */
	async #giveUp(): Promise<void> {
		const { session, value, ownsSession } = this.#wanted;
		const asked = this.#asked;
		this.#watch?.close();
		this.#state = 'over';
		await asked?.catch(NOTHING);
		const calls: Promise<unknown>[] = [];
		if (asked && !session.lost.aborted) {
			// A session that the lock does not own is renewed, and would hold the key for as long as it is there.
			calls.push(this.#persist(() => this.#submitRelease(value)));
		}
		if (ownsSession) calls.push(session.destroy());
		await Promise.allSettled(calls);
		this.#endTurn();
	}

	#isOver(): void {
		this.#state = 'over';
		this.#cancelPause();
		this.#watch?.close();
		this.#session?.resolve();
		// A release that nobody waits for any more would let go what the session acquires next.
		if (this.#letsGo !== null) void this.#letsGo.then(this.#endTurn);
		else this.#endTurn();
	}

	// Calls and pauses

	get #ends(): readonly (AbortSignal | undefined)[] {
		const { session, signal } = this.#wanted;
		return this.#state === 'waits' ? [session.lost, signal] : [session.lost];
	}

	/** Makes the call until it is answered. The end of the session ends it, and while it waits the signal. */
	async #persist<T>(call: () => Promise<T>): Promise<T> {
		for (;;) {
			try {
				return await unlessAborted(call(), this.#ends);
			} catch (error) {
				const isRefused = error instanceof RefusedError && error.why !== 'denied';
				const isPassing = isRefused || error instanceof UnknownOutcomeError;
				if (!isPassing || this.#ends.some((signal) => signal?.aborted)) throw error;
			}
			await this.#wait((done) => this.#pauseThen(done));
		}
	}

	/** Resolves when `done` is called. @param begin returns what is to be done at the end of the wait */
	async #wait(begin: (done: () => void) => () => void): Promise<void> {
		let end = NOTHING;
		const waited = new Promise<void>((resolve) => {
			const ended = begin(resolve);
			end = () => {
				ended();
				resolve();
			};
		});
		try {
			await unlessAborted(waited, this.#ends);
		} finally {
			end();
		}
	}

	/** Begins a pause, which takes the place of an earlier one. */
	#pause(act: () => void): void {
		this.#cancelPause();
		this.#cancelPause = this.#pauseThen(act);
	}

	/** @returns cancels it */
	#pauseThen(act: () => void): () => void {
		const { runtime } = this.#owner;
		return runtime.after((PAUSE_MS * (1 + runtime.random())) / 2, act);
	}
}
