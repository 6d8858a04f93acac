/** The package's own folder and version, whether it runs from `dist` or from its sources. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the package's own `package.json`. */
export const packageDir = findRoot(dirname(fileURLToPath(import.meta.url)));

export const packageVersion: string = JSON.parse(readFileSync(join(packageDir, 'package.json'), 'utf8')).version;

/** The folder of the built page, which may not exist. */
export const dashboardDir = join(packageDir, 'dist', 'dashboard');

/** The folder of the built page of the sandbox, which may not exist. */
export const sandboxDir = join(packageDir, 'dist', 'sandbox');

function findRoot(folder: string): string {
	if (existsSync(join(folder, 'package.json'))) return folder;
	return findRoot(dirname(folder));
}
