/** Runs one of the tools that `npm ci` installed, with a time limit, and returns its output. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const toolTimeoutMs = 240_000;

/**
 * @param {string} root the folder in which the tool runs, with the tool in its `node_modules`
 * @param {string} tool
 * @param {readonly string[]} args
 * @returns {Promise<string[]>} nothing where it ended with status 0, else its whole output as one problem
 */
export async function tool(root, tool, args) {
	const child = spawn(join(root, 'node_modules/.bin', tool), args, {
		cwd: root,
		stdio: ['ignore', 'pipe', 'pipe'],
		timeout: toolTimeoutMs,
	});
	let said = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8').on('data', (text) => {
			said += text;
		});
	}
	const [status, signal] = await once(child, 'close');
	return status === 0 ? [] : [`${said}${tool} ended with ${signal ?? `status ${status}`}`];
}
