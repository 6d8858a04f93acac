/** The options that several commands share. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { isBaseUrl, isMemberId, isOrigin, PORT_MAX } from '../config/names.ts';
import type { ConfigFlags } from '../config/settings.ts';

/** Adds the options of every command. */
export function withConfig(command: Command): Command {
	return command
		.option('--config <file>', 'the swarm.json to use (or SWARM_CONFIG)')
		.addOption(
			new Option('--base-port <port>', 'the port of the first node, the others follow (or SWARM_BASE_PORT)').argParser(
				portNumber,
			),
		);
}

/** The options of commands that talk to a running swarm. */
export interface ConnectOptions extends ConfigFlags {
	readonly endpoint?: string;
}

export function withEndpoint(command: Command): Command {
	return withCredentials(command).addOption(
		new Option('--endpoint <url>', 'ask this node only, whatever swarm.json says').argParser(httpUrl),
	);
}

/** The same for a command whose arguments say which nodes it asks. */
export function withCredentials(command: Command): Command {
	return withConfig(command)
		.option('--token-file <file>', 'the file of the token to show (or CONSUL_HTTP_TOKEN)')
		.option('--ca <file>', 'the certificates of the authority, as PEM (or CONSUL_CACERT)')
		.option('--cert <file>', 'the certificate to show (or CONSUL_CLIENT_CERT)')
		.option('--key <file>', 'the key of that certificate (or CONSUL_CLIENT_KEY)');
}

export function withDataDir(command: Command): Command {
	return withConfig(command)
		.option('--data-dir <folder>', 'where the nodes keep their logs (or SWARM_DATA_DIR)')
		.option('--advertise <id=url>', 'where others reach a node; once for each node (or SWARM_ADVERTISE)', collect)
		.option('--allow-host <host>', 'a further host to answer to; may be repeated (or SWARM_ALLOWED_HOSTS)', collect)
		.option('--tls-ca <file>', 'the certificates of the authority, as PEM (or SWARM_TLS_CA)')
		.option('--tls-cert <file>', 'the certificate of the node; {id} stands for its name (or SWARM_TLS_CERT)')
		.option('--tls-key <file>', 'the key of that certificate; {id} stands for its name (or SWARM_TLS_KEY)')
		.option('--tls-clients <rule>', 'optional or required: whether clients show one (or SWARM_TLS_CLIENTS)');
}

/** The options of commands that change the members. */
export function withChange(command: Command): Command {
	return withEndpoint(command)
		.option('--no-wait', 'do not wait until it is done')
		.option('--json', 'say what became of it as JSON');
}

/** The options of commands that run nodes. */
export interface ServeOptions extends ConfigFlags {
	readonly insecure?: true;
	readonly logLevel?: string;
}

export function withServe(command: Command): Command {
	return withDataDir(command)
		.option('--insecure', 'allow hosts beyond loopback without a secret or tokens')
		.addOption(
			new Option('--log-level <level>', 'what is logged to stderr').choices([
				'debug',
				'info',
				'warn',
				'error',
				'silent',
			]),
		);
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
	return [...before, value];
}

const UINT64_MAX = 2n ** 64n - 1n;

/** An unsigned integer of up to 64 bits. It is kept as text, because a number would lose its last digits. */
export function wholeNumber(text: string): string {
	if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
	if (BigInt(text) > UINT64_MAX) throw new InvalidArgumentError(`It must be at most ${UINT64_MAX}.`);
	return text;
}

/** The number of a slot, 1 or more. */
export function slotNumber(text: string): string {
	const slot = /^\d+$/.test(text) ? Number(text) : 0;
	if (slot < 1 || !Number.isSafeInteger(slot)) throw new InvalidArgumentError('It must be a slot: 1 or more.');
	return text;
}

/** The name of a node, or the full id of a member. */
export function memberId(text: string): string {
	if (!isMemberId(text)) throw new InvalidArgumentError('It must be a node, such as n4.');
	return text;
}

/** Where others reach a node. */
export function nodeUrl(text: string): string {
	if (!isOrigin(text)) throw new InvalidArgumentError('It must look like http://10.1.2.3:7101, without a path.');
	return new URL(text).origin;
}

export function portNumber(text: string): string {
	const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
	if (port < 1 || port > PORT_MAX) throw new InvalidArgumentError(`It must be a port, 1 to ${PORT_MAX}.`);
	return text;
}

/** A number of 1 or more. */
export function positiveNumber(text: string): string {
	const number = wholeNumber(text);
	if (BigInt(number) === 0n) throw new InvalidArgumentError('It must be 1 or more.');
	return number;
}

export function httpUrl(text: string): string {
	if (!isBaseUrl(text)) throw new InvalidArgumentError('It must look like http://127.0.0.1:7101.');
	return text;
}
