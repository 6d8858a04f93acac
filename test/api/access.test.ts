/** What each route asks of a token, over real sockets: roles, prefixes, and every spelling by which a token may come. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { digestOf, type KnownToken, Tokens, tokensOf } from '../../server/access/tokens.ts';
import type { Role } from '../../shared/replica/grant.ts';
import { LoneReplica, TestNode } from './node.ts';

const TOKENS = {
	admin: 'token-of-the-admin',
	write: 'token-of-a-writer',
	read: 'token-of-a-reader',
	app: 'token-of-the-app-that-writes',
	view: 'token-of-the-app-that-reads',
	page: 'token-of-the-page',
} as const;
type Name = keyof typeof TOKENS;

function known(name: Name, role: Role, prefixes: readonly string[]) {
	return {
		source: name,
		digest: digestOf(TOKENS[name]),
		grant: { role, prefixes, isForPage: /admin|page/.test(name) },
	};
}

const tokens = new Tokens([
	known('admin', 'admin', ['']),
	known('write', 'write', ['']),
	known('read', 'read', ['']),
	known('app', 'write', ['app/']),
	known('view', 'read', ['app/']),
	known('page', 'read', []),
]);

test('nobody without the role admin can make the token by which nodes ask each other', () => {
	const ownOf = (tokens: readonly KnownToken[]) => new Tokens(tokens).own;
	const admin = known('admin', 'admin', ['']);
	expect(ownOf([admin, known('read', 'read', [''])])).toBe(ownOf([known('write', 'write', ['']), admin]));
	expect(ownOf([admin])).not.toBe(ownOf([{ ...admin, digest: digestOf(TOKENS.read) }]));
	expect(() => tokensOf([{ role: 'read', token: TOKENS.read }])).toThrow('none has the role admin');
});

const node = new TestNode();
beforeAll(async () => {
	await node.start({ tokens });
	const put = (key: string) => node.ask('PUT', `/v1/kv/${key}`, { body: 'x', headers: of('write') });
	for (const key of ['app/color', 'apple', 'other']) await put(key);
});
afterAll(() => node.stop());

function of(name: Name): Record<string, string> {
	return { 'X-Consul-Token': TOKENS[name] };
}

/** Who is let in, of the six and nobody: answered with anything but 403. */
async function letIn(method: string, path: string, body = ''): Promise<string> {
	const asked = [['nobody', {}], ...(Object.keys(TOKENS) as Name[]).map((name) => [name, of(name)] as const)] as const;
	const found = await Promise.all(
		asked.map(async ([name, headers]) =>
			(await node.ask(method, path, { headers, body })).status === 403 ? [] : [name],
		),
	);
	return found.flat().join(' ');
}

const session = '6f9d3c1e-7a0b-4c5d-8e2f-000000000000';
const transaction = (...operations: object[]) => JSON.stringify(operations.map((KV) => ({ KV })));

describe('a node with tokens', () => {
	it.each([
		['GET', '/v1/kv/app/color', 'admin write read app view'],
		['HEAD', '/v1/kv/app/color', 'admin write read app view'],
		['GET', '/v1/kv/other', 'admin write read'],
		['GET', '/v1/kv/app%2Fcolor', 'admin write read app view'],
		['GET', '/v1/kv/apple', 'admin write read'],
		['GET', '/v1/kv/app/?recurse', 'admin write read app view'],
		['GET', '/v1/kv/app?recurse', 'admin write read'],
		['GET', '/v1/kv/?recurse', 'admin write read'],
		['GET', '/v1/kv?keys', 'admin write read'],
		['GET', '/v1/kv/app?keys&separator=/', 'admin write read'],
		['PUT', '/v1/kv/app/color', 'admin write app'],
		['PUT', '/v1/kv/other', 'admin write'],
		['PUT', '/v1/kv/app', 'admin write'],
		['DELETE', '/v1/kv/app/none', 'admin write app'],
		['DELETE', '/v1/kv/none', 'admin write'],
		['DELETE', '/v1/kv/app?recurse&cas=1', 'admin write'],
		['PUT', `/v1/kv/app/lock?acquire=${session}`, 'admin write app'],
		['PUT', `/v1/kv/lock?acquire=${session}`, 'admin write'],
		['PUT', '/v1/session/create', 'admin write app'],
		['PUT', `/v1/session/renew/${session}`, 'admin write app'],
		['PUT', `/v1/session/destroy/${session}`, 'admin write app'],
		['GET', `/v1/session/info/${session}`, 'admin write read app view page'],
		['GET', '/v1/session/list', 'admin write read'],
		['GET', '/v1/session/list/', 'admin'],
		['GET', '/v1/session/node/n2', 'admin write read'],
		['GET', '/v1/status/leader', 'admin write read app view page'],
		['GET', '/v1/agent/self', 'admin write read app view page'],
		['GET', '/v1/members', 'admin write read app view page'],
		['GET', '/metrics', 'admin write read app view page'],
		['GET', '/metrics/', 'admin'],
		['POST', '/v1/members', 'admin'],
		['DELETE', '/v1/members/n1', 'admin'],
		['POST', '/v1/members/n1/replace', 'admin'],
		['POST', '/v1/leader/transfer', 'admin'],
		['GET', '/v1/snapshot', 'admin'],
		['GET', '/v1/snapshot/', 'admin'],
		['POST', '/v1/swarm/propose', 'admin'],
		['GET', '/v1/lab', 'admin page'],
		['PUT', '/v1/lab/links', 'admin page'],
		['GET', '/v1/acl/token', 'admin'],
		['GET', '/v1//kv/other', 'admin'],
		['GET', '//v1/kv/other', 'admin'],
		['GET', '/V1/kv/other', 'admin'],
		['GET', '/%761/members', 'admin'],
	])('lets in by %s %s: %s', async (method, path, who) => {
		expect(await letIn(method, path)).toBe(who);
	});

	it('lets watch what lies within a prefix of the token', async () => {
		expect((await node.ask('GET', '/v1/watch/app', { headers: of('view') })).status).toBe(403);
		expect((await node.ask('GET', '/v1/watch/', { headers: of('app') })).status).toBe(403);
		expect((await node.ask('GET', '/v1/watch/app/')).status).toBe(403);
	});

	it('answers probes and the page without a token, and says only who it is', async () => {
		for (const path of ['/livez', '/readyz', '/readyz/disk', '/', '/index.html']) {
			expect((await node.get(path)).status).not.toBe(403);
		}
		expect((await node.get('/v1/swarm')).json).toEqual({ name: 'test', id: 'swarm id', node: 'n2' });
		expect((await node.get('/v1/swarm', of('view'))).json).toHaveProperty('members');
	});

	it('refuses in the words that clients of Consul know', async () => {
		const { text } = await node.ask('PUT', '/v1/kv/other', { headers: of('app') });
		expect(text).toBe('Permission denied: token lacks permission \'key:write\' on "other"');
		expect((await node.get('/v1/kv/other')).text).toBe(
			'Permission denied: anonymous token lacks permission \'key:read\' on "other"',
		);
		expect(await node.get('/v1/kv/other', { 'X-Consul-Token': 'token-of-nobody-here' })).toMatchObject({
			status: 403,
			text: 'ACL not found',
		});
	});

	it('takes the token as each client of Consul sends it', async () => {
		const good = TOKENS.read;
		expect((await node.get(`/v1/kv/other?token=${good}`)).status).toBe(200);
		expect((await node.get('/v1/kv/other', { Authorization: `Bearer ${good}` })).status).toBe(200);
		expect((await node.get('/v1/kv/other', { authorization: `bearer ${good}` })).status).toBe(200);
		expect((await node.get(`/v1/kv/other?token=${good}`, { 'X-Consul-Token': 'bad' })).status).toBe(200);
		expect((await node.get('/v1/kv/other?token=bad', { 'X-Consul-Token': good })).status).toBe(403);
		expect((await node.get('/v1/kv/other', { Authorization: `Basic ${good}` })).status).toBe(403);
		expect((await node.get('/v1/kv/other', { Authorization: good })).status).toBe(403);
		expect((await node.get('/v1/kv/other', { 'X-Consul-Token': `${good}, ${good}` })).status).toBe(403);
	});

	it('carries out a transaction only where the token is for each of its operations', async () => {
		const inside = transaction({ Verb: 'get', Key: 'app/color' }, { Verb: 'set', Key: 'app/size', Value: 'eA==' });
		const reads = transaction({ Verb: 'get', Key: 'app/color' }, { Verb: 'get-tree', Key: 'app/' });
		expect(await letIn('PUT', '/v1/txn', inside)).toBe('admin write app');
		expect(await letIn('PUT', '/v1/txn', reads)).toBe('admin write read app view');
		for (const [verb, key] of [
			['set', 'other'],
			['get', 'other'],
			['get-tree', 'app'],
			['delete-tree', ''],
			['check-not-exists', 'none'],
		]) {
			const body = transaction({ Verb: 'get', Key: 'app/color' }, { Verb: verb, Key: key });
			expect(await letIn('PUT', '/v1/txn', body)).not.toMatch(/app|view|page|nobody/);
		}
	});

	it('lets a session be ended by who may write each key that it holds', async () => {
		const { ID } = (await node.ask('PUT', '/v1/session/create', { headers: of('write') })).json as { ID: string };
		const acquire = (key: string) => node.ask('PUT', `/v1/kv/${key}?acquire=${ID}`, { headers: of('write') });
		await acquire('app/lock');
		await acquire('lock');
		const end = () => node.ask('PUT', `/v1/session/destroy/${ID}`, { headers: of('app') });
		expect((await end()).status).toBe(403);
		await node.ask('PUT', `/v1/kv/lock?release=${ID}`, { headers: of('write') });
		expect((await end()).text).toBe('true');
	});

	it('says of a session that is not ended for want of a leader that it surely is not, unless it has a name', async () => {
		node.replica.hasLeader = false;
		const end = (headers: object) =>
			node.ask('PUT', `/v1/session/destroy/${session}`, { headers: { ...of('app'), ...headers } });
		const answers = [await end({}), await end({ 'Idempotency-Key': 'k' })];
		node.replica.hasLeader = true;
		expect(answers.map(({ status, text }) => [status, text])).toEqual(Array(2).fill([500, 'No cluster leader']));
		expect(answers.map(({ headers }) => [headers['x-swarm-outcome'], headers['x-swarm-refused']])).toEqual([
			['not-applied', 'noLeader'],
			['unknown', undefined],
		]);
	});
});

describe('a node without tokens', () => {
	it('lets in everybody, and looks at no token', async () => {
		const open = await new TestNode(new LoneReplica()).start();
		expect((await open.ask('PUT', '/v1/kv/a?token=none', { body: 'x' })).text).toBe('true');
		expect((await open.get('/v1/swarm', of('read'))).json).toHaveProperty('members');
		await open.stop();
	});
});
