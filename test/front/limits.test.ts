/** However many connections there are, enough descriptors are left for the log and the links that this node dials. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import {
	connectionLimits,
	DESCRIPTORS_ASSUMED,
	DESCRIPTORS_MIN,
	descriptorLimit,
	HELD_BYTES,
	parseDescriptorLimit,
	socketsMax,
} from '../../server/front/limits.ts';
import { MEMBERS_MAX } from '../../shared/paxos/quorum.ts';
import { TestNode } from '../api/node.ts';

/** A node without connections had at most 30 descriptors open when this was written, without its links. */
const OWN = 48 + (MEMBERS_MAX - 1);

describe('the limits of a process', () => {
	it.each([DESCRIPTORS_MIN, 200, 256, 1000, 1024, 4096, 20_000, 1_048_576, Number.MAX_SAFE_INTEGER])(
		'with %s descriptors leave a reserve and shut nobody out',
		(descriptors) => {
			const limits = connectionLimits(descriptors);
			expect(socketsMax(limits)).toBeLessThanOrEqual(descriptors - OWN);
			for (const limit of Object.values(limits)) expect(limit).toBeGreaterThanOrEqual(1);
			expect(limits.connectionsPerAddressMax).toBeLessThan(limits.connectionsMax);
			expect(limits.clientsMax).toBeLessThan(limits.connectionsMax);
			expect(limits.waitsMax).toBeLessThan(limits.connectionsPerAddressMax);
			expect(limits.meshMax).toBeGreaterThan(limits.unprovenMax + MEMBERS_MAX - 1);
			expect(limits.feedMax).toBe(limits.watchersMax + limits.unjoinedMax);
		},
	);

	it('with fewer than the least are those of the least', () => {
		expect(connectionLimits(10)).toEqual(connectionLimits(DESCRIPTORS_MIN));
	});

	it('with plenty are the documented ones', () => {
		expect(connectionLimits(1_048_576)).toMatchObject({
			connectionsMax: 8192,
			connectionsPerAddressMax: 6144,
			clientsMax: 4096,
			waitsMax: 4096,
			arrivingMax: 512,
			watchersMax: 64,
			unjoinedMax: 16,
			unprovenMax: 64,
		});
	});

	it('are read as Linux tells them', () => {
		const text = (soft: string) =>
			`Limit                     Soft Limit           Hard Limit           Units     \nMax processes             7                    7                    processes \nMax open files            ${soft.padEnd(20)} 4096                 files     \n`;
		expect(parseDescriptorLimit(text('200'))).toBe(200);
		expect(parseDescriptorLimit(text('unlimited'))).toBe(Number.MAX_SAFE_INTEGER);
		expect(parseDescriptorLimit('')).toBe(DESCRIPTORS_ASSUMED);
		expect(descriptorLimit()).toBeGreaterThan(0);
	});
});

it('a request and its answer hold as much with every version of Node.js', async () => {
	const node = await new TestNode().start();
	const asked = once(node.events, 'request') as Promise<[IncomingMessage, ServerResponse]>;
	await node.get('/livez');
	const [request, response] = await asked;
	expect([request.readableHighWaterMark, response.writableHighWaterMark]).toEqual([HELD_BYTES, HELD_BYTES]);
	await node.stop();
});
