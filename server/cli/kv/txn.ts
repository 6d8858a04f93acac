/** `kv txn`: several operations of which all have their effect, or none has. */
import * as z from 'zod';
import { understood } from '../client.ts';
import { CommandError, EXIT, type ExitStatus, type Terminal } from '../terminal.ts';
import { askSwarm, connectionOf, formatOf, type KvOptions, refuseError } from './connection.ts';
import { entriesTable, entryOf, parseExact } from './entries.ts';
import { readInput, shownValue } from './value.ts';

/** The bound on the body of a transaction. */
export const BODY_BYTES_MAX = 524_288;

export const answerSchema = z.object({
	Results: z.array(z.object({ KV: z.unknown() })).nullable(),
	Errors: z.array(z.object({ OpIndex: z.number(), What: z.string() })).nullable(),
});

export async function txn(file: string, options: KvOptions, terminal: Terminal): Promise<ExitStatus> {
	const body = await readInput(file, 'transaction', BODY_BYTES_MAX, terminal);
	const request = { method: 'PUT', path: '/v1/txn', body, contentType: 'application/json' } as const;
	const answer = await askSwarm(connectionOf(options, terminal), request);
	const isDone = answer.status === 200;
	if (!isDone && answer.status !== 409) refuseError(answer);
	const format = formatOf(options);
	const { Results, Errors } = understood(() => answerSchema.parse(parseExact(answer.body.toString())));
	if (format === 'json') terminal.stdout.write(`${answer.body}\n`);
	if (!isDone) {
		const all = (Errors ?? []).map(({ OpIndex, What }) => `operation ${OpIndex}: ${What}`);
		throw new CommandError(['Nothing was changed.', ...all].join('\n'), { status: EXIT.missing });
	}
	const entries = understood(() => (Results ?? []).map(({ KV }) => entryOf(KV)));
	if (format === 'table') terminal.stdout.write(`${entriesTable(entries, terminal)}\n`);
	if (format === 'simple') {
		for (const { ModifyIndex, Key, Value } of entries) {
			terminal.stdout.write(`${[ModifyIndex, Key, ...(Value === null ? [] : [shownValue(Value)])].join(' ')}\n`);
		}
	}
	return EXIT.ok;
}
