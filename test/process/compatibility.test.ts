/**
 * What a version wrote can be read later. `frozen/` has what 0.1 wrote: the data folder of a node, a file of
 * `snapshot save`, and the bytes of a handshake, of each message between nodes, and of each one between nodes and clients.
 * These files never change once a
 * version with these formats is released; until then they are made anew with a format.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, onTestFailed, onTestFinished, test } from 'vitest';
import { DialerHandshake, type Identity, ListenerHandshake, PROTOCOL, type Step } from '../../server/mesh/handshake.ts';
import { openFolder } from '../../server/storage/folder.ts';
import { Reader, Writer } from '../../shared/bytes/bytes.ts';
import { readClientFrame } from '../../shared/client/client-frame.ts';
import { readNodeFrame } from '../../shared/client/node-frame.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { readMessage, writeMessage } from '../../shared/paxos/wire.ts';
import { MESSAGES, OF_CLIENTS, OF_NODES } from './samples.ts';
import { Swarm, type TestNode } from './swarm.ts';

const frozen = (name: string): string => fileURLToPath(new URL(`frozen/0.1/${name}`, import.meta.url));
const kv: unknown = JSON.parse(readFileSync(frozen('kv.json'), 'utf8'));

/** Puts the frozen folder of n1 where a node finds it. */
function thaw(dataDir: string): void {
	const log = join(dataDir, 'n1', 'log');
	mkdirSync(log, { recursive: true });
	for (const folder of [dataDir, join(dataDir, 'n1')]) copyFileSync(frozen('format.json'), join(folder, 'format.json'));
	for (const name of ['manifest', '000000000009.snapshot']) copyFileSync(frozen(name), join(log, name));
	writeFileSync(join(log, '000000000001.log'), gunzipSync(readFileSync(frozen('000000000001.log.gz'))));
}

describe('what 0.1 has written', () => {
	let swarm: Swarm;
	let node: TestNode;
	beforeAll(async () => {
		swarm = await Swarm.create({ size: 1 });
		[node] = swarm.nodes as [TestNode];
	});
	afterAll(() => swarm.dispose());

	test('a data folder starts, with every key and outcome, and goes on', async () => {
		onTestFailed(() => swarm.report());
		thaw(swarm.dataDir);
		await node.start();
		expect(await (await node.fetch('/v1/kv/?recurse')).json()).toEqual(kv);
		const put = { method: 'PUT', body: '1', headers: { 'Idempotency-Key': 'one' } };
		expect(await (await node.fetch('/v1/kv/once', put)).text()).toBe('true');
		expect(await (await node.fetch('/v1/kv/once')).json()).toMatchObject([{ ModifyIndex: 9 }]);
		expect(await (await node.fetch('/v1/kv/new', { method: 'PUT', body: 'x' })).text()).toBe('true');
		expect(await node.stop()).toBe(0);
	});

	test('a saved snapshot is restored', async () => {
		onTestFailed(() => swarm.report());
		const restored = join(swarm.folder, 'restored');
		const { status, stderr } = await swarm.run('snapshot', 'restore', frozen('state.backup'), '--data-dir', restored);
		expect([status, stderr]).toEqual([0, '']);
		await node.start({ flags: ['--data-dir', restored] });
		expect(await (await node.fetch('/v1/kv/?recurse')).json()).toEqual(kv);
	});
});

describe('what a later version has written', () => {
	test('is refused in a sentence that names both formats, and left as it is', () => {
		const dataDir = mkdtempSync(join(tmpdir(), 'paxos-swarm-later-'));
		onTestFinished(() => rmSync(dataDir, { recursive: true }));
		thaw(dataDir);
		const { checksum: _, ...content } = JSON.parse(readFileSync(frozen('format.json'), 'utf8')) as {
			format: number;
			checksum: string;
		};
		const later = { ...content, format: content.format + 1 };
		const checksum = createHash('sha256').update(JSON.stringify(later)).digest('hex');
		const text = JSON.stringify({ ...later, checksum });
		for (const folder of [dataDir, join(dataDir, 'n1')]) writeFileSync(join(folder, 'format.json'), text);
		expect(() => openFolder(dataDir, 'n1', 'test')).toThrow(
			`has format ${content.format + 1}; this version of paxos-swarm knows format ${content.format} only.`,
		);
		expect(readFileSync(join(dataDir, 'n1', 'format.json'), 'utf8')).toBe(text);
	});
});

describe('the handshake of 0.1', () => {
	const bytes = JSON.parse(readFileSync(frozen('handshake.json'), 'utf8')) as Record<
		'hello' | 'challenge' | 'proof' | 'welcome',
		string
	>;
	const of = (self: string, max: number): Identity => ({
		self,
		epoch: `epoch of ${self}`,
		swarmId: 'a swarm',
		secret: 'a secret',
		protocol: { min: PROTOCOL.min, max },
		refusalOf: () => null,
		delayOf: () => null,
		remembered: () => 17,
	});
	const hex = (step: Step | Uint8Array): string => {
		const sent = step instanceof Uint8Array ? step : step.kind === 'refuse' ? null : step.bytes;
		return sent === null ? 'nothing' : Buffer.from(sent).toString('hex');
	};
	const told = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

	test('is the same, byte for byte', () => {
		const dialer = new DialerHandshake(of('n2', 7), 'n1', new Uint8Array(32).fill(2));
		const listener = new ListenerHandshake(of('n1', 7), new Uint8Array(32).fill(1));
		expect(hex(dialer.opening)).toBe(bytes.hello);
		expect(hex(listener.receive(told(bytes.hello)))).toBe(bytes.challenge);
		expect(hex(dialer.receive(told(bytes.challenge)))).toBe(bytes.proof);
		expect(hex(listener.receive(told(bytes.proof)))).toBe(bytes.welcome);
		expect(dialer.receive(told(bytes.welcome))).toMatchObject({ kind: 'proven', peer: { version: 7, remembered: 17 } });
	});

	test('is answered in its own version by a node that speaks the next one too', () => {
		const later = new ListenerHandshake(of('n1', 8), new Uint8Array(32).fill(1));
		expect(hex(later.receive(told(bytes.hello)))).toBe(bytes.challenge);
		expect(later.receive(told(bytes.proof))).toMatchObject({ kind: 'proven', peer: { id: 'n2', version: 7 } });
	});
});

describe('what 0.1 says', () => {
	const wire = JSON.parse(readFileSync(frozen('wire.json'), 'utf8')) as Record<
		'messages' | 'ofClients' | 'ofNodes',
		Record<string, string>
	>;
	const written = (write: (out: Writer) => void): string => {
		const out = new Writer();
		write(out);
		return Buffer.from(out.take()).toString('hex');
	};
	const bytesOf = (hex = ''): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

	test.each(Object.values<Message>(MESSAGES))('a $kind between nodes is the same, byte for byte', (message) => {
		const hex = wire.messages[message.kind];
		expect(written((out) => writeMessage(out, message))).toBe(hex);
		expect(readMessage(new Reader(bytesOf(hex)))).toEqual(message);
	});

	test.each(Object.entries(OF_CLIENTS))('a %s of a client is the same', (name, { write, section }) => {
		expect(written(write)).toBe(wire.ofClients[name]);
		expect(readClientFrame(bytesOf(wire.ofClients[name]))).toEqual([section]);
	});

	test.each(Object.entries(OF_NODES))('a %s for a client is the same', (name, { write, section }) => {
		expect(written(write)).toBe(wire.ofNodes[name]);
		expect(readNodeFrame(bytesOf(wire.ofNodes[name]))).toEqual([section]);
	});
});
