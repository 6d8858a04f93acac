/** Bodies of requests cost what their bytes cost. */
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { CHUNK_BYTES_MIN, readBody } from '../../server/api/body.ts';

it('a body in very many chunks is put together while it comes, and not of all of them at its end', async () => {
	const concat = vi.spyOn(Buffer, 'concat');
	const req = new IncomingMessage(new Socket());
	const body = readBody(req, 100_000);
	for (let index = 0; index < 5000; index++) req.emit('data', Buffer.alloc(CHUNK_BYTES_MIN, index % 256));
	req.emit('end');
	const letters = Array.from(
		{ length: 5000 * CHUNK_BYTES_MIN },
		(_, index) => Math.floor(index / CHUNK_BYTES_MIN) % 256,
	);
	expect([...(await body)]).toEqual(letters);
	const joined = concat.mock.calls.map(([chunks]) => chunks.length);
	concat.mockRestore();
	expect(Math.max(...joined)).toBeLessThanOrEqual(1024);
});

it('large bodies of several requests that end at once are taken in one turn after the other, in their order', async () => {
	const taken: number[] = [];
	for (const size of [200_000, 1, 200_000, 300_000, 2, 3]) {
		const req = new IncomingMessage(new Socket());
		void readBody(req, 400_000).then(({ length }) => taken.push(length));
		req.emit('data', Buffer.alloc(size));
		req.emit('end');
	}
	const inTurns: number[][] = [];
	for (let turn = 0; turn < 3; turn++) {
		await Promise.resolve();
		inTurns.push(taken.splice(0));
		await setImmediate();
	}
	expect(inTurns).toEqual([[200_000, 1, 200_000], [300_000], [2, 3]]);
});
