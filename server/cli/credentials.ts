/**
 * By what this process shows nodes that it may ask them, and by what it knows them: a token and certificates. A process runs
 * one command, and so has one of each; every request of a command passes here.
 */
import { existsSync } from 'node:fs';
import { Agent } from 'node:https';
import type { TLSSocketOptions } from 'node:tls';
import { loadConfig } from '../config/config.ts';
import type { ConfigFlags, Environment } from '../config/settings.ts';
import type { TlsConfig } from '../config/swarm-file.ts';
import { type TlsFiles, tlsFilesOf } from '../config/tls.ts';
import type { Credentials } from '../swarm/ask.ts';
import { contextOptions } from '../tls/context.ts';
import { fetchWith } from '../tls/fetch.ts';
import { type Pem, readClientPem } from '../tls/pem.ts';
import { consulTlsFiles, consulToken, tokenIn } from './consul-environment.ts';
import type { Terminal } from './terminal.ts';

/** The options by which a command is told what to show. */
export interface CredentialOptions extends ConfigFlags {
	readonly tokenFile?: string;
	readonly ca?: string;
	readonly cert?: string;
	readonly key?: string;
}

/** The name of the certificate that commands show where `swarm.json` has certificates, and no other one is named. */
export const OWN_CLIENT = 'client';

/** The token, once a node is asked. */
let token: () => string | null = () => null;
/** The certificates, once a node is asked by https. */
let certificates: () => Partial<Pem> = () => ({});
let agent: Agent | null = null;

/**
 * Notes what the flags name, or else the variables of Consul's clients. It is read when a node is asked, so that a command
 * that asks none needs none of it.
 */
export function readCredentials(options: CredentialOptions, terminal: Terminal): void {
	const { environment } = terminal;
	// A pipe, such as one of the shell, can be read once only.
	let read: string | null | undefined;
	token = () => {
		if (read === undefined) read = tokenOf(options, environment);
		return read;
	};
	useCertificates(() => {
		const { config } = loadConfig(options, environment, terminal.workingDir);
		return readClientPem(clientFilesOf(options, environment, config.tls));
	});
}

export function useToken(given: string | null): void {
	token = () => given;
}

/** null where nodes are asked without one. @throws ConfigError, which never tells a token */
export function tokenShown(): string | null {
	return token();
}

/** @throws ConfigError as `tokenShown` */
export function tokenHeaders(): Readonly<Record<string, string>> {
	const shown = token();
	return shown === null ? {} : { 'X-Consul-Token': shown };
}

/** @param read is called before the first request by https */
export function useCertificates(read: () => Partial<Pem>): void {
	certificates = read;
	agent = null;
}

/** The options of a WebSocket or a request by https. @throws ConfigError where a file cannot be used */
export function tlsOptions(): TLSSocketOptions {
	return { ...contextOptions(certificates()), rejectUnauthorized: true };
}

/** As `fetch`, with the certificates of this process. */
export const fetchNode = fetchWith(() => {
	agent ??= new Agent({ ...tlsOptions(), keepAlive: true });
	return { agent };
});

/** By what this process asks a node. @throws ConfigError as `tokenShown` */
export function ownCredentials(): Credentials {
	return { fetch: fetchNode, headers: tokenHeaders() };
}

function tokenOf({ tokenFile }: CredentialOptions, environment: Environment): string | null {
	return tokenFile === undefined ? consulToken(environment) : tokenIn(tokenFile, '--token-file');
}

/** The files of a command: what flags say, else variables, else `swarm.json`. */
function clientFilesOf(
	flags: CredentialOptions,
	environment: Environment,
	tls: TlsConfig | undefined,
): Partial<TlsFiles> {
	const named = consulTlsFiles(environment);
	const own = tls && tlsFilesOf(tls, OWN_CLIENT);
	const ca = flags.ca ?? named.ca ?? own?.ca;
	const [cert, key] = [flags.cert ?? named.cert, flags.key ?? named.key];
	if (cert !== undefined || key !== undefined) return { ca, cert, key };
	return own && existsSync(own.cert) && existsSync(own.key) ? { ...own, ca } : { ca };
}
