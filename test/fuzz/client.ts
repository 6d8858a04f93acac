/** Bad frames at the door of clients. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeTrace, writeUnwatch } from '../../shared/client/client-frame.ts';
import {
	CLIENT_PATH,
	FRAME_BYTES_MAX,
	HELLO,
	IN_FLIGHT_MAX,
	PING,
	PROTOCOL_VERSION,
	READ,
	READ_KEYS_MAX,
	UNWATCH,
	WATCH,
	WATCHES_PER_CONNECTION_MAX,
	WRITE,
} from '../../shared/client/protocol.ts';
import { BatchWriter } from '../../shared/store/batch-writer.ts';
import { encodeCommand, type Operation } from '../../shared/store/command.ts';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { closeCode, frame, framingKinds, OPCODES, upgraded, upgradeOf } from './frames.ts';
import { bytesOf, isAnswered, type Kind, type Target } from './kind.ts';
import {
	CLIENT,
	hello,
	PROTOCOL_ERROR,
	ping,
	put,
	read,
	register,
	Stranger,
	watch,
	write,
	written,
} from './stranger.ts';

/** Sends each list of bytes as one frame on a connection of its own, and checks that it is closed as malformed. */
async function isMalformed(target: Target, inputs: readonly (readonly Uint8Array[])[]): Promise<void> {
	for (const [index, input] of inputs.entries()) {
		const stranger = await Stranger.at(target);
		target.inputs++;
		assert.equal(await stranger.send(...input).closed, PROTOCOL_ERROR, `input ${index + 1}`);
	}
}

/** A good frame of each kind of section, by its name. */
function goodSections(key: string): Readonly<Record<string, Uint8Array>> {
	return {
		hello: hello('another client'),
		write: write(put(key)),
		read: read(1, [key, 'ж']),
		watch: watch(1, 7, key),
		unwatch: written((out) => writeUnwatch(out, 300)),
		trace: written((out) => writeTrace(out, CLIENT, 1, ['00-1-2-01'])),
	};
}

export const CLIENT_KINDS: readonly Kind[] = [
	...framingKinds(CLIENT_PATH, PROTOCOL_ERROR),
	{
		name: 'text, and nothing',
		answer: `closed with ${PROTOCOL_ERROR}`,
		async throwAt(target) {
			for (const text of ['', 'hello', '\u0001']) {
				const stranger = await Stranger.at(target);
				target.inputs++;
				stranger.ws.send(text);
				assert.equal(await stranger.closed, PROTOCOL_ERROR);
			}
			await isMalformed(target, [[], [hello(), Uint8Array.of(0)]]);
		},
	},
	{
		name: 'sections of no kind',
		answer: `closed with ${PROTOCOL_ERROR}`,
		throwAt: (target) =>
			isMalformed(
				target,
				[0, 7, 0x7f, 0x80, 0x81, 0xff].map((kind) => [
					hello(),
					Uint8Array.of(kind),
					bytesOf(target.random, target.random.integer(0, 100)),
				]),
			),
	},
	{
		name: 'sections that are cut anywhere',
		answer: `closed with ${PROTOCOL_ERROR}`,
		throwAt: (target) =>
			isMalformed(
				target,
				Object.values(goodSections(target.key())).flatMap((section) =>
					[1, target.random.integer(1, section.length - 1), section.length - 1].map((end) => [
						hello(),
						section.subarray(0, end),
					]),
				),
			),
	},
	{
		name: 'sections in which any byte is another one',
		answer: `served, refused, or closed with ${PROTOCOL_ERROR}`,
		async throwAt(target) {
			for (const section of Object.values(goodSections(target.key()))) {
				for (let count = 0; count < 4; count++) {
					const bytes = Uint8Array.from(section);
					// The first byte is the kind, of which another kind has a test.
					const at = target.random.integer(1, bytes.length - 1);
					bytes[at] = (bytes[at] as number) ^ target.random.integer(1, 255);
					const stranger = await Stranger.at(target);
					target.inputs++;
					// What it takes for more of the section must not be the question whether it is served.
					stranger.send(hello(), register(), bytes).send(ping);
					const end = await Promise.race([stranger.closed, stranger.section('pong')]).catch((error: Error) => error);
					if (typeof end === 'number') assert.equal(end, PROTOCOL_ERROR);
					stranger.ws.terminate();
				}
			}
		},
	},
	{
		name: 'greetings of other versions and without a client',
		answer: `closed with ${PROTOCOL_ERROR}`,
		throwAt: (target) =>
			isMalformed(target, [
				...[0, 1, PROTOCOL_VERSION + 1, 127].map((version) => [Uint8Array.of(HELLO, version, 1, 0x61)]),
				[Uint8Array.of(HELLO, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 0x61)],
				[Uint8Array.of(HELLO, 0x86, 0, 1, 0x61)],
				[hello('')],
				[Uint8Array.of(HELLO, PROTOCOL_VERSION, 65), Buffer.alloc(65, 'a')],
			]),
	},
	{
		name: 'anything before the greeting',
		answer: `closed with ${PROTOCOL_ERROR}`,
		throwAt: (target) =>
			isMalformed(target, [[register()], [write(put(target.key()))], [read(1, ['a'])], [watch(1, null, 'a')]]),
	},
	{
		name: 'batches of clients that said no hello, or that were pushed out by others',
		answer: `closed with ${PROTOCOL_ERROR}`,
		throwAt: (target) =>
			isMalformed(target, [
				[hello(), register('another')],
				[hello('1'), hello('2'), hello('3'), hello('4'), hello('5'), register('1')],
			]),
	},
	{
		name: 'reads of no keys, of too many, in no mode, of what is no UTF-8',
		answer: `closed with ${PROTOCOL_ERROR}`,
		throwAt: (target) =>
			isMalformed(target, [
				[hello(), Uint8Array.of(READ, 0, 1, 0)],
				[hello(), Uint8Array.of(READ, 2, 1, 1, 1, 0x61)],
				[hello(), Uint8Array.of(READ, 0xff, 1, 1, 1, 0x61)],
				[hello(), Uint8Array.of(READ, 0, 1, 1, 2, 0xc3, 0x28)],
				[hello(), Uint8Array.of(READ, 0, 1, 1, 3, 0xed, 0xa0, 0x80)],
				[hello(), read(1, Array<string>(READ_KEYS_MAX + 1).fill('a'))],
				[hello(), Uint8Array.of(READ, 0, 1, 0xff, 0xff, 0xff, 0x7f)],
			]),
	},
	{
		name: 'reads of keys that no key can be',
		answer: 'no value for each of them',
		async throwAt(target) {
			const stranger = await Stranger.at(target);
			const keys = ['/a', '..', ' ', '\u0000', 'k'.repeat(5000), '__proto__', '\ufeff'];
			target.inputs += keys.length;
			stranger.send(hello(), read(2 ** 52, keys, 'linearizable'));
			const { entries } = await stranger.section('values');
			assert.deepEqual(
				entries,
				keys.map(() => null),
			);
		},
	},
	{
		name: 'more reads than may wait',
		answer: 'the reads beyond the bound are refused as overloaded, the others are answered',
		async throwAt(target) {
			const stranger = await Stranger.at(target);
			const keys = Array<string>(READ_KEYS_MAX).fill('a');
			const asks = IN_FLIGHT_MAX / READ_KEYS_MAX;
			target.inputs += asks + 1;
			stranger.send(hello());
			stranger.send(...Array.from({ length: asks }, (_, index) => read(index * READ_KEYS_MAX, keys, 'linearizable')));
			stranger.send(read(2 ** 40, ['a'], 'linearizable'));
			// The node may have answered the first of them before the last one came.
			await Promise.race([
				stranger.section('refused', ({ first, why }) => first === 2 ** 40 && why === 'overloaded'),
				stranger.section('values', ({ first }) => first === 2 ** 40),
			]);
		},
	},
	{
		name: 'batches that are none',
		answer: `closed with ${PROTOCOL_ERROR}`,
		async throwAt(target) {
			const good = encodeCommand({ client: CLIENT, sequence: 2, receivedThrough: 0 }, put(target.key()));
			const changed = (at: number, ...bytes: readonly number[]): Uint8Array => {
				const copy = Uint8Array.from(good);
				copy.set(bytes, at);
				return copy;
			};
			const bad = [
				Uint8Array.of(0, 0, 0, 0),
				Uint8Array.of(3, 0, 0, 0, 1, 2, 3),
				changed(0, 0xff, 0xff, 0xff, 0xff),
				changed(0, good.length + 1),
				changed(0, good.length - 6),
				changed(4, 0, 0, 0, 0),
				changed(4, 2),
				changed(4, 0xff, 0xff, 0xff, 0x7f),
				changed(4, 65, 0, 0, 0x80),
				changed(8, 0xff),
				Buffer.concat([good, bytesOf(target.random, 40)]),
			];
			await isMalformed(
				target,
				bad.map((batch) => [hello(), register(), Uint8Array.of(WRITE), batch]),
			);
		},
	},
	{
		name: 'writes of keys and values that no door takes',
		answer: 'refused as badKey or badValue, and others are taken',
		async throwAt(target) {
			const stranger = await Stranger.at(target);
			stranger.send(hello(), register());
			const keys = [
				'',
				'/a',
				'a/../b',
				'a/%2e%2e/b',
				' a',
				'a\u0000',
				'k'.repeat(target.random.integer(4097, 9000)),
				'\u202e',
			];
			let sequence = 2;
			for (const key of keys) {
				target.inputs++;
				stranger.send(write(put(key), { sequence }));
				const { why } = await stranger.section('refused', ({ first }) => first === sequence);
				assert.equal(why, 'badKey', JSON.stringify(key.slice(0, 20)));
				sequence++;
			}
			stranger.send(write(put(target.key(), new Uint8Array(VALUE_BYTES_MAX + 1)), { sequence }));
			const { why } = await stranger.section('refused', ({ first }) => first === sequence);
			assert.equal(why, 'badValue');
			stranger.send(write(put(target.key()), { sequence: sequence + 1 }));
			const { status } = await stranger.section('results', ({ first }) => first === sequence + 1);
			assert.equal(status, 'ok');
		},
	},
	{
		name: 'sequences at the ends of all numbers',
		answer: 'applied once, forgotten, or the client is unknown; never another answer to the same one',
		async throwAt(target) {
			const client = `${CLIENT} ${target.key()}`.slice(-60);
			const stranger = await Stranger.at(target);
			stranger.send(hello(client), write(put(target.key()), { client, sequence: 2 ** 53 - 1 }));
			assert.equal((await stranger.section('results')).status, 'unknownClient');
			const key = target.key();
			const highest = await Stranger.at(target);
			const command = write(put(key), { client, sequence: 2 ** 53 - 2, receivedThrough: 2 ** 53 - 3 });
			target.inputs += 4;
			highest.send(hello(client), register(client), command);
			const { revision } = await highest.section('results', ({ first }) => first === 2 ** 53 - 2);
			const again = await Stranger.at(target);
			again.send(hello(client), command);
			const second = await again.section('results', ({ first }) => first === 2 ** 53 - 2);
			assert.ok(second.status === 'forgotten' || second.revision === revision, `${second.status} ${second.revision}`);
			const old = await Stranger.at(target);
			old.send(hello(client), write(put(key), { client, sequence: 5 }));
			assert.equal((await old.section('results', ({ first }) => first === 5)).status, 'forgotten');
		},
	},
	{
		name: 'the same batch again and again, on several connections',
		answer: 'it is applied once',
		async throwAt(target) {
			const client = `${CLIENT} ${target.key()}`.slice(-60);
			const create: Operation = { ...put(target.key()), cas: 0 } as Operation;
			const all = await Promise.all(Array.from({ length: target.random.integer(2, 8) }, () => Stranger.at(target)));
			for (const stranger of all) {
				target.inputs++;
				stranger.send(hello(client), register(client), write(create, { client }));
			}
			// Results are told to the connection that has said hello last.
			const last = await Stranger.at(target);
			last.send(hello(client), register(client), write(create, { client }));
			const { status } = await last.section('results', ({ first, count }) => first <= 2 && first + count > 2);
			assert.equal(status, 'ok');
		},
	},
	{
		name: 'transactions that claim to be larger, and operations that belong in none',
		answer: `closed with ${PROTOCOL_ERROR}`,
		async throwAt(target) {
			const out = new BatchWriter();
			out.begin(CLIENT, 2, 0, true);
			for (let count = 0; count < 65; count++) out.add(put(target.key()));
			const large = out.take();
			out.begin(CLIENT, 2, 0, true);
			out.add({ kind: 'registerClient', client: CLIENT });
			const registers = out.take();
			await isMalformed(
				target,
				[large, registers].map((batch) => [hello(), register(), Uint8Array.of(WRITE), batch]),
			);
		},
	},
	{
		name: 'more watches than one client may have',
		answer: 'the others are ended as tooMany',
		async throwAt(target) {
			const stranger = await Stranger.at(target);
			const count = WATCHES_PER_CONNECTION_MAX + target.random.integer(1, 20);
			target.inputs += count;
			stranger.send(hello(), ...Array.from({ length: count }, (_, id) => watch(id, null, `x${id}`)));
			for (let id = WATCHES_PER_CONNECTION_MAX; id < count; id++) {
				assert.equal((await stranger.section('watchEnded', (ended) => ended.id === id)).why, 'tooMany');
			}
			stranger.send(
				written((out) => writeUnwatch(out, 0)),
				watch(1000, null, 'y'),
			);
			await stranger.section('changes', ({ id }) => id === 1000);
		},
	},
	{
		name: 'watches inside one another, and a burst of writes below all of them',
		answer: 'each is told the last write, or ended as compacted, without a long step',
		async throwAt(target) {
			const connections = target.random.integer(1, 4);
			const key = `${target.key()}/${'x'.repeat(4 * WATCHES_PER_CONNECTION_MAX)}`;
			const all = await Promise.all(Array.from({ length: connections }, () => Stranger.at(target)));
			for (const [index, stranger] of all.entries()) {
				const ids = Array.from({ length: WATCHES_PER_CONNECTION_MAX }, (_, id) => id);
				target.inputs += ids.length;
				stranger.send(hello(), ...ids.map((id) => watch(id, null, key.slice(0, key.length - (4 * id + index)))), ping);
				await stranger.section('pong');
			}
			const writer = await Stranger.at(target);
			writer.send(hello(), register());
			const out = new BatchWriter();
			out.begin(CLIENT, 2, 0);
			const count = target.random.integer(1_000, 2_800);
			for (let index = 0; index < count; index++) out.add(put(key, Uint8Array.of(index, index >> 8)));
			writer.send(Uint8Array.of(WRITE), out.take());
			const { first, revision } = await writer.section(
				'results',
				(results) => results.first + results.count === count + 2,
			);
			const last = revision + count + 1 - first;
			for (const stranger of all) {
				for (let id = 0; id < WATCHES_PER_CONNECTION_MAX; id++) {
					await Promise.race([
						stranger.section('changes', (told) => told.id === id && told.through >= last),
						stranger.section('watchEnded', (ended) => ended.id === id),
					]);
				}
			}
		},
	},
	{
		name: 'watches that cannot be',
		answer: `closed with ${PROTOCOL_ERROR}`,
		throwAt: (target) =>
			isMalformed(target, [
				[hello(), watch(1, null, 'a'), watch(1, null, 'b')],
				[hello(), watch(1, null, '/a')],
				[hello(), watch(1, null, 'a/../b')],
				[hello(), watch(1, null, 'a\u0000')],
				[hello(), Uint8Array.of(WATCH, 1, 0, 1, 0xff)],
				[hello(), Uint8Array.of(WATCH, 0x80, 0, 0, 0)],
			]),
	},
	{
		name: 'watches from before everything and from beyond it',
		answer: 'ended as compacted, or they wait; the end of one that is not there is ignored',
		async throwAt(target) {
			const stranger = await Stranger.at(target);
			target.inputs += 3;
			stranger.send(hello(), watch(1, 2 ** 53 - 2, 'fuzz/'), watch(2, 1, 'fuzz/'), Uint8Array.of(UNWATCH, 99), ping);
			await stranger.section('pong');
			await Promise.race([
				stranger.section('changes', ({ id }) => id === 2),
				stranger.section('watchEnded', ({ id }) => id === 2),
			]);
		},
	},
	{
		name: 'frames of too many bytes',
		answer: 'closed with 1009',
		async throwAt(target) {
			const stranger = await Stranger.at(target);
			target.inputs++;
			stranger.ws.send(new Uint8Array(FRAME_BYTES_MAX + target.random.integer(1, 1000)));
			assert.equal(await stranger.closed, 1009);
		},
	},
	{
		name: 'frames of more sections than any client sends',
		answer: `closed with ${PROTOCOL_ERROR}`,
		throwAt: (target) =>
			isMalformed(target, [
				[hello(), Buffer.alloc(FRAME_BYTES_MAX - 100, PING)],
				[hello(), Buffer.alloc(FRAME_BYTES_MAX - 100, Uint8Array.of(UNWATCH, 1))],
				[hello(), Buffer.alloc(FRAME_BYTES_MAX - 100, Uint8Array.of(HELLO, PROTOCOL_VERSION, 1, 0x61))],
				[
					hello(),
					Buffer.alloc(FRAME_BYTES_MAX - 100 - ((FRAME_BYTES_MAX - 100) % 6), Uint8Array.of(READ, 1, 1, 1, 1, 0x61)),
				],
			]),
	},
	{
		name: 'frames of more keys than any client sends',
		answer: `closed with ${PROTOCOL_ERROR}`,
		throwAt: (target) => {
			const empty = read(1, Array<string>(READ_KEYS_MAX).fill(''));
			const count = Math.floor((FRAME_BYTES_MAX - 100) / empty.length);
			return isMalformed(target, [[hello(), ...Array.from({ length: count }, () => empty)]]);
		},
	},
	{
		name: 'as many commands as a client may wait for, in one frame',
		answer: 'all are applied, without a long step of any node',
		async throwAt(target) {
			const out = new BatchWriter();
			out.begin(CLIENT, 2, 0);
			const count = target.random.integer(20_000, IN_FLIGHT_MAX - 1);
			for (let index = 0; index < count; index++) out.add({ kind: 'delete', key: `x${index % 64}`, cas: null });
			const stranger = await Stranger.at(target);
			target.inputs += count;
			stranger.send(hello(), register());
			stranger.send(Uint8Array.of(WRITE), out.take());
			const refused = stranger.section('refused').then(({ why }) => assert.fail(why));
			refused.catch(() => undefined);
			let last = 0;
			while (last < count + 1) {
				const from = last;
				const results = await Promise.race([
					refused,
					stranger.section('results', ({ first, count: more }) => first + more - 1 > from),
				]);
				last = results.first + results.count - 1;
			}
		},
	},
	{
		name: 'values that are asked for and never taken',
		answer: 'the node keeps a bounded part of them, and serves others',
		async throwAt(target) {
			const key = target.key();
			const stranger = await Stranger.at(target);
			stranger.send(hello(), register(), write(put(key, new Uint8Array(100_000))));
			await stranger.section('results', ({ first, count }) => first + count > 2);
			stranger.ws.pause();
			const asks = Array.from({ length: 100 }, (_, index) => read(1000 * index, Array<string>(100).fill(key)));
			target.inputs += asks.length;
			stranger.send(...asks);
			const other = await Stranger.at(target);
			other.send(hello('other'), read(1, [key]));
			await other.section('values');
		},
	},
	{
		name: 'clients that come and go without a word',
		answer: 'others are served',
		async throwAt(target) {
			const all = await Promise.all(Array.from({ length: target.random.integer(20, 100) }, () => Stranger.at(target)));
			target.inputs += all.length;
			for (const { ws } of all) if (target.random.chance(0.5)) ws.terminate();
			const other = await Stranger.at(target);
			other.send(hello(), ping);
			await other.section('pong');
		},
	},
	{
		name: 'a greeting in many small parts',
		answer: 'welcome',
		async throwAt(target) {
			const stranger = await Stranger.at(target);
			const bytes = Buffer.concat([hello(), ping]);
			target.inputs++;
			for (const [index, byte] of bytes.entries())
				stranger.ws.send(Uint8Array.of(byte), { fin: index === bytes.length - 1 });
			await stranger.section('welcome');
			await stranger.section('pong');
		},
	},
	{
		name: 'a greeting in parts, with pings between them',
		answer: 'welcome, and a pong for each ping',
		async throwAt(target) {
			const stranger = await Stranger.at(target);
			const bytes = hello();
			const at = target.random.integer(1, bytes.length - 1);
			target.inputs += 2;
			const pong = once(stranger.ws, 'pong');
			stranger.ws.send(bytes.slice(0, at), { fin: false });
			stranger.ws.ping('between');
			stranger.ws.send(bytes.slice(at), { fin: true });
			assert.equal(String(((await pong) as [Buffer])[0]), 'between');
			await stranger.section('welcome');
		},
	},
	{
		name: 'very many frames with one section each, at once',
		answer: 'each is answered, without a long step',
		async throwAt(target) {
			const wire = await upgraded(target, CLIENT_PATH);
			const count = target.random.integer(10_000, 40_000);
			target.inputs += count;
			const pings = frame(OPCODES.binary, ping);
			const end = frame(OPCODES.close, Uint8Array.of(3, 0xe8));
			wire.write(Buffer.concat([frame(OPCODES.binary, hello()), Buffer.alloc(pings.length * count, pings), end]));
			assert.equal(await closeCode(wire), 1000);
		},
	},
	{
		name: 'very many small frames on many connections at once',
		answer: 'each is answered, without a long step',
		async throwAt(target) {
			const count = target.random.integer(8_000, 12_000);
			const pings = frame(OPCODES.binary, ping);
			const end = frame(OPCODES.close, Uint8Array.of(3, 0xe8));
			const all = await Promise.all(
				Array.from({ length: target.random.integer(10, 20) }, () => upgraded(target, CLIENT_PATH)),
			);
			target.inputs += all.length * count;
			for (const wire of all) {
				wire.write(Buffer.concat([frame(OPCODES.binary, hello()), Buffer.alloc(pings.length * count, pings), end]));
			}
			for (const wire of all) assert.equal(await closeCode(wire), 1000);
		},
	},
	{
		name: 'a greeting in the packet of the upgrade',
		answer: 'welcome',
		async throwAt(target) {
			const wire = target.wire();
			target.inputs++;
			wire.write(Buffer.concat([Buffer.from(upgradeOf(target, CLIENT_PATH)), frame(OPCODES.binary, hello())]));
			isAnswered(await wire.answer(), 101);
			// The welcome names the node.
			await wire.receives(target.node.id);
		},
	},
	{
		name: 'locks of sessions that were never there',
		answer: 'noSession for each, and nothing is written',
		async throwAt(target) {
			const client = `${CLIENT} ${target.key()}`.slice(-60);
			const key = target.key();
			const stranger = await Stranger.at(target);
			stranger.send(hello(client), register(client));
			const session = '00000000-0000-4000-8000-000000000000';
			const lock = { key, value: Uint8Array.of(1), flags: 2n ** 64n - 1n, session };
			const operations: readonly Operation[] = [
				{ kind: 'acquire', ...lock },
				{ kind: 'release', ...lock },
				{ kind: 'checkSession', key, session },
				{ kind: 'renewSession', session },
				{ kind: 'endSession', session, renewed: 2 ** 53 - 2 },
			];
			for (const [index, operation] of operations.entries()) {
				target.inputs++;
				stranger.send(write(operation, { client, sequence: 2 + index }));
				const { status } = await stranger.section(
					'results',
					({ first, count }) => first <= 2 + index && first + count > 2 + index,
				);
				assert.notEqual(status, operation.kind === 'endSession' ? '' : 'ok', operation.kind);
			}
			assert.equal(await target.read(key), null);
		},
	},
	{
		name: 'a frame in more parts than a frame may have',
		answer: 'closed with 1008',
		async throwAt(target) {
			const stranger = await Stranger.at(target);
			target.inputs++;
			for (let part = 0; part < 20_000; part++) stranger.ws.send(Uint8Array.of(PING), { fin: false });
			assert.equal(await stranger.closed, 1008);
		},
	},
];
