/** What is printed piece by piece waits for its reader, and for nobody who is gone. */
import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { print } from '../../server/cli/kv/print.ts';

const FULL = { highWaterMark: 1 };

it('waits until the reader has taken a piece, and leaves no listener behind', async () => {
	const takes: (() => void)[] = [];
	const stdout = new Writable({ ...FULL, write: (_piece, _encoding, taken) => void takes.push(taken) });
	const before = stdout.eventNames();
	for (let piece = 0; piece < 20; piece++) {
		const printed = print({ stdout }, 'a piece');
		takes.shift()?.();
		await printed;
	}
	expect(stdout.eventNames()).toEqual(before);
});

it('goes on where the reader is gone, and leaves it to others to say that the output has failed', async () => {
	const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
	const stdout = new Writable({ ...FULL, write: (_piece, _encoding, taken) => setImmediate(taken, gone) });
	const told: unknown[] = [];
	stdout.on('error', (error) => told.push(error));
	await print({ stdout }, 'a piece');
	await print({ stdout }, 'another one');
	expect(told).toEqual([gone]);
});
