import { expect, it } from 'vitest';
import { printJson } from '../../server/api/answer.ts';

it('an answer in JSON leaves out a field without a value, as JSON does', () => {
	const json = { first: undefined, second: [1, { third: undefined, fourth: 'x' }] } as unknown as Parameters<
		typeof printJson
	>[0];
	expect(printJson(json, null)).toBe(JSON.stringify(json));
	expect(printJson(json, '\n')).toBe(JSON.stringify(json, null, 4));
});
