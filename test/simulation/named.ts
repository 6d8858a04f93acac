/** How lines that no seed reaches are named: by their text, by the block that they are in, or by their whole file. */
import { readFileSync } from 'node:fs';

/** One reason, and the lines that it explains. */
export interface Unreached {
	readonly why: string;
	/** The names by file; `all` names the whole file. */
	readonly files: Readonly<Record<string, 'all' | readonly Name[]>>;
}

/**
 * The text of a line without its indentation. It names each line with this text and, where that opens a block, the
 * whole block. A record names lines within a block only, by the text that opens it.
 */
export type Name = string | { readonly [block: string]: readonly Name[] };

/**
 * Lines that refuse what the world never makes: malformed bytes, arguments out of range, and broken rules of the code
 * itself. They need no name, because their error ends the seed with a violation, or is caught by a line that is named.
 * Only the malformed messages of `absurd.ts` are made on purpose. The refusal of a corrupt log is not among these lines,
 * because the world damages logs.
 */
export const REFUSAL = /\bthrow new (?:Malformed|Invariant|Range)Error\(|\bthis\.#void\(/;

export interface Named {
	readonly names: readonly NamedLines[];
	/** What the entry names, and its file does not hold. */
	readonly problems: readonly string[];
}

export interface NamedLines {
	/** The file, and the text where a text names the lines. */
	readonly name: string;
	/** `file:number` of each line. */
	readonly places: readonly string[];
}

/** The lines from the first to the last index, both included. */
interface Span {
	readonly first: number;
	readonly last: number;
}

/** The lines that an entry names. */
export function namedBy({ files }: Unreached): Named {
	const named: NamedLines[] = [];
	const problems: string[] = [];
	for (const [file, names] of Object.entries(files)) {
		const lines = readFileSync(file, 'utf8').split('\n');
		const whole: Span = { first: 0, last: lines.length - 1 };
		const found = (text: string, within: Span): Span[] => {
			const spans = spansOf(lines, text, within);
			if (spans.length === 0) problems.push(`unreached.ts names what ${file} lacks: ${text}`);
			return spans;
		};
		const add = (name: string, spans: readonly Span[]): void => {
			named.push({ name, places: spans.flatMap((span) => placesOf(file, span)) });
		};
		const addAll = (all: readonly Name[], within: Span): void => {
			for (const name of all) {
				if (typeof name === 'string') add(`${file}: ${name}`, found(name, within));
				else {
					for (const [block, inner] of Object.entries(name)) {
						for (const span of found(block, within)) addAll(inner, span);
					}
				}
			}
		};
		if (names === 'all') add(file, [whole]);
		else addAll(names, whole);
	}
	return { names: named, problems };
}

/** The lines with this text, or the blocks that they open. */
function spansOf(lines: readonly string[], text: string, within: Span): Span[] {
	const spans: Span[] = [];
	for (let at = within.first; at <= within.last; at++) {
		if (lines[at]?.trim() === text) spans.push({ first: at, last: opensBlock(text) ? endOf(lines, at) : at });
	}
	return spans;
}

function opensBlock(text: string): boolean {
	return /[{[(]$/.test(text);
}

/** The last line of the block that begins at `first`: the next one that is indented as much and closes something. */
function endOf(lines: readonly string[], first: number): number {
	const indentation = /^\s*/.exec(lines[first] as string)?.[0] ?? '';
	const end = lines.findIndex(
		(line, at) => at > first && line.startsWith(indentation) && /^[}\])]/.test(line.slice(indentation.length)),
	);
	if (end < 0) return lines.length - 1;
	const text = (lines[end] as string).trim();
	// The parameters of a function have ended, and its body begins.
	return text.startsWith(')') && opensBlock(text) ? endOf(lines, end) : end;
}

function placesOf(file: string, { first, last }: Span): string[] {
	return Array.from({ length: last - first + 1 }, (_, index) => `${file}:${first + index + 1}`);
}
