/** Reads that wait for a change, and how those are found that wait for what a command has changed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type OfPrefix, Prefixes } from '../../shared/replica/prefixes.ts';
import { type Subject, Waits } from '../../shared/replica/waits.ts';
import { encodeCommand, type Operation } from '../../shared/store/command.ts';
import { Store } from '../../shared/store/store.ts';

class Item implements OfPrefix {
	/** How often the prefix of any item was looked at. */
	static looks = 0;
	readonly #prefix: string;

	constructor(prefix: string) {
		this.#prefix = prefix;
	}

	get prefix(): string {
		Item.looks++;
		return this.#prefix;
	}
}

/** Few letters, so that keys often begin with each other. Some are above the surrogates and some are surrogates. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\u{1f980}', '\uff5e'), maxLength: 5 });

describe('the table of prefixes', () => {
	it('finds all prefixes of a key, the shortest first, while prefixes come and go', () => {
		const steps = fc.array(fc.record({ add: fc.boolean(), prefix: text, key: text }), { maxLength: 40 });
		fc.assert(
			fc.property(steps, (all) => {
				const table = new Prefixes<Item>();
				const items = new Map<string, Item>();
				for (const { add, prefix, key } of all) {
					const item = items.get(prefix);
					if (add && !item) {
						items.set(prefix, new Item(prefix));
						table.add(items.get(prefix) as Item);
					} else if (!add && item) {
						items.delete(prefix);
						table.delete(item);
					}
					const found = [...table.of(key)].map((one) => one.prefix);
					const prefixes = [...items.keys()];
					const expected = prefixes.filter((one) => key.startsWith(one)).toSorted((a, b) => a.length - b.length);
					expect(found).toEqual(expected);
					const below = [...table.startingWith(key)].map((one) => one.prefix).toSorted();
					expect(below).toEqual(prefixes.filter((one) => one.startsWith(key)).toSorted());
					expect(table.size).toBe(items.size);
				}
			}),
		);
	});

	it('takes no more steps for prefixes that lie deep in one another than for others', () => {
		const DEPTH = 2000;
		const items = Array.from({ length: DEPTH }, (_, depth) => new Item('a'.repeat(depth + 1)));
		Item.looks = 0;
		const table = new Prefixes<Item>();
		for (const item of items.toReversed()) table.add(item);
		expect([...table.of('b'.repeat(DEPTH))]).toEqual([]);
		expect([...table.of(`aab${'a'.repeat(DEPTH)}`)]).toEqual(items.slice(0, 2));
		expect([...table.startingWith('b')]).toEqual([]);
		for (const item of items) table.delete(item);
		expect(table.size).toBe(0);
		expect(Item.looks).toBeLessThanOrEqual(3 * DEPTH);
	});
});

const CLIENT = 'client';

/** A store that tells its changes to reads that wait. Each call of `turn` is one turn of a replica. */
class World {
	readonly store = new Store();
	readonly waits: Waits;
	nowMs = 0;
	random = 0;
	timerMs: number | null = null;
	#sequence = 0;

	constructor() {
		this.waits = new Waits({
			nowMs: () => this.nowMs,
			setTimer: (afterMs) => {
				this.timerMs = this.nowMs + afterMs;
			},
			random: () => this.random,
			changeOf: (subject) => this.changeOf(subject),
			listen: (listens) => {
				this.store.listener = listens ? this.waits : null;
			},
		});
		this.turn({ kind: 'registerClient', client: CLIENT });
	}

	changeOf({ kind, name }: Subject): number {
		return kind === 'prefix' ? this.store.changeOfPrefix(name) : this.store.changeOfKey(name);
	}

	turn(...operations: readonly Operation[]): void {
		for (const operation of operations) {
			const sequence = ++this.#sequence;
			this.store.apply(encodeCommand({ client: CLIENT, sequence, receivedThrough: sequence - 1 }, operation));
		}
		this.waits.endTurn();
	}
}

const put = (key: string, value = 'x', cas: number | null = null): Operation => ({
	kind: 'put',
	key,
	value: Buffer.from(value),
	flags: 0n,
	cas,
});
const ofKey = (name: string): Subject => ({ kind: 'key', name });

describe('a read that waits', () => {
	const operation: fc.Arbitrary<Operation> = fc.oneof(
		fc.record({ key: text, value: fc.constantFrom('x', 'y') }).map(({ key, value }) => put(key, value)),
		text.map((key): Operation => ({ kind: 'delete', key, cas: null })),
		text.map((prefix): Operation => ({ kind: 'deletePrefix', prefix })),
	);
	const wait = fc.record({ kind: fc.constantFrom('key', 'prefix'), name: text }) as fc.Arbitrary<Subject>;

	it('ends in the turn in which what it waits for has changed, and in no other', () => {
		const turns = fc.array(
			fc.record({ waits: fc.array(wait, { maxLength: 4 }), operations: fc.array(operation, { maxLength: 4 }) }),
			{ maxLength: 12 },
		);
		fc.assert(
			fc.property(turns, (all) => {
				const world = new World();
				const waiting = new Map<object, { readonly subject: Subject; readonly index: number }>();
				for (const { waits, operations } of all) {
					for (const subject of waits) {
						const wait = { subject, index: world.changeOf(subject) };
						waiting.set(wait, wait);
						const giveUp = world.waits.wait(subject, wait.index, 1000, () => {
							expect(world.changeOf(subject)).toBeGreaterThan(wait.index);
							expect(waiting.delete(wait)).toBe(true);
						});
						expect(giveUp).not.toBeNull();
					}
					world.turn(...operations);
					for (const { subject, index } of waiting.values()) expect(world.changeOf(subject)).toBe(index);
					expect(world.waits.count).toBe(waiting.size);
				}
			}),
		);
	});

	it('is looked at once in a turn, however often its key is written in it', () => {
		const world = new World();
		const ended: number[] = [];
		world.waits.wait(ofKey('a'), 0, 1000, () => ended.push(world.store.revision));
		world.turn(...Array.from({ length: 10 }, (_, i) => put('a', `${i}`)));
		expect(ended).toEqual([11]);
	});

	it('is told nothing by a write that changes nothing or whose condition does not hold', () => {
		const world = new World();
		world.turn(put('a'));
		const ended: string[] = [];
		world.waits.wait(ofKey('a'), 2, 1000, () => ended.push('a'));
		world.turn(
			put('a'),
			put('a', 'y', 7),
			{ kind: 'delete', key: 'a', cas: 7 },
			{ kind: 'delete', key: 'b', cas: null },
		);
		expect([ended, world.waits.count]).toEqual([[], 1]);
	});

	it('costs the store nothing once nobody waits', () => {
		const world = new World();
		expect(world.store.listener).toBeNull();
		const giveUp = world.waits.wait(ofKey('a'), 0, 1000, () => undefined);
		const second = world.waits.wait({ kind: 'prefix', name: 'a' }, 0, 1000, () => undefined);
		expect(world.store.listener).toBe(world.waits);
		giveUp?.();
		giveUp?.();
		expect(world.store.listener).toBe(world.waits);
		second?.();
		expect(world.store.listener).toBeNull();
	});

	it('ends with its time, by one timer for all', () => {
		const world = new World();
		const ended: string[] = [];
		world.random = 0.5;
		world.waits.wait(ofKey('long'), 0, 3200, () => ended.push('long'));
		expect(world.timerMs).toBe(3300);
		world.random = 0;
		world.waits.wait(ofKey('short'), 0, 1000, () => ended.push('short'));
		expect(world.timerMs).toBe(1000);
		world.nowMs = 1000;
		world.waits.fire();
		expect([ended, world.timerMs]).toEqual([['short'], 3300]);
		world.nowMs = 3300;
		world.waits.fire();
		expect([ended, world.waits.count]).toEqual([['short', 'long'], 0]);
	});

	it('is never ended twice, nor after it was given up', () => {
		const world = new World();
		const ended: string[] = [];
		const giveUp = world.waits.wait(ofKey('a'), 0, 1000, () => ended.push('a'));
		world.waits.wait(ofKey('a'), 0, 1000, () => ended.push('again'));
		giveUp?.();
		world.turn(put('a'));
		world.nowMs = 1000;
		world.waits.fire();
		world.waits.stop();
		expect(ended).toEqual(['again']);
		expect(world.waits.wait(ofKey('b'), 0, 1000, () => undefined)).toBeNull();
	});
});
