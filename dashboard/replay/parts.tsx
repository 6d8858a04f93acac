/** A field for a trace file, beside the mesh, and above it what the file is of. */
import type { ComponentChildren } from 'preact';
import { calm, moment, story } from '../view/state.ts';
import { seekMoment } from '../view/steering.ts';
import { fault, openFile, title } from './opened.ts';

export function Head() {
	return (
		<section class="panel head-panel" id="stage" aria-labelledby="stage-title">
			<h2 id="stage-title" class="headline" data-testid="trace-title">
				{title.value || 'A trace file shows again what has happened.'}
			</h2>
			{title.value ? (
				<Events />
			) : (
				<p class="head-text">
					Choose one where it says “Open a trace file”. Then the page leads through it event by event, and the rail at
					the bottom to each of its moments.
				</p>
			)}
		</section>
	);
}

/** From event to event, with what happened there in words: for a person who does not know what to look for. */
function Events() {
	calm.value;
	const { landmarks } = story;
	const at = moment.value;
	const here = at && landmarks.find(({ item }) => item === at);
	const [first] = landmarks;
	const next = at && landmarks.find(({ item }) => item.at > at.at);
	return (
		<>
			<p class="head-text" data-testid="event-text" aria-live="polite">
				{here
					? `${here.text}.`
					: at
						? 'This moment is between two events.'
						: 'This is how the file ends. Go through it event by event, or drag the rail at the bottom to any moment.'}
			</p>
			<div class="buttons">
				{next && (
					<button type="button" class="primary" data-testid="event-next" onClick={() => seekMoment(next.item)}>
						Next event
					</button>
				)}
				{first && here !== first && (
					<button
						type="button"
						class={next ? '' : 'primary'}
						data-testid="event-first"
						onClick={() => seekMoment(first.item)}
					>
						From the first event on
					</button>
				)}
			</div>
		</>
	);
}

export function Aside({ children }: { children: ComponentChildren }) {
	return (
		<>
			<section class="panel file-panel" aria-labelledby="file-title">
				<h2 id="file-title">Trace file</h2>
				<p class="muted">
					“Save as a file” stands below the event log of a swarm and below a run of the sandbox. A failing seed of{' '}
					<code>npm run simulate</code> leaves a file too.
				</p>
				<label class="field">
					<span>Open a trace file</span>
					<input
						type="file"
						accept=".json,application/json"
						data-testid="trace-file"
						onChange={(event) => void openFile(event.currentTarget.files?.[0])}
					/>
				</label>
				<div role="alert">
					{fault.value !== '' && (
						<p class="notice bad" data-testid="trace-fault">
							The file cannot be opened: {fault.value}.
						</p>
					)}
				</div>
			</section>
			{children}
		</>
	);
}
