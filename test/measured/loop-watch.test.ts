/** A node tells how long the steps of its event loop took. Other tests compare these figures with bounds. */
import { beforeEach, expect, onTestFailed, onTestFinished, test } from 'vitest';
import { IDLE_TICK_MS, LoopWatch, TICK_MS } from '../../server/process/loop-watch.ts';
import { Swarm, type TestNode, until } from '../process/swarm.ts';
import { LoopSteps } from './loop-steps.ts';

const clocks = {
	at: 0,
	ran: 0,
	waited: 0,
	idle: 0,
	nowMs: () => clocks.at,
	processor: () => ({ ranMs: clocks.ran, waitedMs: clocks.waited }),
	idleMs: () => clocks.idle,
};
/** The long steps that were told. */
const stalls: number[] = [];
let watch: LoopWatch;
beforeEach(() => {
	clocks.at = 1_000;
	clocks.ran = 200;
	clocks.waited = 400;
	stalls.length = 0;
	watch = new LoopWatch(clocks, (ms) => stalls.push(ms));
});

test('each step is counted below every bound that it exceeds, and the longest is kept', () => {
	for (const stepMs of [10, 20, 21, 50, 51, 250, 251.04, 12]) tick(stepMs);
	expect(watch.figures).toEqual({ longestMs: 251, over20Ms: 5, over50Ms: 3, over250Ms: 1, ranOver50Ms: 3 });
});

test('time without a processor is no part of a step', () => {
	tick(300, 290);
	tick(90, 30);
	expect(watch.figures).toEqual({ longestMs: 60, over20Ms: 1, over50Ms: 1, over250Ms: 0, ranOver50Ms: 1 });
});

test('a loop with little to do is looked at less often, and its waits for events are no steps', () => {
	expect(tick(10, 0, 9)).toBe(IDLE_TICK_MS);
	expect(tick(60, 0, 38)).toBe(IDLE_TICK_MS);
	expect(watch.figures).toEqual({ longestMs: 22, over20Ms: 1, over50Ms: 0, over250Ms: 0, ranOver50Ms: 0 });
	expect(tick(41, 0, 5)).toBe(TICK_MS);
});

test('time in which the thread waited for a disk is part of a step, and not of what it ran', () => {
	clocks.at += 90;
	clocks.ran += 30;
	watch.tick();
	expect(watch.figures).toMatchObject({ over50Ms: 1, ranOver50Ms: 0 });
});

test('a step did not run for longer than it took, also where the system counts late', () => {
	clocks.at += 45;
	clocks.ran += 51;
	watch.tick();
	expect(watch.figures).toMatchObject({ over20Ms: 1, over50Ms: 0, ranOver50Ms: 0 });
});

test('a process that was stopped while its loop waited for events says so', () => {
	tick(10, 0, 9);
	tick(640, 0, 640);
	expect(watch.figures).toMatchObject({ longestMs: 600, over250Ms: 1 });
	expect(stalls).toEqual([600]);
});

test('a node that stood still says so, and one that only had no work does not', async () => {
	const swarm = await Swarm.create({ size: 3 });
	onTestFinished(() => swarm.dispose());
	onTestFailed(() => swarm.report());
	await swarm.start();
	const [still, other] = swarm.nodes as [TestNode, TestNode];
	const [ofStill, ofOther] = [await LoopSteps.of(still), await LoopSteps.of(other)];
	still.pause();
	await until('nobody hears it', async () => ((await heardMs(other, still)) > 500 ? true : undefined));
	still.resume();
	await until('it says so', async () => ((await ofStill.since()).over250Ms > 0 ? true : undefined));
	expect(await ofOther.since()).toMatchObject({ over250Ms: 0 });
	expect(
		[still.output, other.output].map((output) => /"msg":"the event loop stood still for \d+ ms/.test(output)),
	).toEqual([true, false]);
	const { stdout } = await swarm.run('status');
	expect(stdout).toMatch(
		new RegExp(`^${still.id}: its event loop stood still for more than 250 ms \\d+ times, [\\d.]+ ms at most\\.$`, 'm'),
	);
	expect(stdout).not.toContain(`${other.id}: `);
});

function tick(spanMs: number, withoutProcessorMs = 0, idleMs = 0): number {
	clocks.at += spanMs;
	clocks.ran += spanMs - withoutProcessorMs - idleMs;
	clocks.waited += withoutProcessorMs;
	clocks.idle += idleMs;
	return watch.tick();
}

async function heardMs(at: TestNode, of: TestNode): Promise<number> {
	const { members } = (await (await at.fetch('/v1/swarm')).json()) as {
		readonly members: readonly { readonly id: string; readonly heardMs: number }[];
	};
	return members.find(({ id }) => id === of.id)?.heardMs ?? 0;
}
