/**
 * Makes one checked `SwarmConfig` from `swarm.json`, the environment and the flags.
 *
 * One schema gives the types, the defaults, the errors and `swarm.schema.json`. All errors are listed, each with the
 * path of the field that has to change. No other file of the server may read the settings in the environment or
 * `swarm.json`, and this one may not touch a data folder.
 */
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import type { Member } from '../shared/paxos/change.ts';
import { digestOf, grantOf, type KnownToken, lackAdmin, type TokenRole, Tokens, tokenFault } from './access/tokens.ts';
import { describeIssue, listed, shortJson } from './config-errors.ts';
import { ANY_ADDRESS, isLoopback } from './doors.ts';
import { findJsonError } from './json-error.ts';
import type { PeerAddress } from './mesh/peer.ts';
import { packageDir } from './package.ts';
import type { FirstMembers, SwarmMembers } from './storage/identity.ts';
import {
	ADVERTISE_RULE,
	ALLOWED_HOST_RULE,
	isAllowedHost,
	isOrigin,
	knownFields,
	PORT_MAX,
	swarmSchema,
	type tlsSchema,
} from './swarm-schema.ts';

/** What `swarm.json` may hold. */
export type SwarmInput = z.input<typeof swarmSchema>;
export type SwarmConfig = Omit<ParsedSwarm, '$schema'>;
export type TlsConfig = z.output<typeof tlsSchema>;

export type NodeConfig = z.output<typeof swarmSchema>['nodes'][number] & {
	/** Whether it speaks TLS at its port. */
	readonly secure?: true;
};

/** A `swarm.json` as it was read. */
export type ParsedSwarm = Omit<z.output<typeof swarmSchema>, 'nodes'> & { readonly nodes: NodeConfig[] };

export interface LoadedConfig {
	/** The configuration, in which `dataDir` and the files of tokens and certificates are absolute. */
	readonly config: SwarmConfig;
	/** The absolute path of the file that was read. */
	readonly file: string;
	/** Whether the file is that of the package, because none was named and none was found. */
	readonly fileIsDefault: boolean;
	/** The flags that stand for all differences from the file. They are put into commands that people are shown. */
	readonly flags: readonly string[];
}

/** The flags of the command line. */
export interface ConfigFlags {
	readonly config?: string | undefined;
	readonly basePort?: string | undefined;
	readonly dataDir?: string | undefined;
	/** Each is `ID=URL`. */
	readonly advertise?: readonly string[] | undefined;
	readonly allowHost?: readonly string[] | undefined;
	readonly tlsCa?: string | undefined;
	readonly tlsCert?: string | undefined;
	readonly tlsKey?: string | undefined;
	readonly tlsClients?: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** An error in `swarm.json`, the environment or the flags. The message lists all that has to change. */
export class ConfigError extends Error {
	override readonly name = 'ConfigError';
}

/** The JSON Schema of `swarm.json`, as committed in `server/swarm.schema.json`. */
export function swarmJsonSchema(): unknown {
	return z.toJSONSchema(swarmSchema, { io: 'input' });
}

/**
 * Loads the configuration. Flags come before the environment, the environment before the file.
 *
 * @throws ConfigError
 */
export function loadConfig(flags: ConfigFlags, environment: Environment, workingDir: string): LoadedConfig {
	const asked = flags.config ?? given(environment, 'SWARM_CONFIG');
	const here = resolve(workingDir, asked ?? 'swarm.json');
	const fileIsDefault = asked === undefined && !existsSync(here);
	const file = fileIsDefault ? join(packageDir, 'swarm.json') : here;
	const parsed = parseSwarm(readText(file, asked ?? 'swarm.json'), asked ?? 'swarm.json');

	const shown: string[] = [];
	if (asked !== undefined) shown.push('--config', asked);
	let nodes = parsed.nodes;
	const basePort = setting(flags.basePort, '--base-port', environment, 'SWARM_BASE_PORT');
	if (basePort) {
		nodes = nodes.map((node, index) => ({ ...node, port: checkBasePort(basePort, nodes.length) + index }));
		shown.push('--base-port', basePort.value);
	}
	const advertise = listSetting(flags.advertise, '--advertise', environment, 'SWARM_ADVERTISE');
	if (advertise) nodes = withAdvertised(nodes, advertise);
	const allowHost = listSetting(flags.allowHost, '--allow-host', environment, 'SWARM_ALLOWED_HOSTS');
	const allowedHosts = allowHost ? checkAllowedHosts(allowHost) : parsed.allowedHosts;
	for (const { flag, values } of [advertise, allowHost].filter((list) => list !== null)) {
		for (const value of values) shown.push(flag, value);
	}
	const dataDir = setting(flags.dataDir, '--data-dir', environment, 'SWARM_DATA_DIR');
	if (dataDir) shown.push('--data-dir', dataDir.value);
	const ofTls = tlsSettings(flags, environment);
	for (const { flag, value } of ofTls) shown.push(flag, value);
	const tls = tlsOf(parsed.tls, dirname(file), ofTls, workingDir);
	const { $schema: _, ...config } = parsed;
	return {
		config: {
			...config,
			nodes: withScheme(nodes, tls),
			allowedHosts,
			dataDir: dataDir
				? resolve(workingDir, dataDir.value)
				: resolve(fileIsDefault ? workingDir : dirname(file), parsed.dataDir),
			tokens: parsed.tokens.map((token) =>
				token.file === undefined ? token : { ...token, file: resolve(dirname(file), token.file) },
			),
			...(tls && { tls }),
		},
		file,
		fileIsDefault,
		flags: shown,
	};
}

/**
 * Checks the text of a `swarm.json`. Relative paths stay relative.
 *
 * @param source the name of the file, for errors
 * @throws ConfigError
 */
export function parseSwarm(text: string, source: string): ParsedSwarm {
	let raw: unknown;
	try {
		raw = JSON.parse(text);
	} catch (cause) {
		const { line, column, expected } = findJsonError(text);
		throw new ConfigError(`${source}:${line}:${column}: not JSON: expected ${expected}`, { cause });
	}
	const result = swarmSchema.safeParse(raw);
	if (result.success) return { ...result.data, nodes: withScheme(result.data.nodes, result.data.tls) };
	throw new ConfigError(
		listed(
			source,
			result.error.issues.flatMap((issue) => describeIssue(issue, knownFields)),
		),
	);
}

/**
 * The secret that members prove to each other; null where none is set.
 *
 * @throws ConfigError also where a node is reachable beyond loopback without a secret, unless `insecure`
 */
export function loadSecret(config: SwarmConfig, environment: Environment, insecure: boolean): string | null {
	const secret = textOrFile(environment, 'SWARM_SECRET');
	mustHaveSecret(config, secret, insecure);
	return secret;
}

/**
 * A second secret by which nodes are let in, while the first is changed; null where none is set.
 *
 * @throws ConfigError also where there is no first one, where both are the same, or where it is too short
 */
export function loadOtherSecret(
	config: SwarmConfig,
	secret: string | null,
	environment: Environment,
	insecure: boolean,
): string | null {
	const other = textOrFile(environment, 'SWARM_SECRET_OTHER');
	mustBeSecond(config, secret, other, insecure);
	return other;
}

/** @throws ConfigError as `loadOtherSecret` */
export function mustBeSecond(
	config: SwarmConfig,
	secret: string | null,
	other: string | null,
	insecure: boolean,
): void {
	if (other === null) return;
	if (secret === null) throw new ConfigError('The other secret is for a node that has a secret: set that one too');
	if (secret === other) throw new ConfigError('The other secret is the same as the secret: leave it out');
	mustHaveSecret(config, other, insecure);
}

/** Who hears the handshake of two nodes can try secrets on a machine of theirs, so a short one would be found. */
const SECRET_CHARS_MIN = 16;

/** @throws ConfigError where a node is reachable beyond loopback without a secret, or with a short one, unless `insecure` */
export function mustHaveSecret(config: SwarmConfig, secret: string | null, insecure: boolean): void {
	const open = insecure ? null : beyondLoopback(config);
	if (open === null) return;
	if (secret === null) {
		throw new ConfigError(
			`${open} is beyond loopback, where anyone could join the swarm or write to it: ` +
				'set SWARM_SECRET or SWARM_SECRET_FILE to the same secret for every node, or say --insecure',
		);
	}
	if (secret.length < SECRET_CHARS_MIN) {
		throw new ConfigError(
			`${open} is beyond loopback, where a secret of less than ${SECRET_CHARS_MIN} characters could be guessed: make one by openssl rand -hex 32, or say --insecure`,
		);
	}
}

/** @throws ConfigError where a node is reachable beyond loopback without tokens, unless `insecure` */
export function mustHaveTokens(config: SwarmConfig, tokens: Tokens | null, insecure: boolean): void {
	const open = tokens === null && !insecure ? beyondLoopback(config) : null;
	if (open === null) return;
	throw new ConfigError(
		`${open} is beyond loopback, where anyone could read and write all keys: ` +
			'set SWARM_TOKEN or SWARM_TOKEN_FILE to the same token for every node, or say --insecure',
	);
}

/** The field by which a node is reachable beyond loopback; null for none. */
function beyondLoopback({ nodes }: SwarmConfig): string | null {
	const open = nodes.findIndex((node) => !isLoopback(node.host) || !isLoopback(new URL(urlOf(node)).hostname));
	const node = nodes[open];
	if (!node) return null;
	return `nodes[${open}].${isLoopback(node.host) ? `advertise: ${node.advertise}` : `host: ${node.host}`}`;
}

/** The variables that hold a token of a role, or with `_FILE` behind them the path of its file. */
const TOKEN_VARIABLES: Readonly<Record<TokenRole, string>> = {
	admin: 'SWARM_TOKEN',
	write: 'SWARM_TOKEN_WRITE',
	read: 'SWARM_TOKEN_READ',
	page: 'SWARM_TOKEN_PAGE',
};

/**
 * The tokens that `swarm.json` and the environment name; null where they name none.
 *
 * @throws ConfigError, whose text never holds a token; also where a node is reachable beyond loopback without one, unless
 * `insecure`
 */
export function loadTokens(config: SwarmConfig, environment: Environment, insecure: boolean): Tokens | null {
	const known: KnownToken[] = [];
	const add = (text: string, source: string, role: TokenRole, prefixes?: readonly string[]): void => {
		const fault = tokenFault(text);
		if (fault !== null) throw new ConfigError(`${source}: ${fault}`);
		const digest = digestOf(text);
		const same = known.find((other) => other.digest.equals(digest));
		if (same) throw new ConfigError(`${source}: is the same token as that of ${same.source}`);
		known.push({ source, digest, grant: grantOf(role, prefixes) });
	};
	for (const [index, { role, prefixes, file, env }] of config.tokens.entries()) {
		const field = `tokens[${index}]`;
		if (file !== undefined) add(readText(file, `${field}.file`).trim(), `${field}.file`, role, prefixes);
		if (env === undefined) continue;
		const text = given(environment, env);
		if (text === undefined) throw new ConfigError(`${field}.env: ${env} is not set`);
		add(text, `${field}.env`, role, prefixes);
	}
	for (const [role, name] of Object.entries(TOKEN_VARIABLES)) {
		const token = textOrFile(environment, name);
		if (token !== null) add(token, name, role as TokenRole);
	}
	if (lackAdmin(known)) throw new ConfigError('tokens: none has the role admin, so nobody could change the members');
	const tokens = known.length === 0 ? null : new Tokens(known);
	mustHaveTokens(config, tokens, insecure);
	return tokens;
}

/** What the variable holds, or the file that it names with `_FILE` behind it; null where neither is set. */
function textOrFile(environment: Environment, name: string): string | null {
	const text = given(environment, name);
	const file = given(environment, `${name}_FILE`);
	if (text !== undefined && file !== undefined) {
		throw new ConfigError(`${name} and ${name}_FILE are both set: unset one of them`);
	}
	if (file === undefined) return text ?? null;
	const held = readText(file, `${name}_FILE`).trim();
	if (held === '') throw new ConfigError(`${name}_FILE: ${file} is empty`);
	return held;
}

/** All secrets that the environment holds, and the files that it or swarm.json names, so that they can be left out of texts. */
export function secretsOf({ tokens }: SwarmConfig, environment: Environment): string[] {
	const ofTokens = tokens.flatMap(({ file, env }) => [
		...(file === undefined ? [] : heldBy(file)),
		...(env === undefined ? [] : [given(environment, env) ?? '']),
	]);
	const ofVariables = Object.entries(environment).flatMap(([name, value]) => {
		if (value === undefined || !/SECRET|TOKEN|PASSWORD/.test(name)) return [];
		return name.endsWith('_FILE') ? heldBy(value) : [value];
	});
	return [...new Set([...ofTokens, ...ofVariables])].filter((secret) => secret !== '');
}

/** The text of a file, in a list; nothing where it cannot be read. */
function heldBy(file: string): string[] {
	try {
		return [readText(file, file).trim()];
	} catch {
		return [];
	}
}

/** The token in a file, as `--token-file` names it. @throws ConfigError */
export function tokenIn(file: string, source: string): string {
	return sendable(readText(file, source).trim(), source);
}

/** A token that a header can hold. The error does not tell it. */
function sendable(token: string, source: string): string {
	if (!/^[\x21-\x7e]+$/.test(token)) throw new ConfigError(`${source}: holds no token`);
	return token;
}

/** The token that the variables of Consul's clients say; null where they say none. @throws ConfigError */
export function consulToken(environment: Environment): string | null {
	const token = given(environment, 'CONSUL_HTTP_TOKEN');
	if (token !== undefined) return sendable(token, 'CONSUL_HTTP_TOKEN');
	const file = given(environment, 'CONSUL_HTTP_TOKEN_FILE');
	return file === undefined ? null : tokenIn(file, 'CONSUL_HTTP_TOKEN_FILE');
}

/** The base address of a node that the variables of Consul's clients say; null where they say none. @throws ConfigError */
export function consulAddress(environment: Environment): string | null {
	const written = given(environment, 'CONSUL_HTTP_ADDR');
	if (written === undefined) return null;
	const scheme = /^(true|1)$/i.test(given(environment, 'CONSUL_HTTP_SSL') ?? '') ? 'https' : 'http';
	const url = /^https?:\/\//i.test(written) ? written : `${scheme}://${written}`;
	if (!URL.canParse(url)) {
		throw new ConfigError(`CONSUL_HTTP_ADDR: must look like 127.0.0.1:7101, not ${shortJson(written)}`);
	}
	return url.replace(/\/+$/, '');
}

/** The files of certificates that the variables of Consul's clients say. */
export function consulTlsFiles(environment: Environment): Partial<TlsFiles> {
	const [ca, cert, key] = ['CONSUL_CACERT', 'CONSUL_CLIENT_CERT', 'CONSUL_CLIENT_KEY'].map((name) =>
		given(environment, name),
	);
	return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
}

/** The paths of PEM files. */
export interface TlsFiles {
	readonly ca: string;
	readonly cert: string;
	readonly key: string;
}

/** The files of a node, or of a client of that name. */
export function tlsFilesOf({ ca, cert, key }: TlsConfig, name: string): TlsFiles {
	return { ca, cert: cert.replaceAll('{id}', name), key: key.replaceAll('{id}', name) };
}

/** Whether all nodes listen on loopback, and so share a machine. */
export function isOnLoopback({ nodes }: SwarmConfig): boolean {
	return nodes.every(({ host }) => isLoopback(host));
}

/** The swarm that this configuration makes. */
export function swarmMembersOf({ name, nodes }: SwarmConfig): SwarmMembers {
	return { name, members: Object.fromEntries(nodes.map((node) => [node.id, urlOf(node)])) };
}

/** The first members as the agent is told them. */
export function firstVotersOf(members: FirstMembers): Member[] {
	return Object.entries(members).map(([id, url]) => ({ id, url, isVoter: true, replaces: null }));
}

/** The address, such as `http://host:port`, at which others reach a node's dashboard, API and feed. */
export function urlOf(node: Pick<NodeConfig, 'host' | 'port' | 'advertise' | 'secure'>): string {
	return node.advertise ?? listenUrlOf(node);
}

/** The address, such as `http://host:port`, at which programs on this machine reach the node. */
export function listenUrlOf({ host, port, secure }: Pick<NodeConfig, 'host' | 'port' | 'secure'>): string {
	const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
	return `${secure ? 'https' : 'http'}://${isIP(local) === 6 ? `[${local}]` : local}:${port}`;
}

/** The address at which other nodes dial it. */
export function dialOf({ id, host, port, advertise, secure: isSecure }: NodeConfig): PeerAddress {
	const secure = isSecure === true;
	if (advertise === undefined || !ANY_ADDRESS.includes(host)) return { id, host, port, secure };
	return dialAt(id, advertise);
}

/** The same for a node of which only the URL is known. */
export function dialAt(id: string, url: string): PeerAddress {
	const { protocol, hostname, port: written } = new URL(url);
	const secure = protocol === 'https:';
	const usualPort = secure ? 443 : 80;
	return { id, host: hostname.replace(/^\[|\]$/g, ''), port: written === '' ? usualPort : Number(written), secure };
}

/** Reads a text file, without the byte order mark that some editors put at the beginning. @throws ConfigError */
export function readText(file: string, source: string): string {
	let bytes: Buffer;
	try {
		bytes = readFileSync(file);
	} catch (cause) {
		throw new ConfigError(`${source}: cannot be read: ${(cause as Error).message}`, { cause });
	}
	try {
		return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
	} catch (cause) {
		throw new ConfigError(`${source}: is not text in UTF-8: save it as UTF-8`, { cause });
	}
}

interface Setting {
	/** The flag or variable that it came from. */
	readonly source: string;
	readonly value: string;
}

function setting(flag: string | undefined, flagName: string, environment: Environment, name: string): Setting | null {
	if (flag !== undefined) return { source: flagName, value: flag };
	const value = given(environment, name);
	return value === undefined ? null : { source: name, value };
}

interface ListSetting {
	readonly flag: string;
	/** The flag or variable that it came from. */
	readonly source: string;
	readonly values: readonly string[];
}

/** A flag is given once for each value; a variable holds all values, separated by commas. */
function listSetting(
	flags: readonly string[] | undefined,
	flag: string,
	environment: Environment,
	name: string,
): ListSetting | null {
	if (flags !== undefined && flags.length > 0) return { flag, source: flag, values: flags };
	const value = given(environment, name);
	return value === undefined ? null : { flag, source: name, values: value.split(',').map((item) => item.trim()) };
}

function withAdvertised(nodes: readonly NodeConfig[], { source, values }: ListSetting): NodeConfig[] {
	const urls = new Map<string, string>();
	for (const value of values) {
		const at = value.indexOf('=');
		const [id, url] = [value.slice(0, at), value.slice(at + 1)];
		if (at < 0 || !nodes.some((node) => node.id === id)) {
			const ids = nodes.map((node) => node.id).join(', ');
			throw new ConfigError(`${source}: must be ID=URL with one of the nodes ${ids}, not ${shortJson(value)}`);
		}
		if (!isOrigin(url)) throw new ConfigError(`${source}: ${id} ${ADVERTISE_RULE}, not ${shortJson(url)}`);
		urls.set(id, new URL(url).origin);
	}
	return nodes.map((node) => (urls.has(node.id) ? { ...node, advertise: urls.get(node.id) } : node));
}

/** Where the fields of `tls` come from, beside the file. */
const TLS_SETTINGS = [
	{ field: 'ca', flag: '--tls-ca', variable: 'SWARM_TLS_CA', option: 'tlsCa' },
	{ field: 'cert', flag: '--tls-cert', variable: 'SWARM_TLS_CERT', option: 'tlsCert' },
	{ field: 'key', flag: '--tls-key', variable: 'SWARM_TLS_KEY', option: 'tlsKey' },
	{ field: 'clients', flag: '--tls-clients', variable: 'SWARM_TLS_CLIENTS', option: 'tlsClients' },
] as const;

interface TlsSetting extends Setting {
	readonly field: keyof TlsConfig;
	readonly flag: string;
}

function tlsSettings(flags: ConfigFlags, environment: Environment): TlsSetting[] {
	return TLS_SETTINGS.flatMap(({ field, flag, variable, option }) => {
		const found = setting(flags[option], flag, environment, variable);
		return found ? [{ field, flag, ...found }] : [];
	});
}

/** The paths of the file are relative to its folder, those of settings to the working directory. @throws ConfigError */
function tlsOf(
	parsed: TlsConfig | undefined,
	folder: string,
	settings: readonly TlsSetting[],
	workingDir: string,
): TlsConfig | undefined {
	if (parsed === undefined && settings.length === 0) return undefined;
	const value = (field: keyof TlsConfig): string | undefined => settings.find((each) => each.field === field)?.value;
	const pathOf = (field: 'ca' | 'cert' | 'key'): string | undefined => {
		const set = value(field);
		if (set !== undefined) return resolve(workingDir, set);
		return parsed && resolve(folder, parsed[field]);
	};
	const [ca, cert, key] = [pathOf('ca'), pathOf('cert'), pathOf('key')];
	if (ca === undefined || cert === undefined || key === undefined) {
		throw new ConfigError(
			'TLS takes an authority, a certificate and a key: give all of --tls-ca, --tls-cert and --tls-key',
		);
	}
	const clients = value('clients') ?? parsed?.clients ?? 'optional';
	if (clients === 'optional' || clients === 'required') return { ca, cert, key, clients };
	throw new ConfigError(`--tls-clients: must be "optional" or "required", not ${shortJson(clients)}`);
}

/** The nodes as they are reached: where there are certificates, by https only. @throws ConfigError */
function withScheme(nodes: readonly NodeConfig[], tls: TlsConfig | undefined): NodeConfig[] {
	if (tls === undefined) return [...nodes];
	return nodes.map((node, index) => {
		if (node.advertise?.startsWith('http:')) {
			throw new ConfigError(
				`nodes[${index}].advertise: must begin with https://, because the nodes speak TLS, not ${shortJson(node.advertise)}`,
			);
		}
		return { ...node, secure: true };
	});
}

function checkAllowedHosts({ source, values }: ListSetting): string[] {
	for (const value of values) {
		if (!isAllowedHost(value)) throw new ConfigError(`${source}: ${ALLOWED_HOST_RULE}, not ${shortJson(value)}`);
	}
	return [...values];
}

/** The value of a variable. An empty one counts as not set. */
function given(environment: Environment, name: string): string | undefined {
	return environment[name] === '' ? undefined : environment[name];
}

function checkBasePort({ source, value }: Setting, nodes: number): number {
	const highest = PORT_MAX - nodes + 1;
	const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
	if (port >= 1 && port <= highest) return port;
	throw new ConfigError(`${source}: must be a whole number from 1 to ${highest}, not ${shortJson(value)}`);
}
