/** The page of figures for Prometheus: its form, and what each figure tells. */
import { spawnSync } from 'node:child_process';
import parse from 'parse-prometheus-text-format';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BOUNDS_S, Histogram } from '../../server/metrics/histogram.ts';
import type { RawFact } from '../../shared/fact.ts';
import { NO_BALLOT } from '../../shared/paxos/ballot.ts';
import { BALLOT, LOOP, TestNode } from './node.ts';

let node: TestNode;
beforeEach(async () => {
	node = await new TestNode().start();
});
afterEach(async () => {
	await node.stop();
	expect(node.errors).toEqual([]);
});

/** The samples of the page, by name and labels. */
async function samples(): Promise<Map<string, number>> {
	const { status, text, headers } = await node.get('/metrics');
	expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
	const found = new Map<string, number>();
	let type = '';
	let name = '';
	for (const line of text.trimEnd().split('\n')) {
		const [, described] = /^# HELP (\w+) \S.*\.$/.exec(line) ?? [];
		const [, typed, kind] = /^# TYPE (\w+) (gauge|counter|histogram)$/.exec(line) ?? [];
		const [, sample, labels = '', value] = /^(\w+)((?:\{\w+="[^"]*"(?:,\w+="[^"]*")*\})?) (\S+)$/.exec(line) ?? [];
		if (described) name = described;
		else if (typed) {
			expect(typed).toBe(name);
			type = kind as string;
		} else {
			expect(sample, line).toBeDefined();
			const ends = type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
			expect(ends.map((end) => name + end)).toContain(sample);
			const key = `${sample}${labels}`;
			expect(found.has(key), key).toBe(false);
			expect(Number.isFinite(Number(value)), line).toBe(true);
			found.set(key, Number(value));
		}
	}
	return found;
}

const role = (leader: typeof BALLOT): RawFact => ({
	node: 'n2',
	epoch: 'e',
	seq: 1,
	time: 0,
	kind: 'role',
	role: 'follower',
	ballot: leader,
	leader,
	why: 'heardLeader',
	by: [],
	silentMs: 0,
});

describe('/metrics', () => {
	it('tells the state of the node, and what it has counted', async () => {
		node.replica.override = { chosenThrough: 41, appliedThrough: 40 };
		for (const leader of [BALLOT, NO_BALLOT, BALLOT, { ...BALLOT, ms: 1 }, { ...BALLOT, node: 'n3' }]) {
			node.metrics.told(role(leader));
		}
		node.metrics.told({ node: 'n2', epoch: 'e', seq: 2, time: 0, kind: 'linkUp', peer: 'n7' });
		const told = await samples();
		expect(
			Object.fromEntries([...told].filter(([name]) => name.startsWith('swarm_server_') && !name.includes('{'))),
		).toEqual({
			swarm_server_has_leader: 1,
			swarm_server_is_leader: 0,
			swarm_server_leader_changes_seen_total: 2,
			swarm_server_proposals_committed_total: 41,
			swarm_server_proposals_applied_total: 40,
			swarm_server_proposals_pending: 2,
			swarm_server_proposals_failed_total: 3,
		});
		node.replica.override = { role: 'leader' };
		expect((await samples()).get('swarm_server_is_leader')).toBe(1);
		node.replica.hasLeader = false;
		expect((await samples()).get('swarm_server_has_leader')).toBe(0);
	});

	it('tells how long flushes and pings took', async () => {
		for (const ms of [0.4, 0.6, 3, 9000]) node.metrics.flushes.observe(ms);
		node.metrics.answered('n1', 1.5);
		node.metrics.answered('n3', 20);
		const told = await samples();
		const fsync = 'swarm_disk_fsync_duration_seconds';
		expect(
			['0.0005', '0.001', '0.002', '0.004', '8.192', '+Inf'].map((le) => told.get(`${fsync}_bucket{le="${le}"}`)),
		).toEqual([1, 2, 2, 3, 3, 4]);
		expect(told.get(`${fsync}_count`)).toBe(4);
		expect(told.get(`${fsync}_sum`)).toBeCloseTo(9.004, 9);
		const roundTrip = 'swarm_network_peer_round_trip_time_seconds';
		expect(told.get(`${roundTrip}_bucket{To="n1",le="0.002"}`)).toBe(1);
		expect(told.get(`${roundTrip}_bucket{To="n3",le="0.002"}`)).toBe(0);
		expect([told.get(`${roundTrip}_count{To="n1"}`), told.get(`${roundTrip}_sum{To="n3"}`)]).toEqual([1, 0.02]);
	});

	it('counts each request with its answer, but no watch and no read that may wait', async () => {
		await node.put('/v1/kv/a', 'x');
		await node.put('/v1/kv/a?cas=x', 'y');
		await node.get('/v1/kv/a');
		await node.get('/v1/kv/a?index=1');
		await node.get('/v1/session/list?index=0');
		await node.ask('HEAD', '/v1/kv/a?index=1');
		await node.get('/v1/kv/a?%69ndex=1');
		await node.get('/v1/kv/index=1');
		await node.put('/v1/session/create');
		await node.put('/v1/txn', '[]');
		await node.get('/v1/status/leader');
		await node.ask('PATCH', '/v1/status/leader');
		const told = await samples();
		const counts = [...told].filter(([name]) => name.startsWith('swarm_server_request_duration_seconds_count'));
		expect(Object.fromEntries(counts.map(([name, count]) => [name.replace(/.*_count/, ''), count]))).toEqual({
			'{handler="kv",method="PUT"}': 2,
			'{handler="kv",method="GET"}': 2,
			'{handler="txn",method="PUT"}': 1,
			'{handler="session",method="PUT"}': 1,
			'{handler="other",method="GET"}': 1,
		});
	});

	it('tells which checks of /readyz fail, how far clocks are apart, and how the process does', async () => {
		const heard = { linked: true, role: 'leader', ballot: BALLOT, chosenThrough: 1, heardMs: 5 } as const;
		node.replica.peersKnown = [
			{ id: 'n1', ...heard, clockAheadMs: -1500 },
			{ id: 'n3', ...heard, clockAheadMs: null },
		];
		node.replica.override = { diskFault: 'the disk has not answered for 3.0 s' };
		const told = await samples();
		const failing = [...told].filter(([name, value]) => name.startsWith('swarm_server_check_failing{') && value === 1);
		expect(failing.map(([name]) => name)).toEqual(['swarm_server_check_failing{check="disk"}']);
		expect(told.get('swarm_server_check_failing{check="state"}')).toBe(0);
		node.replica.override = { stateFault: 'its state is not that of n1' };
		expect((await samples()).get('swarm_server_check_failing{check="state"}')).toBe(1);
		expect([...told].filter(([name]) => name.includes('clock_ahead'))).toEqual([
			['swarm_network_peer_clock_ahead_seconds{To="n1"}', -1.5],
		]);
		expect(told.get('swarm_loop_slow_steps_total{longer_than="0.02"}')).toBe(LOOP.over20Ms);
		expect(told.get('swarm_loop_longest_step_seconds')).toBe(LOOP.longestMs / 1000);
		expect(told.get('process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
		expect([...told.keys()].filter((name) => name.startsWith('swarm_server_version'))).toHaveLength(1);
	});

	it('is understood by a parser that others wrote', async () => {
		node.metrics.flushes.observe(1);
		node.metrics.answered('n1', 1.5);
		node.replica.peersKnown = [
			{ id: 'n1', linked: true, role: 'leader', ballot: BALLOT, chosenThrough: 1, heardMs: 5, clockAheadMs: 2 },
		];
		await node.get('/v1/kv/a');
		const families = parse((await node.get('/metrics')).text);
		const names = new Set(
			[...(await samples()).keys()].map((key) => key.replace(/\{.*/, '').replace(/_(bucket|sum|count)$/, '')),
		);
		expect(families.map(({ name }) => name).toSorted()).toEqual([...names].toSorted());
		for (const { name, type, help, metrics } of families) {
			expect([name, type, help, metrics.length > 0]).toEqual([
				name,
				expect.stringMatching(/^(GAUGE|COUNTER|HISTOGRAM)$/),
				expect.stringMatching(/\.$/),
				true,
			]);
		}
	});

	it('has the names and types that etcd’s rules and boards expect', async () => {
		node.metrics.answered('n1', 1.5);
		await node.get('/v1/kv/a');
		const types = new Map(parse((await node.get('/metrics')).text).map(({ name, type }) => [name, type]));
		expect(
			Object.entries({
				swarm_server_has_leader: 'GAUGE',
				swarm_server_is_leader: 'GAUGE',
				swarm_server_leader_changes_seen_total: 'COUNTER',
				swarm_server_proposals_committed_total: 'COUNTER',
				swarm_server_proposals_applied_total: 'COUNTER',
				swarm_server_proposals_failed_total: 'COUNTER',
				swarm_server_proposals_pending: 'GAUGE',
				swarm_disk_fsync_duration_seconds: 'HISTOGRAM',
				swarm_network_peer_round_trip_time_seconds: 'HISTOGRAM',
				swarm_server_request_duration_seconds: 'HISTOGRAM',
			}).filter(([name, type]) => types.get(name) !== type),
		).toEqual([]);
	});

	it('has nothing that Prometheus’s own check complains of', async () => {
		node.metrics.answered('n1', 1.5);
		const { text } = await node.get('/metrics');
		const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
		// Few machines have this program. The other tests look at the form everywhere.
		if (checked.error) expect(checked.error).toMatchObject({ code: 'ENOENT' });
		else expect([checked.status, checked.stderr]).toEqual([0, '']);
	});

	it('is read only, and at this path', async () => {
		expect(await node.put('/metrics')).toMatchObject({ status: 405, text: 'method PUT not allowed' });
		expect((await node.get('/metrics/x')).status).toBe(404);
		expect(await node.ask('HEAD', '/metrics')).toMatchObject({ status: 200, text: '' });
	});
});

describe('a histogram', () => {
	it('counts a duration in the bucket whose bound it does not exceed', () => {
		const histogram = new Histogram();
		for (const bound of BOUNDS_S) histogram.observe(1000 * bound);
		const buckets = histogram.lines('x', '').filter((line) => line.includes('_bucket'));
		expect(buckets.map((line) => Number(line.split(' ')[1]))).toEqual([
			...BOUNDS_S.map((_, at) => at + 1),
			BOUNDS_S.length,
		]);
		expect(histogram.count).toBe(BOUNDS_S.length);
	});
});
