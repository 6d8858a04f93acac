/** Saves a trace file, and leads to where one is opened. */
import type { TraceFile } from '../../shared/trace-file.ts';

export function TraceFiles({ onSave }: { onSave: () => void }) {
	return (
		<div class="buttons trace-files">
			<button type="button" data-testid="save-trace" onClick={onSave}>
				Save as a file
			</button>
			<a href="?replay" data-testid="to-replay">
				Open a file
			</a>
		</div>
	);
}

/** @param name of the file, without its ending */
export function saveTrace(file: TraceFile, name: string): void {
	const link = document.createElement('a');
	link.href = URL.createObjectURL(new Blob([JSON.stringify(file)], { type: 'application/json' }));
	link.download = `${name}.trace.json`;
	link.click();
	URL.revokeObjectURL(link.href);
}
