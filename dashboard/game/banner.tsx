/** Above the mesh: which rule this swarm runs without, what the search shows, and what is broken. */
import { actionsCount, size, without } from '../sandbox/directed.ts';
import { actionText } from '../sandbox/possible.ts';
import { broken, demonstrate, demonstrated, takeOut } from './game.ts';
import { brokenText, ruleOf } from './rules.ts';
import { SearchBox } from './search-box.tsx';
import { TriedText } from './tried.tsx';

export function Banner() {
	const out = without.value;
	if (!out) return null;
	return (
		<div class="rule-out" data-testid="rule-out">
			<p>
				<strong>This swarm runs without a rule.</strong> {ruleOf(out).without}
			</p>
			<SearchBox>
				<button type="button" data-testid="put-back" onClick={() => void takeOut(null, size.value)}>
					Put the rule back
				</button>
			</SearchBox>
			<TriedText />
		</div>
	);
}

/** What has happened that must never happen. */
export function BrokenText() {
	const { value } = broken;
	return (
		<div role="alert">
			{value && (
				<p class="notice bad" data-testid="broken">
					<span>
						<strong>Broken.</strong> {brokenText(value)}
					</span>
				</p>
			)}
		</div>
	);
}

/** What the search has found, action by action, while it is played. */
export function Demonstration() {
	const run = demonstrated.value;
	if (!run) return null;
	const done = actionsCount.value;
	return (
		<div class="demonstration">
			<ol data-testid="demonstration">
				{run.script.actions.map((timed, i) => (
					<li key={i} class={i < done ? 'done' : ''} aria-current={i === done - 1 ? 'step' : undefined}>
						{actionText(timed)}
					</li>
				))}
			</ol>
			<button type="button" class="quiet" data-testid="show-again" onClick={() => void demonstrate(run)}>
				Show it again
			</button>
		</div>
	);
}
