/**
 * Places in the files of a node's data, ways to spoil the files there, and what a refusal of such files has to say. All
 * of it is pure.
 */
import { Reader, Writer } from '../../shared/bytes/bytes.ts';
import { Carried } from '../../shared/disk/carried.ts';
import { bodyBytesWithin, frameBytes, readBody, readHeader, SECTOR_BYTES } from '../../shared/disk/frame.ts';
import { addressOf, isSegmentName, MANIFEST_NAME, type Manifest } from '../../shared/disk/manifest.ts';
import { isSnapshotName } from '../../shared/disk/snapshot-file.ts';
import { readRecord, writeRecord } from '../../shared/paxos/record.ts';

/** A byte of a file. */
export interface Place {
	/** What is there, in a few words. Places of one kind are alike. */
	readonly kind: string;
	readonly at: number;
}

/** One damage of one file. */
export interface Spoiling extends Place {
	/** The path of the file, as the caller named it. */
	readonly file: string;
	/** The number of the flipped bit; `cut`: the file ends there; `gone`: there is no file. */
	readonly how: number | 'cut' | 'gone';
}

const BITS_OF_PLACE = [0, 6];
const PAGE_BYTES = 4096;
/** The fields of a frame's first sector, by their places in it. */
const FRAME_FIELDS: Readonly<Record<string, number>> = {
	'tag of a frame': 0,
	'number of a frame': 1,
	'size of a frame': 5,
	'high half of the number of a frame': 9,
	'sum of the frame before': 13,
	'sum over the sectors': 17,
	'place of a sector': SECTOR_BYTES - 8,
	'sum of a sector': SECTOR_BYTES - 4,
};
/** The fields of a further sector of a frame. */
const SECTOR_FIELDS: Readonly<Record<string, number>> = {
	'tag of a further sector': 0,
	'number in a further sector': 1,
	'value in a further sector': 200,
	'place of a further sector': SECTOR_BYTES - 8,
	'sum of a further sector': SECTOR_BYTES - 4,
};

/**
 * All ways to spoil one file: two bits of each place are flipped, the file is cut there, and it is gone.
 *
 * @param file its path, whose last part is its name
 * @param manifest of the log that it is of
 */
export function spoilingsOf(file: string, bytes: Uint8Array, manifest: Manifest): Spoiling[] {
	const name = file.slice(file.lastIndexOf('/') + 1);
	const places = placesOf(name, bytes, manifest);
	return [
		...places.flatMap((place) => BITS_OF_PLACE.map((how) => ({ ...place, file, how }))),
		...places.map(({ kind, at }) => ({ kind: `cut at the ${kind}`, at, file, how: 'cut' as const })),
		{ kind: `${kindOfFile(name)} that is gone`, at: 0, file, how: 'gone' },
	];
}

/** The bytes of the file after it; null where there is no file. */
export function spoiled(bytes: Uint8Array, { at, how }: Spoiling): Uint8Array | null {
	if (how === 'gone') return null;
	if (how === 'cut') return bytes.subarray(0, at);
	const flipped = new Uint8Array(bytes);
	flipped[at] = (flipped[at] as number) ^ (1 << how);
	return flipped;
}

/** For people. */
export function describe({ file, kind, at, how }: Spoiling): string {
	return `${file}, ${kind}, byte ${at}${typeof how === 'number' ? `, bit ${how}` : ''}`;
}

/** Draws so many, of each kind about as many as of any other. @param random from 0 to below 1 */
export function drawSpoilings(all: readonly Spoiling[], count: number, random: () => number): Spoiling[] {
	const kinds = new Map<string, { readonly order: number; readonly spoiling: Spoiling }[]>();
	for (const spoiling of all) {
		const kind = kinds.get(spoiling.kind) ?? [];
		kind.push({ order: random(), spoiling });
		kinds.set(spoiling.kind, kind);
	}
	const ranked = [...kinds.values()].flatMap((kind) => {
		const shuffled = kind.sort((a, b) => a.order - b.order);
		return shuffled.map(({ spoiling }, index) => ({ rank: index + random(), spoiling }));
	});
	return ranked
		.sort((a, b) => a.rank - b.rank)
		.slice(0, count)
		.map(({ spoiling }) => spoiling);
}

/** The remedies that a refusal of a data folder may name. To erase data because of one bit is none. */
const REMEDIES = [
	/move \S+ away and start the node again/,
	/copy another over it: cp \S+ \S+/,
	/copy another over it, from a backup/,
];

/** What is wrong with the output of a node that did not start, one sentence; null where it names a remedy. */
export function faultOfRefusal(output: string): string | null {
	if (/^\s+at .+:\d+/m.test(output)) return 'it ended with a stack trace';
	return REMEDIES.some((remedy) => remedy.test(output)) ? null : 'its message names no remedy';
}

function kindOfFile(name: string): string {
	if (isSegmentName(name)) return 'segment';
	return isSnapshotName(name) ? 'snapshot' : name;
}

function placesOf(name: string, bytes: Uint8Array, manifest: Manifest): Place[] {
	if (isSegmentName(name)) return placesOfSegment(Number.parseInt(name, 10), bytes, manifest);
	if (isSnapshotName(name)) return placesOfSnapshot(bytes);
	const isManifest = name === MANIFEST_NAME;
	return [...bytes.keys()].flatMap((at) => {
		if (!isManifest) return { kind: `byte of ${name}`, at };
		if (at % PAGE_BYTES < SECTOR_BYTES) return { kind: 'byte of the manifest', at };
		return at % SECTOR_BYTES === 0 ? { kind: 'unused byte of the manifest', at } : [];
	});
}

function placesOfSegment(segment: number, bytes: Uint8Array, manifest: Manifest): Place[] {
	const address = addressOf(manifest, segment);
	const places: Place[] = [];
	let offset = 0;
	for (;;) {
		const header = readHeader(bytes, offset, address);
		if (!header) break;
		const add = (kind: string, at: number): unknown => places.push({ kind, at: offset + at });
		for (const [kind, at] of Object.entries(FRAME_FIELDS)) add(kind, at);
		for (const at of recordsOf(readBody(bytes, offset, header), offset === 0)) add('record', placeInFrame(at));
		const end = frameBytes(header.bodyBytes);
		for (let sector = SECTOR_BYTES; sector < end; sector += SECTOR_BYTES) {
			for (const [kind, at] of Object.entries(SECTOR_FIELDS)) add(kind, sector + at);
		}
		offset += end;
	}
	for (let at = offset; at < bytes.length; at += SECTOR_BYTES) {
		const kind = bytes[at] === 0 ? 'sector that is not used yet' : 'sector of an earlier use';
		places.push({ kind, at }, { kind, at: at + SECTOR_BYTES - 1 });
	}
	return places;
}

/** Where each record of a body begins. @param isFirst what was carried stands before the records of the first frame */
function recordsOf(body: Uint8Array, isFirst: boolean): number[] {
	const from = new Reader(body);
	if (isFirst) Carried.read(from);
	const sizes: number[] = [];
	while (!from.done) {
		const out = new Writer(64);
		writeRecord(out, readRecord(from));
		sizes.push(out.length);
	}
	let at = body.length - sizes.reduce((sum, size) => sum + size, 0);
	return sizes.map((size) => {
		at += size;
		return at - size;
	});
}

/** The place in its frame of a byte of its body. */
function placeInFrame(at: number): number {
	const first = bodyBytesWithin(SECTOR_BYTES);
	const further = bodyBytesWithin(2 * SECTOR_BYTES) - first;
	const end = SECTOR_BYTES - 8;
	if (at < first) return end - first + at;
	const sector = 1 + Math.floor((at - first) / further);
	return sector * SECTOR_BYTES + end - further + ((at - first) % further);
}

function placesOfSnapshot(bytes: Uint8Array): Place[] {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
	const places: Place[] = [];
	for (let at = 0; at < bytes.length; ) {
		const size = view.getUint32(at, true) & 0x7fffffff;
		for (let byte = 0; byte < 4; byte++) {
			places.push({ kind: 'size of a chunk', at: at + byte }, { kind: 'sum of a chunk', at: at + 4 + byte });
		}
		for (let byte = 0; byte < size; byte += Math.max(1, Math.floor(size / 16))) {
			places.push({ kind: 'content of a chunk', at: at + 8 + byte });
		}
		at += 8 + size;
	}
	return places;
}
