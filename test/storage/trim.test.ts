/**
 * A log that is trimmed behind its snapshots loses nothing, whatever a crash leaves: it has the old snapshot or the new
 * one, every durable value above it, and every promise.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Writer } from '../../shared/bytes/bytes.ts';
import { type Disk, NoRoomError } from '../../shared/disk/disk.ts';
import { Log } from '../../shared/disk/log.ts';
import { readManifest } from '../../shared/disk/manifest.ts';
import { readLog } from '../../shared/disk/recover.ts';
import { readSnapshot, snapshotName } from '../../shared/disk/snapshot-file.ts';
import { compareBallots, NO_BALLOT } from '../../shared/paxos/ballot.ts';
import { type DurableRecord, writeRecord } from '../../shared/paxos/record.ts';
import { batchValue } from '../../shared/paxos/value.ts';
import { CrashDisk, type Survives } from './crash-disk.ts';
import { listen, OWNER } from './records.ts';
import { name } from './written-log.ts';

const SEGMENT_BYTES = 5 * 512;
const SWARM = 'swarm';

type Step =
	| { readonly kind: 'accept'; readonly bytes: number }
	| { readonly kind: 'promise' | 'flush' | 'cut' | 'trim' | 'tend' }
	| { readonly kind: 'finish'; readonly which: number }
	| { readonly kind: 'kill' | 'losePower'; readonly survivors: readonly boolean[] };

const survivors = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
	{
		weight: 8,
		arbitrary: fc.record({ kind: fc.constant('accept' as const), bytes: fc.integer({ min: 1, max: 1500 }) }),
	},
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant('promise' as const) }) },
	{ weight: 8, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
	{ weight: 3, arbitrary: fc.record({ kind: fc.constant('cut' as const) }) },
	{ weight: 3, arbitrary: fc.record({ kind: fc.constant('trim' as const) }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant('tend' as const) }) },
	{ weight: 30, arbitrary: fc.record({ kind: fc.constant('finish' as const), which: fc.nat(5) }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), survivors }) },
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant('losePower' as const), survivors }) },
);

describe('a log that is trimmed through crashes', () => {
	test('has a snapshot that was finished, all that is durable above it, and all promises', () => {
		const seen = { cut: 0, trimmed: 0, usedAgain: 0, unfinished: 0, lost: 0, torn: 0, crashedInTrim: 0 };
		fc.assert(
			fc.property(fc.array(step, { minLength: 60, maxLength: 240, size: 'max' }), (steps) => {
				const run = new Run(seen);
				for (const each of steps) run.take(each);
				run.end();
			}),
			{ numRuns: 100 },
		);
		// A test with a fault that never happens proves nothing.
		for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(5);
	});
});

/** One history. At each start it checks what is there. */
class Run {
	readonly #seen: Record<string, number>;
	#disk = CrashDisk.formatted(SEGMENT_BYTES);
	#log!: Log;
	#heard = listen();
	/** All records that may be on disk, in order, also those that were trimmed. The first `#promised` must be durable. */
	#records: DurableRecord[] = [];
	#promised = 0;
	#read = 0;
	#slot = 0;
	/** The snapshot that is durable, or those of which one is; 0 for none. */
	#possible = [0];
	/** The one that was there at the last start, and whether that is surely durable. */
	#found = 0;
	#isSure = false;

	constructor(seen: Record<string, number>) {
		this.#seen = seen;
		this.#open();
	}

	take(step: Step): void {
		switch (step.kind) {
			case 'accept':
				this.#slot++;
				return this.#append({
					kind: 'accepted',
					slot: this.#slot,
					ballot: { ms: 1, ns: 0, node: 'n1' },
					value: batchValue(new Uint8Array(step.bytes).fill(this.#slot)),
				});
			case 'promise':
				return this.#append({ kind: 'promised', ballot: { ms: 2 + this.#records.length, ns: 0, node: 'n2' } });
			case 'cut':
				return this.#cut();
			case 'trim':
				return this.#log.trim(this.#slot);
			case 'flush':
				return this.#log.flush();
			case 'tend':
				return this.#log.tend();
			case 'finish':
				this.#disk.finish(step.which);
				return this.#note();
			case 'kill':
			case 'losePower':
				if (this.#disk.waiting.some((kind) => kind === 'rename' || kind === 'remove')) this.#count('crashedInTrim');
				this.#disk = this.#disk[step.kind](cycle(step.survivors));
				return this.#open();
		}
	}

	/** Once nothing goes wrong any more, the log goes on, and all of it stays. */
	end(): void {
		this.#disk = this.#disk.losePower(() => false);
		this.#open();
		for (let i = 0; i < 12; i++) {
			this.take({ kind: 'accept', bytes: 1000 });
			this.#log.flush();
			this.#disk.finishAll();
			this.#note();
		}
		this.#cut();
		this.#disk.finishAll();
		this.#log.trim(this.#slot);
		this.#disk.finishAll();
		expect(this.#possible).toEqual([this.#slot]);
		expect(this.#promised).toBe(this.#records.length);
		expect(this.#log.bytes).toBeLessThanOrEqual(SEGMENT_BYTES);
		this.#disk = this.#disk.losePower(() => false);
		this.#open();
		this.#disk.finishAll();
		// The manifest, the snapshot, the segment that is written, and one made in advance. The spare ones are removed.
		expect(this.#disk.list().length).toBeLessThanOrEqual(4);
	}

	#append(record: DurableRecord): void {
		this.#log.append([record]);
		this.#records.push(record);
	}

	/** Cuts a snapshot of two payloads through the last slot that is durable. */
	#cut(): void {
		const durable = this.#records.slice(0, this.#promised);
		const through = Math.max(0, ...durable.map((record) => ('slot' in record ? record.slot : 0)));
		if (this.#log.durableThrough < 0 || through <= (this.#log.snapshot?.through ?? 0)) return;
		if (this.#possible.length > 1) return;
		this.#possible.push(through);
		const log = this.#log;
		const writer = log.beginSnapshot({ swarm: SWARM, through });
		const [one, two] = payloadsOf(through);
		writer.append(one, () =>
			writer.append(two, () =>
				writer.finish((lack) => {
					expect(lack).toBeNull();
					expect(log.snapshot?.through).toBe(through);
					this.#possible = [through];
					this.#count('cut');
				}),
			),
		);
	}

	#open(): void {
		const before = this.#disk.list();
		const recovered = readLog(this.#disk, OWNER);
		const { first, snapshot } = recovered.manifest;
		this.#found = snapshot?.through ?? 0;
		expect(this.#possible).toContain(this.#found);
		if (snapshot) {
			const payloads = [...readSnapshot(this.#disk, snapshot, SWARM)].flatMap((step) => step.payloads);
			expect(payloads.map((bytes) => Buffer.from(bytes))).toEqual(payloadsOf(snapshot.through).map(Buffer.from));
		}
		const from = this.#checkRecords(recovered.records, first > 1, snapshot?.through ?? 0);
		const kept = this.#records.length - from;
		if (first > 1) this.#count('trimmed');
		if (recovered.remains.length > 0) this.#count('torn');
		if (before.some((file) => file.endsWith('.log') && this.#isUsedAgain(file))) this.#count('usedAgain');
		if (this.#possible.length > 1) this.#count('unfinished');
		this.#read = from + kept;
		this.#heard = listen();
		this.#isSure = false;
		this.#log = Log.continue(this.#disk, recovered, this.#heard).log;
		this.#slot = Math.max(this.#found, ...this.#records.map((record) => ('slot' in record ? record.slot : 0)));
	}

	/**
	 * A part of all records without a gap, up to an end that is at or behind what must be there. What is missing before it
	 * is below the snapshot, and its promises come first.
	 *
	 * @returns how many are missing
	 */
	#checkRecords(found: readonly DurableRecord[], isTrimmed: boolean, through: number): number {
		const all = this.#records;
		let from = 0;
		let own = found;
		if (isTrimmed) {
			own = found.slice(1);
			const next = own[0];
			from = next ? all.findIndex((record) => encoded([record]).equals(encoded([next]))) : -1;
			expect(from, 'the first record is known').toBeGreaterThan(0);
			expect(found[0], 'the promise of all that is missing').toEqual({
				kind: 'promised',
				ballot: promisedIn(all.slice(0, from)),
			});
			for (const record of all.slice(0, from)) if ('slot' in record) expect(record.slot).toBeLessThanOrEqual(through);
		}
		const end = from + own.length;
		expect(end).toBeGreaterThanOrEqual(this.#promised);
		expect(encoded(own).equals(encoded(all.slice(from, end))), 'a part without a gap').toBe(true);
		if (end < all.length) this.#count('lost');
		all.length = end;
		return from;
	}

	/** Whether something of a trimmed segment is in it: its first sector names another place. */
	#isUsedAgain(file: string): boolean {
		const bytes = this.#disk.read(file);
		const segment = Number.parseInt(file, 10);
		for (let at = 0; at < bytes.length; at += 512) {
			const place = new DataView(bytes.buffer, at + 504).getUint32(0, true);
			if (bytes[at] !== 0 && Math.floor(place / 5) + 1 !== segment) return true;
		}
		return false;
	}

	#note(): void {
		const through = this.#heard.durables.at(-1);
		// What was read at the start, the manifest too, is durable now.
		if (through !== undefined && !this.#isSure) this.#possible = [this.#found];
		this.#isSure = through !== undefined;
		if (through !== undefined) this.#promised = Math.max(this.#promised, this.#read + through);
		expect(this.#heard.failures).toEqual([]);
	}

	#count(what: string): void {
		this.#seen[what] = (this.#seen[what] ?? 0) + 1;
	}
}

describe('trimming', () => {
	test('keeps what the snapshot does not stand for, and what is above the slot that it is told', () => {
		const { disk, log } = filled(12);
		log.trim(12);
		disk.finishAll();
		expect(readManifest(disk).first).toBe(1);
		snapshot(disk, log, 9);
		log.trim(4);
		disk.finishAll();
		expect(readManifest(disk).first).toBe(3);
		log.trim(12);
		disk.finishAll();
		expect(readManifest(disk).first).toBe(5);
		expect(slotsOf(disk)).toEqual([9, 10, 11, 12]);
	});

	test('uses files again, makes none of zeros meanwhile, and keeps as many as the log may need again', () => {
		const { disk, log } = filled(12);
		snapshot(disk, log, 12);
		expect(log.bytes).toBe(6 * SEGMENT_BYTES - 512);
		log.trim(12);
		expect(disk.waiting).toEqual(['note']);
		disk.finishAll();
		expect(disk.list()).toEqual([1, 2, 3, 4, 5, 6, 7].map(name).concat(snapshotName(12), 'manifest'));
		expect(log.bytes).toBe(SEGMENT_BYTES - 512);
		const calls: string[] = [];
		for (let slot = 13; slot <= 16; slot++) {
			append(log, slot);
			for (log.flush(); disk.waiting.length > 0; disk.finish()) calls.push(disk.waiting[0] as string);
		}
		expect(calls.filter((call) => call !== 'write' && call !== 'note')).toEqual(['rename', 'rename']);
		expect(disk.list()).toEqual([3, 4, 5, 6, 7, 8, 9].map(name).concat(snapshotName(12), 'manifest'));
		expect(slotsOf(disk)).toEqual([11, 12, 13, 14, 15, 16]);
	});

	test('gives back one file with each trim of a log that stays shorter than it was', () => {
		const { disk, log } = filled(12);
		snapshot(disk, log, 12);
		log.trim(12);
		disk.finishAll();
		const counts: number[] = [];
		for (let slot = 13; slot <= 24; slot += 2) {
			for (const each of [slot, slot + 1]) append(log, each);
			log.flush();
			disk.finishAll();
			snapshot(disk, log, slot + 1);
			log.trim(slot + 1);
			disk.finishAll();
			counts.push(disk.list().filter((file) => file.endsWith('.log')).length);
		}
		expect(counts).toEqual([6, 5, 4, 3, 3, 3]);
	});

	test('gives all of them back where a snapshot finds no room', () => {
		const { disk, log } = filled(12);
		snapshot(disk, log, 12);
		log.trim(12);
		disk.finishAll();
		append(log, 13);
		log.flush();
		disk.finishAll();
		const before = disk.list().filter((file) => file.endsWith('.log')).length;
		log.beginSnapshot({ swarm: SWARM, through: 13 }).append(new Uint8Array(1), () => undefined);
		disk.fail(() => false, new NoRoomError('the disk is full'));
		disk.finishAll();
		const after = disk.list().filter((file) => file.endsWith('.log')).length;
		expect([before, after]).toEqual([7, 2]);
		expect(slotsOf(disk)).toEqual([11, 12, 13]);
	});

	test('keeps everything where there is no snapshot, segments that hold only promises too', () => {
		const disk = CrashDisk.formatted(SEGMENT_BYTES);
		const { log } = Log.open(disk, { owner: OWNER }, listen());
		disk.finishAll();
		for (let ns = 1; ns <= 20; ns++) {
			log.append([{ kind: 'promised', ballot: { ms: 1, ns, node: 'n1' } }]);
			log.flush();
			disk.finishAll();
		}
		log.trim(20);
		disk.finishAll();
		expect(log.bytes).toBeGreaterThan(SEGMENT_BYTES);
		expect(readManifest(disk).first).toBe(1);
	});

	test('keeps a segment whose successor has no durable frame yet: the promise is in it', () => {
		const { disk, log } = filled(2);
		snapshot(disk, log, 2);
		append(log, 3);
		log.flush();
		log.trim(2);
		expect(disk.waiting).toEqual(['write']);
		disk.finish();
		log.trim(2);
		expect(disk.waiting).toEqual(['note']);
	});

	test('a segment of the present log in the place of another is refused also where files were used again', () => {
		const { disk, log } = filled(12);
		snapshot(disk, log, 12);
		log.trim(12);
		for (let slot = 13; slot <= 20; slot++) {
			append(log, slot);
			log.flush();
			disk.finishAll();
		}
		const kept = [6, 7, 8, 9, 10];
		for (const one of kept) {
			for (const other of kept) {
				if (one === other) continue;
				const whole = disk.read(name(one));
				disk.put(name(one), disk.read(name(other)));
				expect(() => readLog(disk, OWNER), `${other} in the place of ${one}`).toThrow('the log is corrupt');
				disk.put(name(one), whole);
			}
		}
		expect(slotsOf(disk)).toHaveLength(10);
	});

	test.each([0, 600, 1500, 2559])('one bit of what an earlier use left is damage (byte %i)', (at) => {
		const { disk, log } = filled(12);
		snapshot(disk, log, 12);
		log.trim(12);
		append(log, 13);
		log.flush();
		disk.finishAll();
		append(log, 14);
		log.flush();
		disk.finishAll();
		expect(disk.list()).toContain(name(8));
		disk.flip(name(8), at, 3);
		expect(() => readLog(disk, OWNER)).toThrow('the log is corrupt');
	});

	test('a snapshot that the manifest notes is missed', () => {
		const { disk, log } = filled(3);
		snapshot(disk, log, 3);
		disk.put(snapshotName(3), null);
		expect(() => readLog(disk, OWNER)).toThrow(
			`the log is corrupt in ${snapshotName(3)} at byte 0: the file is missing, the snapshot of this log`,
		);
	});
});

describe('a snapshot', () => {
	test('takes the place of the one before, which is removed only when the new one is noted', () => {
		const { disk, log } = filled(4);
		snapshot(disk, log, 2);
		const writer = log.beginSnapshot({ swarm: SWARM, through: 4 });
		writer.append(new Uint8Array(10).fill(1), () => writer.finish(() => undefined));
		const seen: string[] = [];
		for (; disk.waiting.length > 0; disk.finish()) {
			seen.push(disk.waiting.join());
			const noted = readManifest(disk.losePower(() => false)).snapshot?.through;
			expect(noted).toBe(disk.waiting[0] === 'remove' ? 4 : 2);
		}
		expect(seen).toEqual(['append', 'append', 'publish', 'note', 'remove']);
		expect(log.snapshot?.through).toBe(4);
	});

	test('is refused where one through this slot is there, or another is being written', () => {
		const { disk, log } = filled(4);
		snapshot(disk, log, 2);
		expect(() => log.beginSnapshot({ swarm: SWARM, through: 2 })).toThrow(RangeError);
		const writer = log.beginSnapshot({ swarm: SWARM, through: 3 });
		expect(() => log.beginSnapshot({ swarm: SWARM, through: 4 })).toThrow(RangeError);
		writer.abandon();
		snapshot(disk, log, 3);
		expect(log.snapshot?.through).toBe(3);
	});

	test('for which there is no room is abandoned, and can be written later; the log goes on', () => {
		const { disk, log, heard } = filled(4);
		const lacks: (string | undefined)[] = [];
		const writer = log.beginSnapshot({ swarm: SWARM, through: 3 });
		writer.append(new Uint8Array(10), (lack) => lacks.push(lack?.message));
		disk.fail(() => false, new NoRoomError('the disk is full'));
		expect(lacks).toEqual(['the disk is full']);
		expect(disk.waiting).toEqual(['abandon']);
		disk.finishAll();
		snapshot(disk, log, 3);
		expect(heard.failures).toEqual([]);
	});

	test('that is begun again through the same slot is not abandoned for what became of the one before', () => {
		const { disk, log } = filled(4);
		const before = log.beginSnapshot({ swarm: SWARM, through: 3 });
		before.append(new Uint8Array(10), () => expect.unreachable());
		before.abandon();
		const writer = log.beginSnapshot({ swarm: SWARM, through: 3 });
		writer.append(new Uint8Array(10), () => writer.finish(() => undefined));
		before.abandon();
		disk.fail(() => false, new NoRoomError('the disk is full'));
		disk.finishAll();
		expect(log.snapshot?.through).toBe(3);
	});

	test('that the disk failed to write ends the log', () => {
		const { disk, log, heard } = filled(4);
		const writer = log.beginSnapshot({ swarm: SWARM, through: 3 });
		writer.append(new Uint8Array(10), () => expect.unreachable());
		disk.fail(() => false);
		expect(heard.failures).toHaveLength(1);
	});

	test('is read in parts, as long as it is the one of the log', async () => {
		const { disk, log } = filled(4);
		snapshot(disk, log, 3);
		const read = (offset: number, bytes: number) =>
			new Promise<Uint8Array | null>((resolve) => log.readSnapshot(3, { offset, bytes }, (_, part) => resolve(part)));
		const whole = Buffer.from(disk.read(snapshotName(3)));
		expect(Buffer.concat([(await read(0, 7)) ?? whole, (await read(7, 10_000)) ?? whole])).toEqual(whole);
		snapshot(disk, log, 4);
		expect(await read(0, 7)).toBeNull();
	});

	test('that is held stays as a whole behind newer ones, until the last one who holds it releases it', () => {
		const { disk, log } = filled(5);
		expect(log.holdSnapshot()).toBeNull();
		snapshot(disk, log, 2);
		const whole = Buffer.from(disk.read(snapshotName(2)));
		const [first, second] = [log.holdSnapshot(), log.holdSnapshot()];
		expect(first?.note).toEqual(log.snapshot);
		snapshot(disk, log, 3);
		snapshot(disk, log, 4);
		const files = () => disk.list().filter((file) => file.endsWith('.snapshot'));
		expect(files()).toEqual([snapshotName(2), snapshotName(4)]);
		first?.release();
		first?.release();
		disk.finishAll();
		expect(Buffer.from(disk.read(snapshotName(2)))).toEqual(whole);
		second?.release();
		disk.finishAll();
		expect(files()).toEqual([snapshotName(4)]);
	});

	test('that is held and still the one of the log stays when it is released', () => {
		const { disk, log } = filled(4);
		snapshot(disk, log, 2);
		log.holdSnapshot()?.release();
		disk.finishAll();
		expect(disk.list()).toContain(snapshotName(2));
	});

	test('that is held is gone at the next start, and is not touched once the log is closed', () => {
		const { disk, log } = filled(4);
		snapshot(disk, log, 2);
		const held = log.holdSnapshot();
		snapshot(disk, log, 3);
		log.close();
		disk.finishAll();
		held?.release();
		expect(disk.waiting).toEqual([]);
		const again = disk.kill(() => true);
		Log.open(again, { owner: OWNER }, listen());
		again.finishAll();
		expect(again.list().filter((file) => file.endsWith('.snapshot'))).toEqual([snapshotName(3)]);
	});

	test('is abandoned when the log is closed', () => {
		const { disk, log } = filled(4);
		const writer = log.beginSnapshot({ swarm: SWARM, through: 3 });
		writer.append(new Uint8Array(10), () => expect.unreachable());
		log.close();
		expect(disk.waiting.slice(0, 2)).toEqual(['append', 'abandon']);
		disk.finishAll();
	});
});

/** A log with one frame for each of so many slots. Two frames fit into a segment. */
function filled(slots: number) {
	const disk = CrashDisk.formatted(SEGMENT_BYTES);
	const heard = listen();
	const { log } = Log.open(disk, { owner: OWNER }, heard);
	disk.finishAll();
	for (let slot = 1; slot <= slots; slot++) {
		append(log, slot);
		log.flush();
		disk.finishAll();
	}
	return { disk, log, heard };
}

function append(log: Log, slot: number): void {
	const value = batchValue(new Uint8Array(700).fill(slot));
	log.append([{ kind: 'accepted', slot, ballot: { ms: 1, ns: 0, node: 'n1' }, value }]);
}

function snapshot(disk: CrashDisk, log: Log, through: number): void {
	const writer = log.beginSnapshot({ swarm: SWARM, through });
	writer.append(new Uint8Array(2000).fill(through), () => writer.finish(() => undefined));
	disk.finishAll();
	expect(log.snapshot?.through).toBe(through);
}

function slotsOf(disk: Disk): number[] {
	return readLog(disk, OWNER).records.flatMap((record) => (record.kind === 'accepted' ? [record.slot] : []));
}

function payloadsOf(through: number): [Uint8Array, Uint8Array] {
	return [new Uint8Array(600).fill(through), new Uint8Array(20).fill(through + 1)];
}

function promisedIn(records: readonly DurableRecord[]) {
	let promised = NO_BALLOT;
	for (const record of records) {
		if ('ballot' in record && compareBallots(record.ballot, promised) > 0) promised = record.ballot;
	}
	return promised;
}

function encoded(records: readonly DurableRecord[]): Buffer {
	const out = new Writer();
	for (const record of records) writeRecord(out, record);
	return Buffer.from(out.take());
}

function cycle(answers: readonly boolean[]): Survives {
	let next = 0;
	return () => answers[next++ % answers.length] as boolean;
}
