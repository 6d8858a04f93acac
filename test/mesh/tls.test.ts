/** Links by TLS: who is let in, whom a node dials, and that messages pass as without it. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { Authority } from '../../server/certs/authority.ts';
import { SILENT } from '../../server/log/logger.ts';
import { DialerHandshake, NONCE_BYTES } from '../../server/mesh/handshake.ts';
import { frontTls } from '../../server/tls/front.ts';
import { TlsKeeper } from '../../server/tls/keeper.ts';
import { meshTls } from '../../server/tls/mesh.ts';
import { authorityBelow, lifeOf, TestAuthority } from '../tls/certificates.ts';
import { Bench, forward, TestNode, textOf } from './node.ts';
import { identityOf } from './stranger.ts';

let authority: TestAuthority;
let other: TestAuthority;
beforeAll(async () => {
	[authority, other] = [await TestAuthority.create(), await TestAuthority.create()];
});
afterAll(() => {
	for (const each of [authority, other]) each.remove();
});
const bench = new Bench();
afterEach(() => bench.close());

interface Secured {
	readonly node: TestNode;
	readonly keeper: TlsKeeper;
}

/** A node whose port has the certificate of `keeper`. */
async function listening(id: string, keeper: TlsKeeper): Promise<Secured> {
	return { node: bench.add(await TestNode.listen(id, frontTls(keeper, 'optional').options)), keeper };
}

async function pair(ofN1?: TlsKeeper): Promise<[Secured, Secured]> {
	const n1 = await listening('n1', ofN1 ?? (await authority.keeper('n1')));
	return [n1, await listening('n2', await authority.keeper('n2'))];
}

function start({ node, keeper }: Secured, all: readonly Secured[]): void {
	node.start(
		all.map((each) => each.node),
		{ secret: 'the secret', tls: meshTls(keeper, 'swarm') },
	);
}

/** What becomes of a WebSocket to the mesh: `let in`, the status of a refusal, or the reason of an error. */
function knock({ node }: Secured, options: ClientOptions, scheme = 'wss'): Promise<string> {
	return new Promise((resolve) => {
		const ws = new WebSocket(`${scheme}://127.0.0.1:${node.port}/mesh`, { rejectUnauthorized: false, ...options });
		ws.on('open', () => {
			ws.terminate();
			resolve('let in');
		});
		ws.on('unexpected-response', (_, { statusCode }) => {
			resolve(String(statusCode));
			ws.terminate();
		});
		ws.on('error', (error) => resolve('reason' in error ? String(error.reason) : error.message));
	});
}

describe('a link by TLS', () => {
	it('carries messages both ways', async () => {
		const both = await pair();
		const [n1, n2] = both;
		for (const each of both) start(each, both);
		await Promise.all([n1.node.untilLinked('n2'), n2.node.untilLinked('n1')]);
		const large = 'x'.repeat(300_000);
		for (let index = 0; index < 50; index++) {
			n1.node.mesh.send('n2', forward(`a${index}${large}`));
			n2.node.mesh.send('n1', forward(`b${index}${large}`));
			n1.node.mesh.flush();
			n2.node.mesh.flush();
		}
		await Promise.all([n1, n2].map(({ node }) => node.until(() => node.messages().length === 50)));
		const heads = (node: TestNode) => node.messages().map((message) => textOf(message).replace(large, ''));
		expect(heads(n2.node)).toEqual(Array.from({ length: 50 }, (_, index) => `a${index}`));
		expect(heads(n1.node)).toEqual(Array.from({ length: 50 }, (_, index) => `b${index}`));
	});

	it('is made by certificates that lead to the authority by another one, and not without that one', async () => {
		const { root, below } = await authorityBelow();
		const lower = await Authority.open(below, 'lower.key');
		const keeperOf = async (name: string): Promise<TlsKeeper> => {
			const { cert, key } = await lower.issue({ kind: 'node', swarm: 'swarm', name, hosts: ['127.0.0.1'] }, lifeOf(10));
			const ca = join(authority.folder, 'root.crt');
			writeFileSync(ca, root);
			const files = { ...authority.write(`below-${name}`, { cert: `${cert}${below.cert}`, key }), ca };
			return new TlsKeeper(files, { swarm: 'swarm', node: name }, SILENT);
		};
		const both = [await listening('n1', await keeperOf('n1')), await listening('n2', await keeperOf('n2'))] as const;
		for (const each of both) start(each, both);
		await Promise.all([both[0].node.untilLinked('n2'), both[1].node.untilLinked('n1')]);
		const alone = await lower.issue({ kind: 'node', swarm: 'swarm', name: 'n2', hosts: [] }, lifeOf(10));
		expect(await knock(both[0], { ...alone })).toBe('403');
		expect(await knock(both[0], { ...alone, cert: `${alone.cert}${below.cert}` })).toBe('let in');
		expect(await knock(both[0], { ...below })).toBe('403');
	});

	it('is made by no other end than a node of this swarm with a valid certificate of its authority', async () => {
		const [n1] = await pair();
		start(n1, [n1]);
		const past = { fromMs: Date.now() - 2_000, untilMs: Date.now() - 1_000 };
		const shown: Readonly<Record<string, ClientOptions>> = {
			'no certificate': {},
			'that of another authority': await other.issue({ name: 'n2' }),
			'that of another authority, with its authority behind it': await chained(other, 'n2'),
			'one that has expired': await authority.issue({ name: 'n2' }, past),
			'one that is not valid yet': await authority.issue(
				{ name: 'n2' },
				{ fromMs: Date.now() + 60_000, untilMs: Date.now() + 120_000 },
			),
			'that of a client': await authority.issue({ name: 'n2', kind: 'client' }),
			'that of a node of another swarm': await authority.issue({ name: 'n2', swarm: 'other' }),
			'one that names the node as a host only': await authority.issue({ name: 'n9', kind: 'client', hosts: ['n2'] }),
		};
		for (const [what, options] of Object.entries(shown))
			expect([what, await knock(n1, options)]).toEqual([what, '403']);
		expect(await knock(n1, await authority.issue({ name: 'n2' }))).toBe('let in');
		expect(n1.node.refusals()).toHaveLength(Object.keys(shown).length);
		expect(new Set(n1.node.refusals())).toEqual(new Set(['refused: no valid certificate of a node of this swarm']));
	});

	it('is refused to a node that shows the certificate of another one', async () => {
		const [n1] = await pair();
		start(n1, [n1]);
		const ws = new WebSocket(`wss://127.0.0.1:${n1.node.port}/mesh`, {
			...(await authority.issue({ name: 'n3' })),
			rejectUnauthorized: false,
		});
		const closed = new Promise<number>((resolve) => ws.on('close', resolve));
		const handshake = new DialerHandshake(
			identityOf({ self: 'n2', secret: 'the secret' }),
			'n1',
			new Uint8Array(NONCE_BYTES),
		);
		ws.on('open', () => ws.send(handshake.opening));
		expect(await closed).toBe(4413);
		expect(n1.node.refusals()).toEqual(['refused: the certificate is that of another node']);
	});

	it('begins with no plain request, and with no older TLS than 1.2', async () => {
		const [n1] = await pair();
		start(n1, [n1]);
		const own = await authority.issue({ name: 'n2' });
		expect(await knock(n1, {}, 'ws')).not.toBe('let in');
		const old = { ...own, maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
		expect(await knock(n1, old)).toMatch(/alert protocol version/);
		expect(await knock(n1, { ...own, maxVersion: 'TLSv1.2' })).toBe('let in');
		expect(await knock(n1, { ...own, servername: 'elsewhere.example' } as ClientOptions)).toBe('let in');
		const silent = connectPlain(n1.node.port, '127.0.0.1');
		silent.end(Buffer.from([22, 3, 1, 255, 255]));
		await new Promise((resolve) => silent.once('close', resolve).resume());
	});

	it.each(['TLSv1.2', 'TLSv1.3'] as const)(
		'is not let in by a session of %s that is taken up again',
		async (maxVersion) => {
			const [n1] = await pair();
			start(n1, [n1]);
			const { port } = n1.node;
			const options = { host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion } as const;
			const first = connect(options);
			let session: Buffer | undefined;
			first.on('session', (given) => {
				session = given;
			});
			await statusOn(first);
			session ??= first.getSession();
			const second = connect({ ...options, session });
			const isReused = once(second, 'secureConnect').then(() => second.isSessionReused());
			expect(await statusOn(second)).toMatch(/^HTTP\/1\.1 403 /);
			expect(await isReused).toBe(false);
		},
	);
});

it('is not made by a session that is taken up again at the server of a program that allows it, nor by its other authorities', async () => {
	const keeper = await authority.keeper('n1');
	const { ca, ...own } = keeper.identity.pem;
	const asks = { requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' } as const;
	const n1 = { node: bench.add(await TestNode.listen('n1', { ...own, ...asks, ca: [ca, other.own.cert] })), keeper };
	start(n1, [n1]);
	expect(await knock(n1, await other.issue({ name: 'n2' }))).toBe('403');
	const dial = { host: '127.0.0.1', port: n1.node.port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' } as const;
	const first = connect({ ...dial, ...(await authority.issue({ name: 'n2' })) });
	await once(first, 'secureConnect');
	const session = first.getSession();
	first.destroy();
	// It has no certificate of its own.
	const second = connect({ ...dial, ...(session && { session }) });
	const isReused = once(second, 'secureConnect').then(() => second.isSessionReused());
	expect(await statusOn(second)).toMatch(/^HTTP\/1\.1 403 /);
	expect(await isReused).toBe(true);
});

describe('a node dials', () => {
	const refusal = async (ofN1: TlsKeeper): Promise<string | undefined> => {
		const [n1, n2] = await pair(ofN1);
		start(n1, [n1]);
		start(n2, [n1, n2]);
		await n2.node.until(() => n2.node.refusals().length > 0);
		expect(n2.node.mesh.linked()).toEqual([]);
		return n2.node.refusals()[0];
	};

	it('no node whose certificate is that of another one', async () => {
		expect(await refusal(await authority.keeper('n3'))).toBe(
			'its certificate does not name the node n1: the URI spiffe://swarm/node/n1 is not in it',
		);
	});

	it('no node whose certificate is not for the address', async () => {
		expect(await refusal(await authority.keeper('n1', ['10.1.2.3', 'localhost']))).toMatch(
			/IP: 127\.0\.0\.1 is not in the cert's list/,
		);
	});

	it('no node whose certificate another authority has signed', async () => {
		expect(await refusal(await other.keeper('n1'))).toMatch(/certificate/);
	});

	it('no node that speaks no TLS', async () => {
		const n1 = bench.add(await TestNode.listen('n1'));
		n1.start([]);
		const n2 = await listening('n2', await authority.keeper('n2'));
		n2.node.start([n1, n2.node], { tls: meshTls(n2.keeper, 'swarm') });
		await n2.node.until(() => n2.node.refusals().length > 0);
		expect(n2.node.refusals()[0]).toMatch(/^no TLS \(/);
	});

	it('by a new certificate once it has one, and the link that stands goes on', async () => {
		const both = await pair();
		const [n1, n2] = both;
		const ofN2 = { identity: n2.keeper.identity };
		start(n1, both.slice(0, 1));
		n2.node.start([n1.node, n2.node], { secret: 'the secret', tls: meshTls(ofN2, 'swarm') });
		await n2.node.untilLinked('n1');
		const next = await authority.issue({ name: 'n2' }, lifeOf(5));
		authority.write('n2', next);
		ofN2.identity = (await authority.keeper('n2')).identity;
		n2.node.mesh.send('n1', forward('on the old one'));
		n2.node.mesh.flush();
		await n1.node.until(() => n1.node.messages().length === 1);
		expect(n2.node.links('n1')).toEqual(['up']);
		n2.node.mesh.cut('n1', 'the test cuts it');
		await n2.node.until(() => n2.node.links('n1').length === 3);
		expect(n2.node.links('n1')).toEqual(['up', 'the test cuts it', 'up']);
	});
});

async function chained(by: TestAuthority, name: string): Promise<ClientOptions> {
	const { cert, key } = await by.issue({ name });
	return { cert: `${cert}${by.own.cert}`, key };
}

/** Asks for the mesh on the connection, and resolves with what is answered. */
function statusOn(socket: TLSSocket): Promise<string> {
	socket.on('error', () => undefined);
	socket.write(
		'GET /mesh HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
	);
	return new Promise((resolve) => {
		let text = '';
		socket.on('data', (chunk) => {
			text += chunk;
		});
		socket.on('close', () => resolve(text));
	});
}
