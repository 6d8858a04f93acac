/** How lines that no seed reaches are named: one by one, by the declaration that they are in, or by their whole file. */
import { readFileSync } from 'node:fs';

export interface Unreached {
	readonly file: string;
	readonly why: string;
	/** Lines by their text without indentation. Each stands for all lines of the file with this text. */
	readonly lines?: readonly string[];
	/** Blocks by the text of their first line without indentation: everything up to the end of the block. */
	readonly within?: readonly string[];
}

/**
 * Lines that refuse what nobody in the world does: malformed bytes, and broken rules of the code itself. The tests of the
 * rooms reach them, with bytes that are made for it. They need no name.
 */
export const REFUSAL = /\bthrow (?:new (?:Malformed|Invariant|Range|CorruptLog)Error|corrupt)\(|^return this\.#void\(/;

export interface Named {
	/** `file:number` of each line. */
	readonly places: readonly string[];
	/** What the entry names, and its file does not hold. */
	readonly problems: readonly string[];
}

/** The lines that an entry names: all of its file where it names none. */
export function namedBy({ file, lines, within }: Unreached): Named {
	const all = readFileSync(file, 'utf8').split('\n');
	const texts = all.map((line) => line.trim());
	const places: string[] = [];
	const problems: string[] = [];
	const name = (from: number, to: number) => {
		for (let at = from; at <= to; at++) places.push(`${file}:${at + 1}`);
	};
	const each = (text: string, act: (at: number) => void) => {
		if (!texts.includes(text)) problems.push(`unreached.ts names what ${file} lacks: ${text}`);
		for (const [at, other] of texts.entries()) if (other === text) act(at);
	};
	if (!lines && !within) name(0, all.length - 1);
	for (const line of lines ?? []) each(line, (at) => name(at, at));
	for (const line of within ?? []) each(line, (at) => name(at, endOf(all, at)));
	return { places, problems };
}

/** The last line of the block that begins at `from`: the next one that is indented as much and closes something. */
function endOf(lines: readonly string[], from: number): number {
	const indentation = /^\s*/.exec(lines[from] as string)?.[0] ?? '';
	const end = lines.findIndex(
		(line, at) => at > from && line.startsWith(indentation) && /^[}\])]/.test(line.slice(indentation.length)),
	);
	return end < 0 ? lines.length - 1 : end;
}
