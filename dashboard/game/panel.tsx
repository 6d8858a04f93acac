/** Beside the mesh: the rules, each of which can be taken out, what was tried, and the search. */
import { size, without } from '../sandbox/directed.ts';
import { takeOut, tried } from './game.ts';
import { RULES_TO_TAKE_OUT, type RuleOut, ruleOf } from './rules.ts';
import { SearchBox } from './search-box.tsx';

export function Game() {
	const out = without.value;
	return (
		<section class="panel game-panel" id="game" aria-labelledby="game-title">
			<h2 id="game-title" tabIndex={-1}>
				Can you break it?
			</h2>
			<p class="muted">
				You are the network, the disks and the clocks. Make two values be chosen in one slot, or turn any other lamp
				below the mesh red. With all rules in nobody can. So take one out:
			</p>
			<ul class="rules" aria-label="Rules to take out">
				{RULES_TO_TAKE_OUT.map((rule) => (
					<RuleItem key={rule.id} rule={rule} isOut={rule.id === out} />
				))}
			</ul>
			{out && <p class="hint">A hint: {lowered(ruleOf(out).hint)}</p>}
			<TriedText />
			{!out && <SearchBox />}
		</section>
	);
}

function RuleItem({ rule, isOut }: { rule: RuleOut; isOut: boolean }) {
	return (
		<li>
			<button
				type="button"
				data-testid={`rule-${rule.id}`}
				aria-pressed={isOut}
				onClick={() => void (isOut ? takeOut(null, size.value) : takeOut(rule.id, rule.nodes))}
			>
				<span class="rule-state" aria-hidden="true">
					{isOut ? 'out' : 'in'}
				</span>
				<span>
					{rule.rule}
					<small>
						{rule.section}
						<span class="sr">{isOut ? ', taken out' : ', take it out'}</span>
					</small>
				</span>
			</button>
		</li>
	);
}

function TriedText() {
	const { actions, runs } = tried.value;
	if (actions === 0) return null;
	return (
		<p class="tally" data-testid="tried">
			You have tried {counted(actions, 'action')} in {counted(runs, 'run')}.
		</p>
	);
}

function counted(count: number, what: string): string {
	return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function lowered(text: string): string {
	return text.charAt(0).toLowerCase() + text.slice(1);
}
