/**
 * Which lines of the rooms under test no seed has reached. V8 counts by block in the compiled JavaScript; the source
 * maps lead back to the lines. A line counts as unreached where any statement on it was: of `if (a) return b;` the
 * `return` matters. Every such line is reached by some seed, or named in `unreached.ts` with its reason.
 */
import { readFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namedBy, REFUSAL, type Unreached } from './named.ts';

/** The rooms of production code that the simulator runs. */
export const ROOMS = ['bytes', 'client', 'disk', 'paxos', 'replica', 'store'] as const;

/** One compiled file, with a mark for each of its characters that was reached. */
export interface CoveredFile {
	readonly url: string;
	readonly reached: Uint8Array;
}

export interface RoomCoverage {
	readonly room: string;
	readonly lines: number;
	readonly unreached: number;
}

interface Line {
	readonly file: string;
	readonly number: number;
	readonly text: string;
}

/**
 * Text that does nothing: the beginnings and ends of blocks, and labels of a switch. V8 counts the beginning of a block
 * with the block, whose lines are counted anyway, and the end of a block after a `return` as code that is not reached.
 */
const DOES_NOTHING = /^[\s)}\];,{]*(?:else\b|catch\b(?: \(\w+\))?|default:|case [^:]+:)?[\s{]*$/;
const IS_OF_A_ROOM = new RegExp(`/dist/shared/(?:${ROOMS.join('|')})/[^/]+\\.js$`);

/** V8's counts for the rooms under test. */
export function coveredFiles(scripts: readonly Profiler.ScriptCoverage[]): CoveredFile[] {
	return scripts
		.filter(({ url }) => IS_OF_A_ROOM.test(url))
		.map(({ url, functions }) => {
			const reached = new Uint8Array(sourceOf(url).length).fill(1);
			// An inner range is more exact than the one around it.
			const ranges = functions.flatMap((each) => each.ranges);
			ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
			for (const { startOffset, endOffset, count } of ranges) reached.fill(count > 0 ? 1 : 0, startOffset, endOffset);
			return { url, reached };
		});
}

/** Gathers the counts of all workers. */
export class Coverage {
	readonly #files = new Map<string, Uint8Array>();

	add(files: readonly CoveredFile[]): void {
		for (const { url, reached } of files) {
			const sum = this.#files.get(url);
			if (!sum) this.#files.set(url, reached);
			else for (const [at, is] of reached.entries()) if (is) sum[at] = 1;
		}
	}

	/** For each room, the number of lines with code, and of those that no seed has reached. */
	rooms(): RoomCoverage[] {
		return ROOMS.map((room) => {
			const files = [...this.#files].filter(([url]) => url.includes(`/dist/shared/${room}/`));
			const all = files.flatMap(([url, reached]) => linesOf(url, reached));
			return { room, lines: all.length, unreached: all.filter(({ isReached }) => !isReached).length };
		});
	}

	/**
	 * The faults of the list of unreached lines: lines that are missing in it, and names whose text is in no such file any
	 * more. A name that a seed has reached is no fault, because rare lines are reached now and then.
	 */
	problems(named: readonly Unreached[]): string[] {
		const entries = named.map(namedBy);
		const places = new Set(entries.flatMap((entry) => entry.names.flatMap((name) => name.places)));
		const missing = this.#unreached()
			.filter(({ file, number, text }) => !REFUSAL.test(text) && !places.has(`${file}:${number}`))
			.map(({ file, number, text }) => `no seed reaches ${file}:${number}, and unreached.ts does not name it: ${text}`);
		return [...missing, ...entries.flatMap((entry) => entry.problems)];
	}

	/** The names of lines that seeds have reached, and that could be left out. */
	reachedThoughNamed(named: readonly Unreached[]): string[] {
		const unreached = new Set(this.#unreached().map(({ file, number }) => `${file}:${number}`));
		return named
			.flatMap((entry) => namedBy(entry).names)
			.filter(({ places }) => !places.some((place) => unreached.has(place)))
			.map(({ name }) => name);
	}

	#unreached(): Line[] {
		return [...this.#files]
			.flatMap(([url, reached]) => linesOf(url, reached).filter(({ isReached }) => !isReached))
			.sort((a, b) => a.file.localeCompare(b.file) || a.number - b.number);
	}
}

/** Every line of the source behind `url` that holds code. */
function linesOf(url: string, reached: Uint8Array): (Line & { isReached: boolean })[] {
	const source = sourceOf(url);
	const payload = JSON.parse(readFileSync(fileURLToPath(`${url}.map`), 'utf8')) as SourceMapPayload;
	const map = new SourceMap(payload);
	const file = relative('.', fileURLToPath(new URL(payload.sources[0] as string, url)));
	const texts = readFileSync(file, 'utf8').split('\n');
	const lines = new Map<number, Line & { isReached: boolean }>();
	let offset = 0;
	for (const [index, generated] of source.split('\n').entries()) {
		for (const [from, to] of piecesOf(reached, offset, generated)) {
			const entry = map.findEntry(index, from);
			if (!('originalLine' in entry)) continue;
			const number = entry.originalLine + 1;
			const isReached = reached[offset + from] === 1 && (lines.get(number)?.isReached ?? true);
			if (to > from) lines.set(number, { file, number, text: (texts[number - 1] as string).trim(), isReached });
		}
		offset += generated.length + 1;
	}
	return [...lines.values()];
}

/** The parts of one compiled line that are reached, and those that are not, without text that does nothing. */
function piecesOf(reached: Uint8Array, offset: number, line: string): [from: number, to: number][] {
	const pieces: [number, number][] = [];
	for (let from = 0; from < line.length; ) {
		let to = from + 1;
		while (to < line.length && reached[offset + to] === reached[offset + from]) to++;
		const text = line.slice(from, to);
		const blanks = text.length - text.trimStart().length;
		if (!DOES_NOTHING.test(text) && !text.trimStart().startsWith('//')) pieces.push([from + blanks, to]);
		from = to;
	}
	return pieces;
}

function sourceOf(url: string): string {
	return readFileSync(fileURLToPath(url), 'utf8');
}
