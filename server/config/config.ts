/**
 * Makes one checked `SwarmConfig` from `swarm.json`, the environment and the flags.
 *
 * One schema gives the types, the defaults, the errors and `swarm.schema.json`. All errors are listed, each with the
 * path of the field that has to change. No other file reads `swarm.json` or the settings in the environment, but for
 * `secrets.ts` and `cli/consul-environment.ts`. This file may not touch a data folder.
 */
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import { ANY_ADDRESS, isLoopback } from '../front/doors.ts';
import type { PeerAddress } from '../mesh/peer.ts';
import { packageDir } from '../process/package.ts';
import type { SwarmMembers } from '../storage/identity.ts';
import { describeIssue, listed, shortJson } from './errors.ts';
import { findJsonError } from './json-error.ts';
import {
	ADVERTISE_RULE,
	ALLOWED_HOST_RULE,
	isAllowedHost,
	isOrigin,
	knownFields,
	PORT_MAX,
	swarmSchema,
	type tlsSchema,
} from './schema.ts';

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
export function given(environment: Environment, name: string): string | undefined {
	return environment[name] === '' ? undefined : environment[name];
}

function checkBasePort({ source, value }: Setting, nodes: number): number {
	const highest = PORT_MAX - nodes + 1;
	const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
	if (port >= 1 && port <= highest) return port;
	throw new ConfigError(`${source}: must be a whole number from 1 to ${highest}, not ${shortJson(value)}`);
}
