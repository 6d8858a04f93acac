/** Bodies of requests cost what their bytes cost. */
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, it, vi } from 'vitest';
import { readBody } from '../../server/api/body.ts';

it('a body in very many chunks is put together while it comes, and not of all of them at its end', async () => {
	const concat = vi.spyOn(Buffer, 'concat');
	const req = new IncomingMessage(new Socket());
	const body = readBody(req, 10_000);
	for (let index = 0; index < 5000; index++) req.emit('data', Buffer.of(index % 256));
	req.emit('end');
	expect([...(await body)]).toEqual(Array.from({ length: 5000 }, (_, index) => index % 256));
	const joined = concat.mock.calls.map(([chunks]) => chunks.length);
	concat.mockRestore();
	expect(Math.max(...joined)).toBeLessThanOrEqual(1024);
});
