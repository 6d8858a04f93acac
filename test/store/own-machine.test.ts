/** A machine of the user's own: what it is given, what is kept of it, and what is refused. */
import { beforeEach, describe, expect, it } from 'vitest';
import { MalformedError } from '../../shared/bytes/bytes.ts';
import { toUtf8 } from '../../shared/bytes/text.ts';
import { Random } from '../../shared/simulation/random.ts';
import { encodeCommand, type Operation } from '../../shared/store/command.ts';
import { KEY_VALUE } from '../../shared/store/key-value.ts';
import { type AppliedCommand, type OwnMachine, ownKind } from '../../shared/store/own-machine.ts';
import type { Result } from '../../shared/store/result.ts';
import type { StateMachine } from '../../shared/store/state-machine.ts';
import { Store } from '../../shared/store/store.ts';
import { encodeTransaction } from './commands.ts';
import { type Add, type Added, type Counters, counters, written } from './counter.ts';

const CLIENT = 'client';
const SEEDS = 100;
const STEPS = 60;
type Own = OwnMachine<Counters, Add, Added>;

let machine: Own;
let slot: number;

beforeEach(() => {
	machine = ownKind(counters).empty();
	slot = 0;
	apply(machine, 1, { kind: 'registerClient', client: CLIENT });
});

function apply(to: Own | Store, sequence: number, operation: Operation): Result[] {
	const results: Result[] = [];
	to.passTime(5, ++slot);
	to.apply(encodeCommand({ client: CLIENT, sequence, receivedThrough: 0 }, operation), (_client, _sequence, result) =>
		results.push(result),
	);
	return results;
}

function add(name: string, by: number): Operation {
	return { kind: 'command', bytes: counters.command.encode({ name, by }) };
}

describe('a machine of the user’s own', () => {
	it('carries out each command once, and keeps its result until the next one', () => {
		expect(apply(machine, 2, add('a', 3))).toEqual([{ kind: 'applied', revision: 2, ok: true }]);
		expect(machine.last).toMatchObject({ revision: 2, result: { value: 3, slot: 2, timeMs: 10 } });
		expect(apply(machine, 2, add('a', 3))).toEqual([{ kind: 'duplicate', revision: 2, ok: true }]);
		expect(machine.own).toEqual(new Map([['a', 3]]));
	});

	it('tells each command with its result', () => {
		const told: AppliedCommand<Add, Added>[] = [];
		machine.listener = (applied) => told.push(applied);
		apply(machine, 2, add('a', 3));
		apply(machine, 2, add('a', 3));
		expect(told).toMatchObject([
			{ revision: 2, slot: 2, timeMs: 10, command: { name: 'a', by: 3 }, result: { value: 3 } },
		]);
	});

	it('draws the same numbers at every node, others in every slot, and goes on within a slot', () => {
		const other = ownKind(counters).empty();
		slot = 0;
		apply(other, 1, { kind: 'registerClient', client: CLIENT });
		const drawn = [machine, other].map((each) => {
			slot = 1;
			const numbers = [2, 3].flatMap((sequence) => {
				apply(each, sequence, add('a', 1));
				return each.last?.result.drawn ?? [];
			});
			return numbers;
		});
		expect(drawn[0]).toEqual(drawn[1]);
		expect(new Set(drawn[0]).size).toBe(4);
		expect(drawn[0]?.every((number) => number >= 0 && number < 1)).toBe(true);
		expect(machine.digest).toBe(other.digest);
	});

	it('has the results of its code in its digest', () => {
		const strayed = ownKind({ ...counters, apply: (...args) => ({ ...counters.apply(...args), value: 7 }) }).empty();
		slot = 0;
		apply(strayed, 1, { kind: 'registerClient', client: CLIENT });
		expect(strayed.digest).toBe(machine.digest);
		slot = 1;
		apply(strayed, 2, add('a', 3));
		slot = 1;
		apply(machine, 2, add('a', 3));
		expect(strayed.digest).not.toBe(machine.digest);
	});

	it('is cut in one moment, written while commands go on, and goes on the same from what was written', () => {
		for (let sequence = 2; sequence < 40; sequence++) apply(machine, sequence, add(`name ${sequence}`, 1));
		const before = { own: new Map(machine.own), digest: machine.digest, revision: machine.revision };
		const cut = machine.cut();
		let sequence = 40;
		const parts = written(cut, 100, () => apply(machine, sequence++, add('later', 1)));
		cut.close();
		expect(parts.length).toBeGreaterThan(4);
		const restore = ownKind(counters).restore();
		for (const part of parts) restore.add(part);
		const restored = restore.finish();
		const { own, digest, revision } = restored;
		expect({ own, digest, revision }).toEqual(before);
		expect(restored.outcomeOf(CLIENT, 39)).toEqual({ kind: 'duplicate', revision: 39, ok: true });
		machine.become(restored);
		expect(apply(machine, 39, add('name 39', 1))).toMatchObject([{ kind: 'duplicate' }]);
		expect(machine.own).toEqual(before.own);
	});

	it('does what simple code does, whatever is sent again, and wherever a copy goes on from a cut', () => {
		for (let seed = 1; seed <= SEEDS; seed++) {
			const random = new Random(seed);
			const model = new Map<string, number>();
			const isApplied = new Set<string>();
			const [whole, copy] = [ownKind(counters).empty(), ownKind(counters).empty()];
			const clients = ['a', 'b', 'c'];
			let at = 0;
			const next = (): void => {
				at++;
				const client = clients[random.integer(0, 2)] as string;
				const sequence = random.integer(2, 12);
				const command = { name: `name ${random.integer(0, 5)}`, by: random.integer(1, 9) };
				const operation: Operation =
					at <= clients.length
						? { kind: 'registerClient', client: clients[at - 1] as string }
						: { kind: 'command', bytes: counters.command.encode(command) };
				const owner = operation.kind === 'registerClient' ? operation.client : client;
				const identity = { client: owner, sequence: at <= clients.length ? 1 : sequence, receivedThrough: 0 };
				const slot = encodeCommand(identity, operation);
				for (const each of [whole, copy]) {
					each.passTime(at % 7, at);
					each.apply(slot);
				}
				if (operation.kind === 'registerClient' || isApplied.has(`${client} ${sequence}`)) return;
				isApplied.add(`${client} ${sequence}`);
				model.set(command.name, (model.get(command.name) ?? 0) + command.by);
			};
			for (let step = 0; step < STEPS; step++) {
				next();
				if (!random.chance(0.1)) continue;
				const cut = whole.cut();
				const parts = written(cut, random.integer(1, 200));
				cut.close();
				const restore = ownKind(counters).restore();
				for (const part of parts) restore.add(part);
				copy.become(restore.finish());
			}
			expect(whole.own, `seed ${seed}`).toEqual(model);
			expect(copy.own, `seed ${seed}`).toEqual(model);
			expect([copy.digest, copy.revision, copy.timeMs]).toEqual([whole.digest, whole.revision, whole.timeMs]);
		}
	});

	it('is refused where its parts are cut short, go on behind the end, or are those of keys', () => {
		apply(machine, 2, add('a', 3));
		const parts = written(machine.cut(), 1);
		const restored = (...given: (Uint8Array | undefined)[]) => {
			const restore = ownKind(counters).restore();
			for (const part of given) restore.add(part as Uint8Array);
			return restore.finish();
		};
		expect(restored(...parts).own).toEqual(new Map([['a', 3]]));
		expect(() => restored(...parts.slice(0, 2))).toThrow(MalformedError);
		expect(() => restored(...parts.slice(0, 3), parts[1])).toThrow(MalformedError);
		expect(() => restored(new Store().save())).toThrow('the state is not that of the state machine "counters"');
		expect(() => KEY_VALUE.restore().add(parts[0] as Uint8Array)).toThrow('a saved state of another format');
	});

	it('is refused in a sentence where another machine or a newer version has written it, and an older one is read', () => {
		const read = (over: Partial<StateMachine<Counters, Add, Added>>) => {
			const restore = ownKind({ ...counters, ...over }).restore();
			for (const part of written(machine.cut(), 1000)) restore.add(part);
			return restore.finish();
		};
		const by = 'it was written by';
		expect(() => read({ version: 1 })).toThrow(
			`${by} version 2 of the state machine "counters", and this program runs version 1`,
		);
		machine = ownKind(counters).empty();
		expect(() => read({ name: 'queue' })).toThrow(`${by} the state machine "counters", and this program runs "queue"`);
		machine = ownKind(counters).empty();
		let from = 0;
		read({
			version: 3,
			restore: (_parts, version) => {
				from = version;
				return new Map();
			},
		});
		expect(from).toBe(2);
	});

	it('fails with what its code has thrown, and where', () => {
		expect(() => apply(machine, 2, add('a', 13))).toThrow(
			'the state machine "counters" has failed in apply at slot 2: thirteen',
		);
		expect(() => apply(machine, 3, { kind: 'command', bytes: toUtf8('{') })).toThrow('has failed in command.decode');
		for (const part of [new Uint8Array(0), undefined as unknown as Uint8Array]) {
			const empty = ownKind({ ...counters, snapshot: () => [part, Uint8Array.of(1)] }).empty();
			expect(() => written(empty.cut(), 100)).toThrow('a part of a snapshot is not an array of 1 to');
		}
	});

	it('fails where its code returns a promise, which may fail later, or no bytes', async () => {
		const late = (async () => {
			throw new Error('late');
		}) as never;
		const kind = (over: Partial<StateMachine<Counters, Add, Added>>) => ownKind({ ...counters, ...over });
		expect(() => kind({ initial: late }).empty()).toThrow('has failed in initial: it returned a promise');
		const restore = kind({ restore: late }).restore();
		for (const part of written(machine.cut(), 1000)) restore.add(part);
		expect(() => restore.finish()).toThrow('has failed in restore: it returned a promise');
		const result = { ...counters.result, encode: () => 'text' as unknown as Uint8Array };
		for (const [over, why] of [
			[{ apply: late }, 'apply at slot 2: it returned a promise'],
			[{ result }, 'result.encode at slot 2: it returned no Uint8Array'],
		] as const) {
			slot = 0;
			const failing = kind(over).empty();
			apply(failing, 1, { kind: 'registerClient', client: CLIENT });
			expect(() => apply(failing, 2, add('a', 1))).toThrow(`has failed in ${why}`);
		}
		// A rejection that nobody listens to would fail this test.
		await new Promise((resolve) => setImmediate(resolve));
	});

	it('takes a command and a result for no promise because of the name of a field', () => {
		const more = Object.fromEntries([['then', 'more']]);
		const decode = () => ({ name: 'a', by: 1, ...more });
		machine = ownKind({ ...counters, command: { ...counters.command, decode } }).empty();
		apply(machine, 1, { kind: 'registerClient', client: CLIENT });
		expect(apply(machine, 2, add('a', 1))).toMatchObject([{ kind: 'applied', ok: true }]);
	});

	it('may make each part of a snapshot in the same array', () => {
		apply(machine, 2, add('a', 1));
		apply(machine, 3, add('b', 2));
		const one = new Uint8Array(3);
		const snapshot = function* (state: Counters) {
			for (const [name, value] of state) {
				one.set(toUtf8(`${name}=${value}`));
				yield one;
			}
		};
		const kind = ownKind({ ...counters, snapshot });
		const copy = kind.empty();
		copy.become(machine);
		const restore = kind.restore();
		for (const part of written(copy.cut(), 1000)) restore.add(part);
		expect(restore.finish().own).toEqual(machine.own);
	});

	it('makes nothing of the commands of keys, and a store makes nothing of its commands', () => {
		const put = { kind: 'put', key: 'a', value: toUtf8('b'), flags: 0n, cas: null } as const;
		expect(apply(machine, 2, put)).toMatchObject([{ kind: 'applied', ok: false }]);
		const value = encodeTransaction({ client: CLIENT, sequence: 3, receivedThrough: 0 }, [put]);
		machine.apply(value);
		expect(machine.own.size).toBe(0);
		const store = new Store();
		slot = 0;
		apply(store, 1, { kind: 'registerClient', client: CLIENT });
		expect(apply(store, 2, add('a', 3))).toMatchObject([{ kind: 'applied', ok: false }]);
		expect(store.keysCount).toBe(0);
	});
});
