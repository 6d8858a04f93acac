/**
 * A decision as the nodes' facts tell it, and the differences between it and the page. It is derived from the facts by
 * the rules of the protocol, and must never use the page's own model, which is under test.
 */
import type { Fact } from '../../shared/fact.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { Mark, Row, ShownDecision } from './shown-decision.ts';

type ToldMark = Pick<Mark, 'state' | 'ballot' | 'counted' | 'reported' | 'how'>;

/** One slot under one ballot after its last fact: the cells by row and node, such as `1b n3`. */
function cellsTold(facts: readonly Fact[], slot: Slot, ballot: string): Map<string, ToldMark> {
	const cells = new Map<string, ToldMark>();
	const set = (row: Row, node: string, mark: Partial<ToldMark> & { readonly state: string }): void => {
		cells.set(`${row} ${node}`, { ...nothing, ballot, ...mark });
	};
	const request = (row: Row, node: string, state: 'sent' | 'arrived'): void => {
		if (cells.get(`${row} ${node}`)?.state !== 'arrived') set(row, node, { state });
	};
	const promise = (node: string, accepted: readonly Reported[]): void => {
		const reported = accepted.find((acceptance) => acceptance.slot === slot)?.ballot ?? '';
		const counted = votersTold(facts, 'promiseCounted', slot, ballot).includes(node);
		set('1b', node, { state: 'promised', reported, counted: String(counted) });
	};
	const vote = (node: string): void => {
		const counted = votersTold(facts, 'voteCounted', slot, ballot).includes(node);
		set('2b', node, { state: 'accepted', counted: String(counted) });
	};

	for (const fact of facts) {
		if (fact.kind === 'chosen') {
			// It may have been learned by another ballot.
			if (fact.slot === slot) set('learned', fact.node, { state: 'chosen', ballot: '', how: fact.how });
			continue;
		}
		if (ballotOf(fact) !== ballot || !isOf(fact, slot)) continue;
		switch (fact.kind) {
			case 'campaign':
				request('1a', fact.node, 'arrived');
				break;
			case 'promised':
				if (!cells.has(`1b ${fact.node}`)) promise(fact.node, []);
				break;
			case 'promiseCounted':
				promise(fact.from, fact.reported);
				break;
			case 'proposed':
				request('2a', fact.node, 'arrived');
				break;
			case 'accepted':
				vote(fact.node);
				break;
			case 'refused': {
				const row = fact.refused === 'prepare' ? '1b' : '2b';
				// The node has refused a second copy of a request that it had promised or accepted.
				if (/promised|accepted/.test(cells.get(`${row} ${fact.node}`)?.state ?? '')) break;
				set(row, fact.node, { state: 'refused', ballot: fact.promised });
				break;
			}
			case 'sent':
				if (fact.message.kind === 'prepare') request('1a', fact.to, 'sent');
				if (fact.message.kind === 'promise') promise(fact.node, fact.message.accepted);
				if (fact.message.kind === 'accept') request('2a', fact.to, 'sent');
				break;
			case 'received':
				if (fact.message.kind === 'prepare') request('1a', fact.node, 'arrived');
				if (fact.message.kind === 'accept') request('2a', fact.node, 'arrived');
		}
	}
	return cells;
}

type Reported = { readonly slot: Slot; readonly ballot: string };
const nothing: ToldMark = { state: '', ballot: '', counted: '', reported: '', how: '' };

function ballotOf(fact: Fact): string {
	const told = fact.kind === 'sent' || fact.kind === 'received' ? fact.message : fact;
	return 'ballot' in told ? told.ballot : '';
}

/**
 * Whether a fact belongs to the slot. Phase 1 names none, because it is for all; a refused heartbeat belongs to
 * none.
 */
function isOf(fact: Fact, slot: Slot): boolean {
	if (fact.kind === 'refused') return fact.refused === 'prepare' || (fact.refused === 'accept' && fact.slot === slot);
	const told = fact.kind === 'sent' || fact.kind === 'received' ? fact.message : fact;
	return !('slot' in told) || told.slot === slot;
}

/** The facts that a person steps through: those of the decision, under all ballots that were tried for it. */
export function stepsTold(facts: readonly Fact[], slot: Slot, ballots: readonly string[]): Fact[] {
	return facts.filter((fact) => {
		switch (fact.kind) {
			case 'campaign':
			case 'promised':
			case 'promiseCounted':
				return ballots.includes(fact.ballot);
			case 'halted':
			case 'givenUp':
				return ballots.includes(fact.ballot) && !hadQuorum(facts, slot, fact);
			case 'refused':
				return ballots.includes(fact.ballot) && isOf(fact, slot);
			case 'proposed':
			case 'accepted':
			case 'voteCounted':
			case 'chosen':
				return fact.slot === slot;
			default:
				return false;
		}
	});
}

/** The cell of the table, such as `1b n3`, in which a step is shown. */
export function placeTold(fact: Fact): string {
	switch (fact.kind) {
		case 'campaign':
			return `1a ${fact.node}`;
		case 'promised':
			return `1b ${fact.node}`;
		case 'promiseCounted':
			return `1b ${fact.from}`;
		case 'refused':
			return `${fact.refused === 'prepare' ? '1b' : '2b'} ${fact.node}`;
		case 'proposed':
			return `2a ${fact.node}`;
		case 'accepted':
			return `2b ${fact.node}`;
		case 'voteCounted':
			return `2b ${fact.from}`;
		case 'chosen':
			return `learned ${fact.node}`;
		default:
			throw new Error(`${fact.kind} has no place of its own`);
	}
}

/** Whether a quorum had voted for the slot under a ballot before its proposer told of the ballot's end. */
function hadQuorum(facts: readonly Fact[], slot: Slot, end: Fact & { readonly ballot: string }): boolean {
	return facts.some(
		(fact) =>
			fact.kind === 'voteCounted' &&
			fact.slot === slot &&
			fact.ballot === end.ballot &&
			fact.voters.length >= fact.needed &&
			fact.seq < end.seq,
	);
}

/** All differences between the shown round at its last step and the nodes' facts. */
export function differences(shown: ShownDecision, facts: readonly Fact[]): string[] {
	const told = cellsTold(facts, shown.slot, shown.round);
	const found = falsehoods(shown, facts);
	for (const [cell, mark] of told) {
		const there = shown.cells[cell];
		if (there === undefined) found.push(`${cell}: nothing is shown, told was ${JSON.stringify(mark)}`);
		else if (describe(there) !== describe(mark)) {
			found.push(`${cell}: shown ${describe(there)}, told ${describe(mark)}`);
		}
	}
	for (const [row, kind] of bars) {
		const { length } = votersTold(facts, kind, shown.slot, shown.round);
		if (shown.bars[row].count !== length) found.push(`bar ${row}: ${shown.bars[row].count} shown, ${length} told`);
	}
	return found;
}

/** All things that a step shows although no node told them, or before others that must come first. */
export function falsehoods(shown: ShownDecision, facts: readonly Fact[]): string[] {
	const told = cellsTold(facts, shown.slot, shown.round);
	const found: string[] = [];
	for (const [cell, mark] of Object.entries(shown.cells)) {
		const there = told.get(cell);
		if (there === undefined || !mayBecome(mark, there)) {
			found.push(`${cell}: shown ${describe(mark)}, told ${there && describe(there)}`);
		}
		for (const [ballot, text] of mark.names)
			if (!names(text, ballot)) found.push(`${cell}: ${ballot} is called ${text}`);
	}
	for (const [row, kind] of bars) {
		const { count, needed } = shown.bars[row];
		const marked = Object.entries(shown.cells).filter(
			([cell, mark]) => cell.startsWith(row) && mark.counted === 'true',
		);
		if (count !== marked.length) found.push(`bar ${row}: ${count}, but ${marked.length} cells are counted`);
		const counted = facts.find((fact) => fact.kind === kind && fact.ballot === shown.round);
		if (counted?.kind === kind && needed !== counted.needed)
			found.push(`bar ${row}: ${needed} needed, told ${counted.needed}`);
	}
	return found;
}

/** The breaches of the algorithm's order at one moment of a decision with one ballot. */
export function disorder({ cells, bars }: ShownDecision): string[] {
	const found: string[] = [];
	const has = (row: Row): boolean => Object.keys(cells).some((cell) => cell.startsWith(`${row} `));
	for (const cell of Object.keys(cells)) {
		const [row, node] = cell.split(' ');
		if (row === '1b' && cells[`1a ${node}`]?.state !== 'arrived') found.push(`${node} answers no prepare`);
		if (row === '2b' && cells[`2a ${node}`]?.state !== 'arrived') found.push(`${node} answers no accept`);
	}
	if (has('2a') && bars['1b'].count < bars['1b'].needed) found.push('proposed without a quorum of promises');
	if (has('learned') && bars['2b'].count < bars['2b'].needed) found.push('learned without a quorum of votes');
	return found;
}

/** The cells that differ between two moments. */
export function changed(before: ShownDecision, after: ShownDecision): string[] {
	const said = (mark: Mark | undefined): string => (mark ? `${mark.state} ${mark.ballot} ${mark.counted}` : '');
	return Object.keys(after.cells).filter((cell) => said(before.cells[cell]) !== said(after.cells[cell]));
}

const bars = [
	['1b', 'promiseCounted'],
	['2b', 'voteCounted'],
] as const;

/** The nodes whose promises, or whose votes for the slot, the proposer counted. */
function votersTold(
	facts: readonly Fact[],
	kind: 'promiseCounted' | 'voteCounted',
	slot: Slot,
	ballot: string,
): string[] {
	return facts.flatMap((fact) => (fact.kind === kind && fact.ballot === ballot && isOf(fact, slot) ? [fact.from] : []));
}

/** Whether a cell may show `early` before it shows `late`. */
function mayBecome(early: Mark, late: ToldMark): boolean {
	if (early.state === 'sent' && late.state === 'arrived') return early.ballot === late.ballot;
	if (early.state !== late.state || early.ballot !== late.ballot || early.how !== late.how) return false;
	if (early.counted === 'true' && late.counted !== 'true') return false;
	return early.reported === '' || early.reported === late.reported;
}

function describe({ state, ballot, counted, reported, how }: ToldMark): string {
	return JSON.stringify({ state, ballot, counted, reported, how });
}

/**
 * Whether a short name such as `…11.207 n3` fits a ballot, here one of n3 whose time of day begins with
 * `14:02:11.207`.
 */
export function names(text: string, ballot: string): boolean {
	const [, said, node] = /^(?:…)?([\d:.]+) (\S+)$/.exec(text) ?? [];
	const [, ms, ns, of] = /^(\d+)(\d{6})@(.+)$/.exec(ballot) ?? [];
	if (said === undefined || ms === undefined || ns === undefined || node !== of) return false;
	const time = `${new Date(Number(ms)).toISOString().slice(11, 23)}${ns}`;
	return said.length >= 3 && wholeGroups.some((cut) => time.slice(cut).startsWith(said));
}

/** The positions at which the hours, minutes, seconds and their fraction begin. */
const wholeGroups = [0, 3, 6, 9];
