/**
 * A swarm whose nodes speak TLS and ask each client for a certificate, with a secret and tokens: it serves those who show
 * the right ones, takes later certificates while it runs, and refuses every attempt with a wrong one.
 */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { Authority, newAuthority } from '../../server/certs/authority.ts';
import { DialerHandshake, NONCE_BYTES } from '../../server/mesh/handshake.ts';
import { SwarmClient } from '../../shared/client/client.ts';
import { identityOf } from '../mesh/stranger.ts';
import { lifeOf, oddCertificate } from '../tls/certificates.ts';
import { WEB_SOCKET } from './attempts.ts';
import { Swarm, type TestNode, until } from './swarm.ts';

const SECRET = 'secret-of-the-mesh-9d1e';
const TOKEN = 'token-of-the-admin-77ab';

let swarm: Swarm;
let n1: TestNode;
let authority: Authority;
beforeAll(async () => {
	swarm = await Swarm.create({
		size: 3,
		tls: 'required',
		environment: { SWARM_SECRET: SECRET, SWARM_TOKEN: TOKEN, CONSUL_HTTP_TOKEN: TOKEN },
	});
	n1 = swarm.node('n1');
	authority = await Authority.open({ cert: swarm.certificate('ca').cert, key: swarm.certificate('ca').key }, 'ca.key');
	await swarm.start();
	expect(await write('color', 'kept')).toBe('true');
});
afterAll(() => swarm.dispose());

async function write(key: string, value: string, node = n1): Promise<string> {
	const headers = { 'X-Consul-Token': TOKEN };
	return (await node.fetch(`/v1/kv/${key}`, { method: 'PUT', body: value, headers })).text();
}

async function read(key: string, node = n1): Promise<string> {
	return (await node.fetch(`/v1/kv/${key}?raw`, { headers: { 'X-Consul-Token': TOKEN } })).text();
}

/** The fingerprint of the certificate that the node shows now. */
function shownBy({ port }: TestNode): Promise<string> {
	return new Promise((resolve, reject) => {
		const socket = connect({ host: '127.0.0.1', port, ...swarm.certificate('client') });
		socket.once('error', reject);
		socket.once('secureConnect', () => {
			resolve(socket.getPeerCertificate().fingerprint256);
			socket.destroy();
		});
	});
}

describe('a swarm that speaks TLS', () => {
	test('serves those who show a certificate and a token, at every door', async () => {
		expect(await read('color', swarm.node('n3'))).toBe('kept');
		const commands = [
			['get', 'color'],
			['put', 'color', 'kept'],
			['status'],
			['member', 'list'],
			['snapshot', 'save', join(swarm.folder, 'saved')],
			['kv', 'watch', '--index', '1', '--count', '1'],
			['debug', '--out', join(swarm.folder, 'debug')],
			['config', 'validate', swarm.configFile],
		];
		const ended = await Promise.all(commands.map((command) => swarm.run(...command)));
		expect(ended.map(({ status, stderr }) => [status, stderr])).toEqual(commands.map(() => [0, '']));
		// A node that does not lead passes it on to the leader.
		for (const to of ['n1', 'n2'])
			expect((await swarm.run('leader', 'transfer', to)).stderr).toMatch(/^$|leads already/);
		const healthy = await until('all nodes are healthy', async () => {
			const { status, stdout } = await swarm.run('health');
			return status === 0 ? stdout : undefined;
		});
		expect(healthy).toMatch(new RegExp(`^https://127\\.0\\.0\\.1:${n1.port} +ready$`, 'm'));
		const held = swarm.program(['lock', 'job', '--config', swarm.configFile, '--', process.execPath, '-e', '0']);
		expect([await held.ended, held.stderr]).toEqual([0, '']);

		const page = await n1.fetch('/');
		expect(await page.text()).toMatch(/<script/);
		expect(page.headers.get('content-security-policy')).toContain(`wss://127.0.0.1:${swarm.node('n2').port}`);
		const feed = io(n1.url, { transports: ['websocket'], auth: { token: TOKEN }, ...swarm.certificate('client') });
		const joined = await new Promise((resolve) => {
			feed.on('snapshot', () => resolve('let in'));
			feed.on('connect_error', ({ message }) => resolve(message));
		});
		feed.disconnect();
		expect(joined).toBe('let in');
		const client = new SwarmClient({
			nodes: [n1.url],
			token: TOKEN,
			connect: (url) => new WebSocket(url, swarm.certificate('client')),
		});
		expect(await client.put('app/color', 'red')).toMatchObject({ ok: true });
		client.close();
	});

	test('refuses every attempt without the right certificate, token, Host or Origin, or without TLS', async () => {
		const before = [await read('color'), await read('?keys')];
		const past = { fromMs: Date.now() - 2000, untilMs: Date.now() - 1000 };
		const later = { fromMs: Date.now() + 3_600_000, untilMs: Date.now() + 7_200_000 };
		const [own, node] = [swarm.certificate('client'), swarm.certificate('n2')];
		const stranger = await newAuthority('test', lifeOf(1));
		const client = { kind: 'client', swarm: 'test', name: 'client', hosts: [] } as const;
		const byStranger = await (await Authority.open(stranger, '')).issue(client, lifeOf(1));
		const ofServers = await oddCertificate(swarm.certificate('ca'), { uses: ['serverAuth'] });
		const ofCode = await oddCertificate(swarm.certificate('ca'), { uses: ['codeSigning'] });
		const sessions = await Promise.all((['TLSv1.2', 'TLSv1.3'] as const).map((version) => sessionOf(own, version)));
		const byClient = await (await Authority.open(own, '')).issue(client, lifeOf(1));
		const wrong: Readonly<Record<string, ConnectionOptions>> = {
			'no certificate': {},
			'that of another authority': byStranger,
			'that of another authority, which is sent too': { ...byStranger, cert: byStranger.cert + stranger.cert },
			'one that signed itself': stranger,
			'one that a client has signed': { ...byClient, cert: byClient.cert + own.cert },
			'one that has expired': await authority.issue(client, past),
			'one that is not valid yet': await authority.issue(client, later),
			'no certificate, for another name': { servername: 'n2.example' },
			'no certificate, for the name of another node': { servername: 'n2' },
			'no certificate, by TLS 1.2': { maxVersion: 'TLSv1.2' },
			'one for servers only': ofServers,
			'one that signs programs': ofCode,
			'no certificate, in a session of TLS 1.2 that began with one': { session: sessions[0], maxVersion: 'TLSv1.2' },
			'no certificate, in a session of TLS 1.3 that began with one': { session: sessions[1] },
		};
		const token = `X-Consul-Token: ${TOKEN}`;
		for (const [what, options] of Object.entries(wrong)) {
			for (const [line, ...headers] of [
				['GET /v1/kv/color?raw', token],
				['PUT /v1/kv/color', token, 'Content-Length: 0'],
				['GET /v1/members', token],
				['GET /client', token, ...WEB_SOCKET],
				['GET /mesh', ...WEB_SOCKET],
				['GET /socket.io/?EIO=4&transport=websocket', ...WEB_SOCKET],
			] as [string, ...string[]][]) {
				expect([what, line, await sent(options, line, headers)]).toEqual([
					what,
					line,
					expect.stringMatching(/^HTTP\/1\.1 403 /),
				]);
			}
		}
		for (const [line, ...headers] of [
			['GET /v1/kv/color?raw'],
			['GET /v1/kv/color?raw', 'X-Consul-Token: token-of-nobody-0000'],
			['GET /v1/kv/color?raw', token, 'Host: evil.example'],
			['GET /v1/kv/color?raw', token, 'Origin: https://evil.example'],
			['PUT /v1/kv/color', token, `Origin: http://127.0.0.1:${n1.port}`, 'Content-Length: 0'],
			['GET /client', 'Origin: https://evil.example', ...WEB_SOCKET],
			['GET /mesh', ...WEB_SOCKET],
			['GET /mesh', 'Origin: https://evil.example', ...WEB_SOCKET],
		] as [string, ...string[]][]) {
			expect([line, await sent(own, line, headers)]).toEqual([line, expect.stringMatching(/^HTTP\/1\.1 4\d\d /)]);
		}
		// Who shows the certificate of a client, or of another node by a name that only looks like one of this swarm, is no
		// node.
		for (const [kind, value] of [
			['url', 'spiffe://other/node/n2'],
			['url', 'SPIFFE://test/node/n2'],
			['url', 'spiffe://test/client/n2'],
			['url', 'spiffe://test//node/n2'],
			['url', 'spiffe://evil@test/node/n2'],
			['url', 'https://test/node/n2'],
			['dns', 'spiffe://test/node/n2'],
			['dns', 'x, URI:spiffe://test/node/n2'],
			['email', 'x", URI:spiffe://test/node/n2'],
		] as const) {
			const odd = await oddCertificate(swarm.certificate('ca'), { names: [{ type: kind, value }] });
			expect([value, await sent(odd, 'GET /mesh', WEB_SOCKET)]).toEqual([
				value,
				expect.stringMatching(/^HTTP\/1\.1 403 /),
			]);
		}
		const byName = await oddCertificate(swarm.certificate('ca'), { subject: 'CN=spiffe://test/node/n2' });
		expect(await sent(byName, 'GET /mesh', WEB_SOCKET)).toMatch(/^HTTP\/1\.1 403 /);
		// A probe needs no certificate, and what follows it on its connection does.
		const behind = ['Host: anything', '', 'GET /v1/kv/color?raw HTTP/1.1', `Host: 127.0.0.1:${n1.port}`, token];
		const answers = await sent({}, 'GET /livez', behind);
		expect(answers.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 403']);
		expect(answers).not.toContain('kept');
		// The certificate of a node is no token.
		expect(await sent(node, 'GET /v1/kv/color?raw', [])).toMatch(/^HTTP\/1\.1 403 /);
		for (const options of [
			{ maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
			{ ALPNProtocols: ['h2'] },
			{ ciphers: 'NULL-SHA256:@SECLEVEL=0', maxVersion: 'TLSv1.2' },
		] as const) {
			expect(await sent({ ...own, ...options }, 'GET /v1/kv/color?raw', [token])).toMatch(/^no connection: /);
		}
		expect(await plain(`GET /v1/kv/color?raw HTTP/1.1\r\nHost: 127.0.0.1:${n1.port}\r\n${token}\r\n\r\n`)).not.toMatch(
			/HTTP|kept/,
		);
		expect([await read('color'), await read('?keys')]).toEqual(before);
	});

	test.each([
		['that of another node', 'n3', SECRET, 4413],
		['its own, and no secret', 'n2', null, 4409],
		['its own, and a wrong secret', 'n2', 'another secret', 4408],
	] as const)('makes no link to a node that shows %s', async (_, shown, secret, code) => {
		expect(await closeOfLink(swarm.certificate(shown), secret)).toBe(code);
	});

	test('makes no link to a node whose certificate has its name in another spelling', async () => {
		for (const name of ['n2/', '../node/n2', '%6e2', 'n2%00', 'N2', 'n2.', 'n2?a', 'n2#a', '']) {
			const names = [{ type: 'url', value: `spiffe://test/node/${name}` }] as const;
			const odd = await oddCertificate(swarm.certificate('ca'), { names: [...names] });
			expect([name, await closeOfLink({ ...swarm.certificate('n2'), ...odd }, SECRET)]).toEqual([name, 4413]);
		}
	});

	test('takes later certificates while it runs, with its links as they are', async () => {
		const shown = await Promise.all(swarm.nodes.map(shownBy));
		const renewed = await swarm.run('certs', 'renew', '--all');
		expect([renewed.status, renewed.stdout.match(/^Renewed .*certs\//gm)?.length]).toEqual([0, 4]);
		for (const [index, node] of swarm.nodes.entries()) {
			await until(`${node.id} shows the new one`, async () =>
				(await shownBy(node)) === shown[index] ? undefined : true,
			);
			expect(node.output).toContain('the certificate is renewed, and is valid until');
			expect(node.output).not.toMatch(/link to n\d is lost|connection lost/);
		}
		expect(await write('color', 'kept')).toBe('true');
		const n3 = swarm.node('n3');
		await n3.stop();
		await n3.start();
		expect(await read('color', n3)).toBe('kept');
		const status = await swarm.run('status');
		expect(status.stdout.match(/2 of 2/g)).toHaveLength(3);
	});

	test('goes on with the certificate that it has where the new one cannot be used', async () => {
		const file = join(swarm.folder, 'certs/n1.crt');
		const good = readFileSync(file);
		writeFileSync(file, swarm.certificate('n2').cert);
		const shown = await shownBy(n1);
		await until('n1 has looked at it', async () => (n1.output.includes('the old one stays in use') ? true : undefined));
		expect(await shownBy(n1)).toBe(shown);
		writeFileSync(file, good);
	});

	test('tells none of its keys', async () => {
		const told = [
			swarm.transcript(),
			readFileSync(join(swarm.folder, 'debug/n1/debug.json'), 'utf8'),
			readFileSync(join(swarm.folder, 'debug/swarm.json'), 'utf8'),
			...(await swarm.processes()).map(({ args }) => args.join(' ')),
		];
		for (const name of ['ca', 'n1', 'n2', 'n3', 'client']) {
			const lines = swarm.certificate(name).key.split('\n').slice(1, -2);
			expect(lines.length).toBeGreaterThan(1);
			for (const line of lines) for (const text of told) expect(text.includes(line)).toBe(false);
		}
		expect(told.join('')).toContain('certs/n1.key');
	});
});

/** A session that began with these certificates, as a client would take it up again; undefined where there is none. */
async function sessionOf(options: ConnectionOptions, version: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer | undefined> {
	const socket = connect({ host: '127.0.0.1', port: n1.port, minVersion: version, maxVersion: version, ...options });
	let given: Buffer | undefined;
	socket.on('session', (session) => {
		given = session;
	});
	socket.once('secureConnect', () => socket.end('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
	await once(socket.resume(), 'close');
	return given ?? socket.getSession();
}

/** The code by which n1 closes a link to a dialer that claims to be n2. */
async function closeOfLink(certificate: ConnectionOptions, secret: string | null): Promise<number> {
	const { id: swarmId } = (await (await n1.fetch('/v1/swarm')).json()) as { id: string };
	const ws = new WebSocket(`wss://127.0.0.1:${n1.port}/mesh`, certificate);
	const closed = new Promise<number>((resolve) => ws.on('close', resolve));
	const identity = identityOf({ self: 'n2', swarmId, secret });
	const handshake = new DialerHandshake(identity, 'n1', new Uint8Array(NONCE_BYTES));
	ws.on('open', () => ws.send(handshake.opening));
	ws.on('message', (bytes: Buffer) => {
		const step = handshake.receive(new Uint8Array(bytes));
		if (step.kind === 'send') ws.send(step.bytes);
	});
	return closed;
}

/** Sends a request by TLS, and resolves with what is answered, or with why there was no connection. */
function sent(options: ConnectionOptions, line: string, headers: readonly string[]): Promise<string> {
	const isUpgrade = headers.some((header) => /^upgrade:/i.test(header));
	const host = headers.some((header) => /^host:/i.test(header)) ? [] : [`Host: 127.0.0.1:${n1.port}`];
	const head = [`${line} HTTP/1.1`, ...host, ...headers, ...(isUpgrade ? [] : ['Connection: close'])];
	return new Promise((resolve) => {
		const socket = connect({ host: '127.0.0.1', port: n1.port, rejectUnauthorized: false, ...options });
		let text = '';
		let why = '';
		socket.once('secureConnect', () => socket.write(`${head.join('\r\n')}\r\n\r\n`));
		socket.on('data', (chunk) => {
			text += chunk;
		});
		socket.on('error', ({ message }) => {
			why = message;
		});
		socket.once('close', () => resolve(text === '' ? `no connection: ${why}` : text));
	});
}

function plain(text: string): Promise<string> {
	return new Promise((resolve) => {
		const socket = connectPlain(n1.port, '127.0.0.1');
		let heard = '';
		socket.write(text);
		socket.on('data', (chunk) => {
			heard += chunk.toString('latin1');
		});
		socket.on('error', () => undefined);
		socket.once('close', () => resolve(heard));
	});
}
