/** Values: where a command line takes one from, and how one is shown to people. */
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { fromUtf8 } from '../../../shared/bytes/text.ts';
import { VALUE_BYTES_MAX } from '../../../shared/store/key.ts';
import { CommandError, EXIT, type Terminal } from '../terminal.ts';

/**
 * The value that an argument stands for: `-` is stdin.
 *
 * @param takesFiles whether `@file` is the contents of a file, and `@@text` the text `@text`
 */
export async function readArgument(argument: string, takesFiles: boolean, terminal: Terminal): Promise<Buffer> {
	if (argument === '-') return readValue(terminal.stdin);
	if (!takesFiles) return Buffer.from(argument);
	if (argument.startsWith('@@')) return Buffer.from(argument.slice(1));
	if (!argument.startsWith('@')) return Buffer.from(argument);
	return readValue(openFile(argument.slice(1), terminal));
}

/** The contents of a file, or of stdin for `-`. */
export function openInput(file: string, terminal: Terminal): Readable {
	return file === '-' ? terminal.stdin : openFile(file, terminal);
}

function openFile(file: string, { workingDir }: Terminal): Readable {
	return createReadStream(resolve(workingDir, file));
}

async function readValue(from: Readable): Promise<Buffer> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of from) {
		const part = Buffer.from(chunk);
		chunks.push(part);
		bytes += part.length;
		if (bytes > VALUE_BYTES_MAX) {
			throw new CommandError(`The value is over ${VALUE_BYTES_MAX} bytes.`, { status: EXIT.error });
		}
	}
	return Buffer.concat(chunks);
}

/**
 * A value in one line, for people: text as it is where it can be printed, as a string of JSON where it has other
 * characters, and other bytes as Base64.
 *
 * @param base64 as the API has it; null for an empty value
 */
export function shownValue(base64: string | null): string {
	const text = fromUtf8(Buffer.from(base64 ?? '', 'base64'));
	if (text === undefined) return `base64:${base64}`;
	return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(text) ? text : JSON.stringify(text);
}
