/** The parts of a simulated world keep their own promises. */

import { describe, expect, it } from 'vitest';
import { sameBytes } from '../../shared/bytes/bytes.ts';
import { CorruptLogError } from '../../shared/disk/corrupt-log-error.ts';
import { Log } from '../../shared/disk/log.ts';
import { newLogFiles } from '../../shared/disk/manifest.ts';
import { readLog } from '../../shared/disk/recover.ts';
import { readSnapshot, snapshotName } from '../../shared/disk/snapshot-file.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';
import { batchValue } from '../../shared/paxos/value.ts';
import { Clock } from '../../shared/simulation/clock.ts';
import { DAMAGES, damaged } from '../../shared/simulation/damage.ts';
import { type NamedBytes, SimulatedDisk } from '../../shared/simulation/disk.ts';
import { GOOD_LINK, Network } from '../../shared/simulation/network.ts';
import { Random } from '../../shared/simulation/random.ts';
import { Schedule } from '../../shared/simulation/schedule.ts';

const SWARM = 'swarm';

describe('random numbers', () => {
	it('are the same for the same seed and stream, and others for any other', () => {
		const draw = (...key: [number, ...number[]]) => {
			const random = new Random(...key);
			return Array.from({ length: 8 }, () => random.bits()).join();
		};
		expect(draw(7, 1)).toBe(draw(7, 1));
		expect(new Set([draw(7, 1), draw(7, 2), draw(8, 1), draw(7), draw(7 + 2 ** 40, 1)]).size).toBe(5);
	});

	it('reach both ends of a range and nothing beyond', () => {
		const random = new Random(1);
		const drawn = new Set(Array.from({ length: 1_000 }, () => random.integer(-1, 2)));
		expect([...drawn].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2]);
	});
});

describe('the schedule', () => {
	it('gives what was planned in the order of time, then in the order of asking', () => {
		const random = new Random(3);
		const schedule = new Schedule<string>();
		const planned = Array.from({ length: 2_000 }, (_, order) => ({ time: random.integer(0, 50), order }));
		for (const { time, order } of planned) schedule.at(time, `${time}/${order}`);
		const taken: string[] = [];
		while (schedule.size > 0) taken.push(schedule.take());
		const sorted = [...planned].sort((a, b) => a.time - b.time || a.order - b.order);
		expect(taken).toEqual(sorted.map(({ time, order }) => `${time}/${order}`));
	});

	it('refuses what would be in the past', () => {
		const schedule = new Schedule<string>();
		schedule.at(5, 'now');
		schedule.take();
		expect(() => schedule.at(4, 'before')).toThrow(RangeError);
	});
});

describe('a network', () => {
	it('loses everything in the direction that is cut, and nothing in the other', () => {
		const network = new Network(1, 2, GOOD_LINK);
		network.cut(0, 1);
		expect(network.delayOf(0, 1, 0)).toBeLessThan(0);
		expect(network.delayOf(1, 0, 0)).toBeGreaterThan(0);
		network.mend(0, 1);
		expect(network.delayOf(0, 1, 0)).toBeGreaterThan(0);
	});

	it('keeps a link cut until every fault that cut it has ended', () => {
		const network = new Network(1, 2, GOOD_LINK);
		network.cut(0, 1);
		network.cut(0, 1);
		network.mend(0, 1);
		expect(network.isCut(0, 1)).toBe(true);
	});

	it('lets nothing through a clogged link before it opens', () => {
		const network = new Network(1, 2, GOOD_LINK);
		network.clog(0, 1, 9_000);
		expect(network.delayOf(0, 1, 1_000)).toBe(8_000);
		expect(network.delayOf(0, 1, 9_000)).toBeLessThan(1_000);
	});
});

describe('a clock', () => {
	it('stands still while it is frozen, and jumps to where it would be', () => {
		const clock = new Clock(0);
		const before = clock.wallTime(1_000_000);
		clock.freeze(1_000_000);
		expect(clock.wallTime(2_000_000)).toEqual(before);
		clock.thaw();
		expect(clock.wallTime(2_000_000).ms).toBe(before.ms + 1_000);
	});

	it('shows multiples of its resolution, and no time before 1970', () => {
		const clock = new Clock(0, 16_000);
		const shown = new Set(Array.from({ length: 100 }, (_, ms) => clock.wallTime(ms * 1000).ms));
		expect(shown.size).toBeLessThan(9);
		clock.step(-1_000 * 365.25 * 24 * 3_600_000);
		expect(clock.wallTime(0)).toEqual({ ms: 0, ns: 0 });
	});

	it('steps back', () => {
		const clock = new Clock(0);
		const before = clock.wallTime(5_000_000);
		clock.step(-3_000);
		expect(clock.wallTime(5_000_000).ms).toBe(before.ms - 3_000);
	});
});

describe('a disk', () => {
	const setUp = (seed: number, files: readonly NamedBytes[] = []) => {
		const schedule = new Schedule<() => void>();
		const runtime = {
			get now() {
				return schedule.now;
			},
			at: (time: number, act: () => void) => schedule.at(time, act),
		};
		const disk = new SimulatedDisk(new Random(seed), runtime, files);
		const runAll = () => {
			while (schedule.size > 0) schedule.take()();
		};
		disk.create('log', 8 * 512, () => undefined);
		runAll();
		return { disk, runtime, runAll };
	};
	const sectorsOf = (bytes: Uint8Array) =>
		Array.from({ length: bytes.length / 512 }, (_, i) => bytes[i * 512] ?? 0).join('');

	it('keeps what it has flushed through a loss of power', () => {
		const { disk, runtime, runAll } = setUp(1);
		disk.write('log', 0, new Uint8Array(1024).fill(1), () => undefined);
		runAll();
		disk.crash(runtime, 'torn');
		expect(sectorsOf(disk.read('log'))).toBe('11000000');
	});

	it('keeps any subset of the sectors of what it has not flushed', () => {
		const outcomes = new Set<string>();
		for (let seed = 1; seed <= 400; seed++) {
			const { disk, runtime } = setUp(seed);
			disk.write('log', 0, new Uint8Array(3 * 512).fill(1), () => undefined);
			disk.crash(runtime, 'torn');
			outcomes.add(sectorsOf(disk.read('log')).slice(0, 3));
		}
		expect([...outcomes].sort()).toEqual(['000', '001', '010', '011', '100', '101', '110', '111']);
	});

	it('keeps nothing of what it has not flushed where that is to be lost, nor a file that is being made', () => {
		for (let seed = 1; seed <= 50; seed++) {
			const { disk, runtime, runAll } = setUp(seed);
			disk.write('log', 0, new Uint8Array(512).fill(1), () => undefined);
			runAll();
			disk.write('log', 512, new Uint8Array(1024).fill(1), () => undefined);
			disk.create('next', 512, () => undefined);
			disk.crash(runtime, 'lost');
			expect(sectorsOf(disk.read('log'))).toBe('10000000');
			expect(disk.list()).not.toContain('next');
		}
	});

	it('shows the next process what the last one has written, which a loss of power may take away', () => {
		const lost = new Set<string>();
		for (let seed = 1; seed <= 50; seed++) {
			const { disk, runtime } = setUp(seed);
			disk.write('log', 0, new Uint8Array(512).fill(1), () => undefined);
			// This write waits for the first one, so it was never handed to the system.
			disk.write('log', 512, new Uint8Array(512).fill(1), () => undefined);
			disk.crash(runtime, 'kept');
			expect(sectorsOf(disk.read('log'))).toBe('10000000');
			disk.losePower();
			lost.add(sectorsOf(disk.read('log')));
		}
		expect([...lost].sort()).toEqual(['00000000', '10000000']);
	});

	it('does not try again what a flush failed to write, though it can be read', () => {
		const outcomes = new Set<string>();
		for (let seed = 1; seed <= 50; seed++) {
			const { disk, runAll } = setUp(seed);
			disk.failing = 'any';
			disk.write('log', 0, new Uint8Array(512).fill(1), () => undefined);
			runAll();
			disk.write('log', 512, new Uint8Array(512).fill(1), () => undefined);
			runAll();
			expect(sectorsOf(disk.read('log'))).toBe('11000000');
			disk.losePower();
			outcomes.add(sectorsOf(disk.read('log')));
		}
		expect([...outcomes].sort()).toEqual(['01000000', '11000000']);
	});

	it('answers in the order of the calls, never before they return', () => {
		const { disk, runAll } = setUp(2);
		const answers: number[] = [];
		for (let call = 0; call < 20; call++) disk.write('log', 0, new Uint8Array(8), () => answers.push(call));
		expect(answers).toEqual([]);
		runAll();
		expect(answers).toEqual(Array.from({ length: 20 }, (_, call) => call));
	});

	it('has done, or not, what was on its way when the process ended, and has nothing that was not published', () => {
		const outcomes = new Map<string, Set<string>>();
		for (let seed = 1; seed <= 50; seed++) {
			for (const call of ['publish', 'rename', 'remove'] as const) {
				const { disk, runtime, runAll } = setUp(seed);
				disk.append('made', new Uint8Array(600), () => undefined);
				runAll();
				if (call === 'publish') disk.publish('made', () => expect.unreachable());
				else if (call === 'rename') disk.rename('log', 'moved', () => expect.unreachable());
				else disk.remove('log', () => expect.unreachable());
				disk.crash({ now: 0, at: () => undefined }, seed % 2 === 0 ? 'torn' : 'kept');
				disk.crash(runtime, 'kept');
				outcomes.set(call, (outcomes.get(call) ?? new Set()).add(disk.list().join()));
			}
		}
		expect([...outcomes].map(([call, lists]) => [call, [...lists].sort()])).toEqual([
			['publish', ['log', 'log,made']],
			['rename', ['log', 'moved']],
			['remove', ['', 'log']],
		]);
	});

	it('has no room for what is appended where it is full, until something is removed', () => {
		const { disk, runAll } = setUp(3);
		disk.freeBytes = 700;
		const errors: (string | undefined)[] = [];
		const append = () => disk.append('made', new Uint8Array(600), (error) => errors.push(error?.message));
		append();
		append();
		append();
		disk.abandon('made');
		append();
		runAll();
		expect(errors).toEqual([undefined, 'the disk is full', 'the disk is full', undefined]);
		disk.publish('made', () => undefined);
		runAll();
		expect([disk.freeBytes, disk.list().length]).toEqual([100, 2]);
		disk.remove('made', () => undefined);
		runAll();
		expect(disk.freeBytes).toBe(700);
	});

	it('says so when a flush fails and when it is full', () => {
		const { disk, runAll } = setUp(3);
		const errors: (string | undefined)[] = [];
		disk.failing = 'any';
		disk.freeBytes = 100;
		disk.write('log', 0, new Uint8Array(8), (error) => errors.push(error?.message));
		disk.write('log', 0, new Uint8Array(8), (error) => errors.push(error?.message));
		disk.create('more', 101, (error) => errors.push(error?.message));
		runAll();
		expect(errors).toEqual(['input/output error', undefined, 'the disk is full']);
	});

	it.each(DAMAGES)('can be damaged (%s), which a log on it notices, and is whole again when all is put back', (how) => {
		const owner = 'n1';
		let happened = 0;
		let inSnapshots = 0;
		for (let seed = 1; seed <= 40; seed++) {
			// The log of every other seed is trimmed, and its files are used again.
			const isTrimmed = seed % 2 === 0;
			const segmentBytes = (isTrimmed ? 6 : 16) * 512;
			const { disk, runAll } = setUp(seed, newLogFiles(owner, segmentBytes));
			const { disk: other, runAll: runOther } = setUp(seed, newLogFiles('n2', segmentBytes));
			writeLog(disk, owner, runAll, isTrimmed);
			writeLog(other, 'n2', runOther, isTrimmed);
			const { length } = readAll(disk, owner);
			const whole = disk.save();
			const files = damaged(how, disk, other, new Random(seed));
			if (!files) continue;
			happened++;
			const name = snapshotName(readLog(disk, owner).manifest.snapshot?.through ?? 0);
			const isInSnapshot = isTrimmed && !sameFile(whole, files, name);
			if (isInSnapshot) inSnapshots++;
			disk.restore(files);
			if (how !== 'olderManifest') expect(() => readAll(disk, owner), `seed ${seed}`).toThrow(CorruptLogError);
			disk.restore(whole);
			expect(readAll(disk, owner)).toHaveLength(length);
		}
		expect(happened).toBeGreaterThan(30);
		if (how === 'olderManifest' || how === 'olderFile') expect(inSnapshots).toBe(0);
		else expect(inSnapshots).toBeGreaterThan(0);
	});
});

/** All records of the log, of which the snapshot is read too. @throws CorruptLogError */
function readAll(disk: SimulatedDisk, owner: string): readonly DurableRecord[] {
	const { manifest, records } = readLog(disk, owner);
	if (manifest.snapshot) for (const _ of readSnapshot(disk, manifest.snapshot, SWARM));
	return records;
}

function sameFile(some: readonly NamedBytes[], others: readonly NamedBytes[], name: string): boolean {
	const [one, other] = [some, others].map((files) => files.find((file) => file.name === name)?.bytes);
	return one !== undefined && other !== undefined && sameBytes(one, other);
}

/** Some thirty frames, noted now and then. */
function writeLog(disk: SimulatedDisk, owner: string, runAll: () => void, isTrimmed: boolean): void {
	const handlers = {
		durable: () => undefined,
		failed: () => undefined,
		flushed: () => undefined,
		room: () => undefined,
	};
	const { log } = Log.open(disk, { owner }, handlers);
	runAll();
	for (let slot = 1; slot <= 30; slot++) {
		log.append([
			{ kind: 'learned', slot, ballot: { ms: 1, ns: 0, node: 'n1' }, value: batchValue(new Uint8Array(300)) },
		]);
		log.flush();
		runAll();
		if (slot % 7 === 0) log.tend();
		runAll();
		if (!isTrimmed || slot % 10 !== 0 || slot === 30) continue;
		const writer = log.beginSnapshot({ swarm: SWARM, through: slot - 5 });
		writer.append(new TextEncoder().encode(`the state of ${owner} after slot ${slot - 5}`), () =>
			writer.finish(() => log.trim(slot)),
		);
		runAll();
	}
	expect(log.bytes / 512).toBe(isTrimmed ? 18 : 30);
}
