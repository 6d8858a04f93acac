/**
 * `kv import`: writes the keys of an export, many in one transaction. A write that is sent again does no harm, so one
 * whose outcome is unknown is tried again.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import * as z from 'zod';
import { FLAGS_MAX, TRANSACTION_COMMANDS_MAX } from '../../../shared/store/batch-format.ts';
import { keyFault, VALUE_BYTES_MAX } from '../../../shared/store/key.ts';
import type { SwarmRequest } from '../../swarm/ask.ts';
import { UnknownWriteError, understood } from '../client.ts';
import { ProgressBar } from '../progress-bar.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from '../terminal.ts';
import { askSwarm, type Connection, connectionOf, type KvOptions, keyPath, refuseError } from './connection.ts';
import { JsonListError, jsonItems } from './json-list.ts';
import { answerSchema, BODY_BYTES_MAX } from './txn.ts';
import { openInput } from './value.ts';

const TRIES_MAX = 5;
const PAUSE_MS = 500;

const FLAGS_RULE = 'is no unsigned integer of 64 bits';

const VALUE_RULE = 'is not Base64';

const itemSchema = z.object(
	{
		key: z
			.string({ error: 'is no text' })
			.refine((key) => keyFault(key) === null, { error: ({ input }) => keyFault(String(input)) ?? '' }),
		/** In text, because it may have 64 bits. It becomes a part of the request as it is. */
		flags: z.string({ error: FLAGS_RULE }).refine(areFlags, { error: FLAGS_RULE }).default('0'),
		value: z.base64({ error: VALUE_RULE }).default(''),
	},
	{ error: 'is no object such as {"key":"color","flags":0,"value":"cmVk"}' },
);

/** The answer to a put, or to a transaction. */
const writtenSchema = z.union([z.literal(true), answerSchema]);

type Item = z.output<typeof itemSchema>;

export async function importKeys(file: string, options: KvOptions, terminal: Terminal): Promise<ExitStatus> {
	const connection = connectionOf(options, terminal);
	const bar = new ProgressBar(terminal, 'importing');
	const bytesOfAll = sizeOf(file, terminal);
	let bytes = 0;
	let done = 0;
	/** So many keys behind those may have been written, or may yet be. */
	let unsure = 0;
	const batch = new Batch();
	const send = async (): Promise<void> => {
		await write(connection, batch.request(), () => {
			unsure = batch.size;
		});
		unsure = 0;
		done += batch.size;
		batch.clear();
		if (bytesOfAll === null) bar.count(done, 'keys');
		else bar.update(bytes, bytesOfAll);
	};
	try {
		for await (const text of jsonItems(counted(openInput(file, terminal), (more) => (bytes += more)))) {
			const item = itemOf(text, done + batch.size);
			if (!batch.hasRoomFor(item)) await send();
			batch.add(item);
		}
		if (batch.size > 0) await send();
	} catch (error) {
		throw explained(error, file, extentOf(done, unsure));
	} finally {
		bar.clear();
	}
	terminal.stdout.write(`${done} ${done === 1 ? 'key was' : 'keys were'} written\n`);
	return EXIT.ok;
}

function areFlags(text: string): boolean {
	return /^\d{1,20}$/.test(text) && BigInt(text) <= FLAGS_MAX;
}

/** How much an import has written that failed, as a sentence. */
function extentOf(done: number, unsure: number): string {
	if (done === 0) {
		return unsure === 0
			? 'Nothing was written.'
			: `The first ${keys(unsure)} may have been written, or may yet be, and no others.`;
	}
	const perhaps = unsure === 0 ? '' : ` the next ${unsure} may have been or may yet be,`;
	return `The first ${keys(done)} ${done === 1 ? 'was' : 'were'} written,${perhaps} and no others.`;
}

/** The words behind "the first": "64 keys", or "key" for one. */
function keys(count: number): string {
	return count === 1 ? 'key' : `${count} keys`;
}

function explained(error: unknown, file: string, extent: string): unknown {
	if (error instanceof JsonListError)
		return new CommandError(`${file}: ${error.message}. ${extent}`, { status: EXIT.error });
	if (error instanceof CommandError) return new CommandError(`${error.message}\n${extent}`, { status: error.status });
	return error;
}

function itemOf(text: string, at: number): Item {
	let json: unknown;
	try {
		json = JSON.parse(text.replace(/"flags"\s*:\s*(-?\d[\d.eE+-]*)/g, '"flags":"$1"'));
	} catch {
		throw new JsonListError(`item ${at} is not JSON`);
	}
	const parsed = itemSchema.safeParse(json);
	if (parsed.success) return parsed.data;
	const [issue] = parsed.error.issues;
	throw new JsonListError(`item ${at}: ${[...(issue?.path ?? []), issue?.message].join(': ')}`);
}

/** The keys that go into one request. */
class Batch {
	#operations: string[] = [];
	#bytes = 0;
	/** The only item, where there is one alone. It may be too large for a transaction. */
	#first: Item | null = null;

	get size(): number {
		return this.#operations.length;
	}

	hasRoomFor(item: Item): boolean {
		if (this.size === 0) return true;
		return this.size < TRANSACTION_COMMANDS_MAX && this.#bytes + lengthOf(operationOf(item)) < BODY_BYTES_MAX;
	}

	add(item: Item): void {
		this.#first ??= item;
		const operation = operationOf(item);
		this.#operations.push(operation);
		this.#bytes += lengthOf(operation);
	}

	clear(): void {
		this.#operations = [];
		this.#bytes = 0;
		this.#first = null;
	}

	request(): SwarmRequest {
		if (this.size === 1 && this.#first !== null) return putOf(this.#first);
		const body = `[${this.#operations.join(',')}]`;
		return { method: 'PUT', path: '/v1/txn', body, contentType: 'application/json' };
	}
}

function putOf({ key, flags, value }: Item): SwarmRequest {
	const body = Buffer.from(value, 'base64');
	if (body.length > VALUE_BYTES_MAX) throw new JsonListError(`the value of "${key}" is over ${VALUE_BYTES_MAX} bytes`);
	return { method: 'PUT', path: keyPath(key, { flags }), body, contentType: 'application/octet-stream' };
}

function operationOf({ key, flags, value }: Item): string {
	return `{"KV":{"Verb":"set","Key":${JSON.stringify(key)},"Flags":${flags},"Value":"${value}"}}`;
}

/** With the brackets and the comma around it. */
function lengthOf(operation: string): number {
	return Buffer.byteLength(operation) + 2;
}

/** @param isUnsure is called after each try whose outcome is unknown @throws CommandError */
async function write(connection: Connection, request: SwarmRequest, isUnsure: () => void): Promise<void> {
	for (let tries = 1; ; tries++) {
		try {
			const answer = await askSwarm(connection, request);
			refuseError(answer);
			return void understood(() => writtenSchema.parse(JSON.parse(answer.body.toString())));
		} catch (error) {
			if (error instanceof UnknownWriteError) isUnsure();
			const isPassing = error instanceof CommandError && error.status === EXIT.unavailable;
			if (!isPassing || tries === TRIES_MAX) throw error;
			await setTimeout(PAUSE_MS);
		}
	}
}

async function* counted(pieces: AsyncIterable<Buffer>, add: (bytes: number) => void): AsyncGenerator<Buffer> {
	for await (const piece of pieces) {
		add(piece.length);
		yield piece;
	}
}

/** null where it is not known. */
function sizeOf(file: string, { workingDir }: Terminal): number | null {
	if (file === '-') return null;
	try {
		const stats = statSync(resolve(workingDir, file));
		return stats.isFile() ? stats.size : null;
	} catch {
		return null;
	}
}
