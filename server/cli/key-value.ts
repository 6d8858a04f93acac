/** `put`, `get` and `del`, over the HTTP API. */
import type { Readable } from 'node:stream';
import { keyFault, VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import { loadConfig } from '../config.ts';
import { askAny, clientTimeoutMs, endpointsOf, type SwarmAnswer, type SwarmRequest, textOf } from './client.ts';
import type { ConnectOptions } from './options.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from './terminal.ts';

export interface PutOptions extends ConnectOptions {
	readonly cas?: string;
	readonly flags?: string;
	readonly json?: true;
}

export interface GetOptions extends ConnectOptions {
	readonly stale?: true;
	readonly json?: true;
}

export interface DelOptions extends ConnectOptions {
	readonly cas?: string;
	readonly json?: true;
}

export async function put(key: string, value: string, options: PutOptions, terminal: Terminal): Promise<ExitStatus> {
	const body = value === '-' ? await readValue(terminal.stdin) : Buffer.from(value);
	const { cas, flags } = options;
	const path = pathOf(key, { cas, flags });
	const request = { method: 'PUT', path, body, contentType: 'application/octet-stream' } as const;
	const answer = await send(request, options, terminal);
	return reportWrite(answer, key, options, terminal);
}

export async function del(key: string, options: DelOptions, terminal: Terminal): Promise<ExitStatus> {
	const answer = await send({ method: 'DELETE', path: pathOf(key, { cas: options.cas }) }, options, terminal);
	return reportWrite(answer, key, options, terminal);
}

export async function get(key: string, options: GetOptions, terminal: Terminal): Promise<ExitStatus> {
	const { stale, json } = options;
	const path = pathOf(key, { stale, [json ? 'pretty' : 'raw']: true });
	const answer = await send({ method: 'GET', path }, options, terminal);
	if (answer.status === 404) throw new CommandError(`There is no key "${key}".`, { status: EXIT.missing });
	refuseError(answer);
	terminal.stdout.write(answer.body);
	// A pipe or a file gets exactly the value; on a terminal a line break follows it.
	if (terminal.stdout.isTTY && answer.body.at(-1) !== 0x0a) terminal.stdout.write('\n');
	return EXIT.ok;
}

function send(request: SwarmRequest, options: ConnectOptions, terminal: Terminal): Promise<SwarmAnswer> {
	const { config } = loadConfig(options, terminal.environment, terminal.workingDir);
	return askAny(endpointsOf(config, options.endpoint), request, clientTimeoutMs(config));
}

function pathOf(key: string, parameters: Readonly<Record<string, string | true | undefined>>): string {
	// In a URL these are resolved before it is sent, and would name another key.
	if (key === '.' || key === '..') throw new CommandError(`"${key}" cannot be a key.`, { status: EXIT.usage });
	const fault = keyFault(key);
	if (fault !== null) throw new CommandError(`The key ${fault}.`, { status: EXIT.usage });
	const query = Object.entries(parameters).flatMap(([name, value]) => {
		if (value === undefined) return [];
		return [value === true ? name : `${name}=${encodeURIComponent(value)}`];
	});
	return `/v1/kv/${encodeURIComponent(key)}${query.length > 0 ? `?${query.join('&')}` : ''}`;
}

function reportWrite(
	answer: SwarmAnswer,
	key: string,
	{ cas, json }: { readonly cas?: string; readonly json?: true },
	terminal: Terminal,
): ExitStatus {
	refuseError(answer);
	const done = answer.body.toString().trim() === 'true';
	if (json) terminal.stdout.write(`${JSON.stringify({ key, done })}\n`);
	if (done) return EXIT.ok;
	const why = cas === '0' ? 'it exists' : `its ModifyIndex is not ${cas}`;
	throw new CommandError(`"${key}" was left as it is: ${why}.`, { status: EXIT.missing });
}

function refuseError(answer: SwarmAnswer): void {
	if (answer.status !== 200) throw new CommandError(textOf(answer), { status: EXIT.error });
}

async function readValue(stdin: Readable): Promise<Buffer> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of stdin) {
		const part = Buffer.from(chunk);
		chunks.push(part);
		bytes += part.length;
		if (bytes > VALUE_BYTES_MAX) {
			throw new CommandError(`The value is over ${VALUE_BYTES_MAX} bytes.`, { status: EXIT.error });
		}
	}
	return Buffer.concat(chunks);
}
