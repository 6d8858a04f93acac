/**
 * Ways to damage durable data of a disk. Each damages only data that a log must miss: what is before the last note of its
 * manifest, and the snapshot that is noted there. So after each of them the log must be refused, except where a comment
 * says otherwise.
 */
import { sameBytes } from '../bytes/bytes.ts';
import { isZero, stateOf } from '../disk/frame.ts';
import { addressOf, isSegmentName, MANIFEST_NAME, readManifest, segmentName } from '../disk/manifest.ts';
import { isSnapshotName, snapshotName } from '../disk/snapshot-file.ts';
import { type NamedBytes, SECTOR_BYTES, type SimulatedDisk } from './disk.ts';
import type { Random } from './random.ts';

export const DAMAGES = [
	/** One or a few bits are flipped in any file. */
	'bits',
	/** One sector is as it was before. In a snapshot, which is written once, it is as if it was never written. */
	'staleSector',
	/** A segment is as it was before. A snapshot is written once. */
	'olderFile',
	'zeros',
	'cutShort',
	'missing',
	/** Two files are in each other's place. */
	'swapped',
	/** A file is replaced by that of another node. */
	'foreign',
	/** The manifest is as it was before, which may do no harm. */
	'olderManifest',
] as const;

export type Damage = (typeof DAMAGES)[number];

const BITS_MAX = 4;
/** Where there is a snapshot, so often it is what is damaged. */
const IN_SNAPSHOT = 0.25;
/** The share of flipped bits that are in the manifest, which is small beside the segments. */
const MANIFEST_BITS = 0.4;
/** The two versions of the manifest are in pages of this size. */
const PAGE_BYTES = 4096;

/**
 * The files of a disk after the damage; undefined where there is no data yet for this damage.
 *
 * @param other the disk of another node
 */
export function damaged(
	how: Damage,
	disk: SimulatedDisk,
	other: SimulatedDisk,
	random: Random,
): readonly NamedBytes[] | undefined {
	const files = new Map(disk.save().map(({ name, bytes }) => [name, bytes]));
	const { now, before } = disk.noted;
	const manifest = readManifest({
		list: () => [...files.keys()],
		read: (name) => files.get(name) ?? new Uint8Array(0),
	});
	const { first, last } = manifest;
	const isKept = (name: string) => name >= segmentName(first) && name <= segmentName(last);
	const segments = [...now.keys()].filter((name) => isSegmentName(name) && isKept(name));
	/** The sectors of a segment in which something was noted. What an earlier use of its file left there does not count. */
	const noted = (name: string) => {
		const bytes = now.get(name);
		const address = addressOf(manifest, Number.parseInt(name, 10));
		const isOwn = (at: number) => bytes && !isZero(bytes, at) && stateOf(bytes, at, address, 0) !== 'elsewhere';
		return sectorsOf(bytes).filter(isOwn);
	};
	const grown = (name: string) => noted(name).filter((at) => !isSame(now.get(name), before.get(name), at));
	const snapshot = manifest.snapshot === null ? undefined : snapshotName(manifest.snapshot.through);
	/** The snapshot, in its share of the cases; undefined in all others. */
	const snapshotNow = snapshot !== undefined && random.chance(IN_SNAPSHOT) ? snapshot : undefined;
	const pickOf = (names: readonly string[]) => (names.length > 0 ? random.pick(names) : undefined);
	const replace = (name: string | undefined, bytes: Uint8Array | undefined) => {
		if (name === undefined || bytes === undefined) return undefined;
		files.set(name, bytes);
		return [...files].map(([file, content]) => ({ name: file, bytes: content }));
	};

	switch (how) {
		case 'bits': {
			const usual = random.chance(MANIFEST_BITS) ? MANIFEST_NAME : random.pick([...segments, MANIFEST_NAME]);
			const name = snapshotNow ?? usual;
			const bytes = files.get(name)?.slice();
			if (!bytes) return undefined;
			const places = new Set<number>();
			for (let left = random.integer(1, BITS_MAX); left > 0; left--) {
				const at = random.integer(0, bytes.length - 1);
				places.add(name === MANIFEST_NAME ? at - (at % PAGE_BYTES) + (at % SECTOR_BYTES) : at);
			}
			for (const at of places) bytes[at] = (bytes[at] as number) ^ (1 << random.integer(0, 7));
			return replace(name, bytes);
		}
		case 'staleSector': {
			const name = snapshotNow ?? pickOf(segments.filter((segment) => grown(segment).length > 0));
			if (name === undefined) return undefined;
			const written = sectorsOf(files.get(name)).filter((sector) => !isZeros(files.get(name), sector));
			const at = random.pick(name === snapshot ? written : grown(name));
			const bytes = files.get(name)?.slice();
			const old = name === snapshot ? undefined : before.get(name)?.subarray(at, at + SECTOR_BYTES);
			bytes?.set(old ?? new Uint8Array(Math.min(SECTOR_BYTES, bytes.length - at)), at);
			return replace(name, bytes);
		}
		case 'olderFile': {
			const name = pickOf(segments.filter((segment) => before.has(segment) && grown(segment).length > 0));
			return replace(name, before.get(name ?? ''));
		}
		case 'zeros': {
			const name = snapshotNow ?? pickOf(segments.filter((segment) => noted(segment).length > 0));
			return replace(name, new Uint8Array(files.get(name ?? '')?.length ?? 0));
		}
		case 'cutShort': {
			// The last segment is missed even where it holds no frame yet.
			const name = snapshotNow ?? random.pick([...segments, segments.at(-1) ?? MANIFEST_NAME, MANIFEST_NAME]);
			const bytes = files.get(name);
			return replace(name, bytes?.slice(0, random.integer(0, bytes.length - 1)));
		}
		case 'missing': {
			files.delete(snapshotNow ?? random.pick([...segments, MANIFEST_NAME]));
			return [...files].map(([name, bytes]) => ({ name, bytes }));
		}
		case 'swapped': {
			const shuffled = random.shuffle(segments.filter((segment) => noted(segment).length > 0));
			const [one, two] = snapshotNow === undefined ? shuffled : [snapshotNow, ...shuffled];
			if (one === undefined || two === undefined) return undefined;
			const bytes = files.get(one);
			replace(one, files.get(two));
			return replace(two, bytes);
		}
		case 'foreign': {
			// Snapshots through the same slot are the same on all nodes.
			const mine = files.get(snapshotNow ?? '');
			const foreign = other.save().find(({ name, bytes }) => mine && isSnapshotName(name) && !sameBytes(bytes, mine));
			if (foreign) return replace(snapshotNow, foreign.bytes);
			const name = pickOf(segments.filter((segment) => noted(segment).length > 0));
			return replace(name, other.save().find((file) => file.name === name)?.bytes);
		}
		case 'olderManifest':
			return replace(MANIFEST_NAME, before.get(MANIFEST_NAME));
	}
}

/** The beginnings of the sectors in `bytes`. */
function sectorsOf(bytes: Uint8Array | undefined): number[] {
	return Array.from({ length: Math.ceil((bytes?.length ?? 0) / SECTOR_BYTES) }, (_, sector) => sector * SECTOR_BYTES);
}

function isZeros(bytes: Uint8Array | undefined, at: number): boolean {
	return bytes?.subarray(at, at + SECTOR_BYTES).every((byte) => byte === 0) ?? true;
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined, at: number): boolean {
	if (!a || !b) return false;
	const other = b.subarray(at, at + SECTOR_BYTES);
	return a.subarray(at, at + SECTOR_BYTES).every((byte, i) => byte === other[i]);
}
