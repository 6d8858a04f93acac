/** The top level of the repository may hold only the names listed here, dotfiles, and names in `.gitignore`. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const expected = new Set([
	'CHANGELOG.md',
	'LICENSE',
	'README.md',
	'SECURITY.md',
	'dashboard',
	'package-lock.json',
	'package.json',
	'server',
	'shared',
	'swarm.json',
	'test',
	'tsconfig.json',
]);

/**
 * @param {string} root
 * @returns {string[]}
 */
export function topLevel(root) {
	const present = new Set(readdirSync(root));
	const ignored = ignoredNames(root);
	const surplus = [...present].filter((name) => !expected.has(name) && !name.startsWith('.') && !ignored.has(name));
	const missing = [...expected].filter((name) => !present.has(name));
	return [
		...surplus.map((name) => `${name} does not belong at the top level`),
		...missing.map((name) => `${name} is missing`),
	];
}

/**
 * The plain names in `.gitignore`.
 * @param {string} root
 */
export function ignoredNames(root) {
	const lines = readFileSync(join(root, '.gitignore'), 'utf8').split('\n');
	return new Set(lines.map((line) => line.trim().replace(/\/$/, '')).filter((line) => line !== ''));
}
