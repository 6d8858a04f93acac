/**
 * Is there one order of all operations, in which each takes effect between its call and its return, that a
 * single map would have answered in the same way? Linearizability is local, so each key is searched alone.
 *
 * An operation whose outcome is unknown may have taken effect at any time after its call, or never. A search
 * that grows beyond its bound is reported as such, and counts as a failure: it proves nothing.
 *
 * @source Wing and Gong 1993, Testing and verifying concurrent objects; Lowe 2017, which adds the memory of
 * configurations seen before
 */

/** The fields of every operation. Call and return are places in one total order of all events. */
interface Span {
	readonly key: string;
	readonly called: number;
	/** The place of the return; Infinity where the outcome is unknown, and the operation may have taken effect or not. */
	readonly returned: number;
}

/** No two writes have the same value, except those with `isRepeated`. `revision` is that of the answer; 0 for none. */
export type HistoryEntry =
	/** `isRepeated`: other writes have the same value, so a read of it does not tell which one it saw. */
	| (Span & {
			readonly kind: 'put';
			readonly value: number;
			readonly revision: number;
			readonly isRepeated?: boolean;
	  })
	| (Span & {
			readonly kind: 'delete';
			/** The revision that the key had to have, unless it was absent; null: whatever it has. */
			readonly expected?: number | null;
			readonly ok?: boolean;
			readonly revision: number;
	  })
	| (Span & {
			readonly kind: 'cas';
			/** The revision that the key had to have; 0: it had to be absent. */
			readonly expected: number;
			readonly value: number;
			readonly ok: boolean;
			readonly revision: number;
	  })
	/** `value` and `revision` are 0 where the key was absent. */
	| (Span & { readonly kind: 'get'; readonly value: number; readonly revision: number });

export type Verdict =
	| { readonly kind: 'linearizable' }
	| { readonly kind: 'notLinearizable'; readonly key: string; readonly operations: readonly HistoryEntry[] }
	/** The search was given up after `CONFIGURATIONS_MAX` configurations. */
	| { readonly kind: 'gaveUp'; readonly key: string };

const CONFIGURATIONS_MAX = 200_000;

/**
 * One key's state. `revision` -1: it was written by an operation whose revision nobody saw; -2: by one whose revision may
 * have been seen, and is not known to be its own.
 */
export interface Register {
	readonly value: number;
	readonly revision: number;
	/** Revisions only grow: the highest that is known of what has taken effect. */
	readonly revisionKnown: number;
}

export const ABSENT: Register = { value: 0, revision: 0, revisionKnown: 0 };

export function checkHistory(history: readonly HistoryEntry[]): Verdict {
	const byKey = new Map<string, HistoryEntry[]>();
	for (const entry of history) {
		const entries = byKey.get(entry.key);
		if (entries) entries.push(entry);
		else byKey.set(entry.key, [entry]);
	}
	for (const [key, entries] of byKey) {
		const found = new Search(stepsOf(entries)).run();
		if (found === undefined) return { kind: 'gaveUp', key };
		if (!found) return { kind: 'notLinearizable', key, operations: entries };
	}
	return { kind: 'linearizable' };
}

/** The state after `operation`; undefined where a map in this state would have answered otherwise. */
export function takeEffect(state: Register, operation: HistoryEntry): Register | undefined {
	switch (operation.kind) {
		case 'get':
			return state.value === operation.value && sameRevision(state, operation.revision) ? state : undefined;
		case 'put':
			return written(state, operation, operation.value, operation.isRepeated);
		case 'delete': {
			const { expected = null, ok = true } = operation;
			const holds = expected === null || state.value === 0 || hasRevision(state, expected, ok);
			if (holds !== ok) return undefined;
			return written(state, operation, holds ? 0 : undefined);
		}
		case 'cas': {
			const holds = hasRevision(state, operation.expected, operation.ok);
			if (holds !== operation.ok) return undefined;
			return written(state, operation, holds ? operation.value : undefined);
		}
	}
}

/** @param value the new value; 0 where the key is removed, undefined where it stays as it is */
function written(
	state: Register,
	{ revision }: { readonly revision: number },
	value: number | undefined,
	isRepeated = false,
): Register | undefined {
	if (revision !== 0 && revision <= state.revisionKnown) return undefined;
	const revisionKnown = Math.max(state.revisionKnown, revision);
	// A write of the same value changes nothing.
	if (value === undefined || value === state.value) return { ...state, revisionKnown };
	if (value === 0) return { value: 0, revision: 0, revisionKnown };
	return { value, revision: revision !== 0 ? revision : isRepeated ? -2 : -1, revisionKnown };
}

function sameRevision(state: Register, seen: number): boolean {
	return state.revision < 0 || seen === 0 || state.revision === seen;
}

/** Where that is not known, it is as the answer says. */
function hasRevision(state: Register, expected: number, ok: boolean): boolean {
	return state.revision === -2 ? ok : state.revision === expected;
}

/** One operation of one key, as the search needs it. */
interface Step {
	readonly operation: HistoryEntry;
	/** Whether it has surely taken effect, because it was answered, its revision is known or its value was read. */
	readonly certain: boolean;
	/**
	 * Operations that were not seen and have the same effect have the same number, since any of them will do; 0 for
	 * others.
	 */
	readonly unseenEffect: number;
}

/**
 * The operations in the order of their calls. A read of a value that was written once tells the revision of its write.
 */
function stepsOf(entries: readonly HistoryEntry[]): Step[] {
	const repeated = new Set<number>();
	for (const entry of entries) if (entry.kind === 'put' && entry.isRepeated) repeated.add(entry.value);
	const seen = new Map<number, number>();
	for (const entry of entries) {
		if (entry.kind === 'get' && entry.value !== 0 && !repeated.has(entry.value)) seen.set(entry.value, entry.revision);
	}
	return [...entries]
		.sort((a, b) => a.called - b.called)
		.map((entry) => {
			const isAnswered = entry.returned !== Number.POSITIVE_INFINITY;
			if (isAnswered || entry.revision !== 0) return { operation: entry, certain: true, unseenEffect: 0 };
			const revision = entry.kind === 'put' || entry.kind === 'cas' ? seen.get(entry.value) : undefined;
			if (revision !== undefined) return { operation: { ...entry, revision }, certain: true, unseenEffect: 0 };
			return { operation: entry, certain: false, unseenEffect: unseenEffectOf(entry) };
		});
}

function unseenEffectOf(entry: HistoryEntry): number {
	switch (entry.kind) {
		case 'cas':
			return 4 * (entry.expected + 1);
		case 'delete':
			return 4 * ((entry.expected ?? -1) + 2) + 1;
		case 'put':
			return entry.isRepeated ? -entry.value : -1;
		case 'get':
			return 0;
	}
}

class Search {
	readonly #steps: readonly Step[];
	readonly #done: Uint8Array;
	/** The number of certain operations that have not taken effect yet. */
	#left: number;
	/** Revisions grow, so those that are known take effect in this order. */
	readonly #byRevision: readonly number[];
	#nextByRevision = 0;
	readonly #seen = new Set<string>();

	constructor(steps: readonly Step[]) {
		this.#steps = steps;
		this.#done = new Uint8Array(steps.length);
		this.#left = steps.filter(({ certain }) => certain).length;
		this.#byRevision = [...steps.keys()]
			.filter((index) => this.#revisionOf(index) !== 0)
			.sort((a, b) => this.#revisionOf(a) - this.#revisionOf(b));
	}

	/** Undefined where the search was given up. */
	run(): boolean | undefined {
		return this.#from(ABSENT, 0);
	}

	/** @param first every operation before this one has taken effect */
	#from(state: Register, first: number): boolean | undefined {
		if (this.#left === 0) return true;
		if (this.#seen.size >= CONFIGURATIONS_MAX) return undefined;
		const configuration = this.#configuration(state, first);
		if (this.#seen.has(configuration)) return false;
		this.#seen.add(configuration);

		const candidates = this.#candidates(first);
		// A read that fits changes nothing, so it may take effect now.
		for (const index of candidates) {
			if (this.#operation(index).kind !== 'get') continue;
			const next = takeEffect(state, this.#operation(index));
			if (next) return this.#after(index, next, first);
		}
		const tried = new Set<number>();
		for (const certain of [true, false]) {
			for (const index of candidates) {
				const step = this.#steps[index] as Step;
				if (step.certain !== certain || step.operation.kind === 'get') continue;
				if (this.#revisionOf(index) !== 0 && this.#byRevision[this.#nextByRevision] !== index) continue;
				if (step.unseenEffect !== 0 && tried.has(step.unseenEffect)) continue;
				const next = takeEffect(state, step.operation);
				if (!next) continue;
				tried.add(step.unseenEffect);
				const found = this.#after(index, next, first);
				if (found !== false) return found;
			}
		}
		return false;
	}

	#after(index: number, next: Register, first: number): boolean | undefined {
		const { certain } = this.#steps[index] as Step;
		const revised = this.#byRevision[this.#nextByRevision] === index ? 1 : 0;
		this.#done[index] = 1;
		this.#nextByRevision += revised;
		if (certain) this.#left--;
		let firstNext = first;
		while (this.#done[firstNext] === 1) firstNext++;
		const found = this.#from(next, firstNext);
		if (found === false) {
			this.#done[index] = 0;
			this.#nextByRevision -= revised;
			if (certain) this.#left++;
		}
		return found;
	}

	/** The operations that were called before any of the others returned. */
	#candidates(first: number): number[] {
		const candidates: number[] = [];
		let returned = Number.POSITIVE_INFINITY;
		for (let index = first; index < this.#steps.length; index++) {
			const operation = this.#operation(index);
			if (operation.called > returned) break;
			if (this.#done[index] === 1) continue;
			candidates.push(index);
			if (operation.returned < returned) returned = operation.returned;
		}
		return candidates.filter((index) => this.#operation(index).called < returned);
	}

	/** The operations that have taken effect, and the state, as a text, because a set of arrays compares by identity. */
	#configuration(state: Register, first: number): string {
		let lastDone = this.#done.length - 1;
		while (lastDone > first && this.#done[lastDone] !== 1) lastDone--;
		let text = `${state.value},${state.revision},${first},${lastDone}:`;
		let bits = 0;
		let count = 0;
		for (let index = first; index <= lastDone; index++) {
			bits = (bits << 1) | (this.#done[index] as number);
			if (++count < 30 && index < lastDone) continue;
			text += `${bits.toString(36)},`;
			bits = 0;
			count = 0;
		}
		return text;
	}

	#operation(index: number): HistoryEntry {
		return (this.#steps[index] as Step).operation;
	}

	/** The revision at which it took effect; 0 for reads, and where it is not known. */
	#revisionOf(index: number): number {
		const operation = this.#operation(index);
		return operation.kind === 'get' ? 0 : operation.revision;
	}
}
