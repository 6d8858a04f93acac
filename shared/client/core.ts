/**
 * The client without promises: it settles each call once, through callbacks. `SwarmClient` wraps it for people. The
 * simulator drives it directly, because promises do not settle in virtual time.
 *
 * What it must never do: touch a clock, a timer or a random number other than those of its `ClientRuntime`.
 */
import type { Operation, PartOfTransaction } from '../store/command.ts';
import type { Settle } from './abort.ts';
import { RefusedError } from './errors.ts';
import { type CallLimits, LIMITS } from './limits.ts';
import type { NodeSection } from './node-frame.ts';
import type { Page, ReadEntry, ReadMode } from './protocol.ts';
import { Reads } from './reads.ts';
import { Route } from './route.ts';
import type { ClientRuntime } from './runtime.ts';
import type { Connect } from './socket.ts';
import type { TransactionAnswer } from './transaction.ts';
import { ClientWatches, type Watcher, type WatchHandle } from './watches.ts';
import { type Traceparent, Writes } from './writes.ts';

export interface CoreOptions {
	/** Addresses `http://host:port` of members, one at least, all without an `addressFault`. */
	readonly nodes: readonly string[];
	readonly connect: Connect;
	/** The time limit of a call, milliseconds. */
	readonly timeoutMs: number;
	readonly runtime: ClientRuntime;
	/** By which the nodes let the client in; none by default. */
	readonly token?: string | null;
	/** As of `SwarmClientOptions`; none by default. */
	readonly traceparent?: Traceparent | null;
	readonly limits?: Partial<CallLimits>;
}

export interface WriteResult {
	/** False where the condition did not hold, and nothing was changed. */
	readonly ok: boolean;
	/** The command's place in the sequence of all applied commands. */
	readonly revision: number;
}

/** While calls wait, the client checks its node and its deadlines at this interval. */
const WATCH_EVERY_MS = 100;
/** The same while it only has watches, which may hear nothing for long. */
const WATCH_IDLE_EVERY_MS = 1000;

export class ClientCore {
	readonly #timeoutMs: number;
	readonly #runtime: ClientRuntime;
	readonly #writes: Writes;
	readonly #reads: Reads;
	readonly #watches: ClientWatches;
	readonly #route: Route;
	#clientId: string;
	#turnEnds = false;
	/** The time of the next check, by the runtime's clock. */
	#watchAtMs = Number.POSITIVE_INFINITY;
	#cancelWatch: (() => void) | undefined;
	#closed = false;

	constructor({ nodes, connect, timeoutMs, runtime, token = null, traceparent = null, limits: some }: CoreOptions) {
		this.#timeoutMs = timeoutMs;
		this.#runtime = runtime;
		this.#clientId = runtime.newId();
		const limits = { ...LIMITS, ...some };
		const owner = {
			runtime,
			limits,
			deadlineMs: () => this.#deadlineMs,
			failure: () => this.#route.failure,
			soon: () => this.#soon(),
		};
		this.#writes = new Writes({
			...owner,
			clientId: () => this.#clientId,
			hasLeader: () => this.#route.hasLeader,
			traceparent,
			renew: (dropped) => this.#renew(dropped),
			send: (frame, clientId) => this.#send(frame, clientId),
		});
		this.#reads = new Reads({ ...owner, send: (frame) => this.#send(frame, this.#clientId) });
		this.#watches = new ClientWatches({
			send: (frame) => this.#send(frame, this.#clientId),
			soon: () => this.#soon(),
		});
		this.#route = new Route({
			nodes,
			connect,
			runtime,
			token,
			traces: traceparent !== null,
			clientId: () => this.#clientId,
			hasCalls: () => this.callsCount > 0,
			hasWatches: () => this.#watches.count > 0,
			up: () => {
				// The node has to begin a watch before it answers what was called behind it.
				this.#watches.sendAgain();
				this.#writes.sendAgain();
				this.#reads.sendAgain();
			},
			leaderKnown: () => this.#writes.leaderKnown(),
			section: (section) => this.#section(section),
		});
	}

	/** The id of the node that calls go to now; '' while there is none. */
	get node(): string {
		return this.#route.node;
	}

	/** The number of calls without an answer. */
	get callsCount(): number {
		return this.#writes.count + this.#reads.count;
	}

	/** @param value the bytes, which are copied before this returns */
	put(
		key: string,
		value: Uint8Array,
		flags: bigint,
		cas: number | null,
		signal: AbortSignal | undefined,
		settle: Settle<WriteResult>,
	): void {
		if (!this.#isOver(signal, settle)) this.#writes.put(key, value, flags, cas, signal, settle);
	}

	delete(key: string, cas: number | null, signal: AbortSignal | undefined, settle: Settle<WriteResult>): void {
		if (!this.#isOver(signal, settle)) this.#writes.delete(key, cas, signal, settle);
	}

	/** Carries out an operation of another kind, such as one on sessions and locks. Its key has to be a good one. */
	submit(operation: Operation, signal: AbortSignal | undefined, settle: Settle<WriteResult>): void {
		if (!this.#isOver(signal, settle)) this.#writes.submit(operation, signal, settle);
	}

	/** Carries out all of the operations, or none. They are up to `TRANSACTION_COMMANDS_MAX`, and their keys good ones. */
	transact(
		operations: readonly PartOfTransaction[],
		signal: AbortSignal | undefined,
		settle: Settle<TransactionAnswer>,
	): void {
		if (!this.#isOver(signal, settle)) this.#writes.transact(operations, signal, settle);
	}

	get(key: string, mode: ReadMode, signal: AbortSignal | undefined, settle: Settle<ReadEntry | null>): void {
		if (!this.#isOver(signal, settle)) this.#reads.get(key, mode, signal, settle);
	}

	/** Reads a page of the entries below a prefix. @param after the page begins behind this key; '' for the first one */
	list(prefix: string, after: string, mode: ReadMode, signal: AbortSignal | undefined, settle: Settle<Page>): void {
		if (!this.#isOver(signal, settle)) this.#reads.list(prefix, after, mode, signal, settle);
	}

	/**
	 * Begins a watch of the keys that begin with `prefix`. It has no time limit.
	 *
	 * @param after the changes above this revision are told; null for those above the present one of the node
	 */
	watch(prefix: string, after: number | null, watcher: Watcher): WatchHandle {
		const handle = this.#watches.open(prefix, after, watcher);
		if (this.#closed) this.#watches.closeAll();
		return handle;
	}

	/** The number of watches. */
	get watchesCount(): number {
		return this.#watches.count;
	}

	/** Closes the connection, and fails all unanswered calls: as unknown writes that were sent, as refused all others. */
	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		this.#cancelWatch?.();
		this.#route.close();
		this.#writes.close();
		this.#reads.close();
		this.#watches.closeAll();
	}

	get #deadlineMs(): number {
		return this.#runtime.nowMs() + this.#timeoutMs;
	}

	/** Settles a call that is over before it begins. @returns whether it was */
	#isOver(signal: AbortSignal | undefined, settle: Settle<never>): boolean {
		if (this.#closed) settle.reject(new RefusedError('closed', 'the client is closed'));
		else if (signal?.aborted) settle.reject(signal.reason);
		else return false;
		return true;
	}

	/** @returns false where there is no link, or its node cannot be told of one more client */
	#send(frame: Uint8Array, clientId: string): boolean {
		const { current } = this.#route;
		if (!current) return false;
		if (!current.greet(clientId)) {
			current.end('the node knows too many clients of this connection');
			return false;
		}
		current.send(frame);
		return true;
	}

	#section(section: NodeSection): void {
		switch (section.kind) {
			case 'results':
				return this.#writes.results(section);
			case 'readings':
				return this.#writes.readings(section);
			case 'values':
				return this.#reads.values(section.first, section.entries);
			case 'page':
				return this.#reads.page(section);
			case 'changes':
				return this.#watches.changes(section);
			case 'watchEnded':
				return this.#watches.ended(section);
			case 'refused':
				return section.what === 'write' ? this.#writes.refused(section) : this.#reads.refused(section);
			case 'welcome':
			case 'leader':
			case 'members':
			case 'pong':
		}
	}

	/** The state machine has dropped the client of this name, so the present one gets a new name if it is that one. */
	#renew(dropped: string): void {
		if (dropped === this.#clientId) this.#clientId = this.#runtime.newId();
	}

	#soon(): void {
		if (this.#turnEnds) return;
		this.#turnEnds = true;
		this.#runtime.afterTurn(() => {
			this.#turnEnds = false;
			if (this.#closed) return;
			this.#watches.endTurn();
			this.#writes.endTurn();
			this.#reads.endTurn();
			this.#route.wake();
			this.#watchBy(this.#deadlineMs);
		});
	}

	/** Checks the node and the deadlines again, at `deadlineMs` at the latest. */
	#watchBy(deadlineMs: number): void {
		const nowMs = this.#runtime.nowMs();
		const everyMs = this.callsCount > 0 ? WATCH_EVERY_MS : WATCH_IDLE_EVERY_MS;
		const atMs = Math.min(nowMs + everyMs, deadlineMs);
		if (atMs >= this.#watchAtMs) return;
		this.#cancelWatch?.();
		this.#watchAtMs = atMs;
		this.#cancelWatch = this.#runtime.after(Math.max(0, atMs - nowMs), () => this.#watch());
	}

	#watch(): void {
		this.#watchAtMs = Number.POSITIVE_INFINITY;
		const nowMs = this.#runtime.nowMs();
		const deadlineMs = Math.min(this.#writes.sweep(nowMs), this.#reads.sweep(nowMs));
		if (this.callsCount === 0 && this.#watches.count === 0) return;
		this.#route.watch();
		this.#watchBy(deadlineMs);
	}
}
