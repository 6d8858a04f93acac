/** Whatever a crash leaves of what was not flushed, nothing that was said to be durable is ever lost. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Log } from '../../shared/disk/log.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';
import { CrashDisk, type Survives } from './crash-disk.ts';
import { anyRecord, listen, OWNER } from './records.ts';

type Step =
	| { readonly kind: 'append'; readonly records: readonly DurableRecord[] }
	| { readonly kind: 'flush' | 'finish' }
	| { readonly kind: 'fail' | 'kill' | 'losePower'; readonly survivors: readonly boolean[] };

const SEGMENT_BYTES = 5 * 512;
const VALUE_BYTES_MAX = 1500;

const survivors = fc.array(fc.boolean(), { minLength: 1, maxLength: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
	{ weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), records: someRecords() }) },
	{ weight: 4, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
	{ weight: 8, arbitrary: fc.record({ kind: fc.constant('finish' as const) }) },
	{ weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), survivors }) },
	{ weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('kill' as const, 'losePower' as const), survivors }) },
);

describe('a log through crashes', () => {
	test('keeps what was said to be durable, and of the rest only a beginning, in order', () => {
		const seen = { torn: 0, lost: 0, kept: 0, failed: 0, segments: 0, splits: 0 };
		fc.assert(crashProperty(seen), { numRuns: 1500 });
		// A fault that never happens proves nothing.
		for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(20);
	});

	test('(canary) the same property catches a disk that says it has flushed and has not', () => {
		const { failed, errorInstance } = fc.check(crashProperty({}, { lies: true }), { numRuns: 1500 });
		expect(failed).toBe(true);
		expect(String(errorInstance)).toContain('expected 0 to be greater than or equal to');
	});
});

function crashProperty(seen: Record<string, number>, disk = { lies: false }) {
	return fc.property(fc.array(step, { minLength: 5, maxLength: 80 }), (steps) => {
		const run = new Run(CrashDisk.formatted(SEGMENT_BYTES, disk.lies), seen);
		for (const each of steps) run.take(each);
		run.end();
	});
}

/** One history, checked at each start: what may be read, what must be. */
class Run {
	readonly #seen: Record<string, number>;
	#disk: CrashDisk;
	#log: Log;
	/** All that may be on disk, in order; of it the first `#promised` were said to be durable, in whichever life. */
	#records: DurableRecord[] = [];
	#promised = 0;
	/** How many were read at the start of this life. */
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

	/** Once nothing goes wrong any more, all that is appended stays. */
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
		expect(records).toEqual(this.#records.slice(0, records.length));
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
		expect(durables).toEqual(durables.toSorted((a, b) => a - b));
		expect(failures.length).toBeLessThanOrEqual(1);
		if (flushes.some(({ bytes }) => bytes === SEGMENT_BYTES)) this.#count('splits');
	}

	#count(what: string): void {
		this.#seen[what] = (this.#seen[what] ?? 0) + 1;
	}
}

function someRecords(): fc.Arbitrary<DurableRecord[]> {
	return fc.array(anyRecord(VALUE_BYTES_MAX), { minLength: 1, maxLength: 4 });
}

function cycle(answers: readonly boolean[]): Survives {
	let next = 0;
	return () => answers[next++ % answers.length] as boolean;
}
