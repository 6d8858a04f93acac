/** Reads a trace file. It may come from anywhere, so it is checked before the page is told of it. */
import { RULE_IDS } from '../../shared/simulation/rule-ids.ts';
import { TRACE_FORMAT, type TraceFile, type TraceItem } from '../../shared/trace-file.ts';
import { Story } from '../model/story.ts';
import { tell } from './replay-source.ts';
import { othersFirst, partsOf } from './slices.ts';

/** A million facts fit. A browser holds no longer text than this. */
export const FILE_BYTES_MAX = 500 * 1024 * 1024;

/** Its text says what is wrong with a file. */
export class TraceFileError extends Error {
	override readonly name = 'TraceFileError';
}

/** Rejects with TraceFileError. */
export async function traceOf(text: string): Promise<TraceFile> {
	const file = parsed(text);
	if (file?.format !== TRACE_FORMAT) throw new TraceFileError('it is no trace file, or one of another version');
	if (typeof file.title !== 'string' || !Array.isArray(file.told)) throw new TraceFileError('a part of it is missing');
	let before = 0;
	for (const item of file.told) {
		if (!(typeof item?.ms === 'number' && item.ms >= before)) throw new TraceFileError('its times go back');
		before = item.ms;
	}
	const { shown = 0 } = file;
	if (!Number.isInteger(shown) || shown < 0) throw new TraceFileError('it names no moment that it has');
	const { without } = file;
	if (without !== undefined && !RULE_IDS.some((id) => id === without)) {
		throw new TraceFileError('it is without a rule that is not there');
	}
	await mustFold(file.told);
	return file;
}

function parsed(text: string): TraceFile | null {
	try {
		return JSON.parse(text) as TraceFile | null;
	} catch {
		throw new TraceFileError('it is no JSON');
	}
}

/** What the page cannot fold is no trace. */
async function mustFold(told: readonly TraceItem[]): Promise<void> {
	const story = new Story(() => 0);
	const listener: Parameters<typeof tell>[1] = {
		replayed: (next) => story.replayed(next),
		snapshot: (node, snapshot) => story.snapshot(node, snapshot),
		batch: (node, batch) => void story.batch(node, batch),
		lost: (node, sinceMs) => story.lost(node, sinceMs),
	};
	try {
		for (const part of partsOf(told)) {
			for (const item of part) tell(item, listener);
			await othersFirst();
		}
		story.tape.settle();
	} catch (error) {
		throw new TraceFileError(`something in it cannot be understood: ${error instanceof Error ? error.message : ''}`);
	}
	if (story.live.nodes.length === 0) throw new TraceFileError('nothing is told in it');
}
