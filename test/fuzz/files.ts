/**
 * Damaged files of a node. The node is stopped, some of its files are damaged, and it is started while its peers run.
 * Then it reads what it should, or it says what is wrong and what to do, or it begins with a new disk by itself; and the
 * others go on. What it must never do is to vote as if it remembered: see `test/campaign/flips.ts` for all places of all
 * files.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
	appendFileSync,
	chmodSync,
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { frameBytes, readHeader } from '../../shared/disk/frame.ts';
import {
	addressOf,
	isSegmentName,
	MANIFEST_NAME,
	type Manifest,
	readManifest,
	segmentName,
} from '../../shared/disk/manifest.ts';
import { isSnapshotName } from '../../shared/disk/snapshot-file.ts';
import { faultOfRefusal, type Spoiling, spoiled, spoilingsOf } from '../campaign/spoil.ts';
import { diskOf } from '../process/disk-log.ts';
import type { TestNode } from '../process/swarm.ts';
import { bringBack, settled } from './bring-back.ts';
import { bytesOf, type Kind, type Target } from './kind.ts';

/** Such as `segment` with the size of one. */
type Damage = (files: Files) => void;

/** The files of a node that is stopped. */
class Files {
	readonly node: TestNode;
	readonly log: string;
	readonly random: Target['random'];
	readonly manifest: Manifest;

	constructor(node: TestNode, random: Target['random']) {
		this.node = node;
		this.log = join(node.folder, 'log');
		this.random = random;
		this.manifest = readManifest(diskOf(node));
	}

	get segments(): string[] {
		return segmentsIn(this.log);
	}

	path(name: string): string {
		return join(this.log, name);
	}

	/** A segment that has been written to. */
	used(): string {
		const names = this.segments.filter((name) => readFileSync(this.path(name)).some((byte) => byte !== 0));
		return this.path(this.random.pick(names));
	}

	/** The first and the last one. Where there is only one, there are two of it then. */
	twoSegments(): [string, string] {
		const { first, last } = this.manifest;
		const names = [segmentName(first), segmentName(last === first ? last + 1 : last)].map((name) => this.path(name));
		const [one, other] = names as [string, string];
		if (!existsSync(other)) cpSync(one, other);
		return [one, other];
	}

	/** Spoils one place of a file, of those whose description matches. */
	spoil(file: string, matches: (spoiling: Spoiling) => boolean): void {
		const bytes = readFileSync(file);
		const kinds = spoilingsOf(file, bytes, this.manifest).filter(matches);
		const damaged = spoiled(bytes, this.random.pick(kinds));
		if (damaged === null) rmSync(file);
		else writeFileSync(file, damaged);
	}
}

function segmentsIn(log: string): string[] {
	return readdirSync(log).filter(isSegmentName).sort();
}

/** The log of a node that runs, so its files come and go. */
function logOfAnother({ log }: Files): string {
	return log.replace(`${NODE}/log`, 'n1/log');
}

/** Copies a file that may be gone by now. */
function copyIfThere(from: string, to: string): void {
	try {
		cpSync(from, to);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
	}
}

const NODE = 'n3';
/** The manifest has two copies, each in a page of its own. */
const PAGE_BYTES = 4096;
/** A node that has neither started nor said why within this time, milliseconds, never will. */
const START_MAX_MS = 60_000;
/** A node is stopped, started, perhaps started again, and waited for until it votes. */
const KIND_MAX_MS = 180_000;
/** A node that does not start says where and what to do; one that does has moved what was damaged, or was not harmed. */
const REFUSED_OR_REPLACED =
	'status 1 with the file and a remedy, or it begins with a new disk and says so, or it was not harmed';

/**
 * Stops the node, damages its files, and starts it.
 *
 * @param says what the node must say where it refuses them; by default the name of a remedy
 */
function damaged(name: string, damage: Damage, says?: RegExp): Kind {
	return {
		name,
		answer: REFUSED_OR_REPLACED,
		maxMs: KIND_MAX_MS,
		async throwAt(target) {
			const node = target.swarm.node(NODE);
			target.restarted.add(node);
			assert.equal(await node.stop(), 0, node.output);
			const whole = join(target.swarm.folder, 'whole');
			rmSync(whole, { recursive: true, force: true });
			// A log behind a link is copied too, and not the link alone.
			cpSync(node.folder, whole, { recursive: true, dereference: true });
			target.inputs++;
			try {
				damage(new Files(node, target.random));
				await startDamaged(node, says);
			} finally {
				if (!node.isRunning) {
					rmSync(node.folder, { recursive: true, force: true });
					cpSync(whole, node.folder, { recursive: true });
					await bringBack(node);
				}
				for (const entry of readdirSync(node.folder)) {
					if (entry.includes('.damaged-')) rmSync(join(node.folder, entry), { recursive: true });
				}
			}
			await settled(node);
		},
	};
}

/** Starts the node, which has to become ready, or to end with a message. */
async function startDamaged(node: TestNode, says: RegExp | undefined): Promise<void> {
	const program = node.launch();
	const ended = program.ended.then((status) => ({ status }));
	const ready = node.ready().then(
		() => 'ready' as const,
		() => ended,
	);
	const started = new AbortController();
	const late = after(START_MAX_MS, 'late' as const, { signal: started.signal });
	const how = await Promise.race([ended, ready, late]);
	started.abort();
	if (how === 'ready') return;
	if (how === 'late') {
		await node.kill();
		assert.fail(`it has neither started nor said why within ${START_MAX_MS} ms:\n${node.output}`);
	}
	assert.equal(how.status, 1, node.output);
	assert.doesNotMatch(node.output, /^\s+at .+:\d+/m);
	if (says === undefined) assert.equal(faultOfRefusal(node.output), null, node.output);
	else assert.match(node.output, says);
}

/** Where the frames of a segment lie, in bytes. */
function framesOf(
	bytes: Uint8Array,
	manifest: Manifest,
	path: string,
): { readonly at: number; readonly size: number }[] {
	const address = addressOf(manifest, Number.parseInt(basename(path), 10));
	const frames: { at: number; size: number }[] = [];
	for (let at = 0; ; ) {
		const header = readHeader(bytes, at, address);
		if (!header) return frames;
		const size = frameBytes(header.bodyBytes);
		frames.push({ at, size });
		at += size;
	}
}

const isFlip = ({ how }: Spoiling): boolean => typeof how === 'number';

export const FILES: readonly Kind[] = [
	damaged('a flipped bit of the identity', (files) => files.spoil(join(files.node.folder, 'format.json'), isFlip)),
	damaged('an identity that is cut', (files) =>
		files.spoil(join(files.node.folder, 'format.json'), ({ how }) => how === 'cut'),
	),
	damaged('no identity', (files) => rmSync(join(files.node.folder, 'format.json'))),
	damaged('a flipped bit of the manifest', (files) => files.spoil(files.path(MANIFEST_NAME), isFlip)),
	damaged('a manifest that is cut', (files) => files.spoil(files.path(MANIFEST_NAME), ({ how }) => how === 'cut')),
	damaged('an identity of no bytes', (files) => truncateSync(join(files.node.folder, 'format.json'))),
	damaged('a manifest of no bytes', (files) => truncateSync(files.path(MANIFEST_NAME))),
	damaged('an older copy of the manifest', (files) => {
		const bytes = readFileSync(files.path(MANIFEST_NAME));
		const [first, second] = [bytes.subarray(0, PAGE_BYTES), bytes.subarray(PAGE_BYTES, 2 * PAGE_BYTES)];
		// The two pages are written in turn, and each has a copy of it.
		const isFirst = files.random.chance(0.5);
		(isFirst ? first : second).copy(isFirst ? second : first);
		writeFileSync(files.path(MANIFEST_NAME), bytes);
	}),
	damaged(
		'the manifest of another node',
		(files) => cpSync(join(logOfAnother(files), MANIFEST_NAME), files.path(MANIFEST_NAME)),
		/n3/,
	),
	damaged('files that may only be read', (files) => {
		for (const name of [MANIFEST_NAME, ...files.segments]) chmodSync(files.path(name), 0o444);
	}),
	damaged('no manifest', (files) => rmSync(files.path(MANIFEST_NAME))),
	damaged('a flipped bit of the head of a frame', (files) =>
		files.spoil(files.used(), ({ kind, how }) => typeof how === 'number' && / of a frame$/.test(kind)),
	),
	damaged('a flipped bit of a sector', (files) =>
		files.spoil(files.used(), ({ kind, how }) => typeof how === 'number' && / of a sector$/.test(kind)),
	),
	damaged('a flipped bit of a record', (files) =>
		files.spoil(files.used(), ({ kind, how }) => typeof how === 'number' && kind === 'record'),
	),
	damaged('a flipped bit where nothing is written yet', (files) =>
		files.spoil(files.path(files.segments.at(-1) as string), isFlip),
	),
	damaged('a segment that is cut', (files) => files.spoil(files.used(), ({ how }) => how === 'cut')),
	damaged('a segment of no bytes', (files) => truncateSync(files.used())),
	damaged('no segment', (files) => rmSync(files.used())),
	damaged('no log at all', (files) => rmSync(files.log, { recursive: true }), /Node n3 has no data/),
	damaged('a segment with bytes behind its end', (files) => appendFileSync(files.used(), bytesOf(files.random, 5000))),
	damaged('a segment of zeros', (files) => {
		const path = files.used();
		writeFileSync(path, Buffer.alloc(statSync(path).size));
	}),
	damaged('a page of zeros in a segment', (files) => {
		const path = files.used();
		const bytes = readFileSync(path);
		const pages = [...Array(Math.floor(bytes.length / 4096)).keys()].filter((page) =>
			bytes.subarray(4096 * page, 4096 * (page + 1)).some((byte) => byte !== 0),
		);
		const page = files.random.pick(pages);
		bytes.fill(0, 4096 * page, 4096 * (page + 1));
		writeFileSync(path, bytes);
	}),
	damaged('noise in a segment', (files) => {
		const path = files.used();
		const bytes = readFileSync(path);
		bytesOf(files.random, 3000).copy(bytes, files.random.integer(0, 20) * 512);
		writeFileSync(path, bytes);
	}),
	damaged('two segments in each other’s place', (files) => {
		const [first, second] = files.twoSegments();
		renameSync(first, `${first}.x`);
		renameSync(second, first);
		renameSync(`${first}.x`, second);
	}),
	damaged('a segment twice', (files) => cpSync(...files.twoSegments())),
	damaged('two frames in each other’s place', (files) => {
		const path = files.used();
		const bytes = readFileSync(path);
		const frames = framesOf(bytes, files.manifest, path);
		const [one, other] = files.random.shuffle(frames.filter(({ size }) => size === frames[0]?.size));
		if (one === undefined || other === undefined) return;
		const kept = Buffer.from(bytes.subarray(one.at, one.at + one.size));
		bytes.copy(bytes, one.at, other.at, other.at + other.size);
		kept.copy(bytes, other.at);
		writeFileSync(path, bytes);
	}),
	damaged('a hole in a frame', (files) => {
		const path = files.used();
		const bytes = readFileSync(path);
		const { at, size } = files.random.pick(framesOf(bytes, files.manifest, path));
		const from = at + files.random.integer(0, size - 1);
		bytes.fill(0, from, from + files.random.integer(1, size));
		writeFileSync(path, bytes);
	}),
	damaged('a segment of another node', (files) => {
		const theirs = segmentsIn(logOfAnother(files));
		// Where both have one of the same name, only its contents can tell whose it is.
		const name = files.segments.findLast((each) => theirs.includes(each)) ?? (files.segments.at(-1) as string);
		// That node runs on, and trims its log from the front.
		const their = theirs.includes(name) ? name : (theirs.at(-1) as string);
		cpSync(join(logOfAnother(files), their), files.path(name));
	}),
	damaged('a sector that is copied over the next one', (files) => {
		const path = files.used();
		const bytes = readFileSync(path);
		bytes.copyWithin(512, 0, 512);
		writeFileSync(path, bytes);
	}),
	damaged('files that are not ours', (files) => {
		for (const name of ['core', '.DS_Store', '0.seg', 'manifest.bak', '0000.tmp', 'ж'])
			writeFileSync(files.path(name), bytesOf(files.random, 100));
		mkdirSync(files.path('lost+found'));
	}),
	damaged(
		'a folder in the place of a file',
		(files) => {
			const path = files.random.pick([files.used(), files.path(MANIFEST_NAME)]);
			rmSync(path);
			mkdirSync(path);
		},
		/n3/,
	),
	damaged(
		'a pipe in the place of a file',
		(files) => {
			const path = files.random.pick([files.used(), files.path(MANIFEST_NAME)]);
			rmSync(path);
			assert.equal(spawnSync('mkfifo', [path]).status, 0);
		},
		/n3/,
	),
	damaged(
		'a file in the place of the log',
		(files) => {
			rmSync(files.log, { recursive: true });
			writeFileSync(files.log, 'a file');
		},
		/n3/,
	),
	damaged(
		'a link to itself in the place of a file',
		(files) => {
			const path = files.random.pick([files.used(), files.path(MANIFEST_NAME), join(files.node.folder, 'format.json')]);
			rmSync(path);
			symlinkSync(path, path);
		},
		/n3/,
	),
	damaged('the log behind a link', (files) => {
		const elsewhere = `${files.node.folder}-log-${files.random.bits()}`;
		cpSync(files.log, elsewhere, { recursive: true, dereference: true });
		rmSync(files.log, { recursive: true });
		symlinkSync(elsewhere, files.log);
	}),
	damaged(
		'the log of another node',
		(files) => {
			rmSync(files.log, { recursive: true });
			mkdirSync(files.log);
			const theirs = logOfAnother(files);
			for (const name of [MANIFEST_NAME, ...segmentsIn(theirs)]) copyIfThere(join(theirs, name), files.path(name));
		},
		/is the log of node n1, not of node n3/,
	),
	damaged('the identity of another swarm', (files) => {
		const path = join(files.node.folder, 'format.json');
		writeFileSync(path, readFileSync(path, 'utf8').replace(/"swarmId": ?"[^"]+"/, '"swarmId": "another"'));
	}),
	damaged('a damaged snapshot, or a file that looks like one', (files) => {
		const name = readdirSync(files.log).find(isSnapshotName);
		if (name === undefined) writeFileSync(files.path('1.snapshot'), bytesOf(files.random, 1000));
		else files.spoil(files.path(name), isFlip);
	}),
	damaged(
		'a lock that is a folder',
		(files) => {
			rmSync(join(files.node.folder, 'lock'), { recursive: true, force: true });
			mkdirSync(join(files.node.folder, 'lock'));
		},
		/n3/,
	),
	damaged(
		'an older copy of the folder',
		(files) => {
			const older = `${files.node.folder}-older`;
			if (existsSync(older)) {
				rmSync(files.node.folder, { recursive: true });
				renameSync(older, files.node.folder);
			} else cpSync(files.node.folder, older, { recursive: true, dereference: true });
		},
		/older copy|is the log of|has no data|cannot use/,
	),
];
