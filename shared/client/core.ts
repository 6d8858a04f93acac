/**
 * The client without promises: it is told its calls, and settles each once. `SwarmClient` wraps it for people; a
 * simulator drives it as it is, because promises settle in a time that is not virtual.
 *
 * What it must never do: touch a clock, a timer or a random number other than those of its `ClientRuntime`.
 */
import { RefusedError } from './errors.ts';
import type { ReadEntry, ReadMode } from './protocol.ts';
import { Reads } from './reads.ts';
import { Route } from './route.ts';
import type { ClientRuntime } from './runtime.ts';
import type { Connect } from './socket.ts';
import { Writes } from './writes.ts';

export interface CoreOptions {
	/** `http://host:port` of one member at least. */
	readonly nodes: readonly string[];
	readonly connect: Connect;
	/** How long a call may take, connecting included. Milliseconds. */
	readonly timeoutMs: number;
	readonly runtime: ClientRuntime;
}

/** One of the two is called, once. */
export interface Settle<T> {
	resolve(result: T): void;
	reject(reason: unknown): void;
}

export interface WriteResult {
	/** False where the condition did not hold: nothing was changed. */
	readonly ok: boolean;
	/** The command's place among all commands that were applied. */
	readonly revision: number;
}

/** Calls are looked at so often for whether their time is over. */
const SWEEP_EVERY_MS = 100;

export class ClientCore {
	readonly #timeoutMs: number;
	readonly #runtime: ClientRuntime;
	readonly #writes: Writes;
	readonly #reads: Reads;
	readonly #route: Route;
	#clientId: string;
	#turnEnds = false;
	#cancelSweep: (() => void) | undefined;
	#closed = false;

	constructor({ nodes, connect, timeoutMs, runtime }: CoreOptions) {
		this.#timeoutMs = timeoutMs;
		this.#runtime = runtime;
		this.#clientId = runtime.newId();
		this.#writes = new Writes({
			runtime,
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
			runtime,
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

	/** @param value is copied before this returns */
	put(
		key: string,
		value: Uint8Array,
		flags: bigint,
		cas: number | null,
		signal: AbortSignal | undefined,
		settle: Settle<WriteResult>,
	): void {
		if (!this.#isOver(signal, settle)) this.#writes.put(key, value, flags, cas, signal, this.#deadlineMs, settle);
	}

	delete(key: string, cas: number | null, signal: AbortSignal | undefined, settle: Settle<WriteResult>): void {
		if (!this.#isOver(signal, settle)) this.#writes.delete(key, cas, signal, this.#deadlineMs, settle);
	}

	get(key: string, mode: ReadMode, signal: AbortSignal | undefined, settle: Settle<ReadEntry | null>): void {
		if (!this.#isOver(signal, settle)) this.#reads.get(key, mode, signal, this.#deadlineMs, settle);
	}

	/** Fails what is unanswered: refused where it was not sent, else unknown. */
	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.#cancelSweep?.();
		this.#route.close();
		this.#writes.close();
		this.#reads.close();
	}

	get #deadlineMs(): number {
		return this.#runtime.nowMs() + this.#timeoutMs;
	}

	/** A call that is over before it begins is settled here. */
	#isOver(signal: AbortSignal | undefined, settle: Settle<never>): boolean {
		if (this.#closed) settle.reject(new RefusedError('closed', 'the client is closed'));
		else if (signal?.aborted) settle.reject(signal.reason);
		else return false;
		return true;
	}

	#send(frame: Uint8Array): boolean {
		const { current } = this.#route;
		current?.send(frame);
		return current !== undefined;
	}

	/** The state machine has dropped the client: what was not sent under it goes under a new one. */
	#renew(dropped: string): void {
		if (dropped !== this.#clientId) return;
		this.#clientId = this.#runtime.newId();
		this.#route.current?.hello(this.#clientId);
	}

	#soon(): void {
		if (this.#turnEnds) return;
		this.#turnEnds = true;
		this.#runtime.afterTurn(() => {
			this.#turnEnds = false;
			if (this.#closed) return;
			this.#writes.endTurn();
			this.#reads.endTurn();
			this.#cancelSweep ??= this.#runtime.after(SWEEP_EVERY_MS, () => this.#sweep());
		});
	}

	#sweep(): void {
		this.#cancelSweep = undefined;
		const nowMs = this.#runtime.nowMs();
		const left = this.#writes.sweep(nowMs) + this.#reads.sweep(nowMs);
		if (left > 0) this.#cancelSweep = this.#runtime.after(SWEEP_EVERY_MS, () => this.#sweep());
	}
}
