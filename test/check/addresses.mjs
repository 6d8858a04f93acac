/**
 * No file may name the place where it was written: a registry of packages, a home folder, or the folder of this clone.
 * Such a file works on one machine only, or leaks its name.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { ignoredNames } from './top-level.mjs';

const registry =
	/\bregistry\.(?:npmjs|yarnpkg|npmmirror)\b|\bnpm\.pkg\.github\b|\b_authToken\b|\/\/[\w.-]*(?:artifactory|verdaccio|nexus)[\w.-]*[:/]/i;
const homeFolder = /(?<![\w.])\/(?:(?:home|Users)\/[\w.-]+|root\/)|\b[A-Z]:\\\\?Users\\/;

/**
 * @param {string} root
 * @returns {string[]}
 */
export function addresses(root) {
	const own = [resolve(root), homedir()].filter((path) => path.split('/').length > 2);
	const machine = new RegExp(own.map((path) => `(?<![\\w.])${path.replace(/[^\w/]/g, '\\$&')}(?=/|\\b)`).join('|'));
	const rules = [
		{ pattern: registry, what: 'names a registry' },
		{ pattern: homeFolder, what: 'names a home folder' },
		...(own.length > 0 ? [{ pattern: machine, what: 'names a folder of this machine' }] : []),
	];
	/** @type {string[]} */
	const problems = [];
	for (const file of filesBelow(resolve(root), ignoredNames(root))) {
		const text = readFileSync(file, 'utf8');
		for (const { pattern, what } of rules) {
			const found = pattern.exec(text);
			if (found === null) continue;
			const line = text.slice(0, found.index).split('\n').length;
			problems.push(`${relative(root, file)}:${line} ${what}: ${found[0]}`);
		}
	}
	return problems;
}

/**
 * Every regular file that is not ignored; pictures too, since their metadata may tell a path.
 * @param {string} folder
 * @param {ReadonlySet<string>} ignored
 * @returns {string[]}
 */
function filesBelow(folder, ignored) {
	return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
		if (entry.name === '.git' || ignored.has(entry.name)) return [];
		const path = join(folder, entry.name);
		if (entry.isDirectory()) return filesBelow(path, ignored);
		return entry.isFile() ? [path] : [];
	});
}
