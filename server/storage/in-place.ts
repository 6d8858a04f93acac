/** Whether a file that this process has open is still the one at its path. */
import * as fs from 'node:fs';

/** True also where the system does not say. @param fd must be open when this is called */
export function isInPlace({ path, fd }: { readonly path: string; readonly fd: number }): Promise<boolean> {
	const { dev, ino } = fs.fstatSync(fd);
	return fs.promises.stat(path).then(
		(there) => there.dev === dev && there.ino === ino,
		({ code }: NodeJS.ErrnoException) => code !== 'ENOENT' && code !== 'ENOTDIR',
	);
}
