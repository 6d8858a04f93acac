/** Reads a file of `snapshot save` part by part, however large it is, and checks all of it. */
import { open } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Backup, BackupChecker, BackupError, type BackupLabel } from './file.ts';

/** The part that is read at once, bytes. */
const READ_BYTES = 256 * 1024;

/** There is a step after every part. */
export interface BackupStep {
	readonly label: BackupLabel | null;
	/** Those that are whole now, in order. */
	readonly payloads: readonly Uint8Array[];
	/** So many bytes of the file were read, of `bytesOfAll`. */
	readonly bytes: number;
	readonly bytesOfAll: number;
}

/**
 * The payloads may be used at once, but the last step alone proves that the file is whole.
 *
 * @param checked what was found in the file before, where it is read again: another file of that name is refused
 * @throws BackupError, the message of which begins with the file
 * @throws the system's error
 */
export async function* readBackup(path: string, checked?: Backup): AsyncGenerator<BackupStep, Backup> {
	const file = await open(path, 'r').catch((cause: unknown) => {
		throw new BackupError(`${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause });
	});
	try {
		const stats = await file.stat();
		if (stats.isDirectory()) throw new BackupError('is a folder');
		const checker = new BackupChecker();
		for (;;) {
			const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES);
			if (bytesRead === 0) return checker.finish();
			const payloads = checker.add(buffer.subarray(0, bytesRead));
			if (checked && checker.label && !isDeepStrictEqual(checker.label, checked.label)) {
				throw new BackupError('was replaced by another snapshot while it was read');
			}
			yield { label: checker.label, payloads, bytes: checker.bytes, bytesOfAll: checker.bytesOfAll ?? stats.size };
		}
	} catch (error) {
		throw error instanceof BackupError ? new BackupError(`${path} ${error.message}.`) : error;
	} finally {
		await file.close();
	}
}
