/** A saved file gives back the whole state, and no damage to it goes unnoticed, wherever it is. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BackupChecker, BackupError, encodeLabel } from '../../server/backup/file.ts';
import { Restore } from '../../shared/replica/restore.ts';
import { StoreRestore } from '../../shared/store/restore.ts';
import { backupOf } from './backup.ts';

const KEYS = 30;
const made = backupOf(KEYS);

function check(bytes: Uint8Array): ReturnType<BackupChecker['finish']> {
	const checker = new BackupChecker();
	checker.add(bytes);
	return checker.finish();
}

/** The message of the error; null where nothing is noticed. */
function faultOf(bytes: Uint8Array): string | null {
	try {
		check(bytes);
		return null;
	} catch (error) {
		if (error instanceof BackupError) return error.message;
		throw error;
	}
}

test('tells what is in it, and gives back the state, in whatever pieces it comes', () => {
	fc.assert(
		fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (cuts) => {
			const checker = new BackupChecker();
			const restore = new Restore(new StoreRestore());
			let at = 0;
			for (let i = 0; at < made.bytes.length; i++) {
				const end = Math.min(made.bytes.length, at + (cuts[i % cuts.length] as number));
				for (const payload of checker.add(made.bytes.subarray(at, end))) restore.add(payload);
				at = end;
				expect(checker.bytes).toBe(at);
			}
			const { label, members, ...state } = checker.finish();
			expect(members.map(({ id }) => id)).toEqual(['n1', 'n2', 'n3']);
			expect(label).toEqual(made.label);
			expect(state).toEqual({ keysCount: KEYS, revision: KEYS + 1, bytes: made.bytes.length });
			expect(checker.bytesOfAll).toBe(made.bytes.length);
			expect(restore.finish().machine.save()).toEqual(made.state);
		}),
		{ numRuns: 50 },
	);
});

describe('damage is noticed', () => {
	test('of every single bit', () => {
		for (let at = 0; at < made.bytes.length; at++) {
			for (let bit = 0; bit < 8; bit++) {
				const bytes = Buffer.from(made.bytes);
				bytes[at] = (bytes[at] as number) ^ (1 << bit);
				expect(faultOf(bytes), `bit ${bit} of byte ${at}`).not.toBeNull();
			}
		}
	});

	test('where the file ends early, after any number of bytes', () => {
		for (let length = 0; length < made.bytes.length; length++) {
			expect(faultOf(made.bytes.subarray(0, length))).toMatch(/^is cut off: it ends after \d+/);
		}
	});

	test('where anything follows', () => {
		expect(faultOf(Buffer.concat([made.bytes, Uint8Array.of(0)]))).toContain('something follows the end');
	});

	test('of several bytes at random places, together with a cut', () => {
		const change = fc.record({ at: fc.nat(made.bytes.length - 1), by: fc.integer({ min: 1, max: 255 }) });
		const changes = fc.uniqueArray(change, { maxLength: 12, selector: ({ at }) => at });
		fc.assert(
			fc.property(changes, fc.nat(made.bytes.length), (changed, length) => {
				fc.pre(changed.some(({ at }) => at < length) || length < made.bytes.length);
				const bytes = Buffer.from(made.bytes);
				for (const { at, by } of changed) bytes[at] = (bytes[at] as number) ^ by;
				expect(faultOf(bytes.subarray(0, length))).not.toBeNull();
			}),
			{ numRuns: 2000 },
		);
	});

	test('where a part is missing, doubled or at another place', () => {
		const { bytes, labelBytes } = made;
		fc.assert(
			fc.property(
				fc.integer({ min: labelBytes, max: bytes.length }),
				fc.nat(400),
				fc.boolean(),
				(from, length, twice) => {
					const to = Math.min(bytes.length, from + length);
					fc.pre(to > from);
					const part = twice ? [bytes.subarray(from, to), bytes.subarray(from, to)] : [];
					const changed = Buffer.concat([bytes.subarray(0, from), ...part, bytes.subarray(to)]);
					expect(faultOf(changed)).not.toBeNull();
				},
			),
			{ numRuns: 500 },
		);
	});

	test('where label and snapshot are of two files', () => {
		const other = backupOf(KEYS + 1, { through: KEYS + 1 });
		const mixed = Buffer.concat([made.bytes.subarray(0, made.labelBytes), other.bytes.subarray(other.labelBytes)]);
		expect(faultOf(mixed)).toMatch(/^is damaged at byte \d+: it is another snapshot than its label tells of$/);
	});
});

test('a file of something else is told from one that is damaged', () => {
	expect(faultOf(Buffer.from('{"name":"swarm"}'))).toBe('is no snapshot of a swarm, or its first bytes are damaged');
	const snapshot = made.bytes.subarray(made.labelBytes);
	expect(faultOf(snapshot)).toBe('is no snapshot of a swarm, or its first bytes are damaged');
});

test('a label of another version is named so', () => {
	const label = encodeLabel({ ...made.label, other: 1 } as never);
	expect(faultOf(Buffer.concat([label, made.bytes.subarray(made.labelBytes)]))).toMatch(
		/^was written by another version/,
	);
});

test.each(['name', 'swarm', 'node'])('a label with a command for terminals in its %s is refused', (field) => {
	const label = encodeLabel({ ...made.label, [field]: 'n1\x1b[2J' });
	expect(faultOf(label)).toMatch(new RegExp(`^was written by another version.*at ${field}$`, 's'));
});
