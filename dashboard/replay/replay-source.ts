/** A trace file as a source: everything is told at once, each thing with the time at which it was told, and then no more. */
import type { EntriesBelow, ProposeAnswer } from '../../shared/feed.ts';
import type { TraceFile, TraceItem } from '../../shared/trace-file.ts';
import type { Source, SourceListener } from '../model/source.ts';

/** So much is told before the page goes on with other things. */
const TOLD_AT_ONCE = 200;
const SPAN_MS_MIN = 10;

export class ReplaySource implements Source {
	readonly isDirected = true;
	#listener: SourceListener | null = null;
	#file: TraceFile | null = null;
	#nowMs = 0;
	#beganMs = 0;

	start(listener: SourceListener): void {
		this.#listener = listener;
	}

	/** Another file takes the place of the one that is shown. @returns once all of it is told */
	async open(file: TraceFile): Promise<void> {
		const listener = this.#listener;
		if (!listener) return;
		this.#file = file;
		this.#nowMs = file.told[0]?.ms ?? 0;
		this.#beganMs = this.#nowMs;
		listener.begin();
		for (let at = 0; at < file.told.length && this.#file === file; at++) {
			const item = file.told[at] as TraceItem;
			this.#nowMs = item.ms;
			tell(item, listener);
			if (at % TOLD_AT_ONCE === TOLD_AT_ONCE - 1) await new Promise((resolve) => setTimeout(resolve));
		}
		if (this.#file !== file) return;
		if (file.shown !== undefined) listener.shows(file.shown);
		listener.moved();
	}

	resync(): void {
		// There is nobody to ask.
	}

	list(): Promise<EntriesBelow | null> {
		return Promise.resolve(null);
	}

	propose(): Promise<ProposeAnswer> {
		return Promise.resolve({ outcome: 'refused', why: 'this has happened already', attempts: [] });
	}

	nowMs(): number {
		return this.#nowMs;
	}

	wallMs(): number {
		return this.#nowMs;
	}

	spanMs(): number {
		return Math.max(SPAN_MS_MIN, this.#nowMs - this.#beganMs);
	}

	flightsAt(): null {
		return null;
	}
}

type Listener = Pick<SourceListener, 'replayed' | 'snapshot' | 'batch' | 'lost'>;

export function tell(item: TraceItem, listener: Listener): void {
	switch (item.kind) {
		case 'told':
			return listener.replayed({ node: item.node, told: item.told, whenMs: item.ms });
		case 'snapshot':
			return listener.snapshot(item.snapshot.node, item.snapshot);
		case 'lost':
			return listener.lost(item.node, item.sinceMs);
		case 'facts': {
			const [first] = item.facts;
			if (!first) return;
			const { node, epoch, seq } = first;
			return listener.batch(node, { epoch, from: seq, facts: item.facts, skipped: {} });
		}
	}
}
