/** What a lab is, how slow its links are, and one button that ends every fault of a link. */
import { isFault, NO_FAULT } from '../../shared/lab.ts';
import { calm, story } from '../view/state.ts';
import { commonDelayMs, said, setAll } from './acting.ts';

/** Milliseconds for each message. */
const SLOWNESS: readonly (readonly [number, string])[] = [
	[0, 'as fast as they are'],
	[200, '0.2 s a message'],
	[500, '0.5 s a message'],
	[1000, '1 s a message'],
	[3000, '3 s a message'],
];

export function Head() {
	calm.value;
	const faults = story.live.nodes.flatMap((node) => [...(node.faults?.values() ?? [])]);
	const delayMs = commonDelayMs(story.live.nodes);
	const speeds = SLOWNESS.some(([ms]) => ms === delayMs)
		? SLOWNESS
		: [...SLOWNESS, [delayMs, speedText(delayMs)] as const];
	return (
		<section class="panel head-panel" id="stage" aria-labelledby="stage-title">
			<h2 id="stage-title" class="headline">
				This is a lab: its nodes are real processes, and its links are real.
			</h2>
			<p class="head-text" data-testid="lab-said" aria-live="polite">
				{said.value || 'Pick a node or a link in the mesh, and break what you like. Nothing acknowledged is lost.'}
			</p>
			<div class="buttons">
				<label class="field">
					<span>speed of links</span>
					<select
						data-testid="lab-slow"
						value={String(delayMs)}
						onChange={(event) => void setAll({ delayMs: Number(event.currentTarget.value) })}
					>
						{speeds.map(([ms, text]) => (
							<option key={ms} value={String(ms)}>
								{text}
							</option>
						))}
					</select>
				</label>
				<button
					type="button"
					data-testid="lab-heal"
					disabled={!faults.some(isFault)}
					onClick={() => void setAll(NO_FAULT)}
				>
					Heal all links
				</button>
			</div>
		</section>
	);
}

function speedText(delayMs: number): string {
	return delayMs < 0 ? 'not all the same' : `${delayMs / 1000} s a message`;
}
