/** Watches of keys, and the history by which they go on from a revision. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, type Change, History } from '../../shared/replica/history.ts';
import { REPLICA_LIMITS } from '../../shared/replica/limits.ts';
import { type Watch, type WatchEnd, type Watcher, Watches } from '../../shared/replica/watches.ts';
import { encodeCommand, type PartOfTransaction } from '../../shared/store/command.ts';
import { Store } from '../../shared/store/store.ts';
import { encodeTransaction } from '../store/commands.ts';

const CLIENT = 'client';

/** A store with its history and watches. Each call of `turn` is one turn of a replica, and others follow as asked. */
class World {
	readonly store = new Store();
	readonly history: History;
	readonly watches: Watches;
	/** All changes that there ever were. */
	readonly all: Told[] = [];
	#isTurnAsked = false;
	#sequence = 0;

	constructor(limits: Partial<typeof REPLICA_LIMITS> = {}) {
		this.history = new History(0, { ...REPLICA_LIMITS, ...limits });
		this.store.listener = this.history;
		this.history.also = {
			put: ({ key, bytes, start, end, modifyRevision }) =>
				this.all.push({ kind: 'put', key, value: text(bytes, start, end), revision: modifyRevision }),
			deleted: (key, revision) => this.all.push({ kind: 'delete', key, value: '', revision }),
			cut: (key, revision) => this.all.push({ kind: 'deletePrefix', key, value: '', revision }),
			together: () => undefined,
			sessionChanged: () => undefined,
		};
		this.watches = new Watches({
			history: this.history,
			limits: { ...REPLICA_LIMITS, ...limits },
			revision: () => this.store.revision,
			changeOfPrefix: (prefix) => this.store.changeOfPrefix(prefix),
			soon: () => {
				this.#isTurnAsked = true;
			},
		});
		this.store.apply(
			encodeCommand({ client: CLIENT, sequence: 1, receivedThrough: 0 }, { kind: 'registerClient', client: CLIENT }),
		);
		this.#sequence = 1;
	}

	/** @param steps single operations, and transactions as lists */
	turn(...steps: readonly (PartOfTransaction | readonly PartOfTransaction[])[]): void {
		for (const step of steps) {
			const sequence = this.#sequence + 1;
			const identity = { client: CLIENT, sequence, receivedThrough: this.#sequence };
			if ('kind' in step) this.store.apply(encodeCommand(identity, step));
			else this.store.apply(encodeTransaction(identity, step));
			this.#sequence += 'kind' in step ? 1 : step.length;
		}
		this.watches.endTurn();
	}

	/** Takes over the state of another world, as from a snapshot. */
	become(other: World): void {
		this.store.become(other.store);
		this.#sequence = other.#sequence;
		this.watches.stateReplaced();
		this.watches.endTurn();
	}

	/** Takes turns until nobody asks for one. */
	settle(): void {
		for (let turns = 0; this.#isTurnAsked; turns++) {
			if (turns > 10_000) throw new Error('the watches ask for turns without end');
			this.#isTurnAsked = false;
			this.watches.endTurn();
		}
	}
}

/** A change, as a test compares it. */
interface Told {
	readonly kind: Change['kind'];
	readonly key: string;
	readonly value: string;
	readonly revision: number;
}

function text(bytes: Uint8Array, start: number, end: number): string {
	return Buffer.from(bytes.subarray(start, end)).toString();
}

class Listener implements Watcher {
	readonly told: Told[] = [];
	/** The indexes after each call of `take`, behind which the watch could be resumed. */
	readonly lists: (readonly Change[])[] = [];
	end: WatchEnd | undefined;
	/** So many lists are taken before it is full. */
	room = Number.POSITIVE_INFINITY;
	isFull = false;
	watch: Watch | null = null;

	take(changes: readonly Change[]): void {
		expect([this.end, this.isFull, changes.length > 0]).toEqual([undefined, false, true]);
		this.lists.push(changes);
		for (const change of changes) {
			const value = change.kind === 'put' ? text(change.bytes, change.start, change.end) : '';
			this.told.push({ kind: change.kind, key: change.key, value, revision: change.modifyRevision });
		}
		this.room--;
		this.isFull = this.room <= 0;
		if (this.isFull) this.watch?.pause();
	}

	ended(why: WatchEnd): void {
		expect(this.end).toBeUndefined();
		this.end = why;
	}

	resume(room: number): void {
		this.room = room;
		this.isFull = false;
		this.watch?.resume();
	}
}

function listen(world: World, prefix: string, after: number | null = null): Listener {
	const listener = new Listener();
	listener.watch = world.watches.open(prefix, after, listener);
	return listener;
}

function put(key: string, value = 'x'): PartOfTransaction {
	return { kind: 'put', key, value: Buffer.from(value), flags: 0n, cas: null };
}

function concerns({ kind, key }: Told, prefix: string): boolean {
	return key.startsWith(prefix) || (kind === 'deletePrefix' && prefix.startsWith(key));
}

describe('a watch', () => {
	const key = fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 3 });
	const prefix = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 2 });
	const operation: fc.Arbitrary<PartOfTransaction> = fc.oneof(
		{ weight: 4, arbitrary: fc.tuple(key, fc.constantFrom('x', 'y', 'z'.repeat(2000))).map((of) => put(...of)) },
		{ weight: 2, arbitrary: key.map((of): PartOfTransaction => ({ kind: 'delete', key: of, cas: null })) },
		{ weight: 1, arbitrary: prefix.map((of): PartOfTransaction => ({ kind: 'deletePrefix', prefix: of })) },
		{ weight: 1, arbitrary: key.map((of): PartOfTransaction => ({ kind: 'check', key: of, cas: null })) },
	);
	const turn = fc.record({
		steps: fc.array(fc.oneof(operation, fc.array(operation, { minLength: 2, maxLength: 4 })), { maxLength: 5 }),
		begins: fc.array(fc.record({ prefix, back: fc.nat(12), isNow: fc.boolean() }), { maxLength: 2 }),
		resumes: fc.nat(3),
		room: fc.integer({ min: 1, max: 3 }),
		settles: fc.boolean(),
	});

	const limits = fc.record({
		historyChangesMax: fc.constantFrom(3, 8, 1000),
		historyListBytesFull: fc.constantFrom(1, 500, 65_536),
		historyLookedAtMax: fc.constantFrom(1, 3, 4096),
	});

	it('is told each change of its prefix once and in order, or ends where some are not kept any more', () => {
		fc.assert(
			fc.property(fc.array(turn, { maxLength: 15 }), limits, (turns, few) => {
				const world = new World(few);
				const begun: { readonly listener: Listener; readonly prefix: string; readonly after: number }[] = [];
				const check = (): void => {
					for (const { listener, prefix: of, after } of begun) {
						const { position = 0 } = listener.watch ?? {};
						const due = world.all.filter((change) => change.revision > after && concerns(change, of));
						expect(listener.told).toEqual(due.filter(({ revision }) => revision <= position));
						if (listener.end !== undefined) expect(due.length).toBeGreaterThan(listener.told.length);
					}
				};
				for (const { steps, begins, resumes, room, settles } of turns) {
					for (const { prefix: of, back, isNow } of begins) {
						const { revision } = world.store;
						// Some begin at a revision that this node has yet to reach.
						const after = isNow ? revision : Math.max(0, revision - back + 3);
						begun.push({ listener: listen(world, of, isNow ? null : after), prefix: of, after });
					}
					for (const { listener } of begun.slice(0, resumes)) listener.resume(room);
					world.turn(...steps);
					check();
					if (settles) world.settle();
					check();
				}
				for (const { listener } of begun) listener.resume(Number.POSITIVE_INFINITY);
				world.settle();
				check();
				const live = begun.filter(({ listener }) => listener.end === undefined);
				for (const { listener } of live) {
					expect(listener.watch?.position).toBeGreaterThanOrEqual(world.store.revision);
				}
				expect(world.watches.count).toBe(live.length);
			}),
		);
	});

	it('is told a transaction whole, with one index, also where it reads the history step by step', () => {
		const world = new World();
		for (let i = 0; i < 60; i++) {
			const value = `${i}`.padEnd(4000, '.');
			world.turn(Array.from({ length: 20 }, (_, at) => put(`${i}/${at}`, value)));
		}
		const listener = listen(world, '', 0);
		world.settle();
		expect(listener.told).toEqual(world.all);
		expect(listener.lists.length).toBeGreaterThan(10);
		for (const list of listener.lists) {
			const indexes = new Set(list.map(({ index }) => index));
			expect(list.length).toBe(20 * indexes.size);
		}
	});

	it('reads the history where too many inside one another would be told at once', () => {
		const world = new World({ historyLookedAtMax: 2 });
		const all = Array.from({ length: 10 }, (_, chars) => listen(world, 'aaaaaaaaaa'.slice(0, chars)));
		world.settle();
		const puts = Array.from({ length: 4 }, (_, at) => put('aaaaaaaaaa', `${at}`));
		world.turn(...puts);
		expect(all.filter(({ told }) => told.length === puts.length)).toEqual([]);
		world.settle();
		for (const { told } of all) expect(told).toEqual(world.all);
	});

	it('that is behind is told with the others only so many bytes in a turn', () => {
		const world = new World({ historyListBytesFull: 1000 });
		const listeners = Array.from({ length: 40 }, (_, depth) => listen(world, 'a'.repeat(depth + 1)));
		world.turn(put('a'.repeat(100), 'v'.repeat(1000)));
		// Each of them is told one list of more than 1,000 bytes, and the turn has four of these.
		expect(listeners.filter(({ told }) => told.length > 0)).toHaveLength(4);
		world.settle();
		expect(listeners.map(({ told }) => told.length)).toEqual(listeners.map(() => 1));
	});

	it('goes on behind the index of a list of its prefix, which may be that of an operation inside a transaction', () => {
		const world = new World();
		world.turn([put('a'), put('b')]);
		const index = world.store.indexOfPrefix('a');
		const listener = listen(world, 'a', index);
		world.settle();
		world.turn(put('a', 'y'));
		expect([index, listener.told.map(({ revision }) => revision)]).toEqual([2, [4]]);
	});

	it('begins with the present state where no revision is given', () => {
		const world = new World();
		world.turn(put('a'));
		const listener = listen(world, '');
		expect(listener.watch?.position).toBe(2);
		world.turn(put('a', 'y'));
		expect(listener.told).toEqual([{ kind: 'put', key: 'a', value: 'y', revision: 3 }]);
		expect(listener.watch?.position).toBe(3);
	});

	it('knows how far it is, also while nothing below its prefix changes', () => {
		const world = new World();
		const listener = listen(world, 'b');
		world.turn(put('a'), put('a', 'y'));
		expect([listener.watch?.position, listener.told]).toEqual([3, []]);
	});

	it('goes on where its history is gone, if nothing below its prefix has changed since', () => {
		const world = new World({ historyChangesMax: 4 });
		world.turn(put('quiet/a'));
		for (let i = 0; i < 10; i++) world.turn(put('busy', `${i}`));
		const quiet = listen(world, 'quiet/', 2);
		const busy = listen(world, 'busy', 2);
		world.settle();
		expect([quiet.end, busy.end]).toEqual([undefined, 'compacted']);
		world.turn(put('quiet/b'));
		expect(quiet.told).toEqual([{ kind: 'put', key: 'quiet/b', value: 'x', revision: 13 }]);
	});

	it('that takes nothing costs no memory, and ends when the history has gone on without it', () => {
		const world = new World({ historyChangesMax: 4 });
		const slow = listen(world, '');
		world.settle();
		slow.room = 1;
		for (let i = 0; i < 10; i++) world.turn(put('a', `${i}`));
		expect([slow.told.length, world.history.end - world.history.start]).toEqual([1, 4]);
		slow.resume(100);
		world.settle();
		expect([slow.told.length, slow.end, world.watches.count]).toEqual([1, 'compacted', 0]);
	});

	it('of the same prefix is told the same list as the others, and what others hear costs it nothing', () => {
		const world = new World();
		const [first, second] = [listen(world, 'a/'), listen(world, 'a/')];
		const other = listen(world, 'b/');
		world.settle();
		world.turn(put('a/1'), put('a/2'));
		expect([first.lists.length, first.lists[0], other.lists]).toEqual([1, second.lists[0], []]);
		expect(first.lists[0]).toBe(second.lists[0]);
	});

	it('of a state that was replaced by a snapshot ends where it may have missed something', () => {
		const world = new World();
		const [a, b] = [listen(world, 'a'), listen(world, 'b')];
		world.turn(put('b'));
		world.settle();
		const other = new World();
		other.turn(put('b'), put('a'));
		world.become(other);
		expect([a.end, b.end]).toEqual(['compacted', undefined]);
		world.turn(put('b', 'y'));
		expect(b.told.map(({ revision }) => revision)).toEqual([2, 4]);
	});

	it('ends when the node is going to stop, and no other one begins', () => {
		const world = new World();
		const listeners = [listen(world, ''), listen(world, '')];
		world.turn(put('a'));
		expect(listeners.map(({ watch }) => watch?.position)).toEqual([2, 2]);
		world.watches.stop();
		expect(listeners.map(({ end, watch }) => [end, watch?.position])).toEqual([
			['stopping', 2],
			['stopping', 2],
		]);
		expect(world.watches.open('', null, new Listener())).toBeNull();
		world.turn(put('b'));
		expect(listeners.map(({ told }) => told.length)).toEqual([1, 1]);
	});

	it('is told nothing once it is closed, also from inside a call', () => {
		const world = new World();
		const listener = listen(world, '');
		const closing = new Listener();
		const watch = world.watches.open('', null, {
			take: (changes) => {
				watch?.close();
				closing.take(changes);
			},
			ended: () => expect.unreachable(),
		});
		world.settle();
		listener.watch?.close();
		world.turn(put('a'));
		world.turn(put('b'));
		expect([listener.told, closing.told.length, world.watches.count]).toEqual([[], 1, 0]);
	});
});

describe('the history', () => {
	it('keeps values that the store overwrites', () => {
		const world = new World();
		world.turn(put('a', 'one'), put('a', 'two'), put('b', 'b'.repeat(5000)), put('b', 'c'.repeat(5000)));
		const listener = listen(world, '', 1);
		world.settle();
		expect(listener.told.map(({ value }) => value)).toEqual(['one', 'two', 'b'.repeat(5000), 'c'.repeat(5000)]);
	});

	it('keeps small values in memory that those before them had', () => {
		const historyChangesMax = 600;
		const world = new World({ historyChangesMax });
		const values = Array.from({ length: 900 }, (_, index) => `${index}`.padEnd(index < 300 ? 100 : 1000, '.'));
		world.turn(...values.map((value, index) => put(`key ${index % 7}`, value)));
		const listener = listen(world, '', world.history.floor);
		world.settle();
		expect(listener.told.map(({ value }) => value)).toEqual(values.slice(-historyChangesMax));
	});

	it('is bounded by bytes too, and knows what it has dropped', () => {
		const world = new World({ historyBytesMax: 10_000 });
		for (let i = 0; i < 5000; i++) world.turn(put(`${i % 7}`, `${i}`.padEnd(500, '.')));
		const { history } = world;
		let bytes = 0;
		for (let at = history.start; at < history.end; at++) bytes += bytesOf(history.at(at));
		expect([history.bytes, bytes <= 10_000, history.end]).toEqual([bytes, true, 5000]);
		expect(history.floor).toBe(history.at(history.start).modifyRevision - 1);
		expect(history.behind(history.floor)).toBe(history.start);
		expect(history.behind(world.store.revision)).toBe(history.end);
	});
});
