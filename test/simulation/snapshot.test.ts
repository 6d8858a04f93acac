/** Copies of plain data, and the bytes by which equal data are known. */
import { describe, expect, it } from 'vitest';
import { canonical, copyOf } from '../../shared/simulation/snapshot.ts';

describe('a copy', () => {
	it('is equal, and does not change with the first', () => {
		const data = { list: [1, undefined, null], map: new Map([['n1', { votes: 1 }]]), set: new Set([2]), low: -1 };
		const copy = copyOf(data);
		expect(copy).toEqual(data);
		const before = canonical(copy);
		data.list.push(3);
		data.set.add(3);
		(data.map.get('n1') as { votes: number }).votes = 3;
		expect(canonical(copy)).toEqual(before);
		expect(canonical(data)).not.toEqual(before);
	});

	it('shares inside what the first shares', () => {
		const one = { left: false };
		const { all, waiting } = copyOf({ all: new Map([[1, one]]), waiting: new Map([[1, one]]) });
		expect(all.get(1)).toBe(waiting.get(1));
		expect(all.get(1)).not.toBe(one);
	});

	it('is not made of what may hide something', () => {
		class Hiding {
			#hidden = 1;
			get hidden() {
				return this.#hidden;
			}
		}
		expect(() => copyOf({ of: new Hiding() })).toThrow(TypeError);
		expect(() => canonical([new Hiding()])).toThrow(TypeError);
		expect(() => canonical(() => 1)).toThrow(TypeError);
	});
});

describe('canonical bytes', () => {
	it('are the same in whatever order names were added', () => {
		const ab = new Map([
			['a', 1],
			['b', 2],
		]);
		const ba = new Map([...ab].reverse());
		expect(canonical(ab)).toEqual(canonical(ba));
		expect(canonical({ ns: 1, ms: 2 })).toEqual(canonical({ ms: 2, ns: 1 }));
	});

	it('differ for queues in another order, and for whatever else differs', () => {
		const queue = (...ids: number[]) => new Map(ids.map((id) => [id, {}]));
		const all = [queue(1, 2), queue(2, 1), [], {}, null, undefined, 0, 1, -1, true, false, '', 'a', new Uint8Array(0)];
		expect(new Set(all.map((data) => canonical(data).join())).size).toBe(all.length);
	});
});
