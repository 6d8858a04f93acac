/** What must never happen, and whether it has, as the page itself finds it in the facts. */
import { nameBallots } from '../model/ballot-names.ts';
import { ballotOf } from '../model/decision-index.ts';
import { factText } from '../model/fact-text.ts';
import { RULE_TEXTS, RULES, type Rule } from '../model/lamps.ts';
import { Glyph } from './glyph.tsx';
import { calm, moment, seekMoment, story } from './state.ts';

export function LampList() {
	calm.value;
	return (
		<ul class="lamps" aria-label="What must never happen">
			{RULES.map((rule) => (
				<Lamp key={rule} rule={rule} />
			))}
		</ul>
	);
}

function Lamp({ rule }: { rule: Rule }) {
	calm.value;
	const entry = story.lamps.brokenBy(rule, moment.value?.at ?? Number.POSITIVE_INFINITY);
	return (
		<li class={entry ? 'lamp broken' : 'lamp'} data-testid={`lamp-${rule}`} data-broken={entry !== null}>
			<Glyph kind={entry ? 'nack' : 'learn'} size={13} />
			<span>
				{RULE_TEXTS[rule]}
				<span class="sr">{entry ? ': this is broken' : ': this holds'}</span>
			</span>
			{entry && (
				<button type="button" class="quiet small" onClick={() => seekMoment(entry)}>
					{entry.fact.node} {factText(entry.fact, nameBallots([ballotOf(entry.fact)]))}
				</button>
			)}
		</li>
	);
}
