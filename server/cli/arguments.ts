/** The arguments of this process, before a command is looked for in them. */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';

/** Node.js puts this in the place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

/**
 * Whether an argument is not as it was given, because it has bytes that are not UTF-8: another key would be read, and another
 * value written. Where the system does not tell the bytes, arguments count as given.
 */
export function areChanged(args: readonly string[]): boolean {
	if (!args.some((arg) => arg.includes(REPLACEMENT))) return false;
	try {
		return !isUtf8(readFileSync('/proc/self/cmdline'));
	} catch {
		return false;
	}
}
