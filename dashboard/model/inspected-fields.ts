/** What a node holds and what a fact says, as lines of a term and a text, as the inspector shows them. */
import type { BallotText, Fact } from '../../shared/fact.ts';
import { type BallotNames, nameBallots } from './ballot-names.ts';
import type { NodeModel } from './node-model.ts';
import { countText, list, quoted } from './why.ts';
import { words } from './words.ts';

export interface Field {
	readonly term: string;
	readonly value: string;
	/** The value a moment before, where it was another one. */
	readonly before?: string;
}

export function stateOf(node: NodeModel) {
	const { id, status, role, promised, leader, lastAccepted, chosenThrough, appliedThrough, trimmedThrough, revision } =
		node;
	return {
		id,
		status,
		role,
		promised,
		leader,
		lastAccepted,
		chosenThrough,
		appliedThrough,
		trimmedThrough,
		revision,
		linked: [...node.linked],
		epoch: node.epoch,
		seq: node.seq,
	};
}

export function fieldsOfNode(node: NodeModel): readonly Field[] {
	const { role, promised, leader, lastAccepted, chosenThrough, appliedThrough, trimmedThrough, revision, linked } =
		node;
	const { full } = nameBallots([promised, leader, lastAccepted?.acceptedBallot ?? '']);
	return [
		{ term: 'role', value: role },
		{ term: 'promised', value: full(promised) },
		{ term: 'hears', value: leader === '' ? 'no leader' : full(leader) },
		{
			term: 'accepted last',
			value: lastAccepted
				? `${quoted(lastAccepted.value ?? undefined)} in slot ${countText(lastAccepted.slot)} under ${full(lastAccepted.acceptedBallot)}`
				: 'nothing',
		},
		{ term: 'chosen through', value: countText(chosenThrough) },
		{ term: 'applied through', value: countText(appliedThrough) },
		{ term: 'revision', value: countText(revision) },
		{ term: 'keeps slots from', value: countText(trimmedThrough + 1) },
		{ term: 'linked with', value: list([...linked].sort()) },
	];
}

export function fieldsOfFact(fact: Fact, names: BallotNames): readonly Field[] {
	const { node: _node, epoch: _epoch, seq: _seq, time: _time, kind, ...own } = fact;
	const fields: Field[] = [{ term: 'kind', value: words(kind) }];
	for (const [term, value] of Object.entries(own)) {
		if (term !== 'message' || typeof value !== 'object') fields.push(fieldOf(term, value, names));
		else
			for (const [inner, of] of Object.entries(value as object))
				fields.push({ ...fieldOf(inner, of, names), ...(inner === 'kind' && { term: 'message' }) });
	}
	return fields;
}

/** Fields whose texts are names of the code. All other texts are written by people, or are sentences already. */
const NAMING: ReadonlySet<string> = new Set([
	'kind',
	'message',
	'why',
	'how',
	'role',
	'origin',
	'refused',
	'what',
	'act',
]);
const NAME = /^[a-z]+[A-Za-z]*$/;

function fieldOf(term: string, value: unknown, names: BallotNames): Field {
	const isName = NAMING.has(term) && typeof value === 'string' && NAME.test(value);
	return { term: words(term), value: isName ? words(value) : valueText(value, names) };
}

function valueText(value: unknown, names: BallotNames): string {
	if (typeof value === 'string') return BALLOT.test(value) ? names.full(value) : value === '' ? 'none' : value;
	if (typeof value === 'number') return countText(value);
	if (Array.isArray(value) && value.length === 0) return 'none';
	if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return list(value);
	if (value !== null && typeof value === 'object' && 'text' in value && 'bytes' in value)
		return `${String(value.text)} (${countText(Number(value.bytes))} bytes)`;
	return JSON.stringify(value);
}

const BALLOT = /^\d{10,}@./;

export function ballotsIn(fact: Fact): BallotText[] {
	const found: BallotText[] = [];
	const search = (value: unknown): void => {
		if (typeof value === 'string' && BALLOT.test(value)) found.push(value);
		else if (value !== null && typeof value === 'object') for (const each of Object.values(value)) search(each);
	};
	search(fact);
	return found;
}
