/** Values: where a command line takes one from, and how one is shown to people. */
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { fromUtf8 } from '../../../shared/bytes/text.ts';
import { VALUE_BYTES_MAX } from '../../../shared/store/key.ts';
import { whyUnread } from '../../config/text-file.ts';
import { CommandError, EXIT, type Terminal } from '../terminal.ts';

/**
 * The value that an argument stands for: `-` is stdin.
 *
 * @param takesFiles whether `@file` is the contents of a file, and `@@text` the text `@text`
 * @throws CommandError for what cannot be read, or is too large
 */
export async function readArgument(argument: string, takesFiles: boolean, terminal: Terminal): Promise<Buffer> {
	if (argument === '-') return readInput('-', 'value', VALUE_BYTES_MAX, terminal);
	if (!takesFiles) return Buffer.from(argument);
	if (argument.startsWith('@@')) return Buffer.from(argument.slice(1));
	if (!argument.startsWith('@')) return Buffer.from(argument);
	return readInput(argument.slice(1), 'value', VALUE_BYTES_MAX, terminal);
}

/** The contents of a file, or of stdin for `-`, piece by piece. Throws CommandError where they cannot be read. */
export async function* openInput(file: string, { stdin, workingDir }: Terminal): AsyncGenerator<Buffer, void> {
	try {
		for await (const piece of file === '-' ? stdin : createReadStream(resolve(workingDir, file))) {
			yield Buffer.from(piece);
		}
	} catch (cause) {
		const why = `${file || '""'}: cannot be read: ${whyUnread(cause)}`;
		throw new CommandError(why, { status: EXIT.error, cause });
	}
}

/** The same as a whole. @param what it is, for people @throws CommandError as `readArgument` */
export async function readInput(file: string, what: string, bytesMax: number, terminal: Terminal): Promise<Buffer> {
	const pieces: Buffer[] = [];
	let bytes = 0;
	for await (const piece of openInput(file, terminal)) {
		pieces.push(piece);
		bytes += piece.length;
		if (bytes > bytesMax) throw new CommandError(`The ${what} is over ${bytesMax} bytes.`, { status: EXIT.error });
	}
	return Buffer.concat(pieces);
}

/**
 * A value in one line, for people: text as it is where it can be printed, as a string of JSON where it has other
 * characters, and other bytes as Base64.
 *
 * @param base64 as the API has it; null for an empty value
 */
export function shownValue(base64: string | null): string {
	const text = fromUtf8(Buffer.from(base64 ?? '', 'base64'));
	return text === undefined ? `base64:${base64}` : shownText(text);
}

/** A text in one line, for people: as a string of JSON where it has characters that cannot be printed. */
export function shownText(text: string): string {
	return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(text) ? text : JSON.stringify(text);
}
