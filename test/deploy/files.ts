/** Reads the files of `server/deploy`. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

export function readDeploy(name: string): string {
	return readFileSync(new URL(`../../server/deploy/${name}`, import.meta.url), 'utf8');
}

/** The documents of a YAML file. @throws where it is none, or has a key twice */
export function manifests(text: string): unknown[] {
	return parseAllDocuments(text, { merge: true }).map((document) => {
		for (const problem of [...document.errors, ...document.warnings]) throw problem;
		return document.toJS() as unknown;
	});
}

/** The sections of a unit of systemd: for each name, its values in order. @throws where a line is none */
export function unitOf(text: string): Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> {
	const sections: Record<string, Record<string, string[]>> = {};
	let section = '';
	for (const line of text.split('\n')) {
		if (line === '' || line.startsWith('#')) continue;
		const [, title] = /^\[(\w+)\]$/.exec(line) ?? [];
		const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
		if (title !== undefined) {
			section = title;
			sections[section] = {};
		} else if (name !== undefined && value !== undefined && section in sections) {
			const values = (sections[section] as Record<string, string[]>)[name] ?? [];
			(sections[section] as Record<string, string[]>)[name] = [...values, value];
		} else throw new Error(`${line} is no line of a unit`);
	}
	return sections;
}

export interface Instruction {
	readonly word: string;
	/** With its continued lines in one. */
	readonly rest: string;
}

const INSTRUCTIONS = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'VOLUME', 'EXPOSE', 'HEALTHCHECK', 'ENTRYPOINT'];

/** The instructions of a Dockerfile. @throws where a line is none */
export function dockerfile(text: string): Instruction[] {
	const lines = text.replaceAll(/\\\n\s*/g, '').split('\n');
	return lines.flatMap((line) => {
		if (line === '' || line.startsWith('#')) return [];
		const [, word = '', rest = ''] = /^([A-Z]+) (\S.*)$/.exec(line) ?? [];
		if (!INSTRUCTIONS.includes(word)) throw new Error(`${line} is no instruction`);
		return [{ word, rest }];
	});
}

/** The variables that an image sets. */
export function environmentOf(instructions: readonly Instruction[]): Readonly<Record<string, string>> {
	const lines = instructions.filter(({ word }) => word === 'ENV');
	return Object.fromEntries(lines.map(({ rest }) => [rest.split('=')[0] as string, rest.split('=')[1] as string]));
}

/** A block of code in `README.md`, of that language and with that text in it. @throws where there is none */
export function blockOf(language: string, text: string): string {
	const blocks = [...readDeploy('README.md').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
	const found = blocks.find(([, of, block]) => of === language && block?.includes(text))?.[2];
	if (found === undefined) throw new Error(`README.md has no block of ${language} with ${text}`);
	return found;
}

/** By what Kubernetes tells the elements of a list apart. @source its API reference, the patch merge keys of a pod */
const MERGE_KEYS = ['mountPath', 'containerPort', 'name'] as const;

/** A manifest after a patch, as `kubectl patch` makes it: fields one by one, and elements of lists by their keys. */
export function patched(base: unknown, patch: unknown): unknown {
	if (Array.isArray(base) && Array.isArray(patch)) {
		const key = MERGE_KEYS.find((each) => patch.every((element) => element?.[each] !== undefined));
		if (key === undefined) return patch;
		const changed = base.map((element) => {
			const change = patch.find((each) => each[key] === element[key]);
			return change === undefined ? element : patched(element, change);
		});
		return [...changed, ...patch.filter((each) => !base.some((element) => element[key] === each[key]))];
	}
	if (!isRecord(base) || !isRecord(patch)) return patch;
	const fields = Object.entries(patch).map(([name, value]) => [name, patched(base[name], value)]);
	return { ...base, ...Object.fromEntries(fields) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
