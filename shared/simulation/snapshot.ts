/**
 * Copies of an agent's state, for those that go back to it: a copy that shares nothing that changes, and canonical
 * bytes, by which equal states are known. It knows plain data, and nothing of what a state means: a room of the
 * protocol that remembers one thing more needs no line here.
 */
import { Writer } from '../bytes/bytes.ts';

/** What comes in front of each value. */
const TAG = { undefined: 0, null: 1, false: 2, true: 3, whole: 4, negative: 5, text: 6, bytes: 7, list: 8, record: 9 };

/**
 * A copy of plain data. What two places share, they share in the copy too. Byte arrays never change, and are not
 * copied.
 */
export function copyOf<T>(data: T): T {
	return copied(data, new Map()) as T;
}

function copied(data: unknown, done: Map<object, unknown>): unknown {
	if (data === null || typeof data !== 'object' || data instanceof Uint8Array) return data;
	const before = done.get(data);
	if (before !== undefined) return before;
	if (Array.isArray(data)) {
		const copy: unknown[] = [];
		done.set(data, copy);
		for (const item of data) copy.push(copied(item, done));
		return copy;
	}
	if (data instanceof Map) {
		const copy = new Map<unknown, unknown>();
		done.set(data, copy);
		for (const [key, item] of data) copy.set(key, copied(item, done));
		return copy;
	}
	if (data instanceof Set) return new Set(data);
	mustBePlain(data);
	const copy: Record<string, unknown> = {};
	done.set(data, copy);
	for (const [name, item] of Object.entries(data)) copy[name] = copied(item, done);
	return copy;
}

/**
 * The same bytes for equal data. Maps and sets whose keys are names are equal in whatever order they were filled; those
 * whose keys are numbers are queues, and their order counts.
 */
export function canonical(data: unknown): Uint8Array {
	const to = new Writer();
	write(to, data);
	return to.take();
}

function write(to: Writer, data: unknown): void {
	if (data === undefined) return to.u8(TAG.undefined);
	if (data === null) return to.u8(TAG.null);
	if (typeof data === 'boolean') return to.u8(data ? TAG.true : TAG.false);
	if (typeof data === 'number') {
		to.u8(data < 0 ? TAG.negative : TAG.whole);
		return to.int(Math.abs(data));
	}
	if (typeof data === 'string') {
		to.u8(TAG.text);
		return to.id(data);
	}
	if (data instanceof Uint8Array) {
		to.u8(TAG.bytes);
		return to.bytes(data);
	}
	if (Array.isArray(data)) return writeList(to, data);
	if (data instanceof Map) return writeList(to, inOrder([...data], ([key]) => key).flat());
	if (data instanceof Set)
		return writeList(
			to,
			inOrder([...data], (key) => key),
		);
	mustBePlain(data);
	to.u8(TAG.record);
	to.list(
		inOrder(Object.entries(data as object), ([name]) => name),
		([name, item]) => {
			to.id(name);
			write(to, item);
		},
	);
}

function writeList(to: Writer, items: readonly unknown[]): void {
	to.u8(TAG.list);
	to.list(items, (item) => write(to, item));
}

function inOrder<T>(items: T[], keyOf: (item: T) => unknown): T[] {
	return items.sort((a, b) => {
		const [keyA, keyB] = [keyOf(a), keyOf(b)];
		return typeof keyA !== 'string' || typeof keyB !== 'string' ? 0 : keyA < keyB ? -1 : 1;
	});
}

/** An object of a class may have fields that nothing here sees. */
function mustBePlain(data: unknown): void {
	if (Object.getPrototypeOf(data) !== Object.prototype) throw new TypeError('a state is plain data');
}
