/**
 * Gathers what is told in a run, for a trace file. What was told long ago is dropped: then the file begins with what each
 * node knew at a later moment.
 */
import type { NodeSnapshot } from '../feed.ts';
import { TRACE_FORMAT, type TraceFile, type TraceItem, type TraceTold } from '../trace-file.ts';
import { type Instant, US_PER_MS } from './schedule.ts';

/** A part of the record that stands by itself: it begins with what each node knew. */
interface Chapter {
	readonly items: TraceItem[];
	facts: number;
}

/** As many as the page shows. */
const FACTS_MAX = 20_000;
const CHAPTERS_MAX = 4;

export class TraceWriter {
	readonly #snapshots: () => readonly NodeSnapshot[];
	/** With so many facts a chapter is full. */
	readonly #chapterFacts: number;
	#chapters: Chapter[] = [{ items: [], facts: 0 }];

	/**
	 * @param snapshots what each node that runs knows now
	 * @param factsMax about so many facts are kept
	 */
	constructor(snapshots: () => readonly NodeSnapshot[], factsMax = FACTS_MAX) {
		this.#snapshots = snapshots;
		this.#chapterFacts = factsMax / CHAPTERS_MAX;
	}

	add(time: Instant, told: TraceTold): void {
		const { items, facts } = this.#chapters.at(-1) as Chapter;
		const isFull = facts >= this.#chapterFacts;
		const chapter = isFull ? { items: [], facts: 0 } : { items, facts };
		if (isFull) {
			for (const snapshot of this.#snapshots()) chapter.items.push(itemOf(time, { kind: 'snapshot', snapshot }));
		}
		chapter.items.push(itemOf(time, told));
		if (told.kind === 'facts') chapter.facts += told.facts.length;
		this.#chapters = [...(isFull ? this.#chapters : this.#chapters.slice(0, -1)), chapter].slice(-CHAPTERS_MAX);
	}

	/** @param title for people: what the trace is of, in one sentence */
	file(title: string): TraceFile {
		return { format: TRACE_FORMAT, title, told: this.#chapters.flatMap(({ items }) => items) };
	}
}

function itemOf(time: Instant, told: TraceTold): TraceItem {
	return { ms: time / US_PER_MS, ...told };
}
