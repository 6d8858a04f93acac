/**
 * Bugs that this project has made up, in the log: what it says to be durable, what it reads back, and what it misses. Each
 * shows that the world's disks fail there.
 */
import { type Mutant, one } from '../../shared/simulation/mutant.ts';

const LOG = 'shared/disk/log.ts';
const RECOVER = 'shared/disk/recover.ts';
const SEGMENTS = 'shared/disk/segments.ts';
const NOTES = 'shared/disk/notes.ts';
const WRITE_AGAIN = 'shared/disk/write-again.ts';
const MANIFEST = 'shared/disk/manifest.ts';
const FRAME = 'shared/disk/frame.ts';

export const DISK_MUTANTS: readonly Mutant[] = [
	one(
		0,
		'a record is called durable when its write begins',
		LOG,
		'		this.#writing = true;\n		this.#disk.write(segmentName(segment), offset,',
		'		this.#writing = true;\n		this.#handlers.durable(this.#durable + batch.records);\n		this.#disk.write(segmentName(segment), offset,',
	),
	one(
		0,
		'a sector is taken for whole wherever in whichever log it stands',
		FRAME,
		'return (address.sector + offset / SECTOR_BYTES - get32(bytes, offset + PLACE_AT)) >>> 0;',
		'return 0;',
		[
			FRAME,
			'return crc32(bytes, offset, offset + SUM_AT, log);',
			'return crc32(bytes, offset, offset + SUM_AT, log & 0);',
		],
	),
	one(
		0,
		'frames that are gone from the end of the log are not missed',
		RECOVER,
		'if (sequence < reached) throw',
		'if (sequence < 0) throw',
	),
	one(
		0,
		'the last segment is not missed',
		RECOVER,
		'for (let segment = first; segment <= last; segment++) {\n		if (there',
		'for (let segment = first; segment < last; segment++) {\n		if (there',
	),
	one(
		0,
		'a segment that was cut short is read as far as it goes',
		RECOVER,
		'if (bytes.length !== segmentBytes) {\n			throw',
		'if (bytes.length > segmentBytes) {\n			throw',
	),
	one(
		0,
		'a torn write is taken for damage',
		RECOVER,
		"if (state === 'damaged' || state === 'elsewhere') {",
		"if (state === 'damaged' || state === 'elsewhere' || state === 'new') {",
	),
	one(
		0,
		'a segment is used before the manifest tells of it',
		SEGMENTS,
		'		return this.#notes.now.last;',
		'		return this.#made;',
		[SEGMENTS, '			this.#made++;\n			this.useMade();', '			this.#made++;\n			this.#owner.grown();'],
	),
	one(
		0,
		'the last frame is not written once more',
		WRITE_AGAIN,
		'if (last) writes.unshift',
		'if (last && end.offset < 0) writes.unshift',
	),
	one(
		0,
		'the manifest is not written once more',
		NOTES,
		'		this.#write(this.#now, done);',
		'		this.#disk.write(MANIFEST_NAME, 1024, new Uint8Array(512), (error) => this.#log.succeeded(error) && done());',
	),
	one(
		0,
		'a failed flush of the manifest is ignored',
		NOTES,
		'			if (this.#log.succeeded(error)) done();',
		'			if (this.#log.succeeded(error && null)) done();',
	),
	one(
		0,
		'room for a segment is asked for once',
		LOG,
		'		if (!this.#segments.hasRoom) this.#segments.makeNext();\n		this.#notes.noteReached();',
		'		this.#notes.noteReached();',
	),
	one(
		0,
		'the older version of the manifest counts',
		MANIFEST,
		'return a.version > b.version ? a : b;',
		'return a.version < b.version ? a : b;',
	),
	one(
		0,
		'a damaged half of the manifest is passed over',
		MANIFEST,
		"		if (manifest === undefined) throw corrupt('what stands there is not what was written there', page * PAGE_BYTES);\n		return manifest;",
		'		return manifest ?? null;',
		[
			MANIFEST,
			'}) as [Manifest, Manifest];',
			'}).map((half, _, halves) => half ?? (halves.find((other) => other !== null) as Manifest)) as [Manifest, Manifest];',
		],
		[MANIFEST, 'if (Math.abs(a.version - b.version) !== 1) {', 'if (Math.abs(a.version - b.version) > 1) {'],
	),
];
