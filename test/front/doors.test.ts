import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDoors, isLoopback } from '../../server/front/doors.ts';
import { TestNode } from '../api/node.ts';

describe('the doors', () => {
	const doors = createDoors([
		{ host: '127.0.0.1', port: 7101 },
		{ host: 'paxos.example', port: 80 },
		{ host: '2001:db8::1', port: 7103 },
	]);

	it.each([
		'127.0.0.1:7101',
		'localhost:7101',
		'LOCALHOST:7101',
		'[::1]:7101',
		'paxos.example',
		'paxos.example:80',
		'[2001:db8::1]:7103',
	])('let in who asks for %s, and its pages', (host) => {
		expect(doors.refusal({ host })).toBeNull();
		expect(doors.refusal({ host, origin: `http://${host}` })).toBeNull();
		expect(doors.refusal({ host: '127.0.0.1:7101', origin: `http://${host}` })).toBeNull();
	});

	it.each(['127.0.0.1', 'localhost', '[::1]'])('understand %s without a port, but not its pages', (host) => {
		expect(doors.refusal({ host })).toBeNull();
		expect(doors.refusal({ host, origin: `http://${host}` })?.status).toBe(403);
	});

	it('understand each spelling of an address', () => {
		expect(doors.refusal({ host: '[2001:DB8:0:0:0:0:0:1]:7103' })).toBeNull();
		expect(doors.refusal({ host: '[0:0:0:0:0:0:0:1]:7101' })).toBeNull();
	});

	it.each([
		undefined,
		'',
		'2001:db8::1',
		'127.0.0.1:7102',
		'127.0.0.2:7101',
		'evil.example:7101',
		'localhost.evil.example:7101',
		'localhost:7101.evil.example',
		'localhost.:7101',
		'paxos.example:7101',
		'2001:db8::1:7103',
		'[fe80::1%eth0]:7101',
		'[::1',
	])('refuse who asks for %s', (host) => {
		expect(doors.refusal({ host })).toEqual({ status: 403, why: hostRefused(host ?? '') });
		expect(doors.refusal({ host }, true)).toBeNull();
	});

	it('of a node that speaks TLS let in its pages of https, and none of http', () => {
		const secure = createDoors([
			{ host: '127.0.0.1', port: 7101, secure: true },
			{ host: 'paxos.example', port: 443, secure: true },
		]);
		for (const host of ['127.0.0.1:7101', 'localhost:7101', 'paxos.example', 'paxos.example:443']) {
			expect(secure.refusal({ host, origin: `https://${host}` })).toBeNull();
			expect(secure.refusal({ host, origin: `http://${host}` })?.status).toBe(403);
		}
		expect(secure.connectSources).toContain('wss://127.0.0.1:7101');
		expect(secure.connectSources.filter((source) => /^(http|ws):/.test(source))).toEqual([]);
	});

	it('refuse two Host headers, whatever they say', () => {
		expect(doors.refusal({ host: '127.0.0.1:7101, 127.0.0.1:7101' })?.status).toBe(400);
		expect(doors.refusal({ host: 'evil.example, 127.0.0.1:7101' }, true)?.status).toBe(400);
	});

	it.each([
		'',
		'null',
		'https://127.0.0.1:7101',
		'http://127.0.0.1',
		'http://127.0.0.1:7101/',
		'http://127.0.0.1:7101.evil.example',
		'http://evil.example',
		'file://',
	])('refuse a page of %j', (origin) => {
		const why = `A page of the origin "${origin}" may not use this swarm.`;
		expect(doors.refusal({ host: 'localhost:7101', origin })).toEqual({ status: 403, why });
		expect(doors.refusal({ host: 'localhost:7101', origin }, true)).toEqual({ status: 403, why });
	});

	it('repeat nothing that a terminal or a log would obey, nor much of anything', () => {
		const refusal = doors.refusal({ host: `\u001b[2J\n${'x'.repeat(1000)}` });
		expect(refusal?.why).toMatch(/^The host "\?\[2J\?x{1,100}" is not an address of this swarm; /);
	});

	it('list what a page may connect to, and any host where a policy cannot name one', () => {
		for (const scheme of ['http', 'ws']) {
			expect(doors.connectSources).toContain(`${scheme}://localhost:7101`);
			expect(doors.connectSources).toContain(`${scheme}://paxos.example`);
			expect(doors.connectSources).toContain(`${scheme}://*:7103`);
		}
		expect(doors.connectSources.join()).not.toContain('[');
	});
});

describe('an advertised address', () => {
	const advertised = [
		{ host: '127.0.0.1', port: 7101, advertise: 'https://swarm.example' },
		{ host: '127.0.0.1', port: 7102, advertise: 'http://10.1.2.3:8102' },
	];
	const doors = createDoors(advertised);

	it.each([
		['swarm.example', 'https://swarm.example'],
		['swarm.example:443', 'https://swarm.example'],
		['10.1.2.3:8102', 'http://10.1.2.3:8102'],
		['127.0.0.1:7101', 'http://10.1.2.3:8102'],
	])('lets in who asks for %s, and pages of %s', (host, origin) => {
		expect(doors.refusal({ host, origin })).toBeNull();
	});

	it.each([
		['10.1.2.3', undefined],
		['10.1.2.3:7102', undefined],
		['swarm.example:80', undefined],
		['swarm.example', 'http://swarm.example'],
		['swarm.example', 'https://swarm.example:8443'],
	])('is no reason to let in %s of %s', (host, origin) => {
		expect(doors.refusal({ host, origin })?.status).toBe(403);
	});

	it('is one that a page may connect to', () => {
		expect(doors.connectSources).toEqual(expect.arrayContaining(['https://swarm.example', 'wss://swarm.example']));
	});
});

describe('allowed hosts', () => {
	const doors = createDoors(
		[{ host: '127.0.0.1', port: 7101 }],
		['Swarm.Example', '10.1.2.3:8101', '[FD00:0::7]', '[fd00:0:0::8]:80'],
	);

	it.each([
		['swarm.example', undefined],
		['SWARM.example:9000', 'https://swarm.example:9000'],
		['10.1.2.3:8101', 'http://10.1.2.3:8101'],
		['[fd00::7]:7101', 'http://[fd00::7]:7101'],
		['[fd00::8]', 'http://[fd00::8]'],
	])('let in who asks for %s, and pages of %s', (host, origin) => {
		expect(doors.refusal({ host, origin })).toBeNull();
	});

	it.each([
		['10.1.2.3', undefined],
		['10.1.2.3:8102', undefined],
		['other.swarm.example', undefined],
		['swarm.example.evil', undefined],
		['swarm.example:9000:1', undefined],
		['swarm.example', 'http://swarm.example.evil:80'],
		['swarm.example', 'ftp://swarm.example'],
		['swarm.example', 'http://swarm.example/x'],
	])('do not let in %s of %s', (host, origin) => {
		expect(doors.refusal({ host, origin })?.status).toBe(403);
	});

	it('are ones that a page may connect to', () => {
		expect(doors.connectSources).toEqual(expect.arrayContaining(['http://swarm.example:*', 'wss://10.1.2.3:8101']));
		expect(doors.connectSources.join()).not.toContain('[');
	});
});

it.each([
	['127.0.0.1', true],
	['127.9.9.9', true],
	['::1', true],
	['0:0:0:0:0:0:0:1', true],
	['::2', false],
	['LocalHost', true],
	['127.0.0.1.evil.example', false],
	['10.0.0.1', false],
	['0.0.0.0', false],
])('%s is loopback: %s', (host, expected) => {
	expect(isLoopback(host)).toBe(expected);
});

describe('over HTTP', () => {
	let node: TestNode;
	beforeAll(async () => {
		node = await new TestNode().start();
	});
	afterAll(() => node.stop());

	it('a foreign Host is refused on every page, and told', async () => {
		for (const path of ['/', '/v1/kv/a', '/v1/swarm', '/nowhere', '/livezilla', '//livez', '/v1/kv/livez']) {
			const answer = await node.get(path, { host: 'evil.example' });
			expect(answer).toMatchObject({ status: 403, text: hostRefused('evil.example') });
			expect(node.refused.splice(0)).toEqual([hostRefused('evil.example')]);
		}
	});

	it('probes are answered whatever their Host, but not to a page from elsewhere', async () => {
		for (const path of ['/livez', '/readyz', '/livez/store', '/readyz?verbose', '/readyz/leader?x']) {
			expect((await node.get(path, { host: '10.1.2.3:7101' })).status).toBe(200);
			expect((await node.get(path, { host: '10.1.2.3:7101', origin: 'http://evil.example' })).status).toBe(403);
		}
	});

	it.each(['http://evil.example', 'null'])(
		'a page of %s can neither write nor read nor ask beforehand',
		async (origin) => {
			const headers = { origin, 'content-type': 'text/plain' };
			const body = '{"key":"a","value":"x","route":"leader","contest":0}';
			const asked = [
				await node.ask('PUT', '/v1/kv/a', { headers, body }),
				await node.ask('DELETE', '/v1/kv/a', { headers }),
				await node.ask('GET', '/v1/kv/a', { headers }),
				await node.ask('POST', '/v1/swarm/propose', { headers, body }),
				await node.ask('OPTIONS', '/v1/kv/a', { headers: { ...headers, 'access-control-request-method': 'PUT' } }),
			];
			for (const { status, text, headers } of asked) {
				expect([status, text]).toEqual([403, `A page of the origin "${origin}" may not use this swarm.`]);
				expect(headers).not.toHaveProperty('access-control-allow-origin');
			}
			expect(node.replica.submitted).toEqual([]);
		},
	);

	it("another member's page is let in, and its browser told so", async () => {
		const origin = 'http://localhost:7101';
		const preflight = await node.ask('OPTIONS', '/v1/kv/a', {
			headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'content-type' },
		});
		expect(preflight.status).toBe(204);
		expect(preflight.headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' });
		expect(preflight.headers['access-control-allow-methods']).toContain('PUT');
		expect(preflight.headers['access-control-allow-headers']).toContain('Content-Type');
		const answer = await node.ask('PUT', '/v1/kv/a', { headers: { origin }, body: 'x' });
		expect(answer).toMatchObject({ status: 200, text: 'true' });
		expect(answer.headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' });
		const read = await node.get('/v1/kv/a', { origin });
		expect(read.headers['access-control-expose-headers']).toContain('X-Consul-Index');
	});

	it('every page says what it may load: its own files, and connections to the members', async () => {
		const { headers } = await node.get('/');
		const policy = headers['content-security-policy'] as string;
		expect(policy).toContain("default-src 'none'");
		expect(policy).toContain("script-src 'self'");
		expect(policy).not.toContain('unsafe');
		for (const address of ['127.0.0.1:7101', 'localhost:7101', `127.0.0.1:${node.port}`]) {
			expect(policy).toMatch(new RegExp(`connect-src [^;]*http://${address} `));
			expect(policy).toMatch(new RegExp(`connect-src [^;]*ws://${address}[ ;]`));
		}
		// Browsers complain of headers that work only with HTTPS.
		expect(policy).not.toContain('upgrade-insecure-requests');
		for (const name of ['strict-transport-security', 'cross-origin-opener-policy', 'origin-agent-cluster']) {
			expect(headers).not.toHaveProperty(name);
		}
		expect(headers).not.toHaveProperty('x-powered-by');
	});
});

function hostRefused(host: string): string {
	return `The host "${host}" is not an address of this swarm; the setting "allowedHosts" adds others.`;
}
