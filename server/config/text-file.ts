/** Reads the files of a configuration. */
import { readFileSync } from 'node:fs';
import { ConfigError } from './errors.ts';

/** Reads a text file, without the byte order mark that some editors put at the beginning. @throws ConfigError */
export function readText(file: string, source: string): string {
	let bytes: Buffer;
	try {
		bytes = readFileSync(file);
	} catch (cause) {
		throw new ConfigError(`${source}: cannot be read: ${(cause as Error).message}`, { cause });
	}
	try {
		return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
	} catch (cause) {
		throw new ConfigError(`${source}: is not text in UTF-8: save it as UTF-8`, { cause });
	}
}
