/** A trace file as a source: everything is told soon, each thing with the time at which it was told, and then no more. */
import type { EntriesBelow, ProposeAnswer } from '../../shared/feed.ts';
import type { TraceFile, TraceItem } from '../../shared/trace-file.ts';
import { measuresWithout } from '../game/agents.ts';
import type { Source, SourceListener } from '../model/source.ts';
import { countOf, othersFirst, partsOf } from './slices.ts';

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
		const items = file.told.reduce((sum, item) => sum + countOf(item), 0);
		listener.begin({ items, ...measuresWithout(file.without ?? null) });
		for (const part of partsOf(file.told)) {
			for (const item of part) {
				this.#nowMs = item.ms;
				tell(item, listener);
			}
			listener.moved();
			await othersFirst();
			if (this.#file !== file) return;
		}
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
