/** A node that is told to stop tells its peers so before its connections end. */
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest';
import { request, Wire, type WireAnswer } from '../front/wire.ts';
import { put } from './client.ts';
import { Swarm, type TestNode, until } from './swarm.ts';

let swarm: Swarm;
beforeAll(async () => {
	swarm = await Swarm.create({ size: 3 });
	await swarm.start();
});
beforeEach(() => onTestFailed(() => swarm.report()));
afterAll(() => swarm.dispose());

test('a node that is told to stop is not ready at first, then says goodbye, and exits with status 0', async () => {
	const n1 = swarm.node('n1');
	const n3 = swarm.node('n3');
	// It is asked on one connection, again as soon as it has answered, because it is not ready for a short time only.
	const wire = new Wire(n3.port);
	const text = request('GET', '/readyz', { host: `127.0.0.1:${n3.port}` });
	expect((await wire.write(text).answer()).status).toBe(200);
	const stopped = n3.stop();
	let answer: WireAnswer;
	do answer = await wire.write(text).answer();
	while (answer.status === 200);
	expect(answer.status).toBe(503);
	expect(answer.body).toContain('[-]draining failed: the node is about to stop');
	expect(await stopped).toBe(0);
	await until('n1 hears of it', async () => n1.output.includes('link to n3 is down') || undefined);
	expect(n1.output).toContain('link to n3 is down: the node stops');
	await n3.start();
});

test('a leader that is told to stop hands over first, and no write of others is refused meanwhile', async () => {
	// A leader that a busy machine starves hands over by itself, at any moment before.
	const asked = new Map(swarm.nodes.map((node) => [node, handOvers(node)]));
	const leader = await swarm.leader();
	const others = swarm.nodes.filter((node) => node !== leader);
	const [other] = others as [TestNode];
	let isStopped = false;
	const stopped = leader.stop().finally(() => {
		isStopped = true;
	});
	while (!isStopped) expect(await (await put(other, 'color', 'red')).text()).toBe('true');
	expect(await stopped).toBe(0);
	const heirs = others.filter((node) => handOvers(node) > (asked.get(node) ?? 0));
	expect(heirs).toEqual([await swarm.leader(other)]);
});

function handOvers({ output }: TestNode): number {
	return output.split('(handedOver)').length - 1;
}
