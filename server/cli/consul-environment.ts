/** What the variables of Consul's clients say, so that a terminal set up for them works with the commands here. */
import { ConfigError } from '../config/errors.ts';
import { shortJson } from '../config/issues.ts';
import { isBaseUrl } from '../config/names.ts';
import { type Environment, given } from '../config/settings.ts';
import { readText } from '../config/text-file.ts';
import type { TlsFiles } from '../config/tls.ts';

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
	if (!isBaseUrl(url)) {
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
