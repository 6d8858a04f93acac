/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Sessions of a client. A session is renewed by itself, and its owner is told when it is lost: when the store says so,
 * or when its time-out has passed since the last renewal that was answered was asked for. The store counts from a later
 * moment, so a client that goes by this clock never believes in a session that the store has ended for its time-out.
 *
 * To ask for `lost` is to look at that clock. The clock of a process stands still while its machine sleeps, so an owner that
 * must be sure uses fencing: see `SwarmLock.fence`.
 *
 * @source Burrows, The Chubby lock service for loosely-coupled distributed systems (OSDI 2006), 2.8
 */
import type { Operation } from '../store/command.ts';
import { SESSIONS_MAX, type SessionAttributes } from '../store/sessions.ts';
import { wrongCallOptions } from './arguments.ts';
import type { WriteResult } from './core.ts';
import { BadOptionsError, BadValueError, RefusedError, SessionLostError } from './errors.ts';
import type { SessionRuntime } from './runtime.ts';
import { Turns } from './turns.ts';

export interface SessionCallOptions {
	/** When it is aborted, the call fails with its reason. It may have its effect all the same. */
	readonly signal?: AbortSignal;
}

/** A session, which is renewed by itself until it is lost, destroyed, or its client is closed. */
export interface SwarmSession {
	/** A UUID, by which `/v1/session/info/ID` and `paxos-swarm session info ID` find it. */
	readonly id: string;
	/** Its time-out, milliseconds. It is renewed each third of this. */
	readonly ttlMs: number;
	/**
	 * Is aborted once, with a SessionLostError as its reason, when the session is over:
	 * `session.lost.addEventListener('abort', () => stop(session.lost.reason.why))`.
	 */
	readonly lost: AbortSignal;
	/**
	 * Renews it now: `await session.renew()` before a long step in which the process will not come to it.
	 *
	 * @returns a promise that fails with BadOptionsError; SessionLostError where it is over; RefusedError or UnknownOutcomeError where no
	 * answer came in time, and then it is renewed by itself as before; or the signal's reason
	 */
	renew(options?: SessionCallOptions): Promise<void>;
	/**
	 * Ends it: `await session.destroy()`. Keys that it holds are let go, or deleted where its behavior is `delete`, and nobody
	 * acquires them for its lock delay. `lost` is aborted at once. Nothing happens where it was over before.
	 *
	 * @returns a promise that fails with BadOptionsError, and then nothing has happened; or with RefusedError,
	 * UnknownOutcomeError or the signal's reason, and then the session ends after its time-out
	 */
	destroy(options?: SessionCallOptions): Promise<void>;
	/** The same as `destroy`: `await using session = await client.session()`. */
	[Symbol.asyncDispose](): Promise<void>;
}

/** The part of a client that its sessions use. */
export interface SessionOwner {
	readonly runtime: SessionRuntime;
	submit(operation: Operation, signal?: AbortSignal): Promise<WriteResult>;
}

/** A session is renewed so often within its time-out. */
const RENEWALS_PER_TTL = 3;
/** A renewal that failed is made again after this part of the time-out. */
const AGAIN_PER_TTL = 30;

export class OpenSession implements SwarmSession {
	readonly id: string;
	readonly ttlMs: number;
	/** Two locks of the same key by this session exclude each other here, because the store sees one holder. */
	readonly turns = new Turns();
	readonly #owner: SessionOwner;
	readonly #over = new AbortController();
	#validUntilMs = 0;
	#cancelExpiry: () => void = () => undefined;
	#cancelRenewal: () => void = () => undefined;

	/** Creates a session. @throws as `SwarmClient.session` */
	static async create(owner: SessionOwner, attributes: SessionAttributes, signal?: AbortSignal): Promise<OpenSession> {
		signal?.throwIfAborted();
		const session = owner.runtime.newSessionId();
		const askedMs = owner.runtime.nowMs();
		try {
			const { ok } = await owner.submit({ kind: 'createSession', session, attributes }, signal);
			if (!ok) throw new RefusedError('overloaded', `there are ${SESSIONS_MAX} sessions already`);
		} catch (error) {
			if (error instanceof BadValueError) throw tooShort(attributes);
			// It may be there all the same, and then it need not be there until its time-out.
			if (!(error instanceof RefusedError)) owner.submit(endOf(session)).catch(() => undefined);
			throw error;
		}
		return new OpenSession(owner, session, attributes.ttlMs, askedMs);
	}

	private constructor(owner: SessionOwner, id: string, ttlMs: number, askedMs: number) {
		this.#owner = owner;
		this.id = id;
		this.ttlMs = ttlMs;
		this.#renewed(askedMs);
	}

	get lost(): AbortSignal {
		this.look();
		return this.#over.signal;
	}

	/** Ends it where its time-out has passed. A process that has stood still may come to this before it comes to its timers. */
	look(): void {
		if (this.#owner.runtime.nowMs() >= this.#validUntilMs) this.end('expired');
	}

	isOf(owner: SessionOwner): boolean {
		return this.#owner === owner;
	}

	async renew(options: SessionCallOptions = {}): Promise<void> {
		const wrong = wrongCallOptions(options);
		if (wrong) throw wrong;
		this.lost.throwIfAborted();
		const askedMs = this.#owner.runtime.nowMs();
		const { ok } = await this.#owner.submit({ kind: 'renewSession', session: this.id }, options.signal);
		if (ok) this.#renewed(askedMs);
		else this.end('ended');
		this.lost.throwIfAborted();
	}

	async destroy(options: SessionCallOptions = {}): Promise<void> {
		const wrong = wrongCallOptions(options);
		if (wrong) throw wrong;
		if (this.#over.signal.aborted) return;
		this.end('destroyed');
		await this.#owner.submit(endOf(this.id), options.signal);
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.destroy();
	}

	/** It is over for its owner. Nothing happens where it was before. */
	end(why: SessionLostError['why']): void {
		this.#cancelExpiry();
		this.#cancelRenewal();
		this.#over.abort(new SessionLostError(why));
	}

	/** It was renewed at some time after `askedMs`. */
	#renewed(askedMs: number): void {
		const validUntilMs = askedMs + this.ttlMs;
		if (this.#over.signal.aborted || validUntilMs <= this.#validUntilMs) return;
		this.#validUntilMs = validUntilMs;
		this.#cancelExpiry();
		this.#cancelExpiry = this.#at(validUntilMs, () => this.end('expired'));
		this.#renewAt(askedMs + this.ttlMs / RENEWALS_PER_TTL);
	}

	#renewAt(ms: number): void {
		this.#cancelRenewal();
		this.#cancelRenewal = this.#at(ms, () => {
			this.renew({ signal: this.lost }).catch(() => {
				if (!this.lost.aborted) this.#renewAt(this.#owner.runtime.nowMs() + this.ttlMs / AGAIN_PER_TTL);
			});
		});
	}

	#at(ms: number, act: () => void): () => void {
		const { runtime } = this.#owner;
		return runtime.after(Math.max(0, ms - runtime.nowMs()), act);
	}
}

function endOf(session: string): Operation {
	return { kind: 'endSession', session, renewed: null };
}

function tooShort({ ttlMs }: SessionAttributes): BadOptionsError {
	return new BadOptionsError(`the swarm takes no session with a time-out of ${ttlMs} ms`);
}
