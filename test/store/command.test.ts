import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedError, Writer } from '../../shared/paxos/bytes.ts';
import {
	CAS_MAX,
	encodeBatch,
	encodeCommand,
	FLAGS_MAX,
	type Identity,
	type Operation,
	readCommands,
} from '../../shared/store/command.ts';
import { Store } from '../../shared/store/store.ts';
import { bytesOf, Client, concat, identity, opening, put, SESSION } from './commands.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const cas = fc.option(fc.nat({ max: CAS_MAX }));
const operations: fc.Arbitrary<Operation> = fc.oneof(
	fc.record({
		kind: fc.constant('put' as const),
		key: text,
		value: fc.uint8Array({ maxLength: 40 }),
		flags: fc.bigInt({ min: 0n, max: FLAGS_MAX }),
		cas,
	}),
	fc.record({ kind: fc.constant('delete' as const), key: text, cas }),
	fc.record({ kind: fc.constant('deletePrefix' as const), prefix: text }),
	fc.constant<Operation>({ kind: 'openSession', session: SESSION }),
);
const identities: fc.Arbitrary<Identity> = fc.record({
	session: fc.constant(SESSION),
	sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
	receivedThrough: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
});
const commands = fc.record({ identity: identities, operation: operations });
const times = fc.nat({ max: 2 ** 45 });

describe('commands', () => {
	it('read back as they were written, batch behind batch', () => {
		fc.assert(
			fc.property(fc.array(fc.tuple(times, fc.array(commands, { maxLength: 4 })), { maxLength: 4 }), (batches) => {
				const encoded = batches.map(([timeMs, batch]) =>
					encodeBatch(
						timeMs,
						batch.map(({ identity, operation }) => encodeCommand(identity, operation)),
					),
				);
				const expected = batches.flatMap(([timeMs, batch]) => batch.map((command) => ({ timeMs, ...command })));
				expect(readCommands(concat(...encoded))).toEqual(expected);
			}),
		);
	});

	it('of a no-op are none', () => {
		expect(readCommands(new Uint8Array())).toEqual([]);
	});

	it('carry a key that begins with a byte order mark whole', () => {
		const key = '\ufeffkey';
		const [command] = readCommands(encodeBatch(1, [encodeCommand(identity(2), put(key, ''))]));
		expect(command?.operation).toMatchObject({ key });
	});

	it('that have no encoding are refused when they are made', () => {
		const refused: readonly [Identity, Operation][] = [
			[identity(0), put('a', '')],
			[identity(1.5), put('a', '')],
			[identity(1, -1), put('a', '')],
			[identity(1, 0, ''), put('a', '')],
			[identity(1, 0, 'ç'), put('a', '')],
			[identity(1, 0, 'x'.repeat(65)), put('a', '')],
			[identity(1), put('\ud800', '')],
			[identity(1), put('a', '', -1)],
			[identity(1), put('a', '', CAS_MAX + 1)],
			[identity(1), put('a', '', null, -1n)],
			[identity(1), put('a', '', null, FLAGS_MAX + 1n)],
			[identity(1), { kind: 'deletePrefix', prefix: '\udc00' }],
			[identity(1), { kind: 'openSession', session: 'another' }],
		];
		for (const [as, operation] of refused) expect(() => encodeCommand(as, operation)).toThrow(RangeError);
		// Nothing of them is left over in what is written next.
		expect(readCommands(encodeBatch(1, [encodeCommand(identity(2), put('a', 'b'))]))).toHaveLength(1);
	});
});

describe('a value that does not parse', () => {
	const whole = encodeBatch(5, [opening('other'), encodeCommand(identity(9), put('a', 'b'))]);

	it.each([
		['is cut short', whole.subarray(0, -1)],
		['has bytes left over', concat(whole, Uint8Array.of(7))],
		['promises more commands than it has', encodeWith((out) => [out.int(5), out.int(2 ** 50)])],
		[
			'has a command of no kind',
			encodeWith((out) => [out.int(5), out.int(1), out.node('s'), out.int(1), out.int(0), out.u8(99)]),
		],
		[
			'has a sequence of 0',
			encodeWith((out) => [out.int(5), out.int(1), out.node('s'), out.int(0), out.int(0), out.u8(3)]),
		],
		[
			'has a command of no session',
			encodeWith((out) => [out.int(5), out.int(1), out.node(''), out.int(1), out.int(0), out.u8(3)]),
		],
		[
			'has a key that is not UTF-8',
			encodeWith((out) => [
				out.int(5),
				out.int(1),
				out.node('s'),
				out.int(1),
				out.int(0),
				out.u8(2),
				out.bytes(Uint8Array.of(0xc3)),
			]),
		],
	])('applies as nothing, all of it, where it %s', (_, broken) => {
		const { store } = new Client();
		const before = store.save();
		const results: unknown[] = [];
		expect(() => readCommands(broken)).toThrow(MalformedError);
		expect(store.apply(concat(whole, broken), (...result) => results.push(result))).toBe(false);
		expect(results).toEqual([]);
		expect(store.save()).toEqual(before);
	});

	it('is any bytes at all, and never throws nor leaves a trace', () => {
		const store = new Store();
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
				const before = store.save();
				if (!store.apply(bytes)) expect(store.save()).toEqual(before);
			}),
		);
	});
});

function encodeWith(write: (out: Writer) => unknown): Uint8Array {
	const out = new Writer();
	write(out);
	return out.take();
}

it('an encoded command owns its bytes', () => {
	const value = bytesOf('red');
	const command = encodeCommand(identity(2), put('color', value));
	value.fill(0);
	expect(readCommands(encodeBatch(1, [command]))[0]?.operation).toMatchObject({ value: bytesOf('red') });
});
