/**
 * The secret and the tokens of a swarm, from `swarm.json`, the environment and the files that these name. No error tells a
 * secret.
 */
import { digestOf, grantOf, type KnownToken, lackAdmin, type TokenRole, Tokens, tokenFault } from '../access/tokens.ts';
import { isLoopback } from '../front/doors.ts';
import { urlOf } from './addresses.ts';
import { ConfigError } from './errors.ts';
import { type Environment, given } from './settings.ts';
import type { SwarmConfig } from './swarm-file.ts';
import { readText } from './text-file.ts';

/** How one who starts a node gives what is missing, as the end of a sentence. */
export interface Ways {
	readonly secret: string;
	readonly token: string;
	/** Goes without. */
	readonly insecure: string;
}

const IN_THE_ENVIRONMENT: Ways = {
	secret: 'set SWARM_SECRET or SWARM_SECRET_FILE to the same secret for every node',
	token: 'set SWARM_TOKEN or SWARM_TOKEN_FILE to the same token for every node',
	insecure: 'say --insecure',
};

/**
 * The secret that members prove to each other; null where none is set.
 *
 * @throws ConfigError also where a node is reachable beyond loopback without a secret, unless `insecure`
 */
export function loadSecret(config: SwarmConfig, environment: Environment, insecure: boolean): string | null {
	const secret = textOrFile(environment, 'SWARM_SECRET');
	mustHaveSecret(config, secret, insecure, IN_THE_ENVIRONMENT);
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
	mustBeSecond(config, secret, other, insecure, IN_THE_ENVIRONMENT);
	return other;
}

/** @throws ConfigError as `loadOtherSecret` */
export function mustBeSecond(
	config: SwarmConfig,
	secret: string | null,
	other: string | null,
	insecure: boolean,
	ways: Ways,
): void {
	if (other === null) return;
	if (secret === null) throw new ConfigError('The other secret is for a node that has a secret: set that one too');
	if (secret === other) throw new ConfigError('The other secret is the same as the secret: leave it out');
	mustHaveSecret(config, other, insecure, ways);
}

/** Who hears the handshake of two nodes can try secrets on a machine of theirs, so a short one would be found. */
const SECRET_CHARS_MIN = 16;

/** @throws ConfigError where a node is reachable beyond loopback without a secret, or with a short one, unless `insecure` */
export function mustHaveSecret(config: SwarmConfig, secret: string | null, insecure: boolean, ways: Ways): void {
	const open = insecure ? null : beyondLoopback(config);
	if (open === null) return;
	if (secret === null) {
		throw new ConfigError(
			`${open} is beyond loopback, where anyone could join the swarm or write to it: ${ways.secret}, or ${ways.insecure}`,
		);
	}
	if (secret.length < SECRET_CHARS_MIN) {
		throw new ConfigError(
			`${open} is beyond loopback, where a secret of less than ${SECRET_CHARS_MIN} characters could be guessed: make one by openssl rand -hex 32, or ${ways.insecure}`,
		);
	}
}

/** @throws ConfigError where a node is reachable beyond loopback without tokens, unless `insecure` */
export function mustHaveTokens(config: SwarmConfig, tokens: Tokens | null, insecure: boolean, ways: Ways): void {
	const open = tokens === null && !insecure ? beyondLoopback(config) : null;
	if (open === null) return;
	throw new ConfigError(
		`${open} is beyond loopback, where anyone could read and write all keys: ${ways.token}, or ${ways.insecure}`,
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
	mustHaveTokens(config, tokens, insecure, IN_THE_ENVIRONMENT);
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
