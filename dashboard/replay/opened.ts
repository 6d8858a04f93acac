/** Which trace file is open, and why the last one that was chosen is not. */
import { signal } from '@preact/signals';
import { start } from '../view/folding.ts';
import { FILE_BYTES_MAX, TraceFileError, traceOf } from './file.ts';
import { ReplaySource } from './replay-source.ts';

const source = new ReplaySource();
/** The title of the open file; '' before one was opened. */
export const title = signal('');
/** Why the file that was chosen last cannot be opened; '' where it can. */
export const fault = signal('');
/** Grows with every file that is chosen: only the last one is opened. */
let choices = 0;

export function replay(): void {
	start(source);
}

/** @param file undefined where none was chosen */
export async function openFile(file: Pick<File, 'size' | 'text'> | undefined): Promise<void> {
	if (!file) return;
	const own = ++choices;
	fault.value = '';
	try {
		if (file.size > FILE_BYTES_MAX) throw new TraceFileError(`it has more than ${FILE_BYTES_MAX} bytes`);
		const trace = await traceOf(await textOf(file));
		if (own !== choices) return;
		title.value = trace.title;
		await source.open(trace);
	} catch (error) {
		if (!(error instanceof TraceFileError)) throw error;
		if (own === choices) fault.value = error.message;
	}
}

async function textOf(file: Pick<File, 'text'>): Promise<string> {
	try {
		return await file.text();
	} catch {
		throw new TraceFileError('it cannot be read, so it may be a folder, or was moved or changed after it was chosen');
	}
}
