/**
 * A compiled copy of the sources with one bug in it, in a folder of its own. The text that a patch replaces must be there
 * exactly once: a patch that does not fit is an error, and never counts as caught.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Mutant, patched } from '../../shared/simulation/mutant.ts';

const TREES = resolve('dist/mutants');
const WORKERS = 'test/simulation';
/** The workers of which there is a copy without a bug. */
const sound = new Set<WorkerName>();

type WorkerName = 'seed-worker' | 'explore-worker' | 'walk-worker';

export function clearTrees(): void {
	rmSync(TREES, { recursive: true, force: true });
	sound.clear();
}

/** @returns the compiled worker of that name */
export function plant(mutant: Mutant, worker: WorkerName): URL {
	const tree = plantSources(mutant.name, mutated(mutant), worker);
	return pathToFileURL(join(tree, `dist/${WORKERS}/${worker}.js`));
}

/**
 * Compiles every bug, as many as fit at a time into one copy.
 *
 * @throws Error the sources do not compile with the bugs in them
 */
export function compileAll(mutants: readonly Mutant[]): void {
	let left = mutants;
	while (left.length > 0) {
		let sources = new Map<string, string>();
		const others: Mutant[] = [];
		for (const mutant of left) {
			const more = patched(mutant, sourceOf, sources);
			if (typeof more === 'string') others.push(mutant);
			else sources = more;
		}
		if (others.length === left.length) throw new Error(`${others[0]?.name} does not fit the sources`);
		plantSources(`${left.length} bugs`, sources, 'seed-worker');
		left = others;
	}
}

function plantSources(name: string, sources: ReadonlyMap<string, string>, worker: WorkerName): string {
	const tree = join(TREES, name.replace(/[^a-z0-9]+/gi, '-'));
	rmSync(tree, { recursive: true, force: true });
	cpSync(soundTree(worker), tree, { recursive: true, preserveTimestamps: true });
	for (const [file, source] of sources) writeFileSync(join(tree, file), source);
	compile(tree, name);
	return tree;
}

/** A compiled copy without a bug. What a patch does not touch need not be compiled again in a copy of it. */
function soundTree(worker: WorkerName): string {
	const tree = join(TREES, worker);
	if (sound.has(worker)) return tree;
	mkdirSync(join(tree, WORKERS), { recursive: true });
	cpSync('shared', join(tree, 'shared'), { recursive: true });
	const modules = modulesOf(`${worker}.ts`);
	for (const file of ['tsconfig.json', ...modules]) cpSync(join(WORKERS, file), join(tree, WORKERS, file));
	// A bug may leave a name unused. The compiler must not refuse it for that.
	const options = readFileSync('tsconfig.json', 'utf8').replace(/"(noUnused\w+)": true/g, '"$1": false');
	writeFileSync(join(tree, 'tsconfig.json'), options);
	compile(tree, worker);
	sound.add(worker);
	return tree;
}

function compile(tree: string, name: string): void {
	const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b', join(tree, WORKERS)], {
		encoding: 'utf8',
	});
	if (tsc.status !== 0) throw new Error(`${name} does not compile:\n${tsc.stdout}${tsc.stderr}`);
}

/** The source of each patched file, with the bug in it. */
export function mutated(mutant: Mutant): Map<string, string> {
	const sources = patched(mutant, sourceOf);
	if (typeof sources === 'string') throw new Error(sources);
	return sources;
}

function sourceOf(file: string): string {
	return readFileSync(file, 'utf8');
}

/** A module, and all that it imports from the same folder. */
function modulesOf(module: string, found = new Set<string>()): ReadonlySet<string> {
	if (found.has(module)) return found;
	found.add(module);
	const source = readFileSync(join(WORKERS, module), 'utf8');
	for (const [, imported] of source.matchAll(/ from '\.\/([^']+)'/g)) modulesOf(imported as string, found);
	return found;
}
