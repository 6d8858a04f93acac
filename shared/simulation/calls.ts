/**
 * Every call of every client, from when it is made until it is settled, and its answer. Only an answer counts: a call
 * without one is unknown, also in the history that the linearizability checker reads.
 *
 * It checks that a call is settled once and within its time limit, that a refused one is never applied, and that a
 * successful one is applied as the answer says.
 */
import { Reader, Writer } from '../bytes/bytes.ts';
import type { Operation } from '../store/command.ts';
import type { AppliedCommands } from './applied.ts';
import { Violation } from './ledger.ts';
import type { HistoryEntry } from './linearizability.ts';
import { type PlannedOperation, SAME_VALUES_FROM } from './operations.ts';
import { type Instant, US_PER_MS } from './schedule.ts';
import type { World } from './world.ts';

/** The result of a read of one key. */
export interface Found {
	readonly value: Uint8Array;
	readonly flags: bigint;
	readonly modifyRevision: number;
}

export interface Call {
	readonly planned: PlannedOperation;
	/** The write; null for a read. */
	readonly operation: Operation | null;
	/** The write that a transaction makes beside it, without a condition; null where it is no transaction. */
	readonly twin: PlannedOperation | null;
	/** Values of earlier calls of the same client, which were given up before this one was made. */
	readonly givenUp: readonly number[];
	readonly calledTick: number;
	/** The time at which it was made. */
	readonly calledAt: Instant;
	isSettled: boolean;
}

/** A timer may be late by its rounding. */
const LATE_MAX_US = 2;

export class Calls {
	readonly history: HistoryEntry[] = [];
	/** The number of calls with an answer. */
	answered = 0;
	/** The number of keys. */
	readonly keys: number;
	readonly #world: World;
	readonly #applied: AppliedCommands;
	/** The number of calls and returns so far, which orders them. */
	#tick = 0;
	readonly #open = new Set<Call>();

	constructor(world: World, keys: number) {
		this.keys = keys;
		this.#world = world;
		this.#applied = world.invariants.commands;
	}

	/**
	 * The history with what the nodes say of writes without an answer: the revisions of those that were applied, and no other
	 * ones. An order of these is an order of all, and soon found.
	 */
	historyAsApplied(): HistoryEntry[] {
		return this.history.flatMap((entry) => {
			const isWrite = entry.kind === 'put' || entry.kind === 'cas';
			if (entry.returned !== Number.POSITIVE_INFINITY || !isWrite || entry.value >= SAME_VALUES_FROM) return [entry];
			const applied = this.#applied.of(entry.value);
			return applied?.ok ? [{ ...entry, revision: applied.revision }] : [];
		});
	}

	get openCount(): number {
		return this.#open.size;
	}

	get open(): Iterable<Call> {
		return this.#open;
	}

	begin(
		planned: PlannedOperation,
		operation: Operation | null,
		twin: PlannedOperation | null = null,
		givenUp: readonly number[] = [],
	): Call {
		if (this.#open.size > 0) this.#world.counters.operationsOverlapping++;
		const calledTick = ++this.#tick;
		const call = { planned, operation, twin, givenUp, calledTick, calledAt: this.#world.now, isSettled: false };
		this.#open.add(call);
		return call;
	}

	/** The call has to be settled within this time. @param allowance what is added to the time when it is over */
	mustEndWithin(call: Call, limitMs: number, allowanceUs: () => number): void {
		const dueAt = call.calledAt + Math.ceil(limitMs * US_PER_MS) + LATE_MAX_US;
		const look = (): void => {
			if (call.isSettled) return;
			const laterAt = dueAt + allowanceUs();
			if (laterAt > this.#world.now) return this.#world.at(laterAt, look);
			throw new Violation('LimitsHold', `${describe(call)} has no answer after ${limitMs} ms`);
		};
		this.#world.at(dueAt, look);
	}

	// The ends of a call

	written(call: Call, ok: boolean, revision: number): void {
		this.#settle(call);
		this.answered++;
		const { counters } = this.#world;
		counters.writes++;
		const { planned, operation } = call;
		if (operation === null) throw new Violation('AnswersFit', `${describe(call)} is answered as a write`);
		this.#applied.neverAbove(call.givenUp, revision);
		const key = keyOf(planned.key);
		const called = call.calledTick;
		const returned = ++this.#tick;
		switch (operation.kind) {
			case 'put': {
				this.#mustBeApplied(call, ok, revision);
				const { cas } = operation;
				if (cas === null) {
					if (!ok) throw new Violation('AnswersFit', `${describe(call)} is not ok`);
					const { value } = planned;
					this.history.push({ kind: 'put', key, called, returned, value, revision, isRepeated: isRepeated(planned) });
					return;
				}
				if (ok) counters.casHeld++;
				else counters.casFailed++;
				const { value } = planned;
				if (call.twin) this.#twinWritten(call.twin, ok, called, returned);
				this.history.push({ kind: 'cas', key, called, returned, expected: cas, value, ok, revision });
				return;
			}
			case 'delete':
				if (operation.cas !== null) counters.conditionalDeletes++;
				this.history.push({ kind: 'delete', key, called, returned, expected: operation.cas, ok, revision });
				return;
			case 'deletePrefix':
				counters.prefixesDeleted++;
				for (let each = 0; each < this.keys; each++) {
					const span = { key: keyOf(each), called, returned };
					this.history.push({ kind: 'delete', ...span, expected: null, ok: true, revision });
				}
				return;
			default:
				throw new Error(`no client is asked for ${operation.kind} alone`);
		}
	}

	/** @param found the entries in the order of `keys`; null for an absent key */
	readValues(call: Call, keys: readonly number[], found: readonly (Found | null)[]): void {
		this.#settle(call);
		this.answered++;
		this.#world.counters.reads++;
		const returned = ++this.#tick;
		for (const [at, key] of keys.entries()) {
			const { value, revision } = this.#valueOf(found[at] ?? null, key);
			this.history.push({ kind: 'get', key: keyOf(key), called: call.calledTick, returned, value, revision });
		}
	}

	/** Checks a stale read, which shows the state of some moment: each value in it was written. */
	readStale(call: Call, found: Found | null): void {
		this.#settle(call);
		this.answered++;
		this.#world.counters.staleReads++;
		this.#valueOf(found, call.planned.key);
	}

	/** The call was refused: it surely did not and will not happen. */
	refused(call: Call): void {
		this.#settle(call);
		const { planned, operation } = call;
		if (operation === null) return;
		this.#world.counters.writesRefused++;
		if (operation.kind === 'put') this.#applied.refused(planned.value);
		if (call.twin) this.#applied.refused(call.twin.value);
	}

	/** The outcome of the call is unknown: it may have happened or may yet happen. */
	unknown(call: Call): void {
		this.#settle(call);
		const { planned, operation, calledTick } = call;
		if (operation === null) return;
		this.#world.counters.unknownOutcomes++;
		const span = { key: keyOf(planned.key), called: calledTick, returned: Number.POSITIVE_INFINITY };
		const { value } = planned;
		if (call.twin) {
			const { key, value } = call.twin;
			this.history.push({ ...span, key: keyOf(key), kind: 'put', value, revision: 0 });
		}
		if (operation.kind === 'put' && operation.cas === null) {
			this.history.push({ ...span, kind: 'put', value, revision: 0, isRepeated: isRepeated(planned) });
		} else if (operation.kind === 'put') {
			this.history.push({ ...span, kind: 'cas', expected: operation.cas as number, value, ok: true, revision: 0 });
		} else if (operation.kind === 'delete') {
			this.history.push({ ...span, kind: 'delete', expected: operation.cas, ok: true, revision: 0 });
		} else {
			for (let key = 0; key < this.keys; key++) {
				this.history.push({ ...span, key: keyOf(key), kind: 'delete', expected: null, ok: true, revision: 0 });
			}
		}
	}

	/** Gives up all calls without an answer. */
	finish(): void {
		for (const call of this.#open) this.unknown(call);
	}

	#twinWritten({ key, value }: PlannedOperation, ok: boolean, called: number, returned: number): void {
		const { counters } = this.#world;
		if (!ok) {
			counters.transactionsFailed++;
			return;
		}
		counters.transactionsHeld++;
		const revision = this.#applied.of(value)?.revision ?? 0;
		this.history.push({ kind: 'put', key: keyOf(key), called, returned, value, revision });
	}

	#settle(call: Call): void {
		if (call.isSettled) throw new Violation('SettledOnce', `${describe(call)} is settled twice`);
		call.isSettled = true;
		this.#open.delete(call);
	}

	#mustBeApplied(call: Call, ok: boolean, revision: number): void {
		const { value } = call.planned;
		if (value >= SAME_VALUES_FROM) return;
		const applied = this.#applied.of(value);
		if (applied?.revision !== revision || applied.ok !== ok) {
			const truth = applied ? `${applied.revision} ${applied.ok}` : 'nothing';
			throw new Violation('AcknowledgedIsApplied', `${describe(call)} is answered ${revision} ${ok}, was ${truth}`);
		}
		this.#world.invariants.acknowledged(applied.slot);
	}

	#valueOf(found: Found | null, key: number): { readonly value: number; readonly revision: number } {
		if (found === null) return { value: 0, revision: 0 };
		const value = new Reader(found.value).int();
		const revision = found.modifyRevision;
		if (found.flags !== flagsOf(value)) throw new Violation('ValuesAreWhole', `${value} has flags ${found.flags}`);
		if (value >= SAME_VALUES_FROM) {
			this.#world.counters.sameValuesRead++;
			if (value !== SAME_VALUES_FROM + key) throw new Violation('ValuesAreWhole', `${value} under key ${key}`);
		} else if (this.#applied.of(value)?.revision !== revision) {
			throw new Violation('ReadsWhatWasWritten', `${value} at revision ${revision}`);
		}
		return { value, revision };
	}
}

export function keyOf(key: number): string {
	return `key ${key}`;
}

/** Flags for every third value, up to the largest. */
function flagsOf(value: number): bigint {
	return value % 3 === 0 ? 2n ** 64n - BigInt(value) : 0n;
}

/**
 * @param seen the last revision of the key that the client saw
 * @returns null for a read
 */
export function operationOf(planned: PlannedOperation, seen: number): Operation | null {
	const key = keyOf(planned.key);
	switch (planned.kind) {
		case 'get':
		case 'staleGet':
		case 'list':
			return null;
		case 'delete':
			return { kind: 'delete', key, cas: planned.conditional ? seen : null };
		case 'deletePrefix':
			return { kind: 'deletePrefix', prefix: 'key ' };
		case 'put':
		case 'cas': {
			const value = new Writer(planned.valueBytes);
			value.int(planned.value);
			if (planned.value < SAME_VALUES_FROM) value.raw(new Uint8Array(Math.max(0, planned.valueBytes - value.length)));
			const cas = planned.kind === 'cas' ? seen : null;
			return { kind: 'put', key, value: value.take(), flags: flagsOf(planned.value), cas };
		}
	}
}

function isRepeated({ value }: PlannedOperation): boolean {
	return value >= SAME_VALUES_FROM;
}

function describe({ planned }: Call): string {
	return `${planned.kind} of ${planned.value} to ${keyOf(planned.key)} by client ${planned.client}`;
}
