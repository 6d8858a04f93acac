/** The file of a snapshot gives back what was put into it, from any cut of its bytes, and nothing else is taken for it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryDisk } from '../../server/storage/memory.ts';
import { CorruptLogError } from '../../shared/disk/corrupt-log-error.ts';
import {
	PAYLOAD_BYTES_MAX,
	readSnapshot,
	SnapshotChecker,
	SnapshotEncoder,
	SnapshotError,
	type SnapshotNote,
	snapshotName,
} from '../../shared/disk/snapshot-file.ts';

const SUBJECT = { swarm: 'a swarm', through: 4711 };
const FILE = snapshotName(SUBJECT.through);

const somePayloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 });

test('any payloads come back, in whatever pieces the bytes come in', () => {
	fc.assert(
		fc.property(somePayloads, fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (payloads, cuts) => {
			const { bytes, note } = file(payloads);
			const checker = new SnapshotChecker(SUBJECT);
			const found: Uint8Array[] = [];
			let at = 0;
			for (let i = 0; at < bytes.length; i++) {
				expect(checker.note).toBeNull();
				const end = at + (cuts[i % cuts.length] as number);
				found.push(...checker.add(bytes.subarray(at, end)));
				at = Math.min(end, bytes.length);
				expect(checker.bytes).toBe(at);
			}
			expect(found.map(Buffer.from)).toEqual(payloads.map(Buffer.from));
			expect(checker.note).toEqual(note);
			expect(note).toMatchObject({ through: SUBJECT.through, bytes: bytes.length });
		}),
	);
});

test('a file larger than what is read at once is read in steps, which say how far they are', () => {
	const payloads = Array.from({ length: 5 }, (_, i) => new Uint8Array(200_000).fill(i));
	const { bytes, note } = file(payloads);
	const steps = [...readSnapshot(disk(bytes), note, SUBJECT.swarm)];
	expect(steps.flatMap((step) => step.payloads).map(Buffer.from)).toEqual(payloads.map(Buffer.from));
	expect(steps.length).toBeGreaterThan(3);
	expect(steps.at(-1)).toMatchObject({ bytes: note.bytes, bytesOfAll: note.bytes });
});

describe('a snapshot is refused, with the place', () => {
	const payloads = [1, 2, 3].map((fill) => new Uint8Array(50).fill(fill));
	const { bytes, note } = file(payloads);
	const read = (content: Uint8Array, of: SnapshotNote = note, swarm = SUBJECT.swarm) => [
		...readSnapshot(disk(content), of, swarm),
	];

	test('that has one bit flipped, anywhere', () => {
		for (let at = 0; at < bytes.length; at++) {
			const damaged = bytes.slice();
			damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
			expect(() => read(damaged), `byte ${at}`).toThrow(CorruptLogError);
		}
	});

	test('that is cut short, anywhere, or longer', () => {
		for (let length = 0; length < bytes.length; length++) {
			expect(() => read(bytes.slice(0, length)), `${length} bytes`).toThrow(CorruptLogError);
		}
		expect(() => read(Uint8Array.from([...bytes, 0]))).toThrow('something follows the end of the snapshot');
	});

	test.each<[string, Uint8Array, string]>([
		[
			'of which two chunks changed places',
			file([1, 3, 2].map((fill) => new Uint8Array(50).fill(fill))).bytes,
			'another',
		],
		['that is another one through the same slot', file([new Uint8Array(50)]).bytes, 'another snapshot'],
		[
			'of another swarm',
			new Uint8Array(file(payloads, { ...SUBJECT, swarm: 'other' }).bytes),
			'of other, not of a swarm',
		],
		[
			'through another slot',
			file(payloads, { ...SUBJECT, through: 4710 }).bytes,
			'through slot 4710, not through 4711',
		],
		['of zeros', new Uint8Array(bytes.length), 'the length of a chunk is out of range'],
	])('%s', (_, content, why) => {
		expect(() => read(content)).toThrow(why);
	});

	test('whose chunks changed places behind their checksums', () => {
		const swapped = bytes.slice();
		const headerBytes = bytes.length - 3 * 58 - 12;
		swapped.set(bytes.subarray(headerBytes, headerBytes + 58), headerBytes + 58);
		swapped.set(bytes.subarray(headerBytes + 58, headerBytes + 116), headerBytes);
		expect(() => read(swapped)).toThrow(`in ${FILE} at byte ${headerBytes}: a chunk is not as it was written`);
	});

	test('also where it comes from a peer', () => {
		const checker = new SnapshotChecker(SUBJECT);
		const damaged = bytes.slice();
		damaged[60] = 9;
		expect(() => checker.add(damaged)).toThrow(SnapshotError);
	});
});

test('a payload is neither empty nor larger than it may be', () => {
	const encoder = new SnapshotEncoder(SUBJECT);
	expect(() => encoder.payload(new Uint8Array(0))).toThrow(RangeError);
	expect(() => encoder.payload(new Uint8Array(PAYLOAD_BYTES_MAX + 1))).toThrow(RangeError);
	expect(encoder.payload(new Uint8Array(PAYLOAD_BYTES_MAX)).length).toBeGreaterThan(PAYLOAD_BYTES_MAX);
});

function file(payloads: readonly Uint8Array[], subject = SUBJECT) {
	const encoder = new SnapshotEncoder(subject);
	const chunks = payloads.map((payload) => encoder.payload(payload));
	const { bytes, note } = encoder.end();
	return { bytes: new Uint8Array(Buffer.concat([...chunks, bytes])), note };
}

function disk(bytes: Uint8Array): MemoryDisk {
	return new MemoryDisk([{ name: FILE, bytes }]);
}
