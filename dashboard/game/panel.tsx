/** Below the nodes: the rules, each of which can be taken out; with all of them in, what was tried, and the search. */
import { size, without } from '../sandbox/directed.ts';
import { takeOut } from './game.ts';
import { RULES_TO_TAKE_OUT, type RuleOut } from './rules.ts';
import { SearchBox } from './search-box.tsx';
import { TriedText } from './tried.tsx';

export function Game() {
	const out = without.value;
	return (
		<section class="panel game-panel" id="game" aria-labelledby="game-title">
			<h2 id="game-title" tabIndex={-1}>
				Can you break it?
			</h2>
			<p class="muted">
				You are the network, the disks and the clocks. Make two values be chosen in one slot, or turn another lamp below
				the mesh red. With all rules in you will not. So take one out:
			</p>
			<ul class="rules" aria-label="Rules to take out">
				{RULES_TO_TAKE_OUT.map((rule) => (
					<RuleItem key={rule.id} rule={rule} isOut={rule.id === out} />
				))}
			</ul>
			{!out && <TriedText />}
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
