/** The port of a node that speaks TLS: who is answered, and that its connections are bounded as those of any other node. */
import { once } from 'node:events';
import { type RequestOptions, request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TlsConfig } from '../../server/config/swarm-file.ts';
import { connectionLimits } from '../../server/front/limits.ts';
import { frontTls } from '../../server/tls/front.ts';
import type { TlsIdentity, TlsKeeper } from '../../server/tls/keeper.ts';
import { TestNode } from '../api/node.ts';
import { TestAuthority } from '../tls/certificates.ts';
import { request } from './wire.ts';

let authority: TestAuthority;
let other: TestAuthority;
let keeper: TlsKeeper;
let node: TestNode;
beforeAll(async () => {
	[authority, other] = [await TestAuthority.create(), await TestAuthority.create()];
	keeper = await authority.keeper('n1');
});
afterAll(() => {
	for (const each of [authority, other]) each.remove();
});
afterEach(() => node.stop());

async function start(clients: TlsConfig['clients'], arrivingMax = 100): Promise<void> {
	const limits = { ...connectionLimits(1024), arrivingMax };
	node = await new TestNode().start({}, { tls: frontTls(keeper, clients), limits });
}

function ask(
	path: string,
	tls: RequestOptions & ConnectionOptions = {},
): Promise<{ status: number | undefined; text: string }> {
	const { port } = node;
	return new Promise((resolve, reject) => {
		const sent = requestHttps(
			{ host: '127.0.0.1', port, path, ca: authority.own.cert, agent: false, ...tls },
			(answer) => {
				let text = '';
				answer.on('data', (chunk) => {
					text += chunk;
				});
				answer.on('end', () => resolve({ status: answer.statusCode, text }));
			},
		);
		sent.on('error', reject);
		sent.end();
	});
}

async function secured(tls: ConnectionOptions = {}): Promise<TLSSocket> {
	const socket = connectTls({ host: '127.0.0.1', port: node.port, ca: authority.own.cert, ...tls });
	await once(socket, 'secureConnect');
	return socket;
}

describe('a node that speaks TLS', () => {
	it('answers clients without a certificate, and none with a wrong one', async () => {
		await start('optional');
		expect((await ask('/v1/kv/a')).status).toBe(404);
		expect((await ask('/v1/kv/a', await authority.issue({ name: 'app', kind: 'client' }))).status).toBe(404);
		const past = { fromMs: Date.now() - 2000, untilMs: Date.now() - 1000 };
		for (const [wrong, why] of [
			[await other.issue({ name: 'app', kind: 'client' }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
			[await authority.issue({ name: 'app', kind: 'client' }, past), 'CERT_HAS_EXPIRED'],
			[other.own, 'INVALID_PURPOSE'],
		] as const) {
			const { status, text } = await ask('/v1/kv/a', wrong);
			expect(status).toBe(403);
			expect(text).toMatch(`The certificate of the client is no valid one of this swarm's authority (${why}).`);
			expect((await ask('/readyz', wrong)).status).not.toBe(403);
		}
	});

	it('may ask each client for a certificate, but for probes', async () => {
		await start('required');
		for (const path of ['/v1/kv/a', '/v1/swarm', '/metrics', '/']) {
			expect([path, await ask(path)]).toEqual([path, { status: 403, text: expect.stringMatching(/asks each client/) }]);
		}
		expect((await ask('/livez')).status).toBe(200);
		expect((await ask('/v1/kv/a', await authority.issue({ name: 'app', kind: 'client' }))).status).toBe(404);
		expect((await ask('/v1/kv/a', await authority.issue({ name: 'n2' }))).status).toBe(404);
	});

	it('opens no WebSocket without one either', async () => {
		await start('required');
		node.upgrade = () => ({ name: 'client', handleUpgrade: () => expect.unreachable() });
		const socket = await secured();
		socket.write(request('GET', '/client', { headers: ['Connection: Upgrade', 'Upgrade: websocket'] }));
		const [answer] = (await once(socket, 'data')) as [Buffer];
		expect(answer.toString()).toMatch(/^HTTP\/1\.1 403 /);
		socket.destroy();
	});

	it('serves a request that asks for another protocol as any other', async () => {
		await start('optional');
		const socket = await secured();
		socket.write(request('GET', '/livez', { headers: ['Connection: Upgrade', 'Upgrade: h2c'] }));
		const [answer] = (await once(socket, 'data')) as [Buffer];
		expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
		socket.destroy();
	});

	it('shows a new certificate to new connections, and goes on with the others', async () => {
		let renew: (identity: TlsIdentity) => void = () => undefined;
		const changing = {
			identity: keeper.identity,
			onRenewed: (take: (identity: TlsIdentity) => void) => (renew = take),
		};
		node = await new TestNode().start({}, { tls: frontTls(changing as unknown as TlsKeeper, 'optional') });
		const before = await secured();
		const next = (await authority.keeper('n1')).identity;
		renew(next);
		const after = await secured();
		expect(before.getPeerCertificate().fingerprint256).toBe(keeper.identity.chain[0].certificate.fingerprint256);
		expect(after.getPeerCertificate().fingerprint256).toBe(next.chain[0].certificate.fingerprint256);
		before.write(request('GET', '/livez'));
		expect(String((await once(before, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
		for (const socket of [before, after]) socket.destroy();
	});

	it('lets nobody in by a certificate of an authority that it does not have any more', async () => {
		let renew: (identity: TlsIdentity) => void = () => undefined;
		const changing = { identity: keeper.identity, onRenewed: (take: typeof renew) => (renew = take) };
		node = await new TestNode().start({}, { tls: frontTls(changing as unknown as TlsKeeper, 'required') });
		const app = await authority.issue({ name: 'app', kind: 'client' });
		expect((await ask('/v1/kv/a', app)).status).toBe(404);
		const session = (await secured({ ...app, maxVersion: 'TLSv1.2' })).getSession();
		renew((await other.keeper('n1')).identity);
		const now = { ca: other.own.cert };
		expect((await ask('/v1/kv/a', { ...now, ...app })).status).toBe(403);
		expect((await ask('/v1/kv/a', { ...now, ...app, maxVersion: 'TLSv1.2', session })).status).toBe(403);
		expect((await ask('/v1/kv/a', { ...now, maxVersion: 'TLSv1.2', session })).status).toBe(403);
		expect((await ask('/v1/kv/a', { ...now, ...(await other.issue({ name: 'app', kind: 'client' })) })).status).toBe(
			404,
		);
	});

	it('counts a connection once, from before its handshake until it is closed', async () => {
		await start('optional');
		const { connections } = node.front;
		expect([connections.arriving, connections.http]).toEqual([0, 0]);
		const socket = await secured();
		await expect.poll(() => node.front.connections.arriving).toBe(1);
		socket.write(request('GET', '/livez'));
		await once(socket, 'data');
		expect([node.front.connections.arriving, node.front.connections.http]).toEqual([0, 1]);
		socket.destroy();
		await expect.poll(() => node.front.connections.http).toBe(0);
	});

	it('closes the oldest connection that only begins, where there are too many', async () => {
		await start('optional', 3);
		const silent = Array.from({ length: 3 }, () => connect(node.port, '127.0.0.1'));
		const closed = silent.map((socket) => once(socket.resume(), 'close'));
		for (const socket of silent) socket.on('error', () => undefined);
		await expect.poll(() => node.front.connections.arriving).toBe(3);
		expect((await ask('/livez')).status).toBe(200);
		await closed[0];
		expect(node.refused).toContain('crowded out: too many connections');
		for (const socket of silent) socket.destroy();
	});

	it('that stops cuts also a connection that has not begun its handshake', async () => {
		await start('optional');
		const silent = connect({ port: node.port, host: '127.0.0.1', allowHalfOpen: true });
		const closed = once(silent.resume(), 'close');
		await expect.poll(() => node.front.connections.arriving).toBe(1);
		await node.front.close();
		silent.end();
		await closed;
	});

	it('closes a connection that speaks none, and tells why', async () => {
		await start('optional');
		const plain = connect(node.port, '127.0.0.1');
		plain.on('error', () => undefined);
		plain.write(request('GET', '/livez'));
		let text = '';
		plain.on('data', (chunk) => {
			text += chunk;
		});
		await once(plain, 'close');
		expect(text).not.toMatch(/HTTP/);
		expect(node.refused).toEqual([expect.stringMatching(/^no TLS: ERR_SSL_/)]);
		expect((await ask('/livez')).status).toBe(200);
	});
});
