/**
 * Draws what one node did in one row of a decision. It is null where the node has done nothing yet, which the row
 * shows.
 */
import type { ComponentChildren, JSX } from 'preact';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { BallotNames } from '../model/ballot-names.ts';
import type { Decision, PromiseCell, RequestCell, Round } from '../model/decision.ts';
import { hasVote } from '../model/members.ts';
import { quoted, shortValue } from '../model/why.ts';
import { BallotLabel } from './ballot.tsx';
import { Glyph, type GlyphKind } from './glyph.tsx';

type Cell = JSX.Element | null;

export function prepareCell(round: Round, node: NodeId, names: BallotNames): Cell {
	return requestCell(round, node, names, { state: round.prepare.get(node), glyph: 'prepare', own: 'asks' });
}

export function promiseCell(round: Round, node: NodeId, names: BallotNames): Cell {
	const cell = round.promise.get(node);
	if (!cell) return null;
	if (cell.state === 'refused') return refusal(cell, names);
	// A promise may count for other slots only, whose members are others.
	const isCounted = cell.counted && hasVote(round.electorate, node);
	return (
		<div class="mark m-promise" data-state="promised" data-ballot={round.ballot} data-counted={isCounted}>
			<Head kind="promise">
				<BallotLabel ballot={round.ballot} names={names} />
			</Head>
			<Reported round={round} cell={cell} names={names} />
		</div>
	);
}

export function acceptCell(round: Round, node: NodeId, names: BallotNames): Cell {
	return requestCell(round, node, names, { state: round.accept.get(node), glyph: 'accept', own: 'proposes' });
}

export function voteCell(round: Round, node: NodeId, names: BallotNames): Cell {
	const cell = round.vote.get(node);
	if (!cell) return null;
	if (cell.state === 'refused') return refusal(cell, names);
	return (
		<div class="mark m-accepted" data-state="accepted" data-ballot={round.ballot} data-counted={cell.counted}>
			<Head kind="accepted">
				<BallotLabel ballot={round.ballot} names={names} />
			</Head>
			<small>{cell.counted ? 'counted' : 'accepted'}</small>
		</div>
	);
}

export function learnCell(decision: Decision, node: NodeId): Cell {
	const learned = decision.learned.get(node);
	if (!learned) return null;
	return (
		<div class="mark m-learn" data-state="chosen" data-how={learned.how}>
			<Head kind="learn">{LEARNED[learned.how]}</Head>
		</div>
	);
}

const LEARNED = { counted: 'counted', told: 'told', fetched: 'fetched', known: 'knows' } as const;

function requestCell(
	round: Round,
	node: NodeId,
	names: BallotNames,
	kind: { readonly state: RequestCell | undefined; readonly glyph: GlyphKind; readonly own: string },
): Cell {
	const { state, glyph, own } = kind;
	if (!state) return null;
	return (
		<div class={`mark m-${glyph} ${state}`} data-state={state} data-ballot={round.ballot}>
			<Head kind={glyph}>
				<BallotLabel ballot={round.ballot} names={names} />
			</Head>
			<small>{node === round.proposer ? own : state}</small>
		</div>
	);
}

function refusal(cell: { readonly promised: string }, names: BallotNames): Cell {
	return (
		<div class="mark m-nack" data-state="refused" data-ballot={cell.promised}>
			<Head kind="nack">refused</Head>
			<small>
				promised <BallotLabel ballot={cell.promised} names={names} />
			</small>
		</div>
	);
}

/** Draws what an acceptor had accepted for this slot when it promised. */
function Reported(props: { round: Round; cell: PromiseCell & { state: 'promised' }; names: BallotNames }) {
	const { round, cell, names } = props;
	if (cell.reported === undefined) return <small>promised</small>;
	if (cell.reported) {
		return (
			<>
				<small title={quoted(cell.reported.value)}>had {shortValue(cell.reported.value)}</small>
				<small data-reported={cell.reported.ballot}>
					at <BallotLabel ballot={cell.reported.ballot} names={names} />
				</small>
			</>
		);
	}
	return <small>{round.onceAbove === undefined ? 'had nothing' : 'once, earlier'}</small>;
}

function Head({ kind, children }: { kind: GlyphKind; children: ComponentChildren }) {
	return (
		<span class="head">
			<Glyph kind={kind} /> {children}
		</span>
	);
}
