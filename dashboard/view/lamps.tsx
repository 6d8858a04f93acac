/** What must never happen, and whether it has, as the page itself finds it in the facts. */
import type { ComponentChildren, ComponentType } from 'preact';
import { nameBallots } from '../model/ballot-names.ts';
import { ballotOf, slotOf } from '../model/decision-index.ts';
import { factText } from '../model/fact-text.ts';
import { RULE_TEXTS, RULES, type Rule } from '../model/lamps.ts';
import { quoted } from '../model/why.ts';
import { Glyph } from './glyph.tsx';
import { calm, moment, story } from './state.ts';
import { seekMoment, showSlot } from './steering.ts';

export function LampList({ More }: { More: ComponentType | undefined }) {
	calm.value;
	return (
		<ul class="lamps" aria-label="What must never happen">
			{RULES.map((rule) => (
				<Lamp key={rule} rule={rule} />
			))}
			{More && <More />}
		</ul>
	);
}

function Lamp({ rule }: { rule: Rule }) {
	calm.value;
	const breach = story.lamps.breach(rule, moment.value?.at ?? Number.POSITIVE_INFINITY);
	return (
		<LampItem id={rule} text={RULE_TEXTS[rule]} isBroken={breach !== null}>
			{breach && (
				<button
					type="button"
					class="quiet small"
					onClick={() => {
						showSlot(slotOf(breach.entry.fact) || null);
						seekMoment(breach.entry);
					}}
				>
					{breach.entry.fact.node} {factText(breach.entry.fact, nameBallots([ballotOf(breach.entry.fact)]))}
					{breach.against && `, and before it was ${quoted(breach.against)}`}
				</button>
			)}
		</LampItem>
	);
}

interface LampItemProps {
	readonly id: string;
	readonly text: string;
	readonly isBroken: boolean;
	/** What broke it. */
	readonly children: ComponentChildren;
}

export function LampItem({ id, text, isBroken, children }: LampItemProps) {
	return (
		<li class={isBroken ? 'lamp broken' : 'lamp'} data-testid={`lamp-${id}`} data-broken={isBroken}>
			<Glyph kind={isBroken ? 'nack' : 'learn'} size={13} />
			<span>
				{text}
				{isBroken ? ': this is broken' : <span class="sr">: this holds</span>}
			</span>
			{children}
		</li>
	);
}
