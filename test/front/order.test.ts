/** Requests that a client sends ahead on one connection take effect in their order. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HEADERS_MAX, PIPELINED_MAX } from '../../server/front/front.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import { LoneReplica, TestNode } from '../api/node.ts';
import { request, Wire } from './wire.ts';

/** A fake replica that takes one or more turns of the event loop for each write, and answers reads at once. */
class SlowReplica extends LoneReplica {
	override async submit(...args: Parameters<LoneReplica['submit']>): Promise<SubmitAnswer> {
		for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
		return super.submit(...args);
	}
}

let node: TestNode;
let wire: Wire;

beforeEach(async () => {
	node = await new TestNode(new SlowReplica()).start();
	wire = new Wire(node.port);
});
afterEach(() => node.stop());

const put = (value: string, key = 'a') => request('PUT', `/v1/kv/${key}`, { body: value });
const get = (key = 'a') => request('GET', `/v1/kv/${key}?raw`);
const remove = (key = 'a') => request('DELETE', `/v1/kv/${key}`);
const propose = (value: string) =>
	request('POST', '/v1/swarm/propose', {
		body: JSON.stringify({ key: 'a', value, route: 'leader', contest: 0 }),
	});

describe('pipelined requests', () => {
	it('a read behind a write gives what was written, each of 100 times', async () => {
		const values = Array.from({ length: 100 }, (_, index) => `value ${index}`);
		wire.write(values.map((value) => put(value) + get()).join(''));
		const bodies = await wire.bodies(2 * values.length);
		expect(bodies).toEqual(values.flatMap((value) => ['true', value]));
	});

	it('of two writes the last one stays', async () => {
		wire.write(put('first') + put('second') + put('third', 'b') + put('fourth') + get());
		expect((await wire.bodies(5)).at(-1)).toBe('fourth');
	});

	it('a read in front of a write gives what was there before', async () => {
		wire.write(put('old'));
		await wire.answer();
		wire.write(get() + put('new') + get() + remove() + get());
		expect(await wire.bodies(4)).toEqual(['old', 'true', 'new', 'true']);
		expect((await wire.answer()).status).toBe(404);
	});

	it('a read behind a proposal gives what was proposed', async () => {
		wire.write(propose('red') + get() + propose('blue') + get());
		const [, first, , second] = await wire.bodies(4);
		expect([first, second]).toEqual(['red', 'blue']);
	});

	it('a write in a packet of its own waits for the one before it all the same', async () => {
		wire.socket.setNoDelay(true);
		wire.write(put('first'));
		await new Promise((resolve) => node.events.once('request', resolve));
		wire.write(put('second')).write(get());
		expect((await wire.bodies(3)).at(-1)).toBe('second');
	});

	it('reads alone are served together', async () => {
		const waiting: ((confirmed: boolean) => void)[] = [];
		node.replica.readBarrier = () =>
			new Promise((resolve) => {
				waiting.push(resolve);
				if (waiting.length === 3) for (const confirm of waiting) confirm(true);
			});
		wire.write(get('a') + get('b') + get('c'));
		for (let count = 0; count < 3; count++) expect((await wire.answer()).status).toBe(404);
	});

	it('reads that come in one packet are served in several turns of the event loop', async () => {
		let turn = 0;
		const next = (): void => {
			turn++;
			timer = setImmediate(next);
		};
		let timer = setImmediate(next);
		const served = new Map<number, number>();
		node.replica.readBarrier = () => {
			served.set(turn, (served.get(turn) ?? 0) + 1);
			return Promise.resolve(true);
		};
		wire.write(get().repeat(PIPELINED_MAX));
		await wire.bodies(PIPELINED_MAX);
		clearImmediate(timer);
		// Two portions of 64 may lie between two of our own timers.
		expect(Math.max(...served.values())).toBeLessThanOrEqual(2 * 64 + 1);
	});

	it('what a client sends ahead and takes back by leaving is not done', async () => {
		const asked = new Promise((resolve) => node.events.once('request', resolve));
		wire.write(put('first') + put('second'));
		await asked;
		wire.socket.resetAndDestroy();
		const other = new Wire(node.port);
		await expect.poll(async () => (await other.write(get()).answer()).body).toBe('first');
		expect(node.replica.submitted).toHaveLength(1);
	});

	it('of a client that sends ahead without end are done as far as there is room, and refused beyond', async () => {
		let answer: () => void = () => undefined;
		const held = new Promise<void>((resolve) => {
			answer = resolve;
		});
		const submit = node.replica.submit.bind(node.replica);
		node.replica.submit = async (...args) => {
			await held;
			return submit(...args);
		};
		wire.write(put('x').repeat(PIPELINED_MAX + 10));
		await expect.poll(() => node.refused).toEqual(['too many requests sent ahead']);
		answer();
		expect(new Set(await wire.bodies(1 + PIPELINED_MAX))).toEqual(new Set(['true']));
		const refused = await wire.answer();
		expect([refused.status, refused.headers.connection]).toEqual([503, 'close']);
		expect(refused.headers['x-swarm-outcome']).toBe('not-applied');
		expect(await wire.rest()).toBe('');
		expect(node.replica.submitted).toHaveLength(1 + PIPELINED_MAX);
	});

	it('of a client that goes on all the same are not even parsed, and end with its connection', async () => {
		node.replica.submit = () => new Promise(() => undefined);
		const parsed = await countParsed(async () => {
			wire.write(put('x').repeat(80 * PIPELINED_MAX));
			expect(await wire.closed).toBe('reset');
		});
		// One is carried out, and one is refused.
		expect(parsed).toBe(1 + PIPELINED_MAX + 1);
	});

	it.each([
		['without a host', 'GET / HTTP/1.1\r\n\r\n'],
		['with an expectation', request('GET', '/livez', { headers: ['Expect: x'] })],
		['with too many headers', request('GET', '/livez', { headers: Array.from({ length: HEADERS_MAX }, () => 'a: b') })],
	])('%s are not even parsed behind the first one, with whose answer the connection ends', async (_, text) => {
		const parsed = await countParsed(async () => {
			wire.write(text.repeat(2000));
			expect(['end', 'reset']).toContain(await wire.closed);
		});
		expect(parsed).toBe(1);
	});
});

/** How many requests Node.js has parsed meanwhile. */
async function countParsed(act: () => Promise<void>): Promise<number> {
	let parsed = 0;
	const count = (): void => {
		parsed++;
	};
	subscribe('http.server.request.start', count);
	await act();
	unsubscribe('http.server.request.start', count);
	return parsed;
}
