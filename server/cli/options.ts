/** The options that several commands share. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ConfigFlags } from '../config.ts';

/** Of every command. */
export function withConfig(command: Command): Command {
	return command
		.option('--config <file>', 'the swarm.json to use (or SWARM_CONFIG)')
		.addOption(
			new Option('--base-port <port>', 'the port of the first node, the others follow (or SWARM_BASE_PORT)').argParser(
				wholeNumber,
			),
		);
}

/** Of commands that talk to a running swarm. */
export interface ConnectOptions extends ConfigFlags {
	readonly endpoint?: string;
}

export function withEndpoint(command: Command): Command {
	return withConfig(command).addOption(
		new Option('--endpoint <url>', 'ask this node only, whatever swarm.json says').argParser(httpUrl),
	);
}

export function withDataDir(command: Command): Command {
	return withConfig(command).option('--data-dir <folder>', 'where the nodes keep their logs (or SWARM_DATA_DIR)');
}

/** Of commands that run nodes. */
export interface ServeOptions extends ConfigFlags {
	readonly insecure?: true;
	readonly logLevel?: string;
}

export function withServe(command: Command): Command {
	return withDataDir(command)
		.option('--insecure', 'allow hosts beyond loopback without a secret')
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

/** An unsigned integer of up to 64 bits, kept as text: numbers lose the last digits of such. */
export function wholeNumber(text: string): string {
	if (!/^\d{1,20}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
	return text;
}

function httpUrl(text: string): string {
	if (!URL.canParse(text) || !/^https?:\/\//i.test(text)) {
		throw new InvalidArgumentError('It must look like http://127.0.0.1:7101.');
	}
	return text;
}
