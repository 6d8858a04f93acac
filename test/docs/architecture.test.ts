/** The picture of the rooms is that of the code, and each room stands on those that it imports. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { drawRooms, importsOfHigherRooms } from './rooms-picture.ts';

const picture = new URL('../../server/architecture.svg', import.meta.url);

test('the committed picture of the rooms is up to date', () => {
	const drawn = drawRooms();
	if (process.env.UPDATE === '1') writeFileSync(picture, drawn);
	expect(readFileSync(picture, 'utf8')).toBe(drawn);
});

test('no room imports one that stands on it', () => {
	expect(importsOfHigherRooms()).toEqual([]);
});
