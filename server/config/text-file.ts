/** Reads the files of a configuration. */
import { readFileSync } from 'node:fs';
import { ConfigError } from './errors.ts';

/**
 * Reads a text file, without the byte order mark that some editors put at the beginning.
 *
 * @param source what named it, for errors: a flag, a variable or a field, or the file itself @throws ConfigError
 */
export function readText(file: string, source: string): string {
	const place = file.endsWith(source) ? source : `${source}: ${file}`;
	let bytes: Buffer;
	try {
		bytes = readFileSync(file);
	} catch (cause) {
		throw new ConfigError(`${place}: cannot be read: ${whyUnread(cause)}`, { cause });
	}
	try {
		return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
	} catch (cause) {
		throw new ConfigError(`${place}: is not text in UTF-8: save it as UTF-8`, { cause });
	}
}

/** Why a file cannot be read. Of a folder the system says that an operation is illegal. */
export function whyUnread(cause: unknown): string {
	const { code, message } = cause as NodeJS.ErrnoException;
	return code === 'EISDIR' ? 'it is a folder' : message;
}
