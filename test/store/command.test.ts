import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedError, Writer } from '../../shared/bytes/bytes.ts';
import { CAS_MAX, FLAGS_MAX } from '../../shared/store/batch-format.ts';
import { BatchReader } from '../../shared/store/batch-reader.ts';
import { BatchWriter } from '../../shared/store/batch-writer.ts';
import { encodeCommand, type Identity, type Operation, readCommands } from '../../shared/store/command.ts';
import { keyFault } from '../../shared/store/key.ts';
import { Store } from '../../shared/store/store.ts';
import { bytesOf, CLIENT, Client, concat, identity, opening, put, savedState } from './commands.ts';

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
	fc.constant<Operation>({ kind: 'registerClient', client: CLIENT }),
);
const identities: fc.Arbitrary<Identity> = fc.record({
	client: fc.constant(CLIENT),
	sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
	receivedThrough: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
});
const commands = fc.record({ identity: identities, operation: operations });

describe('commands', () => {
	it('read back as they were written, batch behind batch', () => {
		fc.assert(
			fc.property(fc.array(fc.array(commands, { maxLength: 4 }), { maxLength: 4 }), (batches) => {
				const encoded = batches.map((batch) =>
					concat(...batch.map(({ identity, operation }) => encodeCommand(identity, operation))),
				);
				expect(readCommands(concat(...encoded))).toEqual(batches.flat());
			}),
		);
	});

	it('of a no-op are none', () => {
		expect(readCommands(new Uint8Array())).toEqual([]);
	});

	it('carry a key that begins with a byte order mark whole', () => {
		const key = '\ufeffkey';
		const [command] = readCommands(encodeCommand(identity(2), put(key, '')));
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
			[identity(1), { kind: 'registerClient', client: 'another' }],
		];
		for (const [as, operation] of refused) expect(() => encodeCommand(as, operation)).toThrow(RangeError);
		// Nothing of them is left in the next batch.
		expect(readCommands(encodeCommand(identity(2), put('a', 'b')))).toHaveLength(1);
	});
});

describe('a value that does not parse', () => {
	const whole = concat(opening('other'), encodeCommand(identity(9), put('a', 'b')));

	const OPENING = Uint8Array.of(3);
	const malformed: readonly [string, Uint8Array][] = [
		['has bytes left over', batchOf({ commands: concat(OPENING, Uint8Array.of(3)), count: 1 })],
		['promises more commands than it has', batchOf({ commands: OPENING, count: 2 ** 31 })],
		['has a command of no kind', batchOf({ commands: Uint8Array.of(14) })],
		['has an opening with a condition', batchOf({ commands: Uint8Array.of(0x23, 1) })],
		['has a sequence of 0', batchOf({ first: 0 })],
		['has sequences above what is an integer', batchOf({ first: Number.MAX_SAFE_INTEGER, count: 2 })],
		['has no client', batchOf({ client: '' })],
		['has a client too long', batchOf({ client: 's'.repeat(65) })],
		['has a key that is not UTF-8', batchOf({ commands: Uint8Array.of(2, 1, 0xc3) })],
		['has a key that ends too early', batchOf({ commands: Uint8Array.of(2, 9, 0x61) })],
	];

	it.each(malformed)('is void alone, and all of it, where it %s', (_, broken) => {
		const { store } = new Client();
		const results: unknown[] = [];
		expect(() => readCommands(broken)).toThrow(MalformedError);
		expect(store.apply(concat(whole, broken, whole), (...result) => results.push(result))).toBe(false);
		expect(results).toMatchObject([
			['other', 1, { kind: 'applied' }],
			[CLIENT, 9, { kind: 'applied' }],
			['other', 1, { kind: 'duplicate' }],
			[CLIENT, 9, { kind: 'duplicate' }],
		]);
	});

	it.each([1, 5, 13, 16, whole.length / 2 + 1, whole.length - 1])('is void where it is cut after %d bytes', (bytes) => {
		const { store } = new Client();
		const before = store.revision;
		expect(store.apply(whole.subarray(0, Math.floor(bytes)))).toBe(false);
		expect(store.revision - before).toBe(bytes > whole.length / 2 ? 1 : 0);
	});

	it('is any bytes at all, and never throws nor leaves a trace', () => {
		const store = new Store();
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
				const before = savedState(store);
				if (!store.apply(bytes)) expect(savedState(store)).toEqual(before);
			}),
		);
	});
});

/** The bytes of one batch with any fields. By default it registers a client. */
function batchOf({
	client = 's',
	first = 1,
	commands = Uint8Array.of(3),
	count = 1,
}: {
	client?: string;
	first?: number;
	commands?: Uint8Array;
	count?: number;
}): Uint8Array {
	const out = new Writer();
	out.raw(new Uint8Array(Uint32Array.of(count).buffer));
	out.u8(client.length);
	for (const letter of client) out.u8(letter.charCodeAt(0));
	out.int(first);
	out.int(0);
	out.raw(commands);
	const body = out.take();
	return concat(new Uint8Array(Uint32Array.of(body.length).buffer), body);
}

describe('a batch of many commands', () => {
	it('reads back as it was written, one consecutive sequence each', () => {
		fc.assert(
			fc.property(fc.array(operations, { maxLength: 20 }), fc.nat({ max: 1e9 }), (all, before) => {
				const batch = new BatchWriter();
				batch.begin(CLIENT, before + 1, before);
				for (const operation of all) batch.add(operation);
				const read = readCommands(batch.take());
				expect(read).toEqual(
					all.map((operation, i) => ({
						identity: { client: CLIENT, sequence: before + 1 + i, receivedThrough: before },
						operation,
					})),
				);
			}),
		);
	});

	it('is as it was before a command that has no encoding', () => {
		const batch = new BatchWriter();
		batch.begin(CLIENT, 1, 0);
		batch.put('a', bytesOf('1'), 0n, null);
		expect(() => batch.put('b\ud800', bytesOf('2'), 0n, null)).toThrow(RangeError);
		expect(() => batch.put('c', bytesOf('3'), 2n ** 64n, null)).toThrow(RangeError);
		batch.delete('d', 4);
		expect(readCommands(batch.take()).map(({ operation }) => operation)).toEqual([
			put('a', '1'),
			{ kind: 'delete', key: 'd', cas: 4 },
		]);
	});

	it('calls only such keys plain as every door takes', () => {
		fc.assert(
			fc.property(fc.string({ unit: 'binary-ascii', maxLength: 12 }), (key) => {
				const reader = new BatchReader(encodeCommand(identity(1), put(key, '')));
				expect(reader.nextBatch()).toBe(true);
				if (reader.hasPlainKeys) expect(keyFault(key)).toBeNull();
			}),
		);
	});
});

it('an encoded command owns its bytes', () => {
	const value = bytesOf('red');
	const command = encodeCommand(identity(2), put('color', value));
	value.fill(0);
	expect(readCommands(command)[0]?.operation).toMatchObject({ value: bytesOf('red') });
});
