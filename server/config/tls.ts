/** The certificates of a configuration: the files that `swarm.json`, flags and variables name. */
import { resolve } from 'node:path';
import { ConfigError } from './errors.ts';
import { shortJson } from './issues.ts';
import { type ConfigFlags, type Environment, type Setting, setting } from './settings.ts';
import type { TlsConfig } from './swarm-file.ts';

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

export function tlsSettings(flags: ConfigFlags, environment: Environment): TlsSetting[] {
	return TLS_SETTINGS.flatMap(({ field, flag, variable, option }) => {
		const found = setting(flags[option], flag, environment, variable);
		return found ? [{ field, flag, ...found }] : [];
	});
}

/** The paths of the file are relative to its folder, those of settings to the working directory. @throws ConfigError */
export function tlsOf(
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
