/** Play, pause, step, speed, scrub, and back to live: for the decision that is shown. */
import type { BallotNames } from '../model/ballot-names.ts';
import { factText } from '../model/fact-text.ts';
import { Icon } from './icon.tsx';
import { playback, step } from './shown-decision.ts';
import { isDirected, moment, playing, position, speed } from './state.ts';
import { changeSpeed, pause, play, SPEEDS, seek, stepBy, toLive } from './steering.ts';

export function Transport({ names }: { names: BallotNames }) {
	const { steps, durationMs } = playback.value;
	const at = step.value;
	const now = at === null ? undefined : steps[at];
	if (steps.length === 0) {
		return (
			<p class="transport-none muted">No messages of it were seen by this page, so there is nothing to play back.</p>
		);
	}
	return (
		<fieldset class="transport" aria-label="Playback">
			<div class="hands">
				<div class="buttons">
					<button
						type="button"
						class="icon"
						data-testid="step-back"
						aria-label="Step back"
						aria-keyshortcuts={shortcut(',')}
						onClick={() => stepBy(-1)}
					>
						<Icon d="M11 3 4 8l7 5zM3 3v10" />
					</button>
					<button
						type="button"
						class="icon primary"
						data-testid="play"
						aria-label={playing.value ? 'Pause' : 'Play'}
						aria-keyshortcuts={shortcut('Space')}
						onClick={() => (playing.value ? pause() : play())}
					>
						<Icon d={playing.value ? 'M5 3v10M11 3v10' : 'M5 3l8 5-8 5z'} />
					</button>
					<button
						type="button"
						class="icon"
						data-testid="step-forward"
						aria-label="Step forward"
						aria-keyshortcuts={shortcut('.')}
						onClick={() => stepBy(1)}
					>
						<Icon d="M5 3l7 5-7 5zM13 3v10" />
					</button>
				</div>
				<input
					type="range"
					aria-label="Position in the playback"
					data-testid="scrub"
					min={0}
					max={Math.round(durationMs)}
					step={1}
					value={position.value ?? durationMs}
					aria-valuetext={at === null ? 'now' : `step ${at + 1} of ${steps.length}`}
					onInput={(event) => seek(event.currentTarget.valueAsNumber)}
				/>
				<button type="button" class="live" data-testid="live" aria-pressed={moment.value === null} onClick={toLive}>
					<i class="dot" /> Now
				</button>
				<p
					class="step-text"
					data-testid="step-text"
					data-step={at === null ? 'live' : at + 1}
					data-steps={steps.length}
				>
					{now ? (
						<>
							<span class="muted">
								{(at ?? 0) + 1} of {steps.length}
							</span>{' '}
							<strong>{now.fact.node}</strong> {factText(now.fact, names)}
						</>
					) : at === null ? (
						<span class="muted">All {steps.length} steps have happened. Press play to see them one by one.</span>
					) : (
						<span class="muted">Before the first step.</span>
					)}
				</p>
			</div>
			<div class="speed">
				<button
					type="button"
					class="icon"
					data-testid="slower"
					aria-label="Slower"
					aria-keyshortcuts={shortcut('[')}
					disabled={speed.value === SPEEDS[0]}
					onClick={() => changeSpeed(-1)}
				>
					<Icon d="M3 8h10" />
				</button>
				<output class="mono" aria-label="Speed">
					{speed.value}×
				</output>
				<button
					type="button"
					class="icon"
					data-testid="faster"
					aria-label="Faster"
					aria-keyshortcuts={shortcut(']')}
					disabled={speed.value === SPEEDS.at(-1)}
					onClick={() => changeSpeed(1)}
				>
					<Icon d="M3 8h10M8 3v10" />
				</button>
			</div>
		</fieldset>
	);
}

/** The keys direct the run where a person does. */
function shortcut(key: string): string | undefined {
	return isDirected() ? undefined : key;
}
