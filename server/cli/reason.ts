/** The text that is printed for an error that ends a command. */
import { ConfigError } from '../config/errors.ts';
import { FolderError } from '../storage/errors.ts';
import { CommandError } from './terminal.ts';

/** Errors whose message says what happened and what helps. */
const FOR_PEOPLE = [CommandError, ConfigError, FolderError];

/** The message of an error that was foreseen. Any other is a mistake in this program, and its stack is printed. */
export function reasonOf(error: unknown): string {
	if (!(error instanceof Error)) return String(error);
	const foreseen = FOR_PEOPLE.some((kind) => error instanceof kind) || 'code' in error;
	return foreseen ? error.message : (error.stack ?? error.message);
}
