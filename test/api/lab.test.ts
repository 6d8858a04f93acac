/** The lab over a real socket: what is asked for reaches the lab, and everything else is refused in a sentence. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Lab, REAL_LAB_CLOCK } from '../../server/lab/lab.ts';
import type { RawFactBody } from '../../shared/fact.ts';
import { NO_FAULT } from '../../shared/lab.ts';
import { forward } from '../mesh/node.ts';
import { TestNode } from './node.ts';

/** The node n2 of the swarm n1, n2. */
let node: TestNode;
let lab: Lab;
let told: RawFactBody[];
let arrived: string[];
let acts: string[];
let refusal: string | null;

beforeEach(async () => {
	told = [];
	arrived = [];
	acts = [];
	refusal = null;
	lab = new Lab({
		clock: REAL_LAB_CLOCK,
		peers: () => ['n1'],
		deliver: (from, _epoch, { firstId }) => arrived.push(`${from} ${firstId}`),
		renew: () => undefined,
		part: () => undefined,
		tell: (fact) => told.push(fact),
		primary: {
			act: (act, target) => {
				acts.push(`${act} ${target}`);
				return Promise.resolve(refusal);
			},
		},
	});
	node = await new TestNode().start({ lab });
});
afterEach(async () => {
	lab.stop();
	await node.stop();
	expect(node.errors).toEqual([]);
});

const NOTHING = { from: 'n1', ...NO_FAULT, waitingCount: 0, waiting: [] };

describe('links', () => {
	it('shows each direction to this node', async () => {
		expect((await node.get('/v1/lab')).json).toEqual({ node: 'n2', links: [NOTHING] });
	});

	it('changes what is named and leaves the rest, tells it as a fact, and ends it', async () => {
		await node.put('/v1/lab/links/n1', '{"delayMs":250}');
		const { json } = await node.put('/v1/lab/links', '{"loss":0.5}');
		expect(json).toEqual({ node: 'n2', links: [{ ...NOTHING, delayMs: 250, loss: 0.5 }] });
		expect(lab.faults).toEqual([{ from: 'n1', ...NO_FAULT, delayMs: 250, loss: 0.5 }]);
		expect((await node.ask('DELETE', '/v1/lab/links')).json).toEqual({ node: 'n2', links: [NOTHING] });
		expect(lab.faults).toEqual([]);
		const fault = { kind: 'linkFault', from: 'n1' };
		expect(told).toEqual([
			{ ...fault, ...NO_FAULT, delayMs: 250 },
			{ ...fault, ...NO_FAULT, delayMs: 250, loss: 0.5 },
			{ ...fault, ...NO_FAULT },
		]);
	});

	it('holds messages and lets them arrive', async () => {
		await node.put('/v1/lab/links/n1', '{"hold":true}');
		lab.arrive('n1', 'e', { reached: 0, firstId: 7, messages: [forward('a'), forward('b')] });
		const waiting = [
			{ id: 'e:7', kind: 'forward' },
			{ id: 'e:8', kind: 'forward' },
		];
		expect((await node.get('/v1/lab')).json).toMatchObject({ links: [{ waitingCount: 2, waiting }] });
		expect((await node.ask('POST', '/v1/lab/links/n1/release')).json).toEqual({ released: 1 });
		expect((await node.ask('POST', '/v1/lab/links/n1/release?count=9')).json).toEqual({ released: 1 });
		expect(arrived).toEqual(['n1 7', 'n1 8']);
	});

	it.each([
		['n1', '{"delayMs":10001}'],
		['n1', '{"delayMs":-1}'],
		['n1', '{"delayMs":1.5}'],
		['n1', '{"loss":0.91}'],
		['n1', '{"cut":1}'],
		['n1', '{"split":true}'],
		['n1', '[]'],
		['n1', ''],
		['n1', '{'],
	])('refuses at %s the body %s', async (from, body) => {
		expect(await node.put(`/v1/lab/links/${from}`, body)).toMatchObject({
			status: 400,
			text: expect.stringContaining('{"cut":true}'),
		});
		expect(told).toEqual([]);
	});

	it.each([
		['/v1/lab/links/n9', 'There is no node "n9": the members are n1, n2.'],
		['/v1/lab/links/n2', 'n2 is this node, which has no link to itself.'],
	])('refuses %s', async (path, text) => {
		expect(await node.put(path, '{"cut":true}')).toMatchObject({ status: 400, text });
	});

	it.each(['', '0', '-1', '1.5', 'x', '0x10', '1e3', '%201', '10001'])(
		'refuses to release %s messages',
		async (count) => {
			expect(await node.ask('POST', `/v1/lab/links/n1/release?count=${count}`)).toMatchObject({ status: 400 });
		},
	);
});

describe('nodes', () => {
	it.each(['pause', 'resume', 'kill', 'start', 'wipe'])(
		'asks the primary process to %s one, and tells it',
		async (act) => {
			expect(await node.ask('POST', `/v1/lab/nodes/n1/${act}`)).toMatchObject({ status: 200 });
			expect(acts).toEqual([`${act} n1`]);
			expect(told).toEqual([{ kind: 'nodeFault', act, target: 'n1' }]);
		},
	);

	it('says why it cannot be done, and tells nothing', async () => {
		refusal = 'n1 is down.';
		expect(await node.ask('POST', '/v1/lab/nodes/n1/pause')).toMatchObject({ status: 409, text: refusal });
		expect(told).toEqual([]);
	});

	it('knows no other act, and no other node', async () => {
		expect(await node.ask('POST', '/v1/lab/nodes/n1/burn')).toMatchObject({ status: 404 });
		expect(await node.ask('POST', '/v1/lab/nodes/n9/kill')).toMatchObject({ status: 400 });
		expect(acts).toEqual([]);
	});
});

it.each(['/v1/lab', '/v1/lab/links/n1', '/v1/lab/nodes/n1/kill'])('without a lab there is no %s', async (path) => {
	const plain = await new TestNode().start();
	try {
		expect(await plain.put(path, '{"cut":true}')).toMatchObject({
			status: 404,
			text: 'This node was started without a lab. Start the swarm with --lab.',
		});
	} finally {
		await plain.stop();
	}
});
