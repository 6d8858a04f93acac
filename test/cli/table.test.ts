/** The tables of commands. */
import { expect, test } from 'vitest';
import { tableOf } from '../../server/cli/table.ts';

test('a column is as wide as its widest cell, but for the last cell of a line', () => {
	expect(tableOf([['KEY', 'VALUE'], ['a', 'red'], ['color', 'x'], ['a very long line']])).toBe(
		'KEY    VALUE\na      red\ncolor  x\na very long line',
	);
});

test('a table may have as many lines as a store has keys', () => {
	const lines = Array.from({ length: 200_000 }, (_, index) => [String(index), 'x']);
	expect(tableOf(lines).split('\n')).toHaveLength(200_000);
});
