/** How fast time passes in the run: it plays, stands still, or goes on to the next event. */
import { Icon } from '../view/icon.tsx';
import { changeSpeed, isOver, isPlaying, speed, step, toggle } from './directed.ts';
import { SPEEDS } from './speed.ts';

export function Dial() {
	const text = speed.value === 'auto' ? 'auto' : `${speed.value}×`;
	return (
		<fieldset class="dial" aria-label="Time of the run">
			<button
				type="button"
				class="icon primary"
				data-testid="run-play"
				aria-label={isPlaying.value ? 'Pause the run' : 'Let the run play'}
				aria-keyshortcuts="Space"
				disabled={isOver.value}
				onClick={toggle}
			>
				<Icon d={isPlaying.value ? 'M5 3v10M11 3v10' : 'M5 3l8 5-8 5z'} />
			</button>
			<button
				type="button"
				class="icon"
				data-testid="run-step"
				aria-label="On to the next event"
				aria-keyshortcuts="."
				disabled={isOver.value}
				onClick={step}
			>
				<Icon d="M5 3l7 5-7 5zM13 3v10" />
			</button>
			<button
				type="button"
				class="icon"
				data-testid="run-slower"
				aria-label="Slower run"
				aria-keyshortcuts="["
				disabled={speed.value === SPEEDS[0]}
				onClick={() => changeSpeed(-1)}
			>
				<Icon d="M3 8h10" />
			</button>
			<output
				class="mono"
				aria-label="Speed of the run"
				title={speed.value === 'auto' ? 'Slow while messages fly, fast in between' : 'Of real time'}
				data-testid="run-speed"
			>
				{text}
			</output>
			<button
				type="button"
				class="icon"
				data-testid="run-faster"
				aria-label="Faster run"
				aria-keyshortcuts="]"
				disabled={speed.value === SPEEDS.at(-1)}
				onClick={() => changeSpeed(1)}
			>
				<Icon d="M3 8h10M8 3v10" />
			</button>
		</fieldset>
	);
}
