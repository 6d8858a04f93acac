/**
 * The lock file has to install everywhere from any registry: no download addresses, a checksum for each package, the
 * same wishes as `package.json`, and every native tool with its builds for all platforms. npm silently drops the builds
 * of other platforms when a lock file is written over an existing `node_modules`; this is where that is noticed.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const platforms = ['linux', 'darwin', 'win32'].flatMap((os) => ['x64', 'arm64'].map((cpu) => ({ os, cpu })));

/**
 * @typedef {{ version?: string, resolved?: string, integrity?: string, link?: boolean, os?: string[], cpu?: string[],
 *   libc?: string[], dependencies?: Record<string, string>, devDependencies?: Record<string, string>,
 *   optionalDependencies?: Record<string, string> }} LockEntry
 */

/**
 * @param {string} root
 * @returns {string[]}
 */
export function lockFile(root) {
	/** @type {{ packages: Record<string, LockEntry> }} */
	const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
	/** @type {LockEntry} */
	const wishes = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
	return [...differentWishes(wishes, packages['']), ...incompleteEntries(packages), ...missingBuilds(packages)];
}

/**
 * @param {LockEntry} wishes
 * @param {LockEntry | undefined} locked
 */
function differentWishes(wishes, locked) {
	return /** @type {const} */ (['dependencies', 'devDependencies', 'optionalDependencies']).flatMap((kind) => {
		const [wanted, had] = [wishes[kind] ?? {}, locked?.[kind] ?? {}];
		return [...new Set([...Object.keys(wanted), ...Object.keys(had)])]
			.filter((name) => wanted[name] !== had[name])
			.map((name) => `${name}: package.json wants ${wanted[name] ?? 'none'}, the lock file ${had[name] ?? 'none'}`);
	});
}

/** @param {Record<string, LockEntry>} packages */
function incompleteEntries(packages) {
	return Object.entries(packages).flatMap(([path, entry]) => {
		if (path === '') return [];
		return [
			...(entry.resolved === undefined ? [] : [`${path} has a download address`]),
			...(entry.integrity === undefined ? [`${path} has no checksum`] : []),
		];
	});
}

/**
 * A native tool is a package whose optional dependencies are bound to a processor.
 * @param {Record<string, LockEntry>} packages
 */
function missingBuilds(packages) {
	/** @type {string[]} */
	const problems = [];
	let tools = 0;
	for (const [path, entry] of Object.entries(packages)) {
		const optional = Object.keys(entry.optionalDependencies ?? {});
		const absent = optional.filter((name) => find(packages, path, name) === undefined);
		problems.push(...absent.map((name) => `${path} may need ${name}, which the lock file lacks`));
		const builds = optional.flatMap((name) => find(packages, path, name) ?? []).filter((build) => build.cpu);
		if (builds.length === 0) continue;
		tools += 1;
		problems.push(...uncovered(builds).map((platform) => `${path} has no build for ${platform}`));
	}
	return tools === 0 ? [...problems, 'no native tool found: this check would say nothing'] : problems;
}

/**
 * The platforms without a build. Where a tool tells C libraries apart, linux needs both.
 * @param {readonly LockEntry[]} builds
 */
function uncovered(builds) {
	const libcs = builds.some((build) => build.libc) ? ['glibc', 'musl'] : [undefined];
	return platforms
		.flatMap(({ os, cpu }) => (os === 'linux' ? libcs : [undefined]).map((libc) => ({ os, cpu, libc })))
		.filter(({ os, cpu, libc }) => {
			const fits = (/** @type {LockEntry} */ build) =>
				build.os?.includes(os) && build.cpu?.includes(cpu) && (libc === undefined || build.libc?.includes(libc));
			return !builds.some(fits);
		})
		.map(({ os, cpu, libc }) => [os, cpu, libc].filter(Boolean).join('-'));
}

/**
 * As Node resolves it: beside the package that asks, or in the nearest `node_modules` above.
 * @param {Record<string, LockEntry>} packages
 * @param {string} from
 * @param {string} name
 * @returns {LockEntry | undefined}
 */
function find(packages, from, name) {
	const here = packages[`${from === '' ? '' : `${from}/`}node_modules/${name}`];
	if (here !== undefined || from === '') return here;
	const above = from.lastIndexOf('/node_modules/');
	return find(packages, above < 0 ? '' : from.slice(0, above), name);
}
