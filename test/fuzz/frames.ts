/** Bad frames of WebSockets, at any door: what the protocol below the messages refuses. */
import assert from 'node:assert/strict';
import { request, type Wire } from '../front/wire.ts';
import { bytesOf, isAnswered, type Kind, type Target } from './kind.ts';

/** @source RFC 6455, 5.2 */
export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const FIN = 0x80;
const PROTOCOL_ERROR = 1002;
const TOO_LARGE = 1009;
const TOO_MANY_PARTS = 1008;

interface FrameOptions {
	/** The bits above the opcode; FIN by default. */
	readonly bits?: number;
	readonly isMasked?: boolean;
	/** The length that the frame claims to have; by default its own, in as few bytes as it needs. */
	readonly length?: bigint;
}

/** A frame as a client writes it, with a mask of zeros. */
export function frame(opcode: number, payload: Uint8Array, options: FrameOptions = {}): Buffer {
	const { bits = FIN, isMasked = true, length } = options;
	const mask = isMasked ? 0x80 : 0;
	const head =
		length !== undefined
			? [mask | 127, ...eightBytes(length)]
			: payload.length < 126
				? [mask | payload.length]
				: payload.length < 0x10000
					? [mask | 126, payload.length >> 8, payload.length & 0xff]
					: [mask | 127, ...eightBytes(BigInt(payload.length))];
	return Buffer.concat([Uint8Array.of(bits | opcode, ...head, ...(isMasked ? [0, 0, 0, 0] : [])), payload]);
}

function eightBytes(length: bigint): number[] {
	return Array.from({ length: 8 }, (_, at) => Number((length >> BigInt(56 - 8 * at)) & 0xffn));
}

/** The request that makes a WebSocket of a connection. */
export function upgradeOf(target: Target, path: string): string {
	const headers = [
		'Connection: Upgrade',
		'Upgrade: websocket',
		'Sec-WebSocket-Version: 13',
		'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
	];
	return request('GET', path, { host: `127.0.0.1:${target.node.port}`, headers });
}

/** A connection that has become a WebSocket, whose frames a test writes byte by byte. */
export async function upgraded(target: Target, path: string): Promise<Wire> {
	const wire = target.wire().write(upgradeOf(target, path));
	isAnswered(await wire.answer(), 101);
	return wire;
}

/** The code of the closing frame; null where the connection ended without one. */
export async function closeCode(wire: Wire): Promise<number | null> {
	await wire.closed;
	const { bytes } = wire;
	for (let at = 0; at + 1 < bytes.length; ) {
		const short = (bytes[at + 1] as number) & 0x7f;
		const head = short < 126 ? 2 : short === 126 ? 4 : 10;
		const length =
			short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
		if (((bytes[at] as number) & 0x0f) === OPCODES.close) return bytes.readUInt16BE(at + head);
		at += head + length;
	}
	return null;
}

/** @param path of the door @param noText the codes of a door that takes no texts */
export function framingKinds(path: string, ...noText: readonly number[]): Kind[] {
	/** Throws each of the lists of frames on a connection of its own. */
	const isClosed = async (
		target: Target,
		inputs: readonly (readonly Uint8Array[])[],
		codes: readonly (number | null)[],
	) => {
		for (const frames of inputs) {
			const wire = await upgraded(target, path);
			target.inputs++;
			wire.write(Buffer.concat(frames));
			const code = await closeCode(wire);
			assert.ok(codes.includes(code), `closed with ${code}`);
		}
	};
	const some = Buffer.from('some');
	return [
		{
			name: 'frames with bits that nobody agreed on, such as compressed ones',
			answer: `closed with ${PROTOCOL_ERROR}`,
			throwAt: (target) =>
				isClosed(
					target,
					[0x40, 0x20, 0x10, 0x70].map((bit) => [
						frame(OPCODES.binary, bytesOf(target.random, 20), { bits: FIN | bit }),
					]),
					[PROTOCOL_ERROR],
				),
		},
		{
			name: 'frames without a mask',
			answer: `closed with ${PROTOCOL_ERROR}`,
			throwAt: (target) =>
				isClosed(
					target,
					[OPCODES.binary, OPCODES.text, OPCODES.ping].map((code) => [frame(code, some, { isMasked: false })]),
					[PROTOCOL_ERROR],
				),
		},
		{
			name: 'opcodes that there are not',
			answer: `closed with ${PROTOCOL_ERROR}`,
			throwAt: (target) =>
				isClosed(
					target,
					[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((code) => [frame(code, some)]),
					[PROTOCOL_ERROR],
				),
		},
		{
			name: 'control frames that are long or in parts',
			answer: `closed with ${PROTOCOL_ERROR}`,
			throwAt: (target) =>
				isClosed(
					target,
					[OPCODES.ping, OPCODES.pong, OPCODES.close].flatMap((code) => [
						[frame(code, bytesOf(target.random, target.random.integer(126, 1000)))],
						[frame(code, some, { bits: 0 })],
					]),
					[PROTOCOL_ERROR],
				),
		},
		{
			name: 'parts of messages in the wrong order',
			answer: `closed with ${PROTOCOL_ERROR}`,
			throwAt: (target) =>
				isClosed(
					target,
					[
						[frame(OPCODES.continuation, some)],
						[frame(OPCODES.binary, Buffer.alloc(0), { bits: 0 }), frame(OPCODES.binary, some)],
						[frame(OPCODES.text, Buffer.alloc(0), { bits: 0 }), frame(OPCODES.text, some, { bits: 0 })],
					],
					[PROTOCOL_ERROR],
				),
		},
		{
			name: 'closing frames that are none',
			answer: `closed with ${PROTOCOL_ERROR}`,
			throwAt: (target) =>
				isClosed(
					target,
					[
						Uint8Array.of(3),
						Uint8Array.of(0, 0),
						Uint8Array.of(3, 0xed),
						Uint8Array.of(0xff, 0xff),
						Uint8Array.of(3, 0xee),
					].map((payload) => [frame(OPCODES.close, payload)]),
					[PROTOCOL_ERROR],
				),
		},
		{
			name: 'frames that claim to be huge',
			answer: `closed with ${TOO_LARGE} before they come`,
			throwAt: (target) =>
				isClosed(
					target,
					[2n ** 31n, 2n ** 32n + 4n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n].map((length) => [
						frame(OPCODES.binary, some, { length }),
					]),
					[TOO_LARGE],
				),
		},
		{
			name: 'a frame that never comes to its end',
			answer: 'nothing, and it is gone with its connection',
			async throwAt(target) {
				const wire = await upgraded(target, path);
				target.inputs++;
				wire.write(frame(OPCODES.binary, some, { length: BigInt(target.random.integer(1000, 100_000)) }));
				wire.socket.resetAndDestroy();
				await wire.closed;
			},
		},
		{
			name: 'a flood of pings whose pongs are not read',
			answer: 'the connection is cut, before the pongs take much memory',
			async throwAt(target) {
				const wire = await upgraded(target, path);
				wire.socket.pause();
				const pings = Buffer.concat(
					Array.from({ length: 1000 }, () => frame(OPCODES.ping, bytesOf(target.random, 125))),
				);
				// More than the buffers of both systems hold, so that the node would have to keep the rest itself.
				for (let left = 200; left > 0 && !wire.socket.destroyed; left--) {
					target.inputs += 1000;
					if (!wire.write(pings).socket.writableNeedDrain) continue;
					await Promise.race([wire.closed, new Promise((resolve) => wire.socket.once('drain', resolve))]);
				}
				wire.socket.resume();
				await wire.closed;
			},
		},
		{
			name: 'very many small frames at once',
			answer: 'the connection is cut for pings, or closed as without them, without a long step',
			async throwAt(target) {
				for (const code of [OPCODES.ping, OPCODES.pong]) {
					const wire = await upgraded(target, path);
					const count = target.random.integer(20_000, 60_000);
					target.inputs += count;
					const end = frame(OPCODES.close, Uint8Array.of(3, 0xe8));
					wire.write(Buffer.concat([Buffer.alloc(6 * count, frame(code, Buffer.alloc(0))), end]));
					const closed = await closeCode(wire);
					assert.ok(closed !== null || code === OPCODES.ping, 'it was cut');
				}
			},
		},
		{
			name: 'a message in very many parts without bytes',
			answer: `closed with ${TOO_MANY_PARTS}, or by a door that takes so many bytes of nobody`,
			async throwAt(target) {
				const first = frame(OPCODES.binary, Buffer.alloc(0), { bits: 0 });
				const part = frame(OPCODES.continuation, Buffer.alloc(0), { bits: 0 });
				const count = target.random.integer(17_000, 40_000);
				await isClosed(target, [[first, Buffer.alloc(part.length * count, part)]], [TOO_MANY_PARTS, ...noText]);
			},
		},
		{
			name: 'texts and reasons that are no UTF-8',
			answer: 'closed with 1007, or as any text where texts are not taken; a reason is not looked at there',
			async throwAt(target) {
				const none = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]];
				await Promise.all([
					...none.map((bytes) => {
						const text = frame(OPCODES.text, Uint8Array.from(bytes));
						return isClosed(target, [[text]], [1007, ...noText]);
					}),
					...none.map((bytes) => {
						const close = frame(OPCODES.close, Uint8Array.of(3, 0xe8, ...bytes));
						return isClosed(target, [[close]], [1000, 1007]);
					}),
				]);
			},
		},
		{
			name: 'more behind the closing frame',
			answer: 'it is not looked at',
			throwAt: (target) => {
				const close = frame(OPCODES.close, Uint8Array.of(3, 0xe8));
				const more = [frame(3, some), frame(OPCODES.binary, bytesOf(target.random, 200)), close];
				return isClosed(
					target,
					more.map((frames) => [close, frames]),
					[1000],
				);
			},
		},
		{
			name: 'pongs that nobody asked for',
			answer: 'ignored',
			async throwAt(target) {
				const wire = await upgraded(target, path);
				const pongs = Array.from({ length: 30 }, () =>
					frame(OPCODES.pong, bytesOf(target.random, target.random.integer(0, 20))),
				);
				target.inputs += pongs.length;
				wire.write(Buffer.concat([...pongs, frame(OPCODES.close, Uint8Array.of(3, 0xe8))]));
				assert.equal(await closeCode(wire), 1000);
			},
		},
	];
}
