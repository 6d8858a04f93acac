/**
 * Bad input at the mesh: of strangers that prove nothing, and of guests, which know the secret and are no members. What a
 * member says under its own id is believed, so nobody here speaks lies in a member's name, but for words of its own that
 * are said again.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fc from 'fast-check';
import type { ClientOptions } from 'ws';
import {
	FRAME_BYTES_MAX,
	FRAME_MESSAGES_MAX,
	Lane,
	TRACES_PER_MESSAGE_MAX,
	writeTraces,
} from '../../server/mesh/frame.ts';
import {
	DialerHandshake,
	HANDSHAKE_BYTES_MAX,
	type Identity,
	NONCE_BYTES,
	PROTOCOL,
} from '../../server/mesh/handshake.ts';
import { REFUSALS, type Refusal } from '../../server/mesh/refusal.ts';
import { Writer } from '../../shared/bytes/bytes.ts';
import { BALLOT_AHEAD_MAX_MS, SLOT_MAX } from '../../shared/paxos/bounds.ts';
import type { Message, MessageKind } from '../../shared/paxos/message.ts';
import { batchValue, NOOP } from '../../shared/paxos/value.ts';
import { writeMessage } from '../../shared/paxos/wire.ts';
import { ANY_MESSAGE_OF } from '../mesh/arbitrary.ts';
import { identityOf, Stranger } from '../mesh/stranger.ts';
import { until } from '../process/swarm.ts';
import { framingKinds } from './frames.ts';
import { bytesOf, type Kind, SECRET, type Target } from './kind.ts';

const PATH = '/mesh';
/** The first byte of a frame of messages. */
const MESSAGES = 0x10;
const TRACES = 0x11;
/** The bytes in front of the number of the first message: that byte, and how far the log is durable. */
const FRAME_HEAD = Uint8Array.of(MESSAGES, 0, 0, 0, 0, 0, 0);

/** Who a node says that it is, by `/v1/swarm`. */
async function whois(target: Target, node = target.node): Promise<{ readonly id: string; readonly swarmId: string }> {
	const told = (await (await node.fetch('/v1/swarm')).json()) as { readonly node: string; readonly id: string };
	return { id: told.node, swarmId: told.id };
}

/** A connection that has proved nothing yet. */
async function stranger(target: Target, node = target.node): Promise<Stranger> {
	const made = await Stranger.at(node);
	target.atEnd(() => made.close());
	return made;
}

/** A connection that has proved to know the secret. */
async function proven(
	target: Target,
	self: string,
	node = target.node,
	options: ClientOptions = {},
): Promise<Stranger> {
	const { id, swarmId } = await whois(target, node);
	const made = await Stranger.proven({ id, port: node.port }, { self, swarmId, secret: SECRET }, options);
	target.atEnd(() => made.close());
	return made;
}

/** Another process of a member is refused at once, or a few times before, until the node knows that the first one is there. */
async function isToldOfTheFirst(target: Target, self: string, node: Target['node']): Promise<void> {
	const { predecessor, twice } = REFUSALS;
	for (;;) {
		target.inputs++;
		try {
			const made = await proven(target, self, node);
			return assert.equal(await made.closed, twice.code);
		} catch (error) {
			assert.equal((error as Error).message, predecessor.text);
		}
	}
}

/** A name that no member has. */
function guestName({ random }: Target): string {
	return `z${random.bits()}`;
}

async function handshakeOf(target: Target, identity: Partial<Identity> = {}, to?: string): Promise<DialerHandshake> {
	const { id, swarmId } = await whois(target);
	const self = guestName(target);
	return new DialerHandshake(
		identityOf({ self, swarmId, secret: SECRET, ...identity }),
		to ?? id,
		bytesOf(target.random, NONCE_BYTES),
	);
}

/** Sends each list of frames on a connection of its own, and checks the reason for which it is closed. */
async function isRefused(target: Target, inputs: readonly (string | Uint8Array)[], refusal: Refusal): Promise<void> {
	for (const [index, input] of inputs.entries()) {
		const made = await stranger(target);
		target.inputs++;
		made.ws.send(input);
		assert.equal(await made.closed, REFUSALS[refusal].code, `input ${index + 1}`);
	}
}

/** Sends each frame as a guest of its own, and checks that the link ends because it does not parse. */
async function isMalformed(target: Target, inputs: readonly Uint8Array[]): Promise<void> {
	for (const [index, input] of inputs.entries()) {
		const guest = await proven(target, guestName(target));
		target.inputs++;
		guest.ws.send(input);
		assert.equal(await guest.closed, REFUSALS.malformedFrame.code, `input ${index + 1}`);
	}
}

function frameOf(...messages: readonly Uint8Array[]): Uint8Array {
	return Buffer.concat([FRAME_HEAD, Uint8Array.of(1), ...messages]);
}

function written(message: Message): Uint8Array {
	const out = new Writer();
	writeMessage(out, message);
	return out.take();
}

function samples<K extends MessageKind>({ random }: Target, kind: K, numRuns: number): Message[] {
	return fc.sample<Message>(ANY_MESSAGE_OF[kind], { numRuns, seed: random.bits() | 0 });
}

/** What a node says in words that others act on only where it is a member, or that they bound by themselves. */
const HARMLESS: readonly MessageKind[] = [
	'prepare',
	'promise',
	'accept',
	'accepted',
	'nack',
	'heartbeat',
	'confirm',
	'handOver',
	'poll',
	'pollReply',
	'hears',
	'fetch',
	'forward',
	'noRoom',
	'digest',
	'snapshotAsk',
	'readAsk',
	'readIndex',
];

/** Resolves when the swarm has a leader, all members have links, and a write is acknowledged at each node. */
async function isWell(target: Target): Promise<void> {
	for (const node of target.swarm.nodes) {
		await node.ready();
		await until(`${node.id} has all links`, async () => {
			const { members } = (await (await node.fetch('/v1/members')).json()) as {
				readonly members: readonly { readonly linked: boolean }[];
			};
			return members.every(({ linked }) => linked) || undefined;
		});
		const answer = await node.fetch(`/v1/kv/${target.key()}`, { method: 'PUT', body: 'x' });
		assert.equal(answer.status, 200, await answer.text());
	}
}

export const MESH: readonly Kind[] = [
	...framingKinds(PATH, REFUSALS.textFrame.code, REFUSALS.malformedHandshake.code),
	{
		name: 'text',
		answer: `closed with ${REFUSALS.textFrame.code}`,
		throwAt: (target) => isRefused(target, ['', 'hello', '\u0001paxos'], 'textFrame'),
	},
	{
		name: 'a page that wants a link',
		answer: '403',
		async throwAt(target) {
			for (const origin of ['http://evil.example', target.node.url, 'null']) {
				target.inputs++;
				await assert.rejects(Stranger.at(target.node, { headers: { Origin: origin } }), /403/);
			}
		},
	},
	{
		name: 'greetings that are none',
		answer: `closed with ${REFUSALS.malformedHandshake.code}`,
		async throwAt(target) {
			const { opening } = await handshakeOf(target);
			const cuts = [0, 1, 3, target.random.integer(7, opening.length - 1), opening.length - 1];
			const magic = Uint8Array.from(opening);
			magic[target.random.integer(1, 5)] = 0;
			const step = Uint8Array.from(opening);
			step[0] = target.random.pick([0, 2, 3, 4, MESSAGES, 255]);
			const inputs = [
				...cuts.map((end) => opening.subarray(0, end)),
				Buffer.concat([opening, Uint8Array.of(0)]),
				magic,
				step,
			];
			await isRefused(target, [...inputs, bytesOf(target.random, 500)], 'malformedHandshake');
			await isRefused(
				target,
				[Buffer.alloc(target.random.integer(HANDSHAKE_BYTES_MAX + 1, 100_000), 1)],
				'malformedHandshake',
			);
		},
	},
	{
		name: 'greetings by names that cannot be printed or are too long',
		answer: `closed with ${REFUSALS.malformedHandshake.code}`,
		async throwAt(target) {
			const inputs = [];
			for (const self of ['', '\u001b[2J', 'n\n', 'x\u0080', 'n'.repeat(65), 'n'.repeat(255)])
				inputs.push((await handshakeOf(target, { self })).opening);
			inputs.push(
				(await handshakeOf(target, { epoch: '' })).opening,
				(await handshakeOf(target, { epoch: '\0' })).opening,
			);
			await isRefused(target, inputs, 'malformedHandshake');
		},
	},
	{
		name: 'greetings of other versions',
		answer: `closed with ${REFUSALS.noCommonVersion.code}`,
		async throwAt(target) {
			const inputs = [];
			for (const [min, max] of [
				[0, 0],
				[1, PROTOCOL.min - 1],
				[PROTOCOL.max + 1, PROTOCOL.max + 9],
				[2 ** 53 - 1, 2 ** 53 - 1],
				[9, 3],
			]) {
				inputs.push((await handshakeOf(target, { protocol: { min: min as number, max: max as number } })).opening);
			}
			await isRefused(target, inputs, 'noCommonVersion');
		},
	},
	{
		name: 'greetings of another swarm',
		answer: `closed with ${REFUSALS.otherSwarm.code}, whatever else is wrong`,
		async throwAt(target) {
			const inputs = [];
			for (const swarmId of ['', 'another', 'x'.repeat(64)]) {
				inputs.push((await handshakeOf(target, { swarmId }, target.random.pick(['n1', 'n9']))).opening);
			}
			await isRefused(target, inputs, 'otherSwarm');
		},
	},
	{
		name: 'greetings to another node, and of the node itself',
		answer: `closed with ${REFUSALS.otherNode.code} and ${REFUSALS.sameNode.code}`,
		async throwAt(target) {
			const [n1, n2] = target.swarm.nodes;
			if (!n1 || !n2) throw new Error('too few nodes');
			const { id: first } = await whois(target, n1);
			const { id: second, swarmId } = await whois(target, n2);
			const open = (self: string, to: string) =>
				new DialerHandshake(identityOf({ self, swarmId, secret: SECRET }), to, bytesOf(target.random, NONCE_BYTES))
					.opening;
			const expected: readonly [string, string, Refusal][] = [
				['n9', 'n8', 'otherNode'],
				['n9', first, 'otherNode'],
				[second, second, 'sameNode'],
			];
			for (const [self, to, refusal] of expected) {
				const made = await stranger(target, n2);
				target.inputs++;
				made.ws.send(open(self, to));
				assert.equal(await made.closed, REFUSALS[refusal].code);
			}
		},
	},
	{
		name: 'wrong secrets',
		answer: `closed with ${REFUSALS.wrongSecret.code}, or ${REFUSALS.secretOnOneSide.code} for none`,
		async throwAt(target) {
			for (const secret of ['', `${SECRET} `, SECRET.toUpperCase(), 'x'.repeat(target.random.integer(1, 5000)), null]) {
				target.inputs++;
				const handshake = await handshakeOf(target, { secret });
				const made = await stranger(target);
				made.ws.send(handshake.opening);
				const step = handshake.receive(await made.hears(1));
				if (step.kind !== 'send') throw new Error(step.kind);
				made.ws.send(step.bytes);
				assert.equal(await made.closed, REFUSALS[secret === null ? 'secretOnOneSide' : 'wrongSecret'].code);
			}
		},
	},
	{
		name: 'proofs that are none, and the proof of another connection',
		answer: `closed with ${REFUSALS.malformedHandshake.code}, and with ${REFUSALS.wrongSecret.code} for the latter`,
		async throwAt(target) {
			const open = async (): Promise<{ readonly made: Stranger; readonly proof: Uint8Array }> => {
				const handshake = await handshakeOf(target, { self: 'z-again' });
				const made = await stranger(target);
				made.ws.send(handshake.opening);
				const step = handshake.receive(await made.hears(1));
				if (step.kind !== 'send') throw new Error(step.kind);
				return { made, proof: step.bytes };
			};
			const changes: readonly ((proof: Uint8Array) => Uint8Array)[] = [
				(proof) => proof.subarray(0, target.random.integer(1, proof.length - 1)),
				(proof) => Buffer.concat([proof, Uint8Array.of(0)]),
				() => Uint8Array.of(3, 5, 1, 2, 3, 4, 5, 0),
				(proof) =>
					Buffer.concat([
						proof.subarray(0, proof.length - 1),
						Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f),
					]),
				(proof) => Buffer.concat([Uint8Array.of(1), proof.subarray(1)]),
			];
			for (const change of changes) {
				const { made, proof } = await open();
				target.inputs++;
				made.ws.send(change(proof));
				assert.equal(await made.closed, REFUSALS.malformedHandshake.code);
			}
			const [earlier, later] = [await open(), await open()];
			target.inputs++;
			later.made.ws.send(earlier.proof);
			assert.equal(await later.made.closed, REFUSALS.wrongSecret.code);
		},
	},
	{
		name: 'strangers that say nothing',
		answer: `closed with ${REFUSALS.tooSlow.code} after a while`,
		async throwAt(target) {
			const all = await Promise.all(Array.from({ length: target.random.integer(1, 20) }, () => stranger(target)));
			target.inputs += all.length;
			for (const { closed } of all) assert.equal(await closed, REFUSALS.tooSlow.code);
		},
	},
	{
		name: 'more strangers than may prove nothing',
		answer: `the oldest are closed with ${REFUSALS.crowded.code}, and the links of members stay`,
		async throwAt(target) {
			const first = await stranger(target);
			target.inputs += 65;
			await Promise.all(Array.from({ length: 64 }, () => stranger(target)));
			assert.equal(await first.closed, REFUSALS.crowded.code);
			await isWell(target);
		},
	},
	{
		name: 'more guests than there may be',
		answer: `closed with ${REFUSALS.tooManyGuests.code}, and the links of members stay`,
		async throwAt(target) {
			for (let count = 0; count < 16; count++) await proven(target, `${guestName(target)}-${count}`);
			target.inputs += 17;
			await assert.rejects(proven(target, guestName(target)), new RegExp(REFUSALS.tooManyGuests.text));
			await isWell(target);
		},
	},
	{
		name: 'frames of messages that are none',
		answer: `closed with ${REFUSALS.malformedFrame.code}`,
		async throwAt(target) {
			const poll = written({ kind: 'fetch', from: 1 });
			const frame = frameOf(poll);
			await isMalformed(target, [
				new Uint8Array(0),
				Uint8Array.of(MESSAGES),
				Uint8Array.of(1, ...frame.subarray(1)),
				Uint8Array.of(TRACES),
				Uint8Array.of(TRACES, 1, 1, 65, ...bytesOf(target.random, 65)),
				writeTraces({ message: 1, traceparents: Array<string>(TRACES_PER_MESSAGE_MAX + 1).fill('') }),
				frame.subarray(0, 7),
				frame.subarray(0, 8),
				frameOf(),
				frameOf(Uint8Array.of(21)),
				frameOf(Uint8Array.of(255), bytesOf(target.random, 30)),
				frameOf(...Array.from({ length: FRAME_MESSAGES_MAX + 1 }, () => poll)),
				Buffer.concat([FRAME_HEAD, Uint8Array.of(0x80, 0), poll]),
			]);
		},
	},
	{
		name: 'messages of every kind that are cut anywhere',
		answer: `closed with ${REFUSALS.malformedFrame.code}`,
		async throwAt(target) {
			const inputs = (Object.keys(ANY_MESSAGE_OF) as MessageKind[]).flatMap((kind) =>
				samples(target, kind, 1).map((message) => {
					const bytes = written(message);
					return frameOf(bytes.subarray(0, target.random.integer(1, bytes.length - 1)));
				}),
			);
			await isMalformed(target, inputs);
		},
	},
	{
		name: 'slots, ballots, parts and lengths beyond their bounds',
		answer: `closed with ${REFUSALS.malformedFrame.code}`,
		async throwAt(target) {
			const ballot = { ms: 1, ns: 0, node: 'z' };
			const value = batchValue(new Uint8Array(3));
			const beyond = SLOT_MAX + target.random.integer(1, 2 ** 30);
			const of = (message: Message): Uint8Array => frameOf(written(message));
			const part = { kind: 'snapshotPart', through: 1, bytesOfAll: 10, offset: 5, bytes: new Uint8Array(6) } as const;
			await isMalformed(target, [
				of({ kind: 'fetch', from: 0 }),
				of({ kind: 'fetch', from: beyond }),
				of({ kind: 'fetch', from: 2 ** 53 - 1 }),
				of({ kind: 'accepted', ballot, slot: 0 }),
				of({ kind: 'accept', ballot, chosenThrough: beyond, recoveredThrough: 0, slot: 1, value }),
				of({ kind: 'prepare', ballot: { ...ballot, ms: 2 ** 53 - 1 }, contest: 0, chosenThrough: 0 }),
				of({ kind: 'prepare', ballot, contest: beyond, chosenThrough: 0 }),
				of({ kind: 'promise', ballot, part: 0, parts: 2 ** 53 - 1, chosenThrough: 0, accepted: [] }),
				of({ kind: 'promise', ballot, part: 3, parts: 3, chosenThrough: 0, accepted: [] }),
				of({ kind: 'promise', ballot, part: 0, parts: 1, chosenThrough: 0, accepted: [{ slot: 5000, ballot, value }] }),
				of({
					kind: 'decisions',
					from: SLOT_MAX,
					chosenThrough: SLOT_MAX,
					decisions: [
						{ ballot, value },
						{ ballot, value },
					],
				}),
				of({ kind: 'decisions', from: 9, chosenThrough: 3, decisions: [{ ballot, value }] }),
				of({ kind: 'forward', origin: 'z', epoch: 1, id: 1, settledThrough: 0, value: NOOP }),
				of(part),
				of({ ...part, offset: 0, bytesOfAll: 2 ** 40, bytes: new Uint8Array(256 * 1024 + 1) }),
				// A list and a value that claim to be larger than the frame.
				frameOf(Uint8Array.of(10, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)),
				frameOf(Uint8Array.of(20, 1, 1, 0, 0xff, 0xff, 0x7f)),
			]);
		},
	},
	{
		name: 'a message larger than a frame',
		answer: 'closed with 1009',
		async throwAt(target) {
			const guest = await proven(target, guestName(target));
			target.inputs++;
			guest.ws.send(new Uint8Array(FRAME_BYTES_MAX + target.random.integer(1, 1000)));
			assert.equal(await guest.closed, 1009);
		},
	},
	{
		name: 'messages with any content, of a guest',
		answer: 'ignored, answered or refused; no vote of a guest counts, and the swarm goes on',
		async throwAt(target) {
			for (const kind of HARMLESS) {
				const self = guestName(target);
				const guest = await proven(target, self);
				const lane = new Lane(1);
				const messages = samples(target, kind, 20);
				target.inputs += messages.length;
				for (const message of messages) lane.add(message);
				for (let frame = lane.takeFrame(); frame; frame = lane.takeFrame()) guest.ws.send(frame);
				guest.ws.ping();
				await Promise.race([once(guest.ws, 'pong'), guest.closed]);
				guest.ws.terminate();
			}
			await isWell(target);
		},
	},
	{
		name: 'a candidate whose ballots are far ahead',
		answer: 'those beyond the bound are not believed; a leader of the members leads on or again',
		async throwAt(target) {
			const node = guestName(target);
			const guest = await proven(target, node);
			const lane = new Lane(1);
			for (const aheadMs of [1, 60_000, BALLOT_AHEAD_MAX_MS / 100, 2 * BALLOT_AHEAD_MAX_MS, 4e12 - Date.now()]) {
				const ballot = { ms: Math.floor(Date.now() + aheadMs), ns: target.random.integer(0, 999_999), node };
				target.inputs += 3;
				lane.add({ kind: 'prepare', ballot, contest: 0, chosenThrough: 0 });
				lane.add({
					kind: 'heartbeat',
					ballot,
					chosenThrough: 0,
					recoveredThrough: SLOT_MAX,
					round: 2 ** 53 - 1,
					timeMs: 2 ** 53 - 1,
				});
				lane.add({ kind: 'poll', ballot, timeMs: 0 });
			}
			for (let frame = lane.takeFrame(); frame; frame = lane.takeFrame()) guest.ws.send(frame);
			guest.ws.ping();
			await once(guest.ws, 'pong');
			guest.ws.terminate();
			await isWell(target);
		},
	},
	{
		name: 'accepts for slots far beyond the window',
		answer: 'refused; nothing walks or allocates by the number',
		async throwAt(target) {
			const node = guestName(target);
			const guest = await proven(target, node);
			const lane = new Lane(1);
			for (const slot of [2 ** 32 - 2, SLOT_MAX, target.random.integer(10_000_000, 2 ** 31)]) {
				const ballot = { ms: Date.now() - 1000, ns: 0, node };
				target.inputs++;
				lane.add({
					kind: 'accept',
					ballot,
					chosenThrough: 0,
					recoveredThrough: 0,
					slot,
					value: batchValue(new Uint8Array(9)),
				});
			}
			for (let frame = lane.takeFrame(); frame; frame = lane.takeFrame()) guest.ws.send(frame);
			guest.ws.ping();
			await once(guest.ws, 'pong');
			guest.ws.terminate();
			await isWell(target);
		},
	},
	{
		name: 'a second process of each member, at each node',
		answer: `closed with ${REFUSALS.twice.code}, while the swarm goes on`,
		async throwAt(target) {
			const { nodes } = target.swarm;
			for (const member of nodes) {
				const { id } = await whois(target, member);
				for (const node of nodes) if (node !== member) await isToldOfTheFirst(target, id, node);
			}
			await isWell(target);
		},
	},
	{
		name: 'a guest that answers no ping',
		answer: 'its link is cut',
		async throwAt(target) {
			const guest = await proven(target, guestName(target), target.node, { autoPong: false });
			target.inputs++;
			assert.equal(await guest.closed, 1006);
		},
	},
];
