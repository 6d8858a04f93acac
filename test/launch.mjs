/**
 * `npm run bench`, `campaign` and `fuzz`: builds the folder of `test/` that the first argument names, because it runs as plain
 * JavaScript, and then runs its `main` with the other arguments.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [folder = '', ...args] = process.argv.slice(2);
const built = run('node_modules/typescript/bin/tsc', '-b', `test/${folder}`);
process.exitCode = built === 0 ? run(`dist/test/${folder}/main.js`, ...args) : built;

/**
 * @param {string} program
 * @param {string[]} args
 * @returns {number} its exit status; 1 where a signal ended it
 */
function run(program, ...args) {
	return spawnSync(process.execPath, [join(root, program), ...args], { cwd: root, stdio: 'inherit' }).status ?? 1;
}
