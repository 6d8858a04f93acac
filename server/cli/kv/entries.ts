/** Entries as the HTTP API answers them, and as a table. */
import * as z from 'zod';
import { fitted } from '../progress-bar.ts';
import { tableOf } from '../table.ts';
import type { Terminal } from '../terminal.ts';
import { shownValue } from './value.ts';

const entrySchema = z.object({
	Key: z.string(),
	/** In text, because it may have 64 bits. */
	Flags: z.string(),
	/** Base64; null for an empty value. */
	Value: z.string().nullable(),
	CreateIndex: z.number(),
	ModifyIndex: z.number(),
});

export type Entry = z.output<typeof entrySchema>;

/** Flags have 64 bits, and a number of JavaScript would lose some. A quotation mark inside a string has a backslash. */
const FLAGS = /"Flags":\s*(\d+)/g;

/** @param text JSON of the API. Flags in it become texts */
export function parseExact(text: string): unknown {
	return JSON.parse(text.replace(FLAGS, '"Flags":"$1"'));
}

export function entryOf(json: unknown): Entry {
	return entrySchema.parse(json);
}

/** @param text the JSON of a read of one key */
export function entriesOf(text: string): Entry[] {
	return z.array(entrySchema).length(1).parse(parseExact(text));
}

/** On a terminal each line is cut where the terminal ends. */
export function entriesTable(entries: readonly Entry[], { stdout }: Terminal): string {
	const table = tableOf([
		['KEY', 'FLAGS', 'CREATED', 'MODIFIED', 'BYTES', 'VALUE'],
		...entries.map(({ Key, Flags, Value, CreateIndex, ModifyIndex }) => [
			Key,
			Flags,
			String(CreateIndex),
			String(ModifyIndex),
			String(Buffer.from(Value ?? '', 'base64').length),
			shownValue(Value),
		]),
	]);
	if (!stdout.isTTY) return table;
	return table
		.split('\n')
		.map((line) => fitted(line, stdout.columns))
		.join('\n');
}
