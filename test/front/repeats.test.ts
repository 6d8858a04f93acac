/** Events that repeat are told at a bounded rate, with their number. */
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { kindOfText, Repeats } from '../../server/log/repeats.ts';
import { TestSwarm } from '../client/nodes.ts';
import { request, Wire } from './wire.ts';

const EVERY_MS = 1000;

describe('repeats', () => {
	const told: [string, number][] = [];
	let repeats: Repeats<string>;
	beforeEach(() => {
		vi.useFakeTimers();
		told.length = 0;
		repeats = new Repeats((item, count) => told.push([item, count]), EVERY_MS);
	});
	afterEach(() => {
		repeats.stop();
		vi.useRealTimers();
	});

	it('are told at once the first time, then as one with their number', () => {
		for (let index = 0; index < 2000; index++) repeats.note('a', `a ${index}`);
		repeats.note('b', 'b');
		expect(told).toEqual([
			['a 0', 1],
			['b', 1],
		]);
		vi.advanceTimersByTime(EVERY_MS);
		expect(told.slice(2)).toEqual([['a 1999', 1999]]);
		vi.advanceTimersByTime(10 * EVERY_MS);
		expect(told).toHaveLength(3);
	});

	it('that go on are told once in an interval, and at once again after one of quiet', () => {
		for (let interval = 0; interval < 5; interval++) {
			for (let index = 0; index < 10; index++) repeats.note('a', 'a');
			vi.advanceTimersByTime(EVERY_MS);
		}
		expect(told.map(([, count]) => count)).toEqual([1, 9, 10, 10, 10, 10]);
		vi.advanceTimersByTime(EVERY_MS);
		repeats.note('a', 'again');
		expect(told.at(-1)).toEqual(['again', 1]);
	});

	it('of too many kinds are told as one kind', () => {
		for (let index = 0; index < 1000; index++) repeats.note(`kind ${index}`, `${index}`);
		vi.advanceTimersByTime(EVERY_MS);
		expect(told.length).toBeLessThan(100);
		expect(told.reduce((sum, [, count]) => sum + count, 0)).toBe(1000);
	});

	it('that are not told yet are told when their teller stops', () => {
		for (let index = 0; index < 3; index++) repeats.note('a', 'a');
		repeats.stop();
		expect(told).toEqual([
			['a', 1],
			['a', 2],
		]);
		vi.advanceTimersByTime(10 * EVERY_MS);
		expect(told).toHaveLength(2);
	});

	it('are of one kind whatever they quote and count', () => {
		expect(kindOfText('the host "a" has 7')).toBe(kindOfText('the host "b" has 123'));
		expect(kindOfText('the host "a"')).not.toBe(kindOfText('the origin "a"'));
	});
});

describe('a node', () => {
	it('logs a line or two for 2,000 requests of strangers at each door, not 2,000', async () => {
		const lines: string[] = [];
		const stream = new Writable({
			write(chunk: Buffer, _encoding, done) {
				const { msg } = JSON.parse(chunk.toString()) as { msg: string };
				if (/^(http|client|feed|mesh): /.test(msg)) lines.push(msg);
				done();
			},
		});
		const swarm = await TestSwarm.start(1, 1, 20_000, { log: pino({ level: 'info' }, stream) });
		const port = Number(new URL(swarm.urls[0] as string).port);
		try {
			const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Origin: http://evil.example'];
			for (let round = 0; round < 20; round++) {
				const asked = Array.from({ length: 100 }, (_, index) =>
					request('GET', '/v1/kv/a', { host: `evil${round * 100 + index}.example` }),
				);
				const wire = new Wire(port).write(asked.join(''));
				for (let index = 0; index < 100; index++) expect((await wire.answer()).status).toBe(403);
				for (const path of ['/client', '/mesh', '/socket.io/?EIO=4&transport=websocket']) {
					expect((await new Wire(port).write(request('GET', path, { headers: upgrade })).answer()).status).toBe(403);
				}
			}
		} finally {
			await swarm.stop();
		}
		const ofHttp = lines.filter((line) => line.startsWith('http: '));
		expect(ofHttp.length).toBeLessThan(20);
		const counts = ofHttp.map((line) => Number(/^http: (\d+) more like it, at last: /.exec(line)?.[1] ?? 1));
		expect(counts.reduce((sum, count) => sum + count)).toBe(2000);
		for (const door of ['client', 'feed', 'mesh']) {
			expect(lines.filter((line) => line.startsWith(`${door}: `)).length).toBeLessThan(20);
		}
	});
});
