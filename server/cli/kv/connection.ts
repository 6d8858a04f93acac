/** Which nodes the commands of `kv` ask, and how: by flags, by the variables of Consul's clients, or by `swarm.json`. */
import * as z from 'zod';
import { keyFault, prefixFault } from '../../../shared/store/key.ts';
import { loadConfig } from '../../config/config.ts';
import { type SwarmAnswer, type SwarmRequest, textOf } from '../../swarm/ask.ts';
import { askAny, clientTimeoutMs, endpointsOf, understood } from '../client.ts';
import { consulAddress } from '../consul-environment.ts';
import type { ConnectOptions } from '../options.ts';
import { CommandError, EXIT, type Terminal } from '../terminal.ts';

/** The options of every command of `kv`. */
export interface KvOptions extends ConnectOptions {
	readonly endpoints?: readonly string[];
	/** Milliseconds. */
	readonly timeout?: number;
	readonly writeOut?: Format;
	/** The same as `writeOut: 'json'`. */
	readonly json?: true;
}

/** `simple`: for people and pipes. `json`: as the HTTP API has it. `table`: with all fields, for people. */
export const FORMATS = ['simple', 'json', 'table'] as const;
export type Format = (typeof FORMATS)[number];

export function formatOf({ writeOut = 'simple', json }: KvOptions): Format {
	return json ? 'json' : writeOut;
}

export interface Connection {
	/** The base addresses to try, in order. */
	readonly endpoints: readonly string[];
	/** A node has so long for one answer, milliseconds. */
	readonly timeoutMs: number;
}

/** @throws ConfigError */
export function connectionOf(options: KvOptions, terminal: Terminal): Connection {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	const address = consulAddress(terminal.environment);
	const namesNodes = options.endpoint !== undefined || options.config !== undefined || options.basePort !== undefined;
	const consul = namesNodes || address === null ? undefined : [address];
	return {
		endpoints: options.endpoints ?? consul ?? endpointsOf(config, options.endpoint),
		timeoutMs: options.timeout ?? clientTimeoutMs(config),
	};
}

/** As `askAny`. */
export function askSwarm({ endpoints, timeoutMs }: Connection, request: SwarmRequest): Promise<SwarmAnswer> {
	return askAny(endpoints, request, timeoutMs);
}

export type Parameters = Readonly<Record<string, string | true | undefined>>;

/** The path of a key. @throws CommandError for a name that no key may have */
export function keyPath(key: string, parameters: Parameters): string {
	refuseDots(key);
	const fault = keyFault(key);
	if (fault !== null) throw new CommandError(`The key ${fault}.`, { status: EXIT.usage });
	return pathBelow('/v1/kv/', key, parameters);
}

/** The path of all keys that begin with `prefix`. @throws CommandError as `keyPath` */
export function prefixPath(base: '/v1/kv/' | '/v1/watch/', prefix: string, parameters: Parameters): string {
	refuseDots(prefix);
	const fault = prefixFault(prefix);
	if (fault !== null) throw new CommandError(`The prefix ${fault}.`, { status: EXIT.usage });
	return pathBelow(base, prefix, parameters);
}

/** In a URL these are resolved before it is sent, and would name another key. */
function refuseDots(name: string): void {
	if (name === '.' || name === '..') throw new CommandError(`"${name}" cannot be a key.`, { status: EXIT.usage });
}

function pathBelow(base: string, name: string, parameters: Parameters): string {
	const query = Object.entries(parameters).flatMap(([parameter, value]) => {
		if (value === undefined) return [];
		return [value === true ? parameter : `${parameter}=${encodeURIComponent(value)}`];
	});
	return `${base}${encodeURIComponent(name)}${query.length > 0 ? `?${query.join('&')}` : ''}`;
}

export function refuseError(answer: SwarmAnswer): void {
	if (answer.status !== 200) throw new CommandError(textOf(answer), { status: EXIT.error });
}

/** Every answer of a node to a read has this header, also one that says that there is no such key. */
export const INDEX = 'x-consul-index';

/**
 * Another program at the address of a node may answer a read with anything, also with a page that is no value.
 *
 * @param index the header of the answer @throws CommandError where there is none
 */
export function mustBeRead(index: unknown): void {
	understood(() => z.string().parse(index));
}
