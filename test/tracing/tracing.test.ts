/** One put is one trace over all nodes, and each election is one. The nodes are in this process, over a real mesh. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { context, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createNode, createSwarm, type KeyValueNode, type LocalSwarm } from '../../server/embedding/main.ts';
import { activeTraceparent } from '../../server/tracing/active.ts';
import { hostTracer } from '../../server/tracing/tracer.ts';
import { SwarmClient } from '../../shared/client/client.ts';
import { freePorts } from '../client/nodes.ts';
import { OpenCount, treeOf } from './tree.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

/** What becomes of a put at F, which is forwarded to the leader L; O is the third node. */
const FORWARDED = [
	'  paxos queue F',
	'  paxos forward F to L',
	'    paxos lead L',
	'      paxos queue L',
	'      paxos phase 2 L',
	'        paxos log write L',
	'        paxos accept L to F',
	'          paxos vote F',
	'            paxos learn F',
	'            paxos log write F',
	'        paxos accept L to O',
	'          paxos vote O',
	'            paxos learn O',
	'            paxos log write O',
	'      paxos apply L',
	'  paxos apply F',
];

const exporter = new InMemorySpanExporter();
const open = new OpenCount();
const before = hostTracer();
let provider: NodeTracerProvider;

beforeAll(() => {
	provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter), open] });
	provider.register();
});
afterAll(() => provider.shutdown());
beforeEach(() => exporter.reset());

it('a program without a provider has no tracer', () => {
	expect(before).toBeNull();
	expect(hostTracer()).not.toBeNull();
});

describe('over sockets', () => {
	let folder: string;
	let nodes: KeyValueNode[];
	let names: Readonly<Record<string, string>>;
	let follower: KeyValueNode;
	beforeAll(async () => {
		folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-tracing-'));
		const members = (await freePorts(3)).map((port, index) => ({ id: `n${index + 1}`, port }));
		nodes = await Promise.all(members.map(({ id }) => createNode({ id, members, folder })));
		await Promise.all(nodes.map((node) => node.ready()));
		await follow();
	});
	afterAll(async () => {
		for (const node of nodes) await node.close();
		rmSync(folder, { recursive: true, force: true });
	});

	/** Each node has applied what came before, so that the next put is the only one on its way. */
	async function follow(): Promise<void> {
		await Promise.all(nodes.map((node) => node.propose(put('before'))));
		const leader = nodes.find(({ status }) => status.isLeader) as KeyValueNode;
		const others = nodes.filter((node) => node !== leader);
		follower = others[0] as KeyValueNode;
		names = { [leader.id]: 'L', [follower.id]: 'F', [(others[1] as KeyValueNode).id]: 'O' };
		await open.none();
		exporter.reset();
	}

	it('a put that comes to a follower by HTTP goes on with the trace of its header', async () => {
		const traceparent = `00-${TRACE}-${PARENT}-01`;
		const answer = await fetch(`${follower.url}/v1/kv/a`, { method: 'PUT', body: 'red', headers: { traceparent } });
		expect(await answer.text()).toBe('true');
		await open.none();
		const spans = exporter.getFinishedSpans();
		expect(new Set(spans.map((span) => span.spanContext().traceId))).toEqual(new Set([TRACE]));
		const [root] = spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === PARENT);
		expect(root?.attributes).toMatchObject({ 'http.request.method': 'PUT', 'http.response.status_code': 200 });
		expect(treeOf(spans, PARENT, names)).toEqual([
			'PUT /v1/kv F',
			'  paxos propose F',
			...FORWARDED.map((line) => `  ${line}`),
		]);
		expect(JSON.stringify(spans.map(({ name, attributes }) => ({ name, attributes })))).not.toContain('red');
	});

	it('a write with a key of its own, and a transaction, are traces too', async () => {
		const traceparent = `00-${TRACE}-${PARENT}-01`;
		const named = { traceparent, 'Idempotency-Key': 'one' };
		await fetch(`${follower.url}/v1/kv/a`, { method: 'PUT', body: 'red', headers: named });
		const body = JSON.stringify([{ KV: { Verb: 'set', Key: 'b', Value: '' } }]);
		await fetch(`${follower.url}/v1/txn`, { method: 'PUT', body, headers: { traceparent } });
		await open.none();
		const tree = treeOf(exporter.getFinishedSpans(), PARENT, names);
		const each = ['  paxos propose F', ...FORWARDED.map((line) => `  ${line}`)];
		expect(tree).toEqual(['PUT /v1/kv F', ...each, 'PUT /v1/txn F', ...each]);
	});

	it('a put of a client goes on with the span that is active where it is called', async () => {
		const { origin, host } = new URL(String(follower.url));
		const client = new SwarmClient({
			nodes: [origin],
			// So it stays at the follower.
			connect: (url) => new WebSocket(new URL(url).host === host ? url : 'ws://127.0.0.1:1'),
			traceparent: activeTraceparent,
		});
		await client.put('b', 'blue');
		const span = trace.getTracer('test').startSpan('work');
		const { traceId, spanId } = span.spanContext();
		await context.with(trace.setSpan(context.active(), span), () => client.put('c', 'green'));
		span.end();
		client.close();
		await open.none();
		const spans = exporter.getFinishedSpans().filter((each) => each.spanContext().traceId === traceId);
		expect(treeOf(spans, spanId, names)).toEqual(['paxos propose F', ...FORWARDED]);
		expect(exporter.getFinishedSpans()).toHaveLength(spans.length);
	});

	it('what is not sampled leaves no span at any node', async () => {
		const headers = { traceparent: `00-${TRACE}-${PARENT}-00` };
		await fetch(`${follower.url}/v1/kv/a`, { method: 'PUT', body: 'red', headers });
		await open.none();
		expect(exporter.getFinishedSpans()).toEqual([]);
	});

	it('an election is a trace of its own', async () => {
		const [from] = nodes.filter(({ status }) => status.isLeader);
		await from?.handover(follower.id);
		await open.none();
		const [election] = exporter.getFinishedSpans().filter(({ name }) => name === 'paxos election');
		const { traceId, spanId } = (election as NonNullable<typeof election>).spanContext();
		expect(election?.parentSpanContext).toBeUndefined();
		const spans = exporter.getFinishedSpans().filter((each) => each.spanContext().traceId === traceId);
		expect(treeOf(spans, spanId, names)).toEqual([
			'paxos log write F',
			'paxos prepare F to L',
			'  paxos promise L',
			'    paxos log write L',
			'paxos prepare F to O',
			'  paxos promise O',
			'    paxos log write O',
		]);
	});
});

describe('in memory', () => {
	let swarm: LocalSwarm<KeyValueNode>;
	beforeAll(async () => {
		swarm = await createSwarm({ nodes: 3 });
	});
	afterAll(() => swarm.close());

	it('a command that a follower proposes is a trace', async () => {
		await Promise.all(swarm.nodes.map((node) => node.propose(put('before'))));
		await open.none();
		exporter.reset();
		const leader = swarm.leader as KeyValueNode;
		const [follower, other] = swarm.nodes.filter((node) => node !== leader) as [KeyValueNode, KeyValueNode];
		await follower.propose(put('a'));
		await open.none();
		const names = { [leader.id]: 'L', [follower.id]: 'F', [other.id]: 'O' };
		expect(treeOf(exporter.getFinishedSpans(), undefined, names)).toEqual(['paxos propose F', ...FORWARDED]);
	});
});

function put(key: string) {
	return { kind: 'put', key, value: Uint8Array.of(7), flags: 0n, cas: null } as const;
}
