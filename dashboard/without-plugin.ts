/**
 * A plugin of the build: `import('without:half')` is the production agent as it would be without that rule. The patches of
 * `shared/simulation/rules-out.ts` are applied to the text of the sources. A module that is patched, or imports such a one,
 * is there a second time under another address; all others are shared. A patch that does not fit its source fails the build.
 */
import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { Plugin } from 'vite';
import { type Mutant, patched } from '../shared/simulation/mutant.ts';
import type { RuleId } from '../shared/simulation/rule-ids.ts';
import { RULES_OUT } from '../shared/simulation/rules-out.ts';

const ROOT = resolve(import.meta.dirname, '..');
const AGENT = 'shared/paxos/agent.ts';
const SCHEME = /^without:(\w+)$/;
const ADDRESS = /^(.+)\?without=(\w+)$/;
/** Imports of types alone are no imports. */
const IMPORT = /^(?:import|export)\s(?!type\b)[^;]*?from '(\.[^']+)';/gm;

/** The sources without one rule. */
interface Sources {
	/** The text of each file that is patched, from the folder of the project on. */
	readonly patched: ReadonlyMap<string, string>;
	/** The files that are patched, and all that lead to one of them. */
	readonly touched: ReadonlySet<string>;
}

export function withoutRules(): Plugin {
	const known = new Map<string, Sources>();
	const sourcesOf = (rule: string): Sources => {
		const sources = known.get(rule) ?? sourcesWithout(rule);
		known.set(rule, sources);
		return sources;
	};
	return {
		name: 'without-rules',
		enforce: 'pre',
		resolveId(source, importer) {
			const named = SCHEME.exec(source)?.[1];
			if (named !== undefined) return `${resolve(ROOT, AGENT)}?without=${named}`;
			const [, from, rule] = ADDRESS.exec(importer ?? '') ?? [];
			if (from === undefined || rule === undefined || !source.startsWith('.')) return null;
			const file = resolve(dirname(from), source);
			return sourcesOf(rule).touched.has(relative(ROOT, file)) ? `${file}?without=${rule}` : file;
		},
		load(id) {
			const [, file, rule] = ADDRESS.exec(id) ?? [];
			if (file === undefined || rule === undefined) return null;
			this.addWatchFile(file);
			const code = sourcesOf(rule).patched.get(relative(ROOT, file)) ?? readFileSync(file, 'utf8');
			return { code, moduleType: 'ts' };
		},
	};
}

/** @throws Error where there is no such rule, or a patch does not fit */
function sourcesWithout(rule: string): Sources {
	const mutants: readonly Mutant[] | undefined = RULES_OUT[rule as RuleId];
	if (!mutants) throw new Error(`there is no rule ${rule}`);
	let sources = new Map<string, string>();
	for (const mutant of mutants) {
		const more = patched(mutant, textOf, sources);
		if (typeof more === 'string') throw new Error(more);
		sources = more;
	}
	return { patched: sources, touched: leadingTo(new Set(sources.keys())) };
}

/** Those of the modules of the agent that are among the files, or lead to one of them. */
function leadingTo(files: ReadonlySet<string>): ReadonlySet<string> {
	const importers = new Map<string, Set<string>>();
	const visit = (file: string): void => {
		for (const [, imported] of textOf(file).matchAll(IMPORT)) {
			const path = relative(ROOT, resolve(ROOT, dirname(file), imported as string));
			const known = importers.get(path);
			importers.set(path, (known ?? new Set()).add(file));
			if (!known) visit(path);
		}
	};
	visit(AGENT);
	const found = new Set(files);
	for (const file of found) for (const importer of importers.get(file) ?? []) found.add(importer);
	return found;
}

function textOf(file: string): string {
	return readFileSync(resolve(ROOT, file), 'utf8');
}
