/** Explains the page. What it says is loaded when it is asked for. */
import { signal } from '@preact/signals';
import { createRef } from 'preact';
import { onDemand } from './on-demand.tsx';
import { isDirected } from './state.ts';
import { takeTour } from './tour.tsx';

const dialog = createRef<HTMLDialogElement>();
const isAsked = signal(false);
const HelpText = onDemand('The help', async () => (await import('./help-text.tsx')).HelpText);

export function showHelp(): void {
	isAsked.value = true;
	dialog.current?.showModal();
}

export function Help() {
	return (
		<dialog ref={dialog} class="help" aria-label="Help">
			{isAsked.value && <HelpText />}
			<div class="buttons">
				<button type="button" class="primary" onClick={() => dialog.current?.close()}>
					Close
				</button>
				{!isDirected() && (
					<button
						type="button"
						data-testid="take-tour"
						onClick={() => {
							dialog.current?.close();
							takeTour();
						}}
					>
						Take the tour
					</button>
				)}
			</div>
		</dialog>
	);
}
