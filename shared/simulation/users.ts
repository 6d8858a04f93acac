/**
 * Clients of a simulated swarm that keep a connection: the production client, without its promises, over simulated
 * sockets. Its process may stand still for a while, or end and begin anew.
 */
import type { Settle } from '../client/abort.ts';
import { ClientCore, type WriteResult } from '../client/core.ts';
import { ReadingsLostError, RefusedError, UnknownOutcomeError } from '../client/errors.ts';
import type { CallLimits } from '../client/limits.ts';
import type { ReadEntry } from '../client/protocol.ts';
import type { ClientRuntime } from '../client/runtime.ts';
import type { TransactionAnswer } from '../client/transaction.ts';
import type { Put } from '../store/command.ts';
import { type Call, type Calls, keyOf, operationOf } from './calls.ts';
import { KeyList } from './key-list.ts';
import { KeyWatch } from './key-watch.ts';
import { Violation } from './ledger.ts';
import { isTransaction, type PlannedOperation, twinOf } from './operations.ts';
import { Random } from './random.ts';
import { AGAIN_US, OWN_KEY, transactionOf } from './requests.ts';
import { type Instant, US_PER_MS } from './schedule.ts';
import { SimulatedSignal } from './signal.ts';
import type { SocketUser } from './sockets.ts';
import type { World } from './world.ts';

const TIMEOUT_MIN_MS = 150;
export const TIMEOUT_MAX_MS = 4_000;
/** Calls within this time are one turn of a client that gathers. */
const TURN_MAX_US = 400;
/** The shares of operations before which the client's process stands still, or ends and begins anew. */
const STANDS_STILL = 0.004;
const BEGINS_ANEW = 0.004;
const STILL_MAX_MS = 2_500;
/** A user remembers the last so many calls that it has given up. */
const GIVEN_UP_MAX = 8;
/** The share of calls that are given a signal, which is aborted within this time, perhaps after the call has ended. */
const ABORTS = 0.03;
const ABORT_MAX_MS = 1_000;
/** The reason of each signal. */
const ABORTED = new Error('aborted');
/** The share of clients that watch keys. */
const WATCHES = 0.4;

export class User implements SocketUser {
	readonly name: string;
	readonly timeoutMs: number;
	readonly #world: World;
	readonly #calls: Calls;
	readonly #random: Random;
	readonly #limits: Partial<CallLimits>;
	readonly #gathers: boolean;
	/** The watch that its process keeps, from client to client; null for none. */
	readonly #watch: KeyWatch | null;
	readonly #list: KeyList;
	#core: ClientCore | undefined;
	#names = 0;
	#node = '';
	/** The process stands still until this time. */
	#stillUntil: Instant = 0;
	/** What is to happen when it goes on, in order. */
	readonly #waiting: (() => void)[] = [];
	/** The time for which it has stood still in all. */
	#stillUs = 0;
	/** The last revision that it saw, by key. */
	readonly #seen = new Map<number, number>();
	/** Values of calls of the present client that were given up, and may have been carried out. */
	#givenUp: readonly number[] = [];

	constructor(world: World, calls: Calls, index: number, seed: number, limits: Partial<CallLimits>) {
		this.#world = world;
		this.#calls = calls;
		this.name = `client ${index}`;
		this.#random = new Random(seed, 0x75736572, index);
		this.#limits = limits;
		this.#gathers = this.#random.chance(0.5);
		this.#watch = this.#drawWatch(new Random(seed, 0x77617463, index));
		this.#list = new KeyList(this.name, world, new Random(seed, 0x6c697374, index));
		this.timeoutMs = this.#random.magnitude(TIMEOUT_MIN_MS, TIMEOUT_MAX_MS);
	}

	/** The number of calls that wait inside the client; 0 where there is no client. */
	get callsCount(): number {
		return this.#core?.callsCount ?? 0;
	}

	/** Whether its watch still has to be told something. */
	get isWatchBehind(): boolean {
		return this.#watch?.isBehind ?? false;
	}

	run(act: () => void): void {
		if (this.#stillUntil <= this.#world.now && this.#waiting.length === 0) return act();
		if (this.#waiting.push(act) === 1) this.#goOnLater();
	}

	ask(planned: PlannedOperation): void {
		if (!this.#world.isHealed && this.#random.chance(STANDS_STILL)) this.#standStill();
		this.run(() => {
			if (!this.#world.isHealed && this.#random.chance(BEGINS_ANEW)) this.close();
			this.#ask(planned);
		});
	}

	/** Writes and then reads, and makes each of the two calls again until it is answered. */
	askUntilServed(served: () => void): void {
		const read = (): void =>
			this.#askAgain((core, settle) => core.get(OWN_KEY, 'linearizable', undefined, settle), served);
		this.#askAgain((core, settle) => core.delete(OWN_KEY, null, undefined, settle), read);
	}

	close(): void {
		this.#core?.close();
		if (this.#core?.watchesCount) throw new Violation('NothingIsLeft', `${this.name} is closed with a watch in it`);
		if (this.#core?.callsCount) throw new Violation('NothingIsLeft', `${this.name} is closed with calls in it`);
		this.#core = undefined;
		this.#givenUp = [];
	}

	#ask(planned: PlannedOperation): void {
		const { key } = planned;
		const operation = operationOf(planned, this.#seen.get(key) ?? 0);
		const twin = isTransaction(planned) ? twinOf(planned, this.#calls.keys) : null;
		const call = this.#calls.begin(planned, operation, twin, this.#givenUp);
		const stillUs = this.#stillUs;
		this.#calls.mustEndWithin(call, this.timeoutMs, () => this.#stillUs - stillUs);
		const core = this.#core ?? this.#begin();
		this.#list.mayAsk(core);
		const signal = this.#random.chance(ABORTS) ? this.#signal() : undefined;
		if (this.#world.isWatchedByPeople) this.#world.note('', `${this.name}: ${planned.kind} ${key} ${planned.value}`);
		if (operation === null) {
			const isStale = planned.kind === 'staleGet';
			const seen = this.#watch?.reading(keyOf(key));
			const settle = this.#settle<ReadEntry | null>(call, (entry) => {
				if (isStale) return this.#calls.readStale(call, entry);
				this.#seen.set(key, entry?.modifyRevision ?? 0);
				if (entry !== null) seen?.(entry.modifyRevision);
				this.#calls.readValues(call, [key], [entry]);
			});
			return core.get(`key ${key}`, isStale ? 'stale' : 'linearizable', signal, settle);
		}
		if (twin !== null) return this.#transact(call, core, twin, operation as Put, signal);
		const settle = this.#settle<WriteResult>(call, ({ ok, revision }) => {
			if (ok) this.#seen.set(key, operation.kind === 'put' ? revision : 0);
			this.#calls.written(call, ok, revision);
		});
		if (operation.kind === 'put') {
			const { value, flags, cas } = operation;
			core.put(operation.key, value, flags, cas, signal, settle);
		} else if (operation.kind === 'delete') {
			core.delete(operation.key, operation.cas, signal, settle);
		} else throw new Error(`a client knows no ${operation.kind}`);
	}

	#transact(
		call: Call,
		core: ClientCore,
		twin: PlannedOperation,
		write: Put,
		signal: SimulatedSignal | undefined,
	): void {
		const settle = this.#settle<TransactionAnswer>(call, ({ held, revision, entries }) => {
			const ok = !held.includes(false);
			if (ok) this.#seen.set(call.planned.key, revision);
			this.#calls.written(call, ok, revision);
			const [found] = entries;
			if (ok && (found?.modifyRevision ?? 0) !== write.cas) {
				const detail = `${this.name} has read ${write.key} at ${found?.modifyRevision}, not at ${write.cas}`;
				throw new Violation('TransactionsAreWhole', detail);
			}
		});
		core.transact(transactionOf(twin, write), signal, {
			resolve: settle.resolve,
			reject: (error) => {
				if (!(error instanceof ReadingsLostError)) return settle.reject(error);
				this.#world.counters.readingsLost++;
				this.#calls.written(call, true, error.revision);
			},
		});
	}

	#askAgain(ask: (core: ClientCore, settle: Settle<unknown>) => void, answered: () => void): void {
		this.run(() => {
			const reject = (): void => void this.#after(AGAIN_US, () => this.#askAgain(ask, answered));
			ask(this.#core ?? this.#begin(), { resolve: answered, reject });
		});
	}

	#settle<T>(call: Call, resolve: (result: T) => void): Settle<T> {
		const { counters } = this.#world;
		return {
			resolve: (result) => {
				this.#noteNode();
				resolve(result);
			},
			reject: (error) => {
				if (this.#world.isWatchedByPeople) this.#world.note('', `${this.name}: ${String(error)}`);
				if (error === ABORTED) {
					counters.callsAborted++;
					return this.#calls.unknown(call);
				}
				if (error instanceof UnknownOutcomeError && call.operation !== null) return this.#givesUp(call);
				if (!(error instanceof RefusedError)) throw error;
				if (error.why === 'overloaded' || error.why === 'diskFull' || error.why === 'diskBehind')
					counters.callsRefusedForRoom++;
				if (this.#world.now >= call.calledAt + this.timeoutMs * US_PER_MS) counters.clientTimeouts++;
				this.#calls.refused(call);
			},
		};
	}

	#signal(): SimulatedSignal {
		const signal = new SimulatedSignal();
		const afterUs = Math.ceil(this.#random.magnitude(0.1, ABORT_MAX_MS) * US_PER_MS);
		this.#after(afterUs, () => signal.abort(ABORTED));
		return signal;
	}

	#givesUp(call: Call): void {
		this.#calls.unknown(call);
		const { operation, planned, twin } = call;
		const values = [...(operation?.kind === 'put' ? [planned.value] : []), ...(twin ? [twin.value] : [])];
		this.#givenUp = [...this.#givenUp, ...values].slice(-GIVEN_UP_MAX);
	}

	#begin(): ClientCore {
		this.#world.counters.clientsBegun++;
		this.#core = new ClientCore({
			nodes: this.#random.shuffle(this.#world.nodes).map(({ id }) => `http://${id}`),
			connect: (url) => this.#world.sockets.connect(url, this),
			timeoutMs: this.timeoutMs,
			runtime: this.#runtime(),
			limits: this.#limits,
		});
		this.#watch?.begin(this.#core);
		return this.#core;
	}

	#drawWatch(random: Random): KeyWatch | null {
		if (!random.chance(WATCHES)) return null;
		return new KeyWatch({
			name: this.name,
			world: this.#world,
			random,
			prefix: random.pick(['', 'key', 'key 1', 'key 2']),
			beginsNow: random.chance(0.5),
			after: (us, act) => void this.#after(us, act),
		});
	}

	#runtime(): ClientRuntime {
		let names = 0;
		return {
			nowMs: () => this.#world.now / US_PER_MS,
			random: () => this.#random.fraction(),
			newId: () => {
				if (++names > 1) this.#world.counters.clientsEvicted++;
				return `${this.name}.${++this.#names}`;
			},
			after: (ms, act) => this.#after(Math.ceil(ms * US_PER_MS), act),
			afterTurn: (act) => void this.#after(this.#gathers ? this.#random.integer(0, TURN_MAX_US) : 0, act),
		};
	}

	#after(us: number, act: () => void): () => void {
		let isCancelled = false;
		this.#world.at(this.#world.now + us, () => {
			if (isCancelled) return;
			this.run(() => {
				if (!isCancelled) act();
			});
		});
		return () => {
			isCancelled = true;
		};
	}

	#goOnLater(): void {
		this.#world.at(Math.max(this.#stillUntil, this.#world.now), () => this.#goOn());
	}

	/** What came meanwhile happens in its order, and what comes while it does happens behind it. */
	#goOn(): void {
		for (let act = this.#waiting[0]; act && this.#stillUntil <= this.#world.now; act = this.#waiting[0]) {
			act();
			this.#waiting.shift();
		}
		if (this.#waiting.length > 0) this.#goOnLater();
	}

	#standStill(): void {
		const us = Math.ceil(this.#random.between(1, STILL_MAX_MS) * US_PER_MS);
		this.#world.counters.clientsStoodStill++;
		this.#stillUntil = Math.max(this.#stillUntil, this.#world.now) + us;
		this.#stillUs += us;
	}

	#noteNode(): void {
		const node = this.#core?.node ?? '';
		if (node === this.#node || node === '') return;
		if (this.#node !== '') this.#world.counters.clientsChangedNodes++;
		this.#node = node;
	}
}
