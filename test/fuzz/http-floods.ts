/** Very many small things on one connection: each costs a node far more than the bytes that it takes to send it. */
import assert from 'node:assert/strict';
import { VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { request, type Wire } from '../front/wire.ts';
import { isAnswered, type Kind, type Target, textOf } from './kind.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const CHUNKED = { headers: ['Transfer-Encoding: chunked'] };

/** A text in chunks of so many bytes, with the last chunk. */
function inChunks(text: string, size: number): string {
	const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, index) => {
		const chunk = text.slice(size * index, size * (index + 1));
		return `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
	});
	return `${chunks.join('')}0\r\n\r\n`;
}

/** So many connections of its own, each of which has been let in: a node does that one by one. */
async function connected(target: Target, count: number): Promise<Wire[]> {
	const all = Array.from({ length: count }, () => target.wire());
	await Promise.all(all.map((wire) => wire.write(request('GET', '/livez')).answer()));
	return all;
}

/** Sends the text so many times at once, on a connection of its own. */
function flood(target: Target, text: string, count: number): Wire {
	target.inputs += count;
	return target.wire().write(text.repeat(count));
}

/** The statuses of all answers up to `count` of them, or to the end of the connection. */
async function statusesOf(wire: Wire, count: number): Promise<number[]> {
	const statuses: number[] = [];
	while (statuses.length < count) {
		const answer = await wire.answer().catch(() => null);
		if (answer === null) break;
		statuses.push(answer.status);
	}
	return statuses;
}

/** Checks that all are answered so, but for a 503 at the end. A client that goes on all the same loses its connection. */
function areAnswered(statuses: readonly number[], status: number): void {
	const served = statuses.at(-1) === 503 ? statuses.slice(0, -1) : statuses;
	assert.ok(served.length > 0, 'no answer');
	assert.deepEqual([...new Set(served)], [status]);
}

export const FLOODS: readonly Kind[] = [
	{
		name: 'very many small requests at once',
		answer:
			'each is answered in order, or some are, and then the connection ends, with 503 or at once, without a long step',
		async throwAt(target) {
			const count = target.random.integer(3_000, 15_000);
			const wire = flood(target, 'GET /livez HTTP/1.1\r\nHost:\r\n\r\n', count);
			areAnswered(await statusesOf(wire, count), 200);
		},
	},
	{
		name: 'very many small requests on many connections at once',
		answer: 'each is answered in order, without a long step',
		async throwAt(target) {
			const count = target.random.integer(150, 250);
			const all = await connected(target, target.random.integer(20, 60));
			target.inputs += all.length * count;
			for (const wire of all) wire.write('GET /livez HTTP/1.1\r\nHost:\r\n\r\n'.repeat(count));
			for (const wire of all) areAnswered(await statusesOf(wire, count), 200);
		},
	},
	{
		name: 'very many waits that are sent ahead on many connections, and dropped at once',
		answer: 'nobody hears of it, and no step is long',
		async throwAt(target) {
			const text = request('GET', `/v1/kv/${target.key()}?index=1000000000000&wait=10m`);
			const count = target.random.integer(100, 250);
			const all = await connected(target, target.random.integer(20, 40));
			target.inputs += all.length * count;
			for (const wire of all) wire.write(text.repeat(count));
			isAnswered(await target.ask('GET', '/livez'), 200);
			for (const { socket } of all) socket.resetAndDestroy();
			await Promise.all(all.map(({ closed }) => closed));
			isAnswered(await target.ask('GET', '/livez'), 200);
		},
	},
	{
		name: 'very many requests of hosts that are not ours at once',
		answer: '403 for each, or for some, and then the connection ends, with 503 or at once, without a long step',
		async throwAt(target) {
			const count = target.random.integer(3_000, 10_000);
			const wire = flood(target, request('GET', '/v1/swarm', { host: 'evil.example' }), count);
			areAnswered(await statusesOf(wire, count), 403);
		},
	},
	{
		name: 'very many requests without a host at once',
		answer: '400 for the first, and the end, without a long step',
		async throwAt(target) {
			const wire = flood(target, 'GET / HTTP/1.1\r\n\r\n', target.random.integer(5_000, 30_000));
			isAnswered(await wire.answer(), 400, 'The request has no Host header.');
			assert.equal(await wire.rest(), '');
		},
	},
	{
		name: 'very many expectations that nobody meets at once',
		answer: '417 for the first, and the end, without a long step',
		async throwAt(target) {
			const text = request('GET', '/livez', { headers: ['Expect: x'] });
			const wire = flood(target, text, target.random.integer(3_000, 12_000));
			isAnswered(await wire.answer(), 417, 'This node meets no expectation but 100-continue.');
			assert.equal(await wire.rest(), '');
		},
	},
	{
		name: 'very many upgrades that are ignored at once',
		answer: 'each is served in order, without a long step',
		async throwAt(target) {
			const headers = ['Connection: Upgrade', 'Upgrade: h2c'];
			const count = target.random.integer(50, 400);
			const wire = flood(target, request('GET', '/livez', { headers }), count);
			areAnswered(await statusesOf(wire, count), 200);
		},
	},
	{
		name: 'a value in chunks of a byte or two',
		answer: '400 that says how many bytes a chunk must have, and the end, without a long step',
		async throwAt(target) {
			const key = target.key();
			const value = textOf(target.random, target.random.integer(20_000, 150_000), LETTERS);
			const size = target.random.integer(1, 2);
			const wire = flood(target, request('PUT', `/v1/kv/${key}`, CHUNKED) + inChunks(value, size), 1);
			isAnswered(await wire.answer(), 400, 'The body comes in chunks of less than 8 bytes on average.');
			await wire.closed;
			assert.equal(await target.read(key), null);
		},
	},
	{
		name: 'a short value in chunks of one byte',
		answer: 'it is written',
		async throwAt(target) {
			const key = target.key();
			const value = textOf(target.random, target.random.integer(1, 1_000), LETTERS);
			isAnswered(await target.send(request('PUT', `/v1/kv/${key}`, CHUNKED) + inChunks(value, 1)), 200, 'true');
			assert.equal(await target.read(key), value);
		},
	},
	{
		name: 'more than a value in small chunks',
		answer: '413 with the size so far, and the rest is read and dropped, without a long step',
		async throwAt(target) {
			const key = target.key();
			const path = target.random.pick(['/v1/txn', `/v1/kv/${key}`]);
			const value = 'x'.repeat(VALUE_BYTES_MAX + target.random.integer(1, 50_000));
			const chunks = inChunks(value, target.random.integer(10, 15));
			const wire = flood(target, request('PUT', path, CHUNKED) + chunks, 1);
			const max = `max size: ${VALUE_BYTES_MAX} bytes\\.$`;
			isAnswered(await wire.answer(), 413, new RegExp(`^Request body\\(\\d+ bytes\\) too large, ${max}`));
			isAnswered(await wire.write(request('GET', '/livez')).answer(), 200);
			assert.equal(await target.read(key), null);
		},
	},
	{
		name: 'small chunks that nobody asked for',
		answer: 'the request is answered as without them, and the connection ends, without a long step',
		async throwAt(target) {
			const chunks = inChunks('x'.repeat(target.random.integer(50_000, 150_000)), 1);
			for (const [method, path, status] of [
				['GET', '/livez', 200],
				['PUT', '/v1/nowhere', 404],
				['POST', '/v1/kv/a', 405],
			] as const) {
				const wire = flood(target, request(method, path, CHUNKED) + chunks, 1);
				isAnswered(await wire.answer(), status);
				await wire.closed;
			}
			const wire = flood(target, request('PUT', '/v1/kv/a', { ...CHUNKED, host: 'evil.example' }) + chunks, 1);
			isAnswered(await wire.answer(), 403);
			await wire.closed;
		},
	},
	{
		name: 'a body of the feed in chunks',
		answer: '411, and the connection ends',
		async throwAt(target) {
			const path = '/socket.io/?EIO=4&transport=polling';
			const opened = await target.ask('GET', path, { headers: [`Origin: ${target.node.url}`] });
			const { sid } = JSON.parse(opened.body.slice(1)) as { readonly sid: string };
			const wire = flood(target, request('POST', `${path}&sid=${sid}`, CHUNKED) + inChunks('4'.repeat(50_000), 1), 1);
			isAnswered(await wire.answer(), 411, 'The feed takes no bodies in chunks.');
			await wire.closed;
		},
	},
];
