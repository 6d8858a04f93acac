/** `certs`: what it makes and where, that it replaces no key unasked, and that what it makes is what nodes take. */
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newAuthority } from '../../server/certs/authority.ts';
import { loadPem } from '../../server/tls/pem.ts';
import { authorityBelow } from '../tls/certificates.ts';
import { type Ended, FakeSwarm } from './fake-swarm.ts';

let fake: FakeSwarm;
beforeEach(async () => {
	fake = await FakeSwarm.create();
});
afterEach(() => fake.close());

const run = (line: string): Promise<Ended> => fake.run(line);
const pathOf = (file: string): string => join(fake.folder, file);
const text = (file: string): string => readFileSync(pathOf(file), 'utf8');
const certificate = (file: string): X509Certificate => new X509Certificate(text(file));
const days = (file: string): number => {
	const { validFrom, validTo } = certificate(file);
	return Math.round((Date.parse(validTo) - Date.parse(validFrom)) / 86_400_000);
};

function writeConfig(more: object): void {
	const nodes = [
		{ id: 'n1', port: 7101, host: '10.1.2.3' },
		{ id: 'n2', port: 7101, host: '0.0.0.0', advertise: 'https://n2.example:7101' },
		{ id: 'n3', port: 7101, host: 'fd00::3' },
	];
	writeFileSync(pathOf('swarm.json'), JSON.stringify({ name: 'swarm', nodes, ...more }));
}

describe('certs init', () => {
	it('makes all that nodes and commands need, for the addresses of swarm.json', async () => {
		writeConfig({ allowedHosts: ['swarm.example:443'] });
		const { status, stdout } = await run('certs init --days 30');
		expect([status, stdout]).toEqual([0, expect.stringContaining('Add to swarm.json: "tls": {"ca":"certs/ca.crt"')]);
		const names = (node: string) => certificate(`certs/${node}.crt`).subjectAltName;
		const local = 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1';
		expect(names('n1')).toBe(`URI:spiffe://swarm/node/n1, IP Address:10.1.2.3, DNS:swarm.example, ${local}`);
		expect(names('n2')).toBe(`URI:spiffe://swarm/node/n2, DNS:n2.example, DNS:swarm.example, ${local}`);
		expect(names('n3')).toBe(`URI:spiffe://swarm/node/n3, IP Address:FD00:0:0:0:0:0:0:3, DNS:swarm.example, ${local}`);
		expect(names('client')).toBe('URI:spiffe://swarm/client/client');
		expect([days('certs/n1.crt'), days('certs/client.crt'), days('certs/ca.crt')]).toEqual([30, 30, 3650]);
		for (const name of ['ca', 'n1', 'client']) expect(statSync(pathOf(`certs/${name}.key`)).mode & 0o777).toBe(0o600);
		for (const node of ['n1', 'n2', 'n3']) {
			const files = { ca: pathOf('certs/ca.crt'), cert: pathOf(`certs/${node}.crt`), key: pathOf(`certs/${node}.key`) };
			expect(() => loadPem(files, { swarm: 'swarm', node }, Date.now())).not.toThrow();
		}
	});

	it('puts them where swarm.json has them, and leaves what is there', async () => {
		writeConfig({ tls: { ca: 'pki/root.pem', cert: 'pki/{id}/cert.pem', key: 'pki/{id}/key.pem' } });
		expect(await run('certs init')).toMatchObject({ status: 0 });
		const before = [text('pki/root.pem'), text('pki/root.key'), text('pki/n1/cert.pem'), text('pki/n1/key.pem')];
		const again = await run('certs init');
		expect(again.stdout).toMatch(/^There is pki\/n1\/cert\.pem already$/m);
		expect(again.stdout).not.toMatch(/^Made/m);
		expect([text('pki/root.pem'), text('pki/root.key'), text('pki/n1/cert.pem'), text('pki/n1/key.pem')]).toEqual(
			before,
		);
		expect((await run('config validate')).stdout).toMatch(/^n3 .* is valid until 20/m);
	});
});

describe('certs node and certs client', () => {
	it('make one more, and replace none unasked', async () => {
		await run('certs init');
		expect(await run('certs client app')).toEqual({
			status: 0,
			stdout: 'Made certs/app.crt and certs/app.key\n',
			stderr: '',
		});
		const key = text('certs/n1.key');
		const refused = await run('certs node n1');
		expect([refused.status, refused.stderr]).toEqual([
			1,
			expect.stringMatching(/n1\.key is there already\. To replace it/),
		]);
		expect(text('certs/n1.key')).toBe(key);
		expect((await run('certs node n1 --force')).status).toBe(0);
		expect(text('certs/n1.key')).not.toBe(key);
		expect(certificate('certs/n1.crt').checkIssued(certificate('certs/ca.crt'))).toBe(true);
	});

	it('make one for a node that swarm.json does not name, where they are told its address', async () => {
		await run('certs init');
		expect(await run('certs node n9')).toMatchObject({ status: 2, stderr: expect.stringMatching(/by --host$/m) });
		for (const host of ['', '10.1.2.9:7101', 'http://n9.example', 'fe80::1%eth0']) {
			expect([host, (await run(`certs node n9 --host=${host}`)).status]).toEqual([host, 2]);
		}
		expect((await run('certs node n9 --host 10.1.2.9 --host n9.example')).status).toBe(0);
		expect(certificate('certs/n9.crt').checkIP('10.1.2.9')).toBe('10.1.2.9');
		expect(certificate('certs/n9.crt').checkHost('n9.example')).toBe('n9.example');
	});

	it('refuse names that would take the place of the authority, or lead out of the folder', async () => {
		await run('certs init');
		const ca = text('certs/ca.crt');
		expect(await run('certs client ca --force')).toMatchObject({
			status: 1,
			stderr: expect.stringMatching(/authority itself/),
		});
		for (const name of ['../app', 'a/b', '.app', 'a\\b']) expect((await run(`certs client ${name}`)).status).toBe(2);
		expect((await run('certs client app --days 0')).status).toBe(2);
		expect(text('certs/ca.crt')).toBe(ca);
	});

	it('say what is missing where there is no authority, or not its key', async () => {
		expect((await run('certs client app')).stderr).toMatch(/ENOENT/);
		await run('certs init');
		writeFileSync(pathOf('certs/ca.key'), text('certs/n1.key'));
		expect((await run('certs client app')).stderr).toMatch(/is not the key of the authority beside it/);
	});
});

describe('certs renew and certs show', () => {
	it.each(['certs/{id}.crt', 'pki/{id}/cert.pem', 'pki/of-{id}/{id}.crt'])('find those at %s', async (cert) => {
		writeConfig({ tls: { ca: 'ca/ca.crt', cert, key: cert.replace(/[^.]+$/, 'key') } });
		const none = await run('certs renew');
		expect(none).toMatchObject({ status: 1, stdout: '' });
		expect(none.stderr).toBe(`There is no certificate at ${pathOf(cert)}: certs init makes those of swarm.json.\n`);
		await run('certs init');
		const files = ['client', 'n1', 'n2', 'n3'].map((name) => cert.replaceAll('{id}', name));
		const renewed = await run('certs renew --all');
		expect(renewed.stdout.trimEnd().split('\n')).toEqual(files.map((file) => `Renewed ${file}`));
		const shown = await run('certs show');
		for (const file of files) expect(shown.stdout).toContain(file);
	});

	it('say where there is none, in a folder too', async () => {
		mkdirSync(pathOf('empty'));
		expect(await run('certs show empty')).toMatchObject({ status: 1, stdout: '' });
	});

	it('renew what expires soon, with the key and the names that it has', async () => {
		await run('certs init --days 10');
		await run('certs client app --days 300');
		const before = { key: text('certs/n1.key'), names: certificate('certs/n1.crt').subjectAltName };
		// A certificate of ten days has ten days left, and so is not about to expire.
		expect((await run('certs renew')).stdout).not.toMatch(/Renewed/);
		const all = await run('certs renew --all --days 20');
		expect(all.stdout.match(/^Renewed certs\//gm)).toHaveLength(4);
		expect([days('certs/n1.crt'), text('certs/n1.key')]).toEqual([20, before.key]);
		expect(certificate('certs/n1.crt').subjectAltName).toBe(before.names);
		expect(certificate('certs/n1.crt').keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
		const { stdout } = await run('certs show');
		expect(stdout.split('\n').map((line) => line.split(' ')[0])).toEqual([
			'FILE',
			'certs/ca.crt',
			'certs/app.crt',
			'certs/client.crt',
			'certs/n1.crt',
			'certs/n2.crt',
			'',
		]);
		expect(stdout).toMatch(
			/^certs\/n1\.crt +20\d\d-\d\d-\d\d \d\d:\d\d UTC +spiffe:\/\/swarm\/node\/n1 127\.0\.0\.1 /m,
		);
		expect((await run('certs show certs/n2.crt')).stdout).toMatch(/spiffe:\/\/swarm\/node\/n2/);
		expect((await run('certs show certs')).stdout.split('\n')).toHaveLength(7);
		expect((await run('certs show swarm.json')).stderr).toMatch(/holds no certificate/);
	});

	it('renew the authority when it expires soon, and what it has signed stays valid', async () => {
		const DAY_MS = 86_400_000;
		const put = async (untilMs: number): Promise<void> => {
			const own = await newAuthority('swarm', { fromMs: untilMs - 3650 * DAY_MS, untilMs });
			mkdirSync(pathOf('certs'), { recursive: true });
			writeFileSync(pathOf('certs/ca.crt'), own.cert);
			writeFileSync(pathOf('certs/ca.key'), own.key);
		};
		const loaded = (): unknown => {
			const files = { ca: pathOf('certs/ca.crt'), cert: pathOf('certs/n1.crt'), key: pathOf('certs/n1.key') };
			return loadPem(files, { swarm: 'swarm', node: 'n1' }, Date.now());
		};
		await put(Date.now() + 20 * DAY_MS);
		writeConfig({});
		await run('certs init');
		// A certificate cannot outlive its authority.
		expect(days('certs/n1.crt')).toBe(20);
		const old = text('certs/ca.crt');
		const renewed = await run('certs renew');
		expect(renewed.stdout).toMatch(
			/^Renewed certs\/ca\.crt: give it to every node and client\ncerts\/client\.crt is valid/,
		);
		expect(days('certs/ca.crt')).toBe(3650);
		expect(loaded).not.toThrow();
		await run('certs renew --all');
		expect(days('certs/n1.crt')).toBe(365);
		writeFileSync(pathOf('certs/ca.crt'), old);
		expect(loaded).not.toThrow();
		await put(Date.now() - DAY_MS);
		expect(await run('certs client app')).toMatchObject({
			status: 1,
			stderr: expect.stringMatching(/ca\.crt has expired/),
		});
		await run('certs renew');
		expect((await run('certs client app')).status).toBe(0);
	});

	it('leave an authority to those who made it, where another one has signed it', async () => {
		await run('certs init');
		const [fromMs, untilMs] = [Date.now() - 99 * 86_400_000, Date.now() + 86_400_000];
		const { below, root } = await authorityBelow({ fromMs, untilMs });
		writeFileSync(pathOf('certs/ca.crt'), `${below.cert}${root}`);
		writeFileSync(pathOf('certs/ca.key'), below.key);
		await run('certs client app');
		const renewed = await run('certs renew --all');
		expect([renewed.status, text('certs/ca.crt')]).toEqual([0, `${below.cert}${root}`]);
		expect(renewed.stdout).toMatch(
			/^certs\/ca\.crt expires on 20.* UTC: have it renewed where it was made\nRenewed certs\/app/,
		);
	});
});
