/**
 * A compiled copy of the sources with one bug in it, in a folder of its own. The text that a patch replaces must be there
 * exactly once: a patch that does not fit is an error, and never counts as caught.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './mutant-list.ts';

const TREES = resolve('dist/mutants');
/** The modules of a worker of the copy. */
const WORKER_FILES = [
	'tsconfig.json',
	'seed-worker.ts',
	'seeds.ts',
	'coverage.ts',
	'named.ts',
	'unreached.ts',
	'explore-worker.ts',
];

export function clearTrees(): void {
	rmSync(TREES, { recursive: true, force: true });
}

/** @returns the compiled worker of that name */
export function plant(mutant: Mutant, worker: 'seed-worker' | 'explore-worker'): URL {
	const { name } = mutant;
	const tree = join(TREES, name.replace(/[^a-z0-9]+/gi, '-'));
	mkdirSync(join(tree, 'test/simulation'), { recursive: true });
	cpSync('shared', join(tree, 'shared'), { recursive: true });
	for (const file of WORKER_FILES) cpSync(join('test/simulation', file), join(tree, 'test/simulation', file));
	// A bug may leave a name unused. The compiler must not refuse it for that.
	const options = readFileSync('tsconfig.json', 'utf8').replace(/"(noUnused\w+)": true/g, '"$1": false');
	writeFileSync(join(tree, 'tsconfig.json'), options);
	for (const [file, source] of mutated(mutant)) writeFileSync(join(tree, file), source);
	const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b', join(tree, 'test/simulation')], {
		encoding: 'utf8',
	});
	if (tsc.status !== 0) throw new Error(`${name} does not compile:\n${tsc.stdout}${tsc.stderr}`);
	return pathToFileURL(join(tree, `dist/test/simulation/${worker}.js`));
}

/** The source of each patched file, with the bug in it. */
export function mutated({ name, edits }: Mutant): Map<string, string> {
	const sources = new Map<string, string>();
	for (const { file, find, replace } of edits) {
		const source = sources.get(file) ?? readFileSync(file, 'utf8');
		const count = source.split(find).length - 1;
		if (count !== 1) throw new Error(`${name}: ${file} holds the text to replace ${count} times, not once:\n${find}`);
		sources.set(
			file,
			source.replace(find, () => replace),
		);
	}
	return sources;
}
