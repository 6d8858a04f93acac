/** The button that asks why something happened, and the answer: one sentence, and the facts behind it, which lead there. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { clockWithMs, nameBallots } from '../model/ballot-names.ts';
import { ballotOf } from '../model/decision-index.ts';
import { factText } from '../model/fact-text.ts';
import { type Question, reasonOf } from '../model/reasons/reason.ts';
import { type Item, isEntry } from '../model/tape.ts';
import { answered, ask, closeAnswer } from './asking.ts';
import { calm, moment, story } from './state.ts';
import { seekMoment } from './steering.ts';

/** @param of what is asked about, for who does not see the place of the button */
export function WhyButton(props: { question: Question; of: string; children?: ComponentChildren }) {
	const { question, of, children = 'Why?' } = props;
	return (
		<button type="button" class="why-button" data-testid="why" onClick={() => ask(question)}>
			{children}
			<span class="sr"> {of}</span>
		</button>
	);
}

export function Answer() {
	const heading = useRef<HTMLHeadingElement>(null);
	const question = answered.value;
	useLayoutEffect(() => heading.current?.focus({ preventScroll: true }), [question]);
	if (!question) return null;
	return (
		<section class="answer" aria-labelledby="answer-title" data-testid="answer-why">
			<div class="answer-head">
				<h2 id="answer-title" tabIndex={-1} ref={heading}>
					Why
				</h2>
				<button type="button" class="quiet small" data-testid="answer-close" onClick={closeAnswer}>
					Close <kbd>Esc</kbd>
				</button>
			</div>
			<Said question={question} />
		</section>
	);
}

const NOT_YET: Readonly<Record<Question['kind'], string>> = {
	item: 'At the moment that the page shows, it has not happened yet.',
	answer: 'At the moment that the page shows, it has no outcome yet.',
	open: 'At the moment that the page shows, the slot is not open.',
	noQuorum: 'At the moment that the page shows, enough voters are heard.',
	row: 'At the moment that the page shows, that ballot has not begun.',
};

function Said({ question }: { question: Question }) {
	calm.value;
	const at = moment.value;
	const { sentence, unknown, facts } = reasonOf(question, story, at);
	return (
		<>
			<p class="answer-sentence" data-testid="answer-sentence" aria-live="polite">
				{sentence ?? NOT_YET[question.kind]}{' '}
				{sentence !== null && unknown.length > 0 && <span class="muted">{unknown.join(' ')}</span>}
			</p>
			{facts.length > 0 && (
				<ol class="answer-facts" aria-label="The facts behind it">
					{facts.map((item) => (
						<FactLink key={item.index} item={item} shown={at} />
					))}
				</ol>
			)}
		</>
	);
}

/** Leads to the moment just after the fact. */
function FactLink({ item, shown }: { item: Item; shown: Item | null }) {
	const isLater = shown !== null && item.at > shown.at;
	return (
		<li>
			<button
				type="button"
				class={isLater ? 'quiet small later' : 'quiet small'}
				data-testid="answer-fact"
				aria-current={item === shown ? 'step' : undefined}
				onClick={() => seekMoment(item)}
			>
				{isEntry(item) && <time class="mono">{clockWithMs(item.fact.time)}</time>} <b>{item.node}</b> {itemText(item)}
				{isLater && <small> later</small>}
			</button>
		</li>
	);
}

function itemText(item: Item): string {
	if (isEntry(item)) return factText(item.fact, nameBallots([ballotOf(item.fact)]));
	return item.told.kind === 'lost' ? 'is not heard any more' : 'is heard again';
}
