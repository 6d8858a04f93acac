/**
 * Flags come before the environment, the file and the defaults; and no node is open beyond loopback without a secret.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { urlOf } from '../../server/config/addresses.ts';
import { loadConfig } from '../../server/config/config.ts';
import { loadOtherSecret, loadSecret, loadTokens } from '../../server/config/secrets.ts';
import type { ConfigFlags } from '../../server/config/settings.ts';
import { tlsFilesOf } from '../../server/config/tls.ts';

const SECRET = 'secret-of-a-test';
const LATER = 'secret-that-comes-later';

let folder = '';

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'swarm-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function writeSwarm(name: string, more: Readonly<Record<string, unknown>> = {}): string {
	const nodes = [
		{ id: 'n1', port: 7101 },
		{ id: 'n2', port: 9000 },
	];
	const file = join(folder, name);
	writeFileSync(file, JSON.stringify({ name: 'swarm', nodes, ...more }));
	return file;
}

function ports(flags: { basePort?: string }, environment: Readonly<Record<string, string>> = {}): readonly number[] {
	return loadConfig(flags, environment, folder).config.nodes.map(({ port }) => port);
}

describe('the configuration', () => {
	it('takes ports from the flag, else the environment, else the file', () => {
		writeSwarm('swarm.json');
		expect(ports({})).toEqual([7101, 9000]);
		expect(ports({}, { SWARM_BASE_PORT: '7200' })).toEqual([7200, 7201]);
		expect(ports({ basePort: '7300' }, { SWARM_BASE_PORT: '7200' })).toEqual([7300, 7301]);
	});

	it('takes the data folder from the flag, else the environment, else the file, else the default', () => {
		const dataDir = (flags: { dataDir?: string }, environment: Readonly<Record<string, string>> = {}) =>
			loadConfig(flags, environment, folder).config.dataDir;
		writeSwarm('swarm.json');
		expect(dataDir({})).toBe(join(folder, 'data'));
		writeSwarm('swarm.json', { dataDir: 'logs' });
		expect(dataDir({})).toBe(join(folder, 'logs'));
		expect(dataDir({}, { SWARM_DATA_DIR: 'env' })).toBe(join(folder, 'env'));
		expect(dataDir({ dataDir: 'flag' }, { SWARM_DATA_DIR: 'env' })).toBe(join(folder, 'flag'));
	});

	it('takes the file from the flag, else the environment, else swarm.json here', () => {
		writeSwarm('swarm.json', { name: 'here' });
		writeSwarm('env.json', { name: 'env' });
		writeSwarm('flag.json', { name: 'flag' });
		const name = (flags: { config?: string }, environment: Readonly<Record<string, string>> = {}) =>
			loadConfig(flags, environment, folder).config.name;
		expect(name({})).toBe('here');
		expect(name({}, { SWARM_CONFIG: 'env.json' })).toBe('env');
		expect(name({ config: 'flag.json' }, { SWARM_CONFIG: 'env.json' })).toBe('flag');
	});

	it('is read with a byte order mark and with the line ends of Windows', () => {
		const text = readFileSync(writeSwarm('swarm.json', { name: 'marked' }), 'utf8').replaceAll(',', ',\r\n');
		writeFileSync(join(folder, 'swarm.json'), `\ufeff${text}`);
		expect(loadConfig({}, {}, folder).config.name).toBe('marked');
	});

	it.each([
		['is a folder', (file: string) => mkdirSync(file), 'swarm.json: cannot be read: it is a folder'],
		['leads nowhere', (file: string) => symlinkSync('missing', file), 'swarm.json: cannot be read: ENOENT'],
		[
			'is not in UTF-8',
			(file: string) => writeFileSync(file, '\ufeff{}', 'utf16le'),
			'swarm.json: is not text in UTF-8',
		],
	])('is refused with the reason where it %s', (_, make, why) => {
		make(join(folder, 'swarm.json'));
		expect(() => loadConfig({}, {}, folder)).toThrow(why);
	});

	it('is the one of the package where there is no file, with the data here', () => {
		const loaded = loadConfig({}, {}, folder);
		expect(loaded.fileIsDefault).toBe(true);
		expect(loaded.config.nodes).toHaveLength(5);
		expect(loaded.config.dataDir).toBe(join(folder, 'data'));
	});

	it('says which flags give the same, whether they came as flags or from the environment', () => {
		writeSwarm('swarm.json');
		const { flags } = loadConfig({ basePort: '7300' }, { SWARM_DATA_DIR: 'env' }, folder);
		expect(flags).toEqual(['--base-port', '7300', '--data-dir', 'env']);
	});

	it('takes advertised addresses from the flags, else the environment, else the file', () => {
		const urls = (flags: { advertise?: readonly string[] }, environment: Readonly<Record<string, string>> = {}) =>
			loadConfig(flags, environment, folder).config.nodes.map(urlOf);
		const [n1, n2] = [
			{ id: 'n1', port: 7101 },
			{ id: 'n2', port: 9000, advertise: 'http://file.example' },
		];
		writeSwarm('swarm.json', { nodes: [n1, n2] });
		expect(urls({})).toEqual(['http://127.0.0.1:7101', 'http://file.example']);
		const environment = { SWARM_ADVERTISE: 'n1=http://env.example, n2=https://env.example:8443' };
		expect(urls({}, environment)).toEqual(['http://env.example', 'https://env.example:8443']);
		expect(urls({ advertise: ['n1=http://flag.example'] }, environment)).toEqual([
			'http://flag.example',
			'http://file.example',
		]);
	});

	it('takes allowed hosts from the flags, else the environment, else the file', () => {
		const hosts = (flags: { allowHost?: readonly string[] }, environment: Readonly<Record<string, string>> = {}) =>
			loadConfig(flags, environment, folder).config.allowedHosts;
		writeSwarm('swarm.json', { allowedHosts: ['file.example'] });
		expect(hosts({})).toEqual(['file.example']);
		expect(hosts({}, { SWARM_ALLOWED_HOSTS: 'env.example,10.1.2.3:80' })).toEqual(['env.example', '10.1.2.3:80']);
		expect(hosts({ allowHost: ['flag.example'] }, { SWARM_ALLOWED_HOSTS: 'env.example' })).toEqual(['flag.example']);
	});

	it('takes certificates from the flags, else the environment, else the file, and then speaks https', () => {
		const files = { ca: 'certs/ca.crt', cert: 'certs/{id}.crt', key: 'certs/{id}.key' };
		const load = (flags: ConfigFlags = {}, environment: Readonly<Record<string, string>> = {}) =>
			loadConfig(flags, environment, folder);
		mkdirSync(join(folder, 'etc'));
		const config = writeSwarm('etc/swarm.json', { tls: files });
		const { tls, nodes } = load({ config }).config;
		expect(tls && tlsFilesOf(tls, 'n2')).toEqual({
			ca: join(folder, 'etc/certs/ca.crt'),
			cert: join(folder, 'etc/certs/n2.crt'),
			key: join(folder, 'etc/certs/n2.key'),
		});
		expect([tls?.clients, nodes.map(urlOf)]).toEqual([
			'optional',
			['https://127.0.0.1:7101', 'https://127.0.0.1:9000'],
		]);
		const changed = load(
			{ config, tlsKey: 'k' },
			{ SWARM_TLS_KEY: 'x', SWARM_TLS_CERT: 'c', SWARM_TLS_CLIENTS: 'required' },
		);
		expect(changed.config.tls).toEqual({
			ca: join(folder, 'etc/certs/ca.crt'),
			cert: join(folder, 'c'),
			key: join(folder, 'k'),
			clients: 'required',
		});
		expect(changed.flags.slice(2)).toEqual(['--tls-cert', 'c', '--tls-key', 'k', '--tls-clients', 'required']);
		writeSwarm('swarm.json');
		const all = { SWARM_TLS_CA: 'a', SWARM_TLS_CERT: 'b', SWARM_TLS_KEY: 'c' };
		expect(load({}, all).config.nodes.map(urlOf)[0]).toBe('https://127.0.0.1:7101');
		expect(() => load({ tlsCa: 'a', tlsKey: 'b' })).toThrow(
			'TLS takes an authority, a certificate and a key: give all',
		);
		expect(() => load({}, { ...all, SWARM_TLS_CLIENTS: 'no' })).toThrow('must be "optional" or "required", not "no"');
		expect(() => load({ advertise: ['n2=http://n2.example'] }, all)).toThrow(
			'nodes[1].advertise: must begin with https://, because the nodes speak TLS, not "http://n2.example"',
		);
	});

	it('passes both on to those that it starts', () => {
		writeSwarm('swarm.json');
		const { flags } = loadConfig({ allowHost: ['a', 'b:1'] }, { SWARM_ADVERTISE: 'n1=http://a' }, folder);
		expect(flags).toEqual(['--advertise', 'n1=http://a', '--allow-host', 'a', '--allow-host', 'b:1']);
	});

	it.each([
		[{ advertise: ['n1'] }, '--advertise: must be ID=URL with one of the nodes n1, n2, not "n1"'],
		[{ advertise: ['n3=http://a'] }, '--advertise: must be ID=URL with one of the nodes n1, n2, not "n3=http://a"'],
		[{ advertise: ['n1=a:80'] }, '--advertise: n1 must be where others reach the node'],
		[{ allowHost: ['http://a'] }, '--allow-host: must be a host, with a port or without'],
		[{ dataDir: '' }, '--data-dir: must be the path of a folder, not ""'],
	])('refuses %o', (flags, message) => {
		writeSwarm('swarm.json');
		expect(() => loadConfig(flags, {}, folder)).toThrow(message);
	});

	it('takes an empty variable for one that is not set', () => {
		writeSwarm('swarm.json');
		expect(ports({}, { SWARM_BASE_PORT: '', SWARM_CONFIG: '' })).toEqual([7101, 9000]);
	});

	it.each(['0', '-1', '80.5', 'x', '65535', '1e3'])('refuses the base port %s for two nodes', (port) => {
		writeSwarm('swarm.json');
		const message = `SWARM_BASE_PORT: must be a whole number from 1 to 65534, not "${port}"`;
		expect(() => ports({}, { SWARM_BASE_PORT: port })).toThrow(message);
	});

	it('refuses a file that was asked for and is not there', () => {
		expect(() => loadConfig({ config: 'no.json' }, {}, folder)).toThrow(/^no\.json: cannot be read: ENOENT/);
		expect(() => loadConfig({ config: '' }, {}, folder)).toThrow('--config: must be the path of a file, not ""');
	});
});

describe('the secret', () => {
	const loopback = () => loadConfig({ config: writeSwarm('swarm.json') }, {}, folder).config;
	const open = () => {
		const nodes = [
			{ id: 'n1', port: 1, host: '127.0.0.1' },
			{ id: 'n2', port: 1, host: '10.0.0.2' },
		];
		return loadConfig({ config: writeSwarm('swarm.json', { nodes }) }, {}, folder).config;
	};

	it('is not needed on loopback', () => {
		expect(loadSecret(loopback(), {}, false)).toBeNull();
	});

	it('is needed beyond loopback, unless somebody says --insecure', () => {
		expect(() => loadSecret(open(), {}, false)).toThrow(/^nodes\[1\]\.host: 10\.0\.0\.2 is beyond loopback, /);
		expect(loadSecret(open(), {}, true)).toBeNull();
		expect(loadSecret(open(), { SWARM_SECRET: SECRET }, false)).toBe(SECRET);
		expect(() => loadSecret(open(), { SWARM_SECRET: SECRET.slice(1) }, false)).toThrow(
			/^nodes\[1\]\.host: 10\.0\.0\.2 is beyond loopback, where a secret of less than 16 characters could be guessed/,
		);
		expect(loadSecret(open(), { SWARM_SECRET: 'short' }, true)).toBe('short');
		expect(loadSecret(loopback(), { SWARM_SECRET: 'short' }, false)).toBe('short');
	});

	it('is needed where a node is reached from beyond loopback, though it listens there alone', () => {
		writeSwarm('swarm.json', { nodes: [{ id: 'n1', port: 7101, host: '::1', advertise: 'https://swarm.example' }] });
		const { config } = loadConfig({}, {}, folder);
		expect(() => loadSecret(config, {}, false)).toThrow('nodes[0].advertise: https://swarm.example is beyond loopback');
		expect(loadSecret(config, {}, true)).toBeNull();
		writeSwarm('swarm.json', { nodes: [{ id: 'n1', port: 7101, advertise: 'http://[::1]:8101' }] });
		expect(loadSecret(loadConfig({}, {}, folder).config, {}, false)).toBeNull();
	});

	it('goes with a token, which is needed beyond loopback too', () => {
		const token = 'token-of-the-test';
		expect(loadTokens(loopback(), {}, false)).toBeNull();
		expect(() => loadTokens(open(), {}, false)).toThrow(
			'nodes[1].host: 10.0.0.2 is beyond loopback, where anyone could read and write all keys: set SWARM_TOKEN',
		);
		expect(loadTokens(open(), {}, true)).toBeNull();
		expect(loadTokens(open(), { SWARM_TOKEN: token }, false)?.grantOf(token)).toMatchObject({ role: 'admin' });
		const file = join(folder, 'token');
		writeFileSync(file, `${token}\n`);
		const both = { SWARM_TOKEN: 'token-of-an-admin', SWARM_TOKEN_READ_FILE: file };
		expect(loadTokens(open(), both, false)?.grantOf(token)).toMatchObject({ role: 'read' });
		expect(() => loadTokens(open(), { SWARM_TOKEN_READ_FILE: file }, false)).toThrow('none has the role admin');
	});

	it('never stands in the error for a token', () => {
		const [short, long] = ['hunter2', 'token with spaces in it'];
		for (const bad of [short, long]) {
			expect(() => loadTokens(open(), { SWARM_TOKEN: bad }, false)).toThrow(/^SWARM_TOKEN: a token has /);
			expect(() => loadTokens(open(), { SWARM_TOKEN: bad }, false)).not.toThrow(bad);
		}
		const same = { SWARM_TOKEN: 'token-of-the-test', SWARM_TOKEN_PAGE: 'token-of-the-test' };
		expect(() => loadTokens(open(), same, false)).toThrow('SWARM_TOKEN_PAGE: is the same token as that of SWARM_TOKEN');
	});

	it('may have a second one beside it, which is another one', () => {
		const other = (secret: string | null, text?: string) =>
			loadOtherSecret(open(), secret, { SWARM_SECRET_OTHER: text }, false);
		expect([other(SECRET), other(SECRET, LATER)]).toEqual([null, LATER]);
		expect(() => other(null, LATER)).toThrow('is for a node that has a secret');
		expect(() => other(SECRET, SECRET)).toThrow('is the same as the secret');
		expect(() => other(SECRET, 'short')).toThrow('could be guessed');
	});

	it('comes from a file without the line end that editors add', () => {
		const file = join(folder, 'secret');
		writeFileSync(file, `${SECRET}\n`);
		expect(loadSecret(open(), { SWARM_SECRET_FILE: file }, false)).toBe(SECRET);
	});

	it('is refused from two places, from an empty file, and from none', () => {
		const file = join(folder, 'secret');
		writeFileSync(file, '\n');
		expect(() => loadSecret(open(), { SWARM_SECRET_FILE: file, SWARM_SECRET: 'x' }, false)).toThrow(/both set/);
		expect(() => loadSecret(open(), { SWARM_SECRET_FILE: file }, true)).toThrow(`SWARM_SECRET_FILE: ${file} is empty`);
		expect(() => loadSecret(open(), { SWARM_SECRET_FILE: `${file}x` }, true)).toThrow(/cannot be read: ENOENT/);
		const folderWhy = `SWARM_SECRET_FILE: ${folder}: cannot be read: it is a folder`;
		expect(() => loadSecret(open(), { SWARM_SECRET_FILE: folder }, true)).toThrow(folderWhy);
		writeFileSync(file, Uint8Array.of(0x30, 0x82));
		const bytesWhy = `SWARM_SECRET_FILE: ${file}: is not text in UTF-8`;
		expect(() => loadSecret(open(), { SWARM_SECRET_FILE: file }, true)).toThrow(bytesWhy);
	});
});
