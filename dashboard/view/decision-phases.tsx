/** The table of one round of a decision: a row for each phase, a column for each node, a sentence for each row. */
import type { ComponentChildren, JSX } from 'preact';
import type { Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { BallotNames } from '../model/ballot-names.ts';
import type { Decision, Round } from '../model/decision.ts';
import { whyAccept, whyLearn, whyPrepare, whyPromise, whyVote } from '../model/why.ts';
import { acceptCell, learnCell, prepareCell, promiseCell, voteCell } from './decision-cells.tsx';
import { Glyph, type GlyphKind } from './glyph.tsx';
import { QuorumBar } from './quorum-bar.tsx';
import { Scroller } from './scroller.tsx';
import { swarm } from './state.ts';

/** With more nodes than this the cells are set tighter. */
const COMFORTABLE_MAX = 6;

export function Phases(props: {
	decision: Decision;
	round: Round | undefined;
	names: BallotNames;
	now: Fact | undefined;
}) {
	const { decision, round, names, now } = props;
	const nodes = swarm.nodes;
	const members = nodes.map((node) => node.id);
	const silent = nodes.filter((node) => !node.isUp).map((node) => node.id);
	if (!round) return <p class="empty">The facts of this slot are no longer kept; the nodes know it to be chosen.</p>;
	const cells = (row: RowName, cell: (node: NodeId) => JSX.Element | null) =>
		nodes.map((node) => (
			<td
				key={node.id}
				data-testid={`cell-${row}-${node.id}`}
				data-now={now !== undefined && isNow(now, row, node.id, round) ? '' : undefined}
				class={node.isUp ? '' : 'absent-cell'}
			>
				{cell(node.id) ?? <span class="nothing">{node.isUp ? '–' : 'unknown'}</span>}
			</td>
		));
	const { needed } = decision;
	const of = nodes.length;
	return (
		<Scroller class="scroll-x" label="Phases, node by node">
			<table class={`phases ${of > COMFORTABLE_MAX ? 'compact' : ''}`} style={{ '--columns': of }}>
				<caption class="sr">
					Slot {decision.slot} under ballot {names.full(round.ballot)}
				</caption>
				<thead>
					<tr>
						{nodes.map((node) => (
							<th key={node.id} scope="col" class={node.id === round.proposer ? 'proposer' : ''}>
								{node.id}
								{node.id === round.proposer && <small> proposes</small>}
							</th>
						))}
					</tr>
				</thead>
				<Phase row="1a" title="prepare" glyph="prepare" why={whyPrepare(round, decision, names)} span={of}>
					{cells('1a', (node) => prepareCell(round, node, names))}
				</Phase>
				<Phase
					row="1b"
					title="promise"
					glyph="promise"
					why={whyPromise(round, decision, names)}
					span={of}
					bar={<QuorumBar count={round.promiseVoters.length} of={of} needed={needed} tone="promise" what="promised" />}
				>
					{cells('1b', (node) => promiseCell(round, node, names))}
				</Phase>
				<Phase row="2a" title="accept" glyph="accept" why={whyAccept(round, decision, names)} span={of}>
					{cells('2a', (node) => acceptCell(round, node, names))}
				</Phase>
				<Phase
					row="2b"
					title="accepted"
					glyph="accepted"
					why={whyVote(round, decision, names)}
					span={of}
					bar={<QuorumBar count={round.votes.length} of={of} needed={needed} tone="accepted" what="accepted" />}
				>
					{cells('2b', (node) => voteCell(round, node, names))}
				</Phase>
				<Phase row="learned" title="" glyph="learn" why={whyLearn(decision, members, silent)} span={of}>
					{cells('learned', (node) => learnCell(decision, node))}
				</Phase>
			</table>
		</Scroller>
	);
}

type RowName = '1a' | '1b' | '2a' | '2b' | 'learned';

function Phase(props: {
	row: RowName;
	title: string;
	glyph: GlyphKind;
	why: string;
	span: number;
	bar?: JSX.Element;
	children: ComponentChildren;
}) {
	const { row, title, glyph, why, span, bar, children } = props;
	return (
		<tbody data-testid={`row-${row}`}>
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
						{bar}
					</div>
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
