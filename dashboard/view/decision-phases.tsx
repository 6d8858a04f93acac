/** The table of one round of a decision: a row for each phase, a column for each node, a sentence for each row. */
import type { ComponentChildren, JSX } from 'preact';
import type { Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { BallotNames } from '../model/ballot-names.ts';
import { columnsOf, tabStop } from '../model/columns.ts';
import type { Decision, Round } from '../model/decision.ts';
import { ballotOf } from '../model/decision-index.ts';
import { countVoters } from '../model/members.ts';
import { type Passage, passageOf, type RowName } from '../model/paper.ts';
import type { Question } from '../model/reasons/reason.ts';
import type { Entry } from '../model/tape.ts';
import { whyAccept, whyLearn, whyPrepare, whyPromise, whyVote } from '../model/why.ts';
import { WhyButton } from './answer.tsx';
import { acceptCell, learnCell, prepareCell, promiseCell, voteCell } from './decision-cells.tsx';
import { Glyph, type GlyphKind } from './glyph.tsx';
import { inspectEntry } from './inspecting.ts';
import { NodeName } from './node-name.tsx';
import { opened } from './opened.ts';
import { isQuoting, Quotation } from './paper.tsx';
import { QuorumBar } from './quorum-bar.tsx';
import { moveFocus } from './roving.ts';
import { Scroller } from './scroller.tsx';
import { gathered, tallRows } from './shown-decision.ts';
import { attempts, moment, swarmShown } from './state.ts';

/** With more nodes than this the cells are set tighter. */
const COMFORTABLE_MAX = 6;
/** A cell of a phone has room for so many characters of a ballot in one line. */
const LABEL_CHARS = 8;

export function Phases(props: {
	decision: Decision;
	round: Round | undefined;
	names: BallotNames;
	now: Fact | undefined;
}) {
	const { decision, round, names, now } = props;
	const nodes = columnsOf(decision, round, swarmShown());
	const silent = nodes.filter(isSilent);
	const learners = nodes.filter((id) => decision.learned.has(id) || !isGone(id));
	if (!round) return <p class="empty">No fact of this slot is kept; the nodes know it to be chosen.</p>;
	const cells = (row: RowName, cell: (node: NodeId) => JSX.Element | null) => {
		const picks = new Map(nodes.map((id) => [id, entryOf(row, id, round)]));
		const stop = tabStop(nodes, round.proposer, (id) => picks.get(id) !== undefined);
		return nodes.map((id) => (
			<td
				key={id}
				data-testid={`cell-${row}-${id}`}
				data-now={now !== undefined && isNow(now, row, id, round) ? '' : undefined}
				class={isSilent(id) ? 'absent-cell' : ''}
			>
				{cell(id) ?? <span class="nothing">{nothingText(id, row, decision)}</span>}
				<PickCell row={row} id={id} entry={picks.get(id)} isStop={id === stop} />
			</td>
		));
	};
	const passage = (row: RowName) => (isQuoting.value ? passageOf(row, round) : null);
	const question = (row: RowName): Question | null =>
		decision.before ? null : { kind: 'row', row, slot: decision.slot, ballot: round.ballot, attempts: attempts.value };
	const of = nodes.length;
	const isLong = names.short(round.ballot).length > LABEL_CHARS;
	return (
		<Scroller class="scroll-x" label="Phases, node by node; arrow keys move from cell to cell">
			<table
				class={`phases ${of > COMFORTABLE_MAX ? 'compact' : ''} ${isLong ? 'long' : ''}`}
				style={{ '--columns': of }}
			>
				<caption class="sr">
					Slot {decision.slot} under ballot {names.full(round.ballot)}
				</caption>
				<thead>
					<tr>
						{nodes.map((id) => (
							<th key={id} scope="col">
								<NodeName id={id} />
								{id === round.proposer && <small> proposes</small>}
							</th>
						))}
					</tr>
				</thead>
				<Phase
					row="1a"
					title="prepare"
					glyph="prepare"
					passage={passage('1a')}
					question={question('1a')}
					why={whyPrepare(round, decision, names)}
					span={of}
				>
					{cells('1a', (node) => prepareCell(round, node, names))}
				</Phase>
				<Phase
					row="1b"
					title="promise"
					glyph="promise"
					passage={passage('1b')}
					question={question('1b')}
					why={whyPromise(round, decision, names)}
					span={of}
					bar={
						arePromisesKnown(round) && <Bar round={round} nodes={round.promiseVoters} tone="promise" what="promised" />
					}
				>
					{cells('1b', (node) => promiseCell(round, node, names))}
				</Phase>
				{opened.value === 'all' && (
					<>
						<Phase
							row="2a"
							title="accept"
							glyph="accept"
							passage={passage('2a')}
							question={question('2a')}
							why={whyAccept(round, decision, names)}
							span={of}
						>
							{cells('2a', (node) => acceptCell(round, node, names))}
						</Phase>
						<Phase
							row="2b"
							title="accepted"
							glyph="accepted"
							passage={passage('2b')}
							question={question('2b')}
							why={whyVote(round, decision, names)}
							span={of}
							bar={<Bar round={round} nodes={round.votes} tone="accepted" what="accepted" />}
						>
							{cells('2b', (node) => voteCell(round, node, names))}
						</Phase>
						<Phase
							row="learned"
							title=""
							glyph="learn"
							passage={passage('learned')}
							question={question('learned')}
							why={whyLearn(decision, learners, silent)}
							span={of}
						>
							{cells('learned', (node) => learnCell(decision, node))}
						</Phase>
					</>
				)}
			</table>
		</Scroller>
	);
}

/** The fact that made a cell what it is. */
function entryOf(row: RowName, id: NodeId, round: Round): Entry | undefined {
	const through = moment.value?.at ?? Number.POSITIVE_INFINITY;
	return gathered.value.entries.findLast(({ fact, at }) => at <= through && isOfCell(fact, row, id, round));
}

/** A button that lies over a cell, and opens its fact. */
function PickCell(props: { row: RowName; id: NodeId; entry: Entry | undefined; isStop: boolean }) {
	const { row, id, entry, isStop } = props;
	if (!entry) return null;
	return (
		<button
			type="button"
			class="pick-cell"
			aria-label={`Inspect ${row} of ${id}`}
			data-testid={`pick-${row}-${id}`}
			tabIndex={isStop ? 0 : -1}
			onClick={() => inspectEntry(entry)}
			onKeyDown={(event) => moveFocus(event, 'table', '.pick-cell')}
		/>
	);
}

/** Whether the fact is what a cell shows: a step, or that a request was sent to it or has arrived there. */
function isOfCell(fact: Fact, row: RowName, node: NodeId, round: Round): boolean {
	if (row !== 'learned' && ballotOf(fact) !== round.ballot) return false;
	if (isNow(fact, row, node, round)) return true;
	if (fact.kind !== 'sent' && fact.kind !== 'received') return false;
	const { kind } = fact.message;
	if (!(row === '1a' && kind === 'prepare') && !(row === '2a' && kind === 'accept')) return false;
	return (fact.kind === 'sent' ? fact.to : fact.node) === node;
}

/** Phase 1 may have been long before the page was opened. */
function arePromisesKnown({ why, onceAbove, promiseVoters }: Round): boolean {
	return why !== undefined || onceAbove !== undefined || promiseVoters.length > 0;
}

/** Nothing is drawn where the page was not told who decides. */
function Bar(props: { round: Round; nodes: readonly NodeId[]; tone: 'promise' | 'accepted'; what: string }) {
	const { round, nodes, tone, what } = props;
	const { electorate } = round;
	if (!electorate) return null;
	const { voters, needed } = electorate;
	const count = countVoters(electorate, nodes);
	return <QuorumBar count={count} of={voters.length} needed={needed} tone={tone} what={what} />;
}

function isGone(id: NodeId): boolean {
	return swarmShown().standing(id).place === 'gone';
}

function isSilent(id: NodeId): boolean {
	return !isGone(id) && swarmShown().node(id)?.isUp === false;
}

/** What stands in an empty cell. A node that has no vote in the slot does not owe one. */
function nothingText(id: NodeId, row: RowName, { set }: Decision): string {
	if (row !== 'learned' && set) {
		const member = set.members.find((one) => one.id === id);
		if (!member) return 'no vote';
		if (!member.isVoter) return 'learns';
	}
	if (isGone(id)) return 'removed';
	return isSilent(id) ? 'unknown' : '–';
}

function Phase(props: {
	row: RowName;
	title: string;
	glyph: GlyphKind;
	why: string;
	/** What the paper says; null where it is not to be shown. */
	passage: Passage | null;
	/** What is asked for the facts of the row; null where the page has none. */
	question: Question | null;
	span: number;
	bar?: JSX.Element | false;
	children: ComponentChildren;
}) {
	const { row, title, glyph, why, passage, question, span, bar, children } = props;
	return (
		<tbody data-testid={`row-${row}`} class={tallRows.value.has(row) ? 'tall' : ''}>
			<tr class="phase-head">
				<th colSpan={span} scope="rowgroup">
					<div>
						<span class="phase-name">
							<Glyph kind={glyph} />
							{row} <span>{title}</span>
						</span>
						<span class="why" data-testid={`why-${row}`}>
							{why}
						</span>
						{question && (
							<WhyButton question={question} of={`behind ${row} ${title}`}>
								Facts
							</WhyButton>
						)}
						{bar}
					</div>
					{passage && <Quotation passage={passage} />}
				</th>
			</tr>
			<tr class="cells">{children}</tr>
		</tbody>
	);
}

/** Whether the step that was just played happened in this cell. */
function isNow(fact: Fact, row: RowName, node: NodeId, round: Round): boolean {
	switch (fact.kind) {
		case 'campaign':
			return row === '1a' && fact.node === node;
		case 'promised':
			return row === '1b' && fact.node === node;
		case 'refused':
			return row === (fact.refused === 'prepare' ? '1b' : '2b') && fact.node === node;
		case 'promiseCounted':
			return row === '1b' && fact.from === node;
		case 'halted':
			return row === (round.proposal ? '2b' : '1b') && fact.from === node;
		case 'proposed':
			return row === '2a' && fact.node === node;
		case 'accepted':
			return row === '2b' && fact.node === node;
		case 'voteCounted':
			return row === '2b' && fact.from === node;
		case 'chosen':
			return row === 'learned' && fact.node === node;
		default:
			return false;
	}
}
