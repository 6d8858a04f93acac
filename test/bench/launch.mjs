/** `npm run bench -- NAME`: builds the benchmarks, which run as plain JavaScript, and runs the one of that name. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const built = run('node_modules/typescript/bin/tsc', '-b', 'test/bench');
process.exitCode = built === 0 ? run('dist/test/bench/main.js', ...process.argv.slice(2)) : built;

/**
 * @param {string} program
 * @param {string[]} args
 * @returns {number} its exit status; 1 where a signal ended it
 */
function run(program, ...args) {
	return spawnSync(process.execPath, [join(root, program), ...args], { cwd: root, stdio: 'inherit' }).status ?? 1;
}
