/** The options of commands that read and write data, by any node. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { durationMs } from '../../api/duration.ts';
import { takesAnyText } from '../help.ts';
import { httpUrl, withEndpoint } from '../options.ts';
import { FORMATS, type Format } from './connection.ts';

/** Adds the options that name the nodes. */
export function withEndpoints(command: Command): Command {
	return withEndpoint(command).addOption(
		new Option('--endpoints <urls>', 'ask these nodes, with commas between them (or CONSUL_HTTP_ADDR)')
			.argParser((text) => text.split(',').map((url) => httpUrl(url.trim()).replace(/\/+$/, '')))
			.conflicts('endpoint'),
	);
}

/** @param names of the arguments; '' for a command without any @param formats that the command can print; null where it prints in one way only */
export function withData(command: Command, names: string, formats: readonly Format[] | null = FORMATS): Command {
	withEndpoints(command).addOption(
		new Option('--timeout <time>', 'a node has so long for its answer, such as 5s').argParser(aboveZeroMs),
	);
	if (formats !== null) {
		command.addOption(new Option('-w, --write-out <format>', 'how it is printed').choices(formats).default('simple'));
	}
	return names === '' ? command : takesAnyText(command, names);
}

/** A time of a millisecond or more. */
export function aboveZeroMs(text: string): number {
	if ((durationMs(text) ?? 0) < 1) throw new InvalidArgumentError('It must be a time such as 5s or 250ms.');
	return timeMs(text);
}

const TIME_MS_MAX = 24 * 3_600_000;

/** A time in whole milliseconds, which may be 0. */
export function timeMs(text: string): number {
	const ms = durationMs(text);
	if (ms === null) throw new InvalidArgumentError('It must be a time such as 5s or 250ms.');
	if (ms > TIME_MS_MAX) throw new InvalidArgumentError('It must be at most 24h.');
	return Math.ceil(ms);
}
