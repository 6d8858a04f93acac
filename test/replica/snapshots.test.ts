/** When a snapshot is taken, how it is written beside other work, and what the log keeps behind it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { NoRoomError } from '../../shared/disk/disk.ts';
import { SnapshotChecker } from '../../shared/disk/snapshot-file.ts';
import { firstMembers } from '../../shared/paxos/members.ts';
import { Restore, type Restored } from '../../shared/replica/restore.ts';
import { SNAPSHOT_PAUSE, Snapshots } from '../../shared/replica/snapshots.ts';
import { votersNamed } from '../../shared/simulation/node.ts';
import { StoreRestore } from '../../shared/store/restore.ts';
import type { Store } from '../../shared/store/store.ts';
import { FakeSnapshotLog, SWARM } from './fake-snapshot-log.ts';
import { storeOf } from './stores.ts';

const LIMITS = { logBytesMin: 1000, keptFactor: 4, partBytes: 100, sentBytes: 100 };

let log: FakeSnapshotLog;
let store: Store;
/** One was a member before, and must never come back. */
const MEMBERS = { ...firstMembers(votersNamed(['n1', 'n2', 'n3'])), past: ['n0'] };

let snapshots: Snapshots;
let nowMs: number;
let applied: number;
let needed: number;
let isReceiving: boolean;
let isSending: boolean;
let trimmed: number[];
let told: string[];
/** After how many milliseconds the next part is to be written; null where none is. */
let partAfterMs: number | null;

beforeEach(() => {
	log = new FakeSnapshotLog();
	store = storeOf(40);
	nowMs = 0;
	applied = 41;
	needed = Number.POSITIVE_INFINITY;
	isReceiving = false;
	isSending = false;
	trimmed = [];
	told = [];
	partAfterMs = null;
	snapshots = new Snapshots(store, log, SWARM, LIMITS, {
		nowMs: () => nowMs,
		setTimer: () => undefined,
		setPartTimer: (afterMs) => {
			partAfterMs = afterMs;
		},
		appliedThrough: () => applied,
		members: () => MEMBERS,
		neededAbove: () => needed,
		isReceiving: () => isReceiving,
		isSending: () => isSending,
		trimmed: (through) => trimmed.push(through),
		report: (what) => told.push(what),
	});
});

/** Writes all parts, and answers the disk's calls at once. */
function writeAll(): void {
	do {
		partAfterMs = null;
		log.answer();
		if (partAfterMs !== null) snapshots.writeNext();
	} while (snapshots.isWriting);
}

function restored(): Store {
	return restore().machine;
}

function restore(): Restored<Store> {
	const { through } = log.snapshot as { through: number };
	const checker = new SnapshotChecker({ swarm: SWARM, through });
	const restore = new Restore(new StoreRestore());
	for (const part of checker.add(log.file)) restore.add(part);
	expect(checker.note).toEqual(log.snapshot);
	return restore.finish();
}

describe('a snapshot', () => {
	it('is taken once the log is larger than the minimum, and holds the state of that moment', () => {
		log.bytes = 1000;
		snapshots.fire();
		expect(snapshots.isWriting).toBe(false);
		log.bytes = 1001;
		const before = store.save();
		snapshots.fire();
		store.passTime(5);
		writeAll();
		expect(log.snapshot?.through).toBe(41);
		expect(restored().save()).toEqual(before);
		expect(restore().members).toEqual(MEMBERS);
		expect(trimmed).toEqual([41]);
		expect(log.trimmedThrough).toBe(41);
		expect(told).toEqual(['cut', 'written', 'trimmed']);
	});

	it('is taken again only when the log is larger than the last one, and there is something new', () => {
		log.bytes = 1001;
		snapshots.fire();
		writeAll();
		const { bytes } = log.snapshot as { bytes: number };
		expect(bytes).toBeGreaterThan(1001);
		applied = 50;
		log.bytes = bytes;
		snapshots.fire();
		expect(snapshots.isWriting).toBe(false);
		log.bytes = bytes + 1;
		snapshots.fire();
		expect(log.writing).toEqual([50]);
		writeAll();
		snapshots.fire();
		expect(snapshots.isWriting).toBe(false);
	});

	it('is not taken while one is on its way here', () => {
		log.bytes = 1_000_000;
		isReceiving = true;
		snapshots.fire();
		expect(snapshots.isWriting).toBe(false);
		isReceiving = false;
		snapshots.fire();
		expect(snapshots.isWriting).toBe(true);
	});

	it('is taken while the last one is on its way to another node only where the log has become too large', () => {
		log.bytes = LIMITS.keptFactor * LIMITS.logBytesMin;
		isSending = true;
		snapshots.fire();
		expect(snapshots.isWriting).toBe(false);
		log.bytes++;
		snapshots.fire();
		writeAll();
		expect(log.snapshot?.through).toBe(41);
	});

	it('leaves twice as much time to other work as it takes', () => {
		log.bytes = 1001;
		snapshots.fire();
		nowMs = 7;
		log.answer(1);
		expect(partAfterMs).toBe(14);
	});

	it('hurries the more the log has grown meanwhile, and does not pause once it has grown by what makes one due', () => {
		log.bytes = 1001;
		snapshots.fire();
		for (const [grown, afterMs] of [
			[LIMITS.logBytesMin / 4, 15],
			[LIMITS.logBytesMin / 2, 10],
			[LIMITS.logBytesMin, 0],
			[7 * LIMITS.logBytesMin, 0],
			[-500, 20],
		] as const) {
			log.bytes = 1001 + grown;
			nowMs += 10;
			log.answer(1);
			expect(partAfterMs).toBe(afterMs);
			snapshots.writeNext();
		}
	});

	it('is abandoned where there is no room, keeps the one before, and is tried again', () => {
		log.bytes = 1001;
		snapshots.fire();
		writeAll();
		const before = log.snapshot;
		log.bytes = 100_000;
		applied = 60;
		snapshots.fire();
		log.error = new NoRoomError('the disk is full');
		log.answer(1);
		expect(snapshots.isWriting).toBe(false);
		expect(log.writing).toEqual([]);
		expect(log.snapshot).toBe(before);
		expect(told.at(-1)).toBe('abandoned');
		nowMs += SNAPSHOT_PAUSE.firstMs;
		snapshots.fire();
		writeAll();
		expect(log.snapshot?.through).toBe(60);
	});

	it('for which there is no room is begun again after a pause that doubles up to a bound, and begins anew after one that was written', () => {
		/** The pause after one that could not be written. */
		const pauseMs = (): number => {
			const fromMs = nowMs;
			log.error = new NoRoomError('the disk is full');
			log.answer(1);
			for (snapshots.fire(); !snapshots.isWriting; snapshots.fire()) nowMs += SNAPSHOT_PAUSE.firstMs;
			return nowMs - fromMs;
		};
		log.bytes = 1001;
		snapshots.fire();
		const seconds = Array.from({ length: 9 }, () => pauseMs() / SNAPSHOT_PAUSE.firstMs);
		expect(seconds).toEqual([1, 2, 4, 8, 16, 32, 64, 64, 64]);
		writeAll();
		applied = 60;
		log.bytes = 100_000;
		snapshots.fire();
		expect(pauseMs()).toBe(SNAPSHOT_PAUSE.firstMs);
	});

	it('that gives way to the one of another node is begun again without a pause', () => {
		log.bytes = 1001;
		snapshots.fire();
		snapshots.abandon('that of another node is on its way here');
		snapshots.fire();
		expect(snapshots.isWriting).toBe(true);
	});

	it('says when all of it is written, until it is that of the log', () => {
		log.bytes = 1001;
		snapshots.fire();
		do {
			log.answer(1);
			snapshots.writeNext();
		} while (!snapshots.isFinishing);
		expect([snapshots.isWriting, log.snapshot]).toEqual([true, null]);
		log.answer();
		expect([snapshots.isFinishing, log.snapshot?.through]).toEqual([false, applied]);
	});

	it('that is begun in the place of one that was abandoned is not written on by the timer of that one', () => {
		log.bytes = 1001;
		snapshots.fire();
		log.answer(1);
		expect(partAfterMs).not.toBeNull();
		snapshots.abandon('that of another node is on its way here');
		snapshots.fire();
		snapshots.writeNext();
		// These are more calls than it takes, and more than one of them at a time must not wait for the disk.
		for (let calls = 0; calls < 200; calls++) {
			partAfterMs = null;
			log.answer(1);
			if (partAfterMs !== null) snapshots.writeNext();
		}
		expect(restored().save()).toEqual(store.save());
	});

	it('gives back what the store keeps for it, however it ends', () => {
		log.bytes = 1001;
		snapshots.fire();
		snapshots.abandon('something else begins');
		log.answer();
		expect(() => store.cut().close()).not.toThrow();
		expect(log.snapshot).toBeNull();
	});
});

describe('the log behind a snapshot', () => {
	it('keeps what a linked node still lacks, until that node has it', () => {
		needed = 30;
		log.bytes = 1001;
		snapshots.fire();
		writeAll();
		expect(trimmed).toEqual([30]);
		needed = 35;
		snapshots.fire();
		needed = 80;
		snapshots.fire();
		expect(trimmed).toEqual([30, 35, 41]);
		snapshots.fire();
		expect(trimmed).toEqual([30, 35, 41]);
	});

	it('does not wait for a node that lags for so long that the log becomes too large', () => {
		needed = 30;
		log.bytes = 1001;
		snapshots.fire();
		writeAll();
		const { bytes } = log.snapshot as { bytes: number };
		log.bytes = LIMITS.keptFactor * bytes;
		isSending = true;
		snapshots.fire();
		expect(trimmed).toEqual([30]);
		log.bytes++;
		snapshots.fire();
		expect(trimmed).toEqual([30, 41]);
	});
});

describe('a snapshot that is asked for', () => {
	let answers: (string | null)[];
	beforeEach(() => {
		answers = [];
	});
	const want = (): void => snapshots.want((lack) => answers.push(lack));

	it('is written at once, however small the log is, and is there when the answer comes', () => {
		want();
		expect(answers).toEqual([]);
		writeAll();
		expect(answers).toEqual([null]);
		expect(log.snapshot?.through).toBe(41);
		expect(restored().save()).toEqual(store.save());
	});

	it('is the last one where nothing was applied since', () => {
		want();
		writeAll();
		want();
		expect(answers).toEqual([null, null]);
		expect(log.writing).toEqual([]);
	});

	it('is not the one that is being written, where that lacks what was applied before the request', () => {
		log.bytes = 1001;
		snapshots.fire();
		applied = 42;
		want();
		want();
		while (log.snapshot === null) {
			log.answer();
			if (log.snapshot === null) snapshots.writeNext();
		}
		expect(answers).toEqual([]);
		expect(log.writing).toEqual([42]);
		snapshots.writeNext();
		writeAll();
		expect(answers).toEqual([null, null]);
		expect(log.snapshot.through).toBe(42);
	});

	it('is refused where another node gives or takes one, and where nothing was ever written', () => {
		isSending = true;
		want();
		applied = 0;
		want();
		expect(answers).toEqual(['a snapshot is on its way to or from another node', 'nothing was ever written']);
		expect(log.writing).toEqual([]);
	});

	it('is refused where there is no room, where another begins to come, and where the node stops', () => {
		want();
		log.error = new NoRoomError('the disk is full');
		log.answer(1);
		want();
		snapshots.abandon('that of another node is on its way here');
		want();
		snapshots.stop();
		expect(answers).toEqual(['the disk is full', 'that of another node is on its way here', 'the node stops']);
	});
});
