/** Opens a trace file, beside the mesh, and says above it what the file is of. */
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { start } from '../view/folding.ts';
import { calm, moment, story } from '../view/state.ts';
import { seekMoment } from '../view/steering.ts';
import { FILE_BYTES_MAX, TraceFileError, traceOf } from './file.ts';
import { ReplaySource } from './replay-source.ts';

const source = new ReplaySource();
const title = signal('');
const fault = signal('');

export function replay(): void {
	start(source);
}

async function open(file: File | undefined): Promise<void> {
	if (!file) return;
	fault.value = '';
	try {
		if (file.size > FILE_BYTES_MAX) throw new TraceFileError(`it has more than ${FILE_BYTES_MAX} bytes`);
		const trace = await traceOf(await file.text());
		title.value = trace.title;
		await source.open(trace);
	} catch (error) {
		if (!(error instanceof TraceFileError)) throw error;
		fault.value = error.message;
	}
}

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
						onChange={(event) => void open(event.currentTarget.files?.[0])}
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
