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
