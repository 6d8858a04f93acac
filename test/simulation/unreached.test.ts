/** Each line that is named as unreached exists, and is named once. `npm run simulate -- --coverage` checks the rest. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Coverage, coveredFiles } from './coverage.ts';
import { UNREACHED } from './unreached.ts';

describe('lines that no seed reaches', () => {
	it('are named with a reason, and are lines of their file', () => {
		for (const { file, why, lines } of UNREACHED) {
			expect(why).toMatch(/\w{3,} .*\.$/);
			const texts = readFileSync(file, 'utf8')
				.split('\n')
				.map((line) => line.trim());
			for (const line of lines) expect(texts, file).toContain(line);
		}
	});

	it('are problems until they are named, and named ones are problems once they are gone', () => {
		expect(
			new Coverage().problems([{ file: 'shared/fact.ts', why: 'It is not there.', lines: ['no such line'] }]),
		).toEqual(['unreached.ts names what shared/fact.ts lacks: no such line']);
		expect(coveredFiles([{ scriptId: '1', url: 'file:///elsewhere.js', functions: [] }])).toEqual([]);
	});
});
