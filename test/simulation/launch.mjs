/**
 * `npm run simulate`, `explore`, `walk` and `mutants`: builds the program and runs it. These take long, so they run as plain
 * JavaScript, in as many workers as there are processors.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [program, ...args] = process.argv.slice(2);
const tsc = join(root, 'node_modules/typescript/bin/tsc');

const built = await run(process.execPath, [tsc, '-b', join(root, 'test/simulation')]);
process.exitCode =
	built === 0 ? await run(process.execPath, [join(root, `dist/test/simulation/${program}.js`), ...args]) : built;

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<number>} its exit status; 1 where a signal ended it
 */
function run(command, args) {
	const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
	return new Promise((resolve, reject) => {
		child.once('error', reject);
		child.once('exit', (code) => resolve(code ?? 1));
	});
}
