/**
 * A SIGKILL cannot show that a flush is missing, because the system still has the bytes that the process wrote. So the
 * flushes are counted: once by the best tracer of this machine, and once by Node's own, so that both are tested.
 */
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import { put } from './client.ts';
import { type Flush, type FlushTracer, flushTracer, nodeTracer } from './flushes.ts';
import { Swarm } from './swarm.ts';

const WRITES = 20;

let swarm: Swarm;
beforeEach(async () => {
	swarm = await Swarm.create({ size: 3 });
	onTestFailed(() => swarm.report());
});
afterEach(() => swarm.dispose());

test('before a lone write is acknowledged, a quorum has flushed its log (the tracer of this machine)', async () => {
	await expectFlushes(await flushTracer());
});

test('before a lone write is acknowledged, a quorum has flushed its log (the trace of Node itself)', async () => {
	await expectFlushes(nodeTracer);
});

async function expectFlushes(tracer: FlushTracer): Promise<void> {
	expect((await swarm.run('init')).status).toBe(0);
	await Promise.all(swarm.nodes.map((node) => tracer.start(swarm, node)));
	await put(swarm.node('n1'), 'first', 'opens the client');
	const writes: { beganMs: number; acknowledgedMs: number }[] = [];
	for (let index = 0; index < WRITES; index++) {
		const beganMs = Date.now();
		expect(await (await put(swarm.node('n1'), `k${index}`, 'x')).text()).toBe('true');
		// The clock has whole milliseconds.
		writes.push({ beganMs, acknowledgedMs: Date.now() + 1 });
	}
	expect(await Promise.all(swarm.nodes.map((node) => node.stop()))).toEqual([0, 0, 0]);

	const flushes = await Promise.all(swarm.nodes.map((node) => tracer.flushesOf(swarm, node)));
	for (const ofNode of flushes) expect(ofNode.length).toBeGreaterThanOrEqual(WRITES);
	for (const write of writes) {
		const quorum = flushes.filter((ofNode) => ofNode.some((flush) => isWithin(flush, write)));
		expect(quorum.length, JSON.stringify(write)).toBeGreaterThanOrEqual(2);
	}
}

function isWithin(flush: Flush, write: { beganMs: number; acknowledgedMs: number }): boolean {
	return flush.beganMs >= write.beganMs && flush.doneMs <= write.acknowledgedMs;
}
