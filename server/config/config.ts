/**
 * Makes one checked `SwarmConfig` from `swarm.json`, the environment and the flags. It is `paxos-swarm/config`.
 *
 * No other file reads `swarm.json` or the settings in the environment, but for `tls.ts` and `secrets.ts` beside it and
 * `cli/consul-environment.ts`. This file may not touch a data folder.
 */
import { lstatSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { packageDir } from '../process/package.ts';
import { ConfigError } from './errors.ts';
import { shortJson } from './issues.ts';
import { ADVERTISE_RULE, ALLOWED_HOST_RULE, isAllowedHost, isOrigin, PORT_MAX } from './names.ts';
import {
	type ConfigFlags,
	type Environment,
	given,
	type ListSetting,
	listSetting,
	type Setting,
	setting,
} from './settings.ts';
import { type NodeConfig, parseSwarm, type SwarmConfig, withScheme } from './swarm-file.ts';
import { readText } from './text-file.ts';
import { tlsOf, tlsSettings } from './tls.ts';

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

/**
 * Loads the configuration. Flags come before the environment, the environment before the file.
 *
 * @throws ConfigError
 */
export function loadConfig(flags: ConfigFlags, environment: Environment, workingDir: string): LoadedConfig {
	if (flags.config === '') throw new ConfigError('--config: must be the path of a file, not ""');
	const asked = flags.config ?? given(environment, 'SWARM_CONFIG');
	const here = resolve(workingDir, asked ?? 'swarm.json');
	// A link that leads nowhere is a file that cannot be read: perhaps a disk is not mounted.
	const fileIsDefault = asked === undefined && lstatSync(here, { throwIfNoEntry: false }) === undefined;
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
	if (dataDir?.value === '') throw new ConfigError(`${dataDir.source}: must be the path of a folder, not ""`);
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

function checkAllowedHosts({ source, values }: ListSetting): string[] {
	for (const value of values) {
		if (!isAllowedHost(value)) throw new ConfigError(`${source}: ${ALLOWED_HOST_RULE}, not ${shortJson(value)}`);
	}
	return [...values];
}

function checkBasePort({ source, value }: Setting, nodes: number): number {
	const highest = PORT_MAX - nodes + 1;
	const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
	if (port >= 1 && port <= highest) return port;
	throw new ConfigError(`${source}: must be a whole number from 1 to ${highest}, not ${shortJson(value)}`);
}
