/**
 * The decision view: one slot, nodes as columns, 1a, 1b, 2a, 2b and learned as rows, a sentence of why for
 * each row. It shows what the model folded, live or up to the step that is played, and decides nothing.
 */
import { useRef } from 'preact/hooks';
import type { BallotText } from '../../shared/fact.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { type BallotNames, nameBallots } from '../model/ballot-names.ts';
import { changeText } from '../model/change-text.ts';
import type { Decision, Round } from '../model/decision.ts';
import { electorateOf } from '../model/members.ts';
import { countText, list, quoted } from '../model/why.ts';
import { WhyButton } from './answer.tsx';
import { Ballot } from './ballot.tsx';
import { Phases } from './decision-phases.tsx';
import { Glyph } from './glyph.tsx';
import { inspected } from './inspecting.ts';
import { opened } from './opened.ts';
import { PaperSwitch } from './paper.tsx';
import { usePressedInView } from './pressed-in-view.ts';
import { decision, pickedBallot, playback, shownRound, step } from './shown-decision.ts';
import { calm, isDirected, moment, shownSlot, swarmShown } from './state.ts';
import { Transport } from './transport.tsx';
import { WhereTimeWent } from './waterfall.tsx';

export function DecisionPanel() {
	// What changes the decision draws it at once. This is for the nodes and the members.
	calm.value;
	const slot = shownSlot.value;
	const shown = decision.value;
	const at = step.value;
	const now = at === null ? undefined : playback.value.steps[at]?.fact;
	const names = nameBallots(ballotsIn(shown));
	const round = shownRound.value;
	return (
		<section
			class="panel decision-panel"
			id="decision"
			aria-labelledby="decision-title"
			data-testid="decision"
			data-slot={slot}
			data-live={moment.value === null}
		>
			<div class="panel-head">
				<h2 id="decision-title">{slot === 0 ? 'Decision' : `Slot ${countText(slot)}`}</h2>
				{slot > 0 && (
					<div class="verdict-row">
						<Verdict decision={shown} />
					</div>
				)}
				{slot > 0 && (
					<div class="head-buttons">
						<button
							type="button"
							class="quiet small"
							data-testid="inspect-slot"
							onClick={() => {
								inspected.value = { kind: 'slot', slot };
							}}
						>
							Inspect
						</button>
						<PaperSwitch />
					</div>
				)}
			</div>
			{!swarmShown().nodes.some(({ isUp }) => isUp) && slot === 0 ? (
				<p class="empty">No node has told anything yet.</p>
			) : slot === 0 || swarmShown().nodes.length === 0 ? (
				<Empty />
			) : (
				opened.value !== 'none' && (
					<>
						<Members decision={shown} />
						<Rounds
							decision={shown}
							shown={round}
							names={names}
							onPick={(ballot) => {
								pickedBallot.value = pickedBallot.value === ballot ? null : ballot;
							}}
						/>
						{round || swarmShown().knowsChosen(slot) ? (
							<Phases decision={shown} round={round} names={names} now={now} />
						) : (
							<p class="empty">Nothing has happened for this slot yet at this moment.</p>
						)}
						{opened.value === 'all' && <Transport names={names} />}
						{opened.value === 'all' && round && <WhereTimeWent round={round} />}
					</>
				)
			)}
		</section>
	);
}

function Verdict({ decision }: { decision: Decision }) {
	const { slot, values } = decision;
	if (!decision.chosen) {
		const isKnown = swarmShown().knowsChosen(slot);
		const state = isKnown ? `chosen: ${whereValueIs(slot)}` : 'open: no value is known to be chosen';
		return (
			<>
				<p class="verdict open">{state}</p>
				{!isKnown && (
					<WhyButton question={{ kind: 'open', slot }} of={`is no value known to be chosen in slot ${slot}`} />
				)}
			</>
		);
	}
	if (values.length > 1) {
		return (
			<p class="verdict broken" data-testid="verdict">
				<Glyph kind="nack" /> {values.length} values are chosen:{' '}
				<strong>{list(values.map((value) => quoted(value)))}</strong>
			</p>
		);
	}
	return (
		<p class="verdict" data-testid="verdict">
			<Glyph kind="learn" /> chosen{' '}
			<strong>{decision.brings ? 'a change of members' : quoted(decision.chosen.value)}</strong>
		</p>
	);
}

/** The rest of a sentence on a slot that is chosen, and whose value the page was not told. */
function whereValueIs(slot: Slot): string {
	return swarmShown().isTrimmed(slot) ? 'only snapshots keep it' : 'its value was not told';
}

/** What the slot changes of the members, and who decides it where those are not the members of now. */
function Members({ decision: { slot, set, brings, chosen } }: { decision: Decision }) {
	const [inForce, next] = swarmShown().sets;
	const isPast = set !== null && inForce !== undefined && set.from < inForce.from;
	const isNext = set !== null && set === next;
	if (!isPast && !isNext && !(brings && chosen)) return null;
	const { voters, needed } = set ? electorateOf(set) : { voters: [], needed: 0 };
	return (
		<p class="decision-members" data-testid="decision-members">
			{brings && chosen && <span>{changeText(set, brings)}.</span>}{' '}
			{set && (isPast || isNext) && (
				<span class="muted">
					Slot {countText(slot)} is decided by the members {isPast ? 'of that time' : 'to come'}: {needed} of{' '}
					{list(voters)}.
				</span>
			)}
		</p>
	);
}

function Empty() {
	return (
		<div class="empty-state" data-testid="empty">
			<p>
				<strong>Nothing has been decided yet.</strong>
			</p>
			{isDirected() ? (
				<p>As soon as a node proposes, each step stands here, with one sentence of why.</p>
			) : (
				<HowToBegin />
			)}
		</div>
	);
}

function HowToBegin() {
	return (
		<ol>
			<li>Pick a node and type a value on the form.</li>
			<li>Press Propose: that node asks all others for a promise, then for a vote.</li>
			<li>Watch a quorum form here, step by step, with one sentence of why for each step.</li>
		</ol>
	);
}

/** Lists every ballot that was tried for this decision, lowest first. */
function Rounds(props: {
	decision: Decision;
	shown: Round | undefined;
	names: BallotNames;
	onPick: (ballot: BallotText) => void;
}) {
	const { decision, shown, names, onPick } = props;
	const row = useRef<HTMLFieldSetElement>(null);
	usePressedInView(row, shown?.ballot);
	if (decision.rounds.length < 2) {
		return (
			<p class="rounds">
				{shown && (
					<>
						<span class="muted">under ballot</span> <Ballot ballot={shown.ballot} names={names} />
					</>
				)}
			</p>
		);
	}
	return (
		<fieldset class="rounds" ref={row} aria-label="Ballots tried for this decision, lowest first">
			{decision.rounds.map((round, index) => (
				<button
					type="button"
					key={round.ballot}
					class="round"
					aria-pressed={round === shown}
					data-testid={`round-${index + 1}`}
					data-ballot={round.ballot}
					title={round.ballot}
					onClick={() => onPick(round.ballot)}
				>
					<span class="mono">{names.full(round.ballot)}</span>
					<small>{roundState(round, decision)}</small>
				</button>
			))}
		</fieldset>
	);
}

function roundState(round: Round, decision: Decision): string {
	if (round.isChosen) {
		const first = decision.rounds.find((other) => other.isChosen);
		if (first === round) return 'chosen';
		return first?.proposal?.value.digest === round.proposal?.value.digest ? 'chosen again' : 'chosen, another value';
	}
	if (round.halted) return 'halted';
	if (round.givenUp) return 'given up';
	if (round.proposal) return 'phase 2';
	return 'phase 1';
}

function ballotsIn(decision: Decision): BallotText[] {
	return decision.rounds.flatMap((round) => [
		round.ballot,
		round.halted?.by ?? '',
		round.proposal?.reportedAt ?? '',
		...[...round.promise.values()].map((cell) =>
			cell.state === 'refused' ? cell.promised : (cell.reported?.ballot ?? ''),
		),
		...[...round.vote.values()].map((cell) => (cell.state === 'refused' ? cell.promised : '')),
	]);
}
