/**
 * The checker is right about known good and bad histories, and agrees with brute force over all orders of small ones.
 */
import { describe, expect, it } from 'vitest';
import {
	ABSENT,
	checkHistory,
	type HistoryEntry,
	type Register,
	takeEffect,
} from '../../shared/simulation/linearizability.ts';
import { Random } from '../../shared/simulation/random.ts';

const NEVER = Number.POSITIVE_INFINITY;

function put(called: number, returned: number, value: number, revision: number): HistoryEntry {
	return { key: 'k', kind: 'put', called, returned, value, revision };
}

function get(called: number, returned: number, value: number, revision: number): HistoryEntry {
	return { key: 'k', kind: 'get', called, returned, value, revision };
}

function cas(
	called: number,
	returned: number,
	expected: number,
	value: number,
	ok: boolean,
	revision: number,
): HistoryEntry {
	return { key: 'k', kind: 'cas', called, returned, expected, value, ok, revision };
}

function remove(called: number, returned: number, revision: number): HistoryEntry {
	return { key: 'k', kind: 'delete', called, returned, revision };
}

/** A delete under a condition. */
function removeIf(called: number, returned: number, expected: number, ok: boolean, revision: number): HistoryEntry {
	return { key: 'k', kind: 'delete', called, returned, expected, ok, revision };
}

/** A put of a value that others put too. */
function again(called: number, returned: number, value: number, revision: number): HistoryEntry {
	return { key: 'k', kind: 'put', called, returned, value, revision, isRepeated: true };
}

describe('a history is linearizable when', () => {
	it.each<[string, HistoryEntry[]]>([
		['nothing happened', []],
		['a read sees the write before it', [put(1, 2, 7, 1), get(3, 4, 7, 1)]],
		['a read that overlaps a write sees the old value', [put(1, 5, 7, 1), get(2, 3, 0, 0)]],
		['a read that overlaps a write sees the new value', [put(1, 5, 7, 1), get(2, 3, 7, 1)]],
		['a write of unknown outcome is seen later', [put(1, NEVER, 7, 0), get(2, 3, 0, 0), get(4, 5, 7, 1)]],
		['a write of unknown outcome is never seen', [put(1, NEVER, 7, 0), get(2, 3, 0, 0), get(4, 5, 0, 0)]],
		[
			'an unseen write explains why a condition failed',
			[put(1, 2, 7, 1), put(3, NEVER, 8, 0), cas(4, 5, 1, 9, false, 3)],
		],
		[
			'a delete of unknown outcome explains that a key is gone',
			[put(1, 2, 7, 1), remove(3, NEVER, 0), get(4, 5, 0, 0)],
		],
		['a condition holds on the revision it names', [put(1, 2, 7, 1), cas(3, 4, 1, 8, true, 2), get(5, 6, 8, 2)]],
		['a delete removes the revision that it names', [put(1, 2, 7, 1), removeIf(3, 4, 1, true, 2), get(5, 6, 0, 0)]],
		['a delete of another revision removes nothing', [put(1, 2, 7, 2), removeIf(3, 4, 1, false, 3), get(5, 6, 7, 2)]],
		['a delete under a condition finds no key', [removeIf(1, 2, 5, true, 1), get(3, 4, 0, 0)]],
		['a write of what is there changes no revision', [again(1, 2, 9, 1), again(3, 4, 9, 2), get(5, 6, 9, 1)]],
		[
			'one of two equal writes is of unknown outcome, and a condition holds on its revision',
			[put(1, 2, 7, 1), again(3, NEVER, 9, 0), removeIf(4, 5, 2, true, 3), again(6, 7, 9, 4), get(8, 9, 9, 4)],
		],
	])('%s', (_, history) => {
		expect(checkHistory(history).kind).toBe('linearizable');
	});
});

describe('a history is not linearizable when', () => {
	it.each<[string, HistoryEntry[]]>([
		['a delete of another revision says that it held', [put(1, 2, 7, 2), removeIf(3, 4, 1, true, 3)]],
		['a delete that held leaves the key', [put(1, 2, 7, 1), removeIf(3, 4, 1, true, 2), get(5, 6, 7, 1)]],
		['a delete finds no key and says that it did not hold', [removeIf(1, 2, 5, false, 1)]],
		['a write of what is there changes the revision', [again(1, 2, 9, 1), again(3, 4, 9, 2), get(5, 6, 9, 2)]],
		['a read misses the write before it', [put(1, 2, 7, 1), get(3, 4, 0, 0)]],
		['a read sees what nobody wrote', [get(1, 2, 7, 1)]],
		['a later read sees an older value', [put(1, 2, 7, 1), put(3, 8, 8, 2), get(4, 5, 8, 2), get(6, 7, 7, 1)]],
		['two conditions on one revision hold', [put(1, 2, 7, 1), cas(3, 6, 1, 8, true, 2), cas(4, 5, 1, 9, true, 3)]],
		['a condition fails on the revision that is there', [put(1, 2, 7, 1), cas(3, 4, 1, 8, false, 2)]],
		['revisions go back', [put(1, 2, 7, 5), put(3, 4, 8, 4)]],
		['a write of unknown outcome is seen before it was called', [get(1, 2, 7, 1), put(3, NEVER, 7, 0)]],
		['a write is lost that was seen', [put(1, NEVER, 7, 0), get(2, 3, 7, 1), get(4, 5, 0, 0)]],
	])('%s', (_, history) => {
		expect(checkHistory(history).kind).toBe('notLinearizable');
	});

	it('a write without an answer has a revision below that of an earlier one', () => {
		const unanswered = (revision: number) => [put(1, 2, 7, 3), put(3, NEVER, 8, revision)];
		expect(checkHistory(unanswered(0)).kind).toBe('linearizable');
		expect(checkHistory(unanswered(4)).kind).toBe('linearizable');
		expect(checkHistory(unanswered(2)).kind).toBe('notLinearizable');
	});

	it('only one of its keys is not', () => {
		const other = [put(1, 2, 7, 1), get(3, 4, 7, 1)].map((entry) => ({ ...entry, key: 'other' }));
		expect(checkHistory([...other, put(1, 2, 7, 2), get(3, 4, 0, 0)])).toMatchObject({
			kind: 'notLinearizable',
			key: 'k',
		});
	});
});

describe('on small random histories', () => {
	it('the checker says what trying every order says', () => {
		const verdicts = { linearizable: 0, notLinearizable: 0 };
		for (let seed = 1; seed <= 4_000; seed++) {
			const history = drawHistory(new Random(seed));
			const expected = someOrderFits(history) ? 'linearizable' : 'notLinearizable';
			expect({ seed, history, kind: checkHistory(history).kind }).toEqual({ seed, history, kind: expected });
			verdicts[expected]++;
		}
		// Neither kind may be rare, because the comparison would prove little.
		expect(Math.min(verdicts.linearizable, verdicts.notLinearizable)).toBeGreaterThan(500);
	});
});

/** A random history of a correct store, in which often one answer is changed. */
function drawHistory(random: Random): HistoryEntry[] {
	const count = random.integer(2, 6);
	const spans = Array.from({ length: count }, () => {
		const effect = random.fraction() * 10;
		return { called: effect - random.fraction() * 3, effect, returned: effect + random.fraction() * 3 };
	}).sort((a, b) => a.effect - b.effect);
	let state: Register = ABSENT;
	let revision = 0;
	const history = spans.map(({ called, returned }, index): HistoryEntry => {
		const span = { key: 'k', called, returned };
		const value = index + 1;
		switch (random.integer(0, 3)) {
			case 0:
				revision++;
				state = { value, revision, revisionKnown: revision };
				return { ...span, kind: 'put', value, revision };
			case 1: {
				const expected = random.chance(0.6) ? state.revision : random.integer(0, revision);
				const ok = expected === state.revision;
				revision++;
				if (ok) state = { value, revision, revisionKnown: revision };
				return { ...span, kind: 'cas', expected, value, ok, revision };
			}
			case 2:
				revision++;
				state = { ...ABSENT, revisionKnown: revision };
				return { ...span, kind: 'delete', revision };
			default:
				return { ...span, kind: 'get', value: state.value, revision: state.revision };
		}
	});
	const forgotten = history.map((entry): HistoryEntry => {
		if (entry.kind === 'get' || !random.chance(0.25)) return entry;
		if (entry.kind === 'cas' && !entry.ok) return entry;
		return { ...entry, returned: NEVER, revision: 0 };
	});
	if (random.chance(0.4)) return forgotten;
	const changed = random.integer(0, count - 1);
	return forgotten.map((entry, index): HistoryEntry => {
		if (index !== changed) return entry;
		if (entry.kind === 'get') {
			const other = history[random.integer(0, count - 1)];
			return other && 'value' in other && other.kind !== 'get'
				? { ...entry, value: other.value, revision: other.revision }
				: { ...entry, value: 0, revision: 0 };
		}
		return { ...entry, called: entry.called + 4, returned: entry.returned + 4 };
	});
}

/** Whether some order fits the history, by brute force over all orders that keep calls behind earlier returns. */
function someOrderFits(history: readonly HistoryEntry[]): boolean {
	const revisions = new Map(history.flatMap((entry) => (entry.kind === 'get' ? [[entry.value, entry.revision]] : [])));
	const known = history.map(
		(entry): HistoryEntry =>
			entry.kind !== 'get' && entry.kind !== 'delete' && entry.revision === 0
				? { ...entry, revision: revisions.get(entry.value) ?? 0 }
				: entry,
	);
	const fits = (state: Register, left: readonly HistoryEntry[]): boolean => {
		if (left.every(({ returned }) => returned === NEVER)) return true;
		return left.some((entry) => {
			if (left.some((other) => other.returned < entry.called)) return false;
			const next = takeEffect(state, entry);
			return (
				next !== undefined &&
				fits(
					next,
					left.filter((other) => other !== entry),
				)
			);
		});
	};
	return fits(ABSENT, known);
}
