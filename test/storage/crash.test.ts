/** No record that was reported durable is ever lost, whatever a crash leaves of records that were not flushed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Writer } from '../../shared/bytes/bytes.ts';
import { Log } from '../../shared/disk/log.ts';
import { type DurableRecord, writeRecord } from '../../shared/paxos/record.ts';
import { CrashDisk, type Survives } from './crash-disk.ts';
import { anyRecord, listen, OWNER } from './records.ts';

type Step =
	| { readonly kind: 'append'; readonly records: readonly DurableRecord[] }
	| { readonly kind: 'flush' | 'finish' }
	| { readonly kind: 'fail' | 'kill' | 'losePower'; readonly survivors: readonly boolean[] };

const SEGMENT_BYTES = 5 * 512;
const VALUE_BYTES_MAX = 2000;

const survivors = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
	{ weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), records: someRecords() }) },
	{ weight: 4, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
	{ weight: 7, arbitrary: fc.record({ kind: fc.constant('finish' as const) }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), survivors }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), survivors }) },
	{ weight: 2, arbitrary: fc.record({ kind: fc.constant('losePower' as const), survivors }) },
);

describe('a log through crashes', () => {
	test('keeps what was said to be durable, and of the rest only a beginning, in order', () => {
		const seen = { torn: 0, lost: 0, kept: 0, failed: 0, segments: 0, splits: 0 };
		fc.assert(crashProperty(seen), { numRuns: 500 });
		// A test with a fault that never happens proves nothing.
		for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(20);
	});

	test('(canary) the same property catches a disk that says it has flushed and has not', () => {
		const { failed, errorInstance } = fc.check(crashProperty({}, { lies: true }), {
			numRuns: 500,
			endOnFailure: true,
		});
		expect(failed).toBe(true);
		// Either too few records were read, or the log noticed the fault itself.
		expect(String(errorInstance)).toMatch(/expected \d+ to be greater than or equal to|CorruptLogError/);
	});
});

function crashProperty(seen: Record<string, number>, disk = { lies: false }) {
	// Without this size most histories are too short to reach a second segment.
	return fc.property(fc.array(step, { minLength: 5, maxLength: 80, size: 'max' }), (steps) => {
		const run = new Run(CrashDisk.formatted(SEGMENT_BYTES, disk.lies), seen);
		for (const each of steps) run.take(each);
		run.end();
	});
}

/** One history. At each start it checks which records may be read, and which must be. */
class Run {
	readonly #seen: Record<string, number>;
	#disk: CrashDisk;
	#log: Log;
	/**
	 * All records that may be on disk, in order. The first `#promised` of them were reported durable, in this or an
	 * earlier life.
	 */
	#records: DurableRecord[] = [];
	#promised = 0;
	/** The number of records that were read at the start of this life. */
	#read = 0;
	#heard = listen();

	constructor(disk: CrashDisk, seen: Record<string, number>) {
		this.#disk = disk;
		this.#seen = seen;
		this.#log = this.#open();
	}

	take(step: Step): void {
		switch (step.kind) {
			case 'append':
				this.#log.append(step.records);
				this.#records.push(...step.records);
				break;
			case 'flush':
				this.#log.flush();
				break;
			case 'finish':
				this.#disk.finish();
				break;
			case 'fail':
				if (this.#disk.fail(cycle(step.survivors))) this.#count('failed');
				break;
			case 'kill':
			case 'losePower':
				this.#disk = this.#disk[step.kind](cycle(step.survivors));
				this.#log = this.#open();
				break;
		}
		this.#note();
	}

	/** Expects all appended records to stay once nothing goes wrong any more. */
	end(): void {
		this.#disk = this.#disk.losePower(() => false);
		this.#log = this.#open();
		this.#log.append([{ kind: 'chosen', through: 1 }]);
		this.#records.push({ kind: 'chosen', through: 1 });
		this.#log.flush();
		this.#disk.finishAll();
		this.#note();
		expect(this.#promised).toBe(this.#records.length);
		this.#disk = this.#disk.losePower(() => false);
		this.#log = this.#open();
	}

	#open(): Log {
		this.#heard = listen();
		const { log, records, repairs } = Log.open(this.#disk, { owner: OWNER }, this.#heard);
		expect(records.length).toBeGreaterThanOrEqual(this.#promised);
		expect(encoded(records).equals(encoded(this.#records.slice(0, records.length))), 'a beginning, in order').toBe(
			true,
		);
		if (repairs.length > 0) this.#count('torn');
		if (records.length < this.#records.length) this.#count('lost');
		if (records.length > this.#promised) this.#count('kept');
		if (this.#disk.list().length > 3) this.#count('segments');
		this.#records = [...records];
		this.#read = records.length;
		return log;
	}

	#note(): void {
		const { durables, flushes, failures } = this.#heard;
		const through = durables.at(-1);
		if (through !== undefined) this.#promised = Math.max(this.#promised, this.#read + through);
		expect(durables.every((position, i) => i === 0 || position >= (durables[i - 1] as number))).toBe(true);
		expect(failures.length).toBeLessThanOrEqual(1);
		for (const { bytes } of flushes.splice(0)) if (bytes === SEGMENT_BYTES) this.#count('splits');
	}

	#count(what: string): void {
		this.#seen[what] = (this.#seen[what] ?? 0) + 1;
	}
}

/** The bytes of records, because comparing them takes a hundredth of the time of `toEqual` for the records. */
function encoded(records: readonly DurableRecord[]): Buffer {
	const out = new Writer();
	for (const record of records) writeRecord(out, record);
	return Buffer.from(out.take());
}

function someRecords(): fc.Arbitrary<DurableRecord[]> {
	return fc.array(anyRecord(VALUE_BYTES_MAX), { minLength: 1, maxLength: 6, size: 'max' });
}

function cycle(answers: readonly boolean[]): Survives {
	let next = 0;
	return () => answers[next++ % answers.length] as boolean;
}
