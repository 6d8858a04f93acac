/** What became of one proposal: the verdict in a sentence, and every ballot that was tried for it. */
import { apart } from '../../shared/bytes/text.ts';
import type { ProposeAnswer, ProposeRequest } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { clock, nameBallots } from '../model/ballot-names.ts';
import { beginning } from '../model/beginning.ts';
import type { Item } from '../model/tape.ts';
import { ballotsOfAnswer, outcomeSentence } from '../model/why.ts';
import { WhyButton } from './answer.tsx';
import { Ballot } from './ballot.tsx';
import { Glyph } from './glyph.tsx';
import { moment, swarmShown } from './state.ts';
import { playSlot } from './steering.ts';

/** Of a key or a value. */
const ASKED_CHARS = 120;

export interface Outcome {
	readonly id: number;
	/** As `run` of `state.ts`. */
	readonly run: number;
	readonly node: NodeId;
	readonly request: ProposeRequest;
	readonly answer: ProposeAnswer;
	readonly timeMs: number;
	/** When its facts had come too, by the clock of the source. Before that moment there was no outcome. */
	readonly settledMs: number;
}

export function OutcomeView({ outcome, newest }: { outcome: Outcome; newest: boolean }) {
	const { node, request, answer, timeMs, settledMs } = outcome;
	const names = nameBallots(ballotsOfAnswer(answer));
	const tried = answer.attempts.map((attempt) => attempt.ballot);
	if (moment.value !== null && !isThereAt(moment.value, outcome)) {
		return (
			<article class="outcome" data-testid={newest ? 'outcome' : undefined} data-outcome="later">
				<p class="outcome-head">
					<strong class="clip">{asked(request)}</strong>
					<small>at {node}</small>
				</p>
				<p class="muted">At the moment that the page shows, it has no outcome yet.</p>
			</article>
		);
	}
	return (
		<article
			class="outcome"
			data-testid={newest ? 'outcome' : undefined}
			data-outcome={answer.outcome}
			data-slot={'slot' in answer ? answer.slot : undefined}
			data-ballot={'ballot' in answer ? answer.ballot : undefined}
		>
			<p class="outcome-head">
				<Glyph kind={answer.outcome === 'chosen' && answer.ok ? 'learn' : 'nack'} />
				<strong class="clip">{asked(request)}</strong>
				<small>
					at {node}, {clock(timeMs)}
				</small>
			</p>
			<p class="outcome-text" data-testid={newest ? 'outcome-text' : undefined}>
				{outcomeSentence(answer, names)}
			</p>
			{newest && answer.attempts.length > 1 && (
				<ol class="attempts">
					{answer.attempts.map((attempt) => (
						<li key={attempt.ballot}>
							<Ballot ballot={attempt.ballot} names={names} />
							{attempt.givenUp && <small> given up</small>}
							{attempt.haltedBy !== '' && (
								<>
									<Glyph kind="nack" size={11} /> <Ballot ballot={attempt.haltedBy} names={names} />
								</>
							)}
						</li>
					))}
				</ol>
			)}
			<p class="outcome-buttons">
				{'slot' in answer && (
					<button type="button" class="quiet small" onClick={() => playSlot(answer.slot, tried)}>
						Watch it again
					</button>
				)}
				<WhyButton question={{ kind: 'answer', node, answer, settledMs }} of={`did ${asked(request)} end so`} />
			</p>
		</article>
	);
}

/** A fact that came late may stand in its place before the choice, although the answer was there when it came. */
function isThereAt({ whenMs }: Item, { answer, settledMs }: Outcome): boolean {
	return whenMs >= settledMs && (!('slot' in answer) || swarmShown().knowsChosen(answer.slot));
}

function asked({ key, value }: ProposeRequest): string {
	const name = apart(beginning(key, ASKED_CHARS));
	return value === null ? `delete ${name}` : `${name} = ${apart(beginning(value, ASKED_CHARS))}`;
}
