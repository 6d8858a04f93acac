/** A node on its folder inside a program: the same call at every start, its port, and what it refuses. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createNode, type KeyValueNode } from '../../server/embedding/main.ts';
import { FileDisk } from '../../server/storage/files.ts';
import { fetchWith } from '../../server/tls/fetch.ts';
import { freePorts } from '../client/nodes.ts';
import { type Add, type Added, type Counters, counters } from '../store/counter.ts';
import { TestAuthority } from '../tls/certificates.ts';

const CALL = { timeoutMs: 20_000 };
const put = { kind: 'put', key: 'a', value: Uint8Array.of(7), flags: 0n, cas: null } as const;

let folder: string;
let port: number;
let running: { close(): Promise<void> }[];

beforeEach(async () => {
	folder = mkdtempSync(join(tmpdir(), 'paxos-swarm-embedding-'));
	[port] = (await freePorts(1)) as [number];
	running = [];
});

afterEach(async () => {
	for (const node of running) await node.close();
	rmSync(folder, { recursive: true, force: true });
});

function options() {
	return { id: 'n1', members: [{ id: 'n1', port }], folder };
}

async function started<Node extends { close(): Promise<void> }>(starting: Promise<Node>): Promise<Node> {
	const node = await starting;
	running.push(node);
	return node;
}

const keys = (): Promise<KeyValueNode> => started(createNode(options()));
const own = (over: Partial<typeof counters> = {}) =>
	started(createNode<Counters, Add, Added>({ ...options(), machine: { ...counters, ...over } }));

/** A logger, with the texts that it is told. */
function listener() {
	const told: string[] = [];
	const note = (...[fields, text]: readonly unknown[]) => void told.push(String(text ?? fields));
	return { told, logger: { debug: note, info: note, warn: note, error: note, fatal: note } };
}

describe('a node inside a program', () => {
	it('begins with nothing, and goes on from its folder by the same call', async () => {
		const first = await own();
		await first.propose({ name: 'a', by: 3 }, CALL);
		await first[Symbol.asyncDispose]();
		expect(await first.stopped).toBeNull();
		const again = await own();
		await again.ready();
		expect(await again.propose({ name: 'a', by: 4 }, CALL)).toMatchObject({ value: 7 });
		const seen: number[] = [];
		for await (const { command } of again.changes({ from: 0 })) if (seen.push(command.by) === 2) break;
		expect(seen).toEqual([3, 4]);
	});

	it('has a page and an API at its port, without keys', async () => {
		const node = await own();
		await node.propose({ name: 'a', by: 3 }, CALL);
		const get = async (path: string) => (await fetch(`${node.url}${path}`)).status;
		expect(await Promise.all(['/livez', '/readyz', '/metrics', '/v1/swarm', '/v1/members'].map(get))).toEqual(
			Array(5).fill(200),
		);
		expect(await Promise.all(['/v1/kv/a', '/v1/session/list', '/v1/snapshot', '/v1/watch/a'].map(get))).toEqual(
			Array(4).fill(404),
		);
		const written = await fetch(`${node.url}/v1/kv/a`, { method: 'PUT', body: 'b' });
		expect(written.status).toBe(404);
		const proposed = await fetch(`${node.url}/v1/swarm/propose`, { method: 'POST', body: '{}' });
		expect(proposed.status).toBe(404);
	});

	it('speaks TLS by certificates, and by none that others would refuse', async () => {
		const authority = await TestAuthority.create();
		try {
			const keeper = await authority.keeper('n1');
			const tls = authority.filesOf('n1');
			const node = await started(createNode({ ...options(), tls }));
			const send = fetchWith(() => ({ ...keeper.identity.pem, agent: false }));
			expect(node.url).toBe(`https://127.0.0.1:${port}`);
			expect((await send(`${node.url}/v1/kv/a`, { method: 'PUT', body: 'b' })).status).toBe(200);
			expect((await node.read((state) => state.get('a'), CALL))?.modifyRevision).toBeGreaterThan(0);
			await node.close();
			await expect(createNode({ ...options(), tls, name: 'other' })).rejects.toThrow('does not name the node n1');
		} finally {
			authority.remove();
		}
	});

	it('with a new disk asks a member which swarm it is, by its own token and certificate', async () => {
		const authority = await TestAuthority.create();
		try {
			for (const id of ['n1', 'n2']) await authority.keeper(id);
			const [other] = (await freePorts(1)) as [number];
			const swarm = {
				members: [
					{ id: 'n1', port },
					{ id: 'n2', port: other },
				],
				tokens: [{ role: 'admin', token: 'the-token-of-the-test' }],
			} as const;
			await started(createNode({ ...swarm, id: 'n1', folder, tls: authority.filesOf('n1') }));
			const elsewhere = join(folder, 'elsewhere');
			const tls = authority.filesOf('n2');
			const joined = await started(createNode({ ...swarm, id: 'n2', folder: elsewhere, tls, join: true }));
			expect(joined.id).toMatch(/^n2~/);
		} finally {
			authority.remove();
		}
	});

	it('has the mesh alone where it is to have no API, and one process at a time has its folder', async () => {
		const node = await started(createNode({ ...options(), http: false }));
		expect(node.url).toBeNull();
		expect((await node.propose(put, CALL)).ok).toBe(true);
		for (const path of ['/', '/livez', '/v1/kv/a']) {
			expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(404);
		}
		const [other] = (await freePorts(1)) as [number];
		await expect(createNode({ ...options(), members: [{ id: 'n1', port: other }] })).rejects.toMatchObject({
			code: 'inUse',
			// A program has no flags.
			message: expect.stringMatching(/is in use by this process\. Stop that one first, or [^-]* with other data$/),
		});
	});

	it('handles no signal and no error of the program, and says what it has to say to its logger alone', async () => {
		const before = process.eventNames().map((name) => [name, process.listenerCount(name)]);
		const { told, logger } = listener();
		const node = await started(createNode({ ...options(), logger, machine: counters }));
		// The node has failed by then, and is not closed yet.
		const ready = node.propose({ name: 'a', by: 13 }, CALL).catch(() => node.ready());
		await expect(ready).rejects.toMatchObject({ name: 'RefusedError', why: 'closed' });
		expect((await node.stopped)?.message).toContain('thirteen');
		expect(told).toContain('the node stops');
		expect(process.eventNames().map((name) => [name, process.listenerCount(name)])).toEqual(before);
	});

	it('does not begin where its disk fails while it starts', async () => {
		const first = await own();
		await first.propose({ name: 'a', by: 3 }, CALL);
		await first.close();
		vi.spyOn(FileDisk.prototype, 'write').mockImplementation((_name, _offset, _bytes, done) =>
			queueMicrotask(() => done(new Error('EIO: i/o error, write'))),
		);
		await expect(createNode({ ...options(), machine: counters })).rejects.toThrow('EIO');
		vi.restoreAllMocks();
		await (await own()).ready();
	});

	it('says why it has failed also where its folder cannot be closed', async () => {
		const { told, logger } = listener();
		const { close } = FileDisk.prototype;
		vi.spyOn(FileDisk.prototype, 'close').mockImplementation(async function (this: FileDisk) {
			await close.call(this);
			throw new Error('EIO: i/o error, close');
		});
		const node = await createNode({ ...options(), logger, machine: counters });
		await expect(node.propose({ name: 'a', by: 13 }, CALL)).rejects.toThrow();
		expect((await node.stopped)?.message).toContain('thirteen');
		expect(told).toContain('the node could not close all of its parts');
		await expect(node.close()).rejects.toThrow('EIO');
		vi.restoreAllMocks();
		await (await own()).close();
	});

	it('leaves its secrets out of what it says of strangers who have sent them', async () => {
		const { told, logger } = listener();
		const [secret, token] = ['the-secret-of-the-test', 'the-token-of-the-test'];
		const tokens = [{ role: 'admin', token }] as const;
		const node = await started(createNode({ ...options(), logger, secret, tokens }));
		await fetch(`${node.url}/v1/kv/a`, { headers: { Origin: `http://${secret}.${token}` } });
		expect(told).toContainEqual(expect.stringContaining('A page of the origin "http://[secret].[secret]" may not'));
	});

	it('refuses in a sentence the folder of another state machine, of keys, or of a newer version', async () => {
		await (await own()).close();
		const written = `${join(folder, 'n1')} cannot be used: it was written by`;
		await expect(own({ name: 'queue' })).rejects.toMatchObject({
			code: 'otherMachine',
			message: `${written} the state machine "counters", and this program runs "queue"`,
		});
		await expect(keys()).rejects.toThrow(`${written} the state machine "counters", and this program runs "key-value"`);
		await expect(own({ version: 1 })).rejects.toThrow(
			`${written} version 2 of the state machine "counters", and this program runs version 1`,
		);
		await (await own({ version: 3 })).close();
		await expect(own()).rejects.toThrow('version 3');
	});

	it('refuses the folder of keys for a state machine of the user’s own', async () => {
		const node = await keys();
		await node.propose(put, CALL);
		await node.close();
		await expect(own()).rejects.toThrow(
			'it was written by the state machine "key-value", and this program runs "counters"',
		);
		expect(await (await keys()).read((state) => state.get('a')?.value, CALL)).toEqual(put.value);
	});

	it('refuses options that cannot be used, each in a sentence, and a port that is taken', async () => {
		await expect(createNode({ ...options(), id: 'n2' })).rejects.toMatchObject({ name: 'ConfigError' });
		for (const [option, wrong] of Object.entries({ folder: '', members: undefined, secret: 5, otherSecret: null })) {
			const starting = createNode({ ...options(), [option]: wrong });
			await expect(starting).rejects.toThrow(`the options of createNode: ${option}: must be`);
		}
		const away = { ...options(), members: [{ id: 'n1', port, host: '0.0.0.0', advertise: 'http://n1.example' }] };
		await expect(createNode(away)).rejects.toThrow(
			/is beyond loopback, .*: give every node the same secret, or set insecure to true$/,
		);
		const secret = 'the-secret-of-the-test';
		await expect(createNode({ ...away, secret })).rejects.toThrow(
			/is beyond loopback, .*: give every node the same tokens, or set insecure to true$/,
		);
		const long = 'x'.repeat(65);
		for (const label of [{ name: '' }, { name: 'two words' }, { name: long }, { version: 0 }, { version: 1.5 }]) {
			await expect(own(label), JSON.stringify(label)).rejects.toMatchObject({ name: 'ConfigError' });
		}
		await expect(own({ name: 'key-value' })).rejects.toThrow('must not be "key-value"');
		await keys();
		const other = mkdtempSync(join(tmpdir(), 'paxos-swarm-embedding-'));
		await expect(createNode({ ...options(), folder: other })).rejects.toMatchObject({ code: 'EADDRINUSE' });
		rmSync(other, { recursive: true, force: true });
	});
});
