/**
 * All that the page can say of one thing that a person has picked, at one moment: what it is, why it is so, what has
 * changed, and the facts before and behind it.
 */
import type { Fact } from '../../shared/fact.ts';
import { faultText } from '../../shared/lab.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { type BallotNames, clockWithMs, nameBallots } from './ballot-names.ts';
import { Causes } from './causes.ts';
import { roundToShow } from './decision.ts';
import { factText, groupOf } from './fact-text.ts';
import { ballotsIn, type Field, fieldsOfFact, fieldsOfNode, stateOf } from './inspected-fields.ts';
import { type NodeModel, STATUS_WORDS } from './node-model.ts';
import { whyOf, whyOfFact } from './reasons/why-of-fact.ts';
import { markOf } from './slot-grid.ts';
import { standingText } from './standing.ts';
import type { Story } from './story.ts';
import { type Entry, type Item, isEntry } from './tape.ts';
import { countText, list, quoted, whyAccept, whyLearn, whyPrepare, whyPromise, whyVote } from './why.ts';

/** What a person can pick. A message is the fact that it was sent. */
export type Inspected =
	| { readonly kind: 'fact'; readonly entry: Entry }
	| { readonly kind: 'node'; readonly node: NodeId }
	/** What the two send each other. */
	| { readonly kind: 'link'; readonly a: NodeId; readonly b: NodeId }
	| { readonly kind: 'slot'; readonly slot: Slot };

export interface Related {
	readonly entry: Entry;
	readonly text: string;
}

export interface Links {
	readonly label: string;
	readonly facts: readonly Related[];
}

export interface Inspection {
	readonly title: string;
	/** When, and what more there is to say of what it is. */
	readonly subtitle: string;
	readonly why: readonly string[];
	readonly fields: readonly Field[];
	/** Of the state of a node, by what is shown. */
	readonly changes: readonly Field[];
	/** Other facts, by what they are to this thing. */
	readonly links: readonly Links[];
	/** All of it, as JSON can say it. */
	readonly raw: unknown;
}

/** So many items on each side of a fact are searched for what it has to do with. */
const SEARCHED = 4000;
const RELATED_MAX = 12;
/** So many of the newest facts are looked through for the last one that has changed something. */
const RECENT_MAX = 4;
/** A link is counted in so many of its facts. */
const OF_LINK_MAX = 1000;

/** @param moment the moment that the page shows; null for now */
export function inspect(of: Inspected, story: Story, moment: Item | null, shownSlot: Slot): Inspection {
	switch (of.kind) {
		case 'fact':
			return inspectFact(of.entry, story, moment, shownSlot);
		case 'node':
			return inspectNode(of.node, story, moment);
		case 'link':
			return inspectLink(of.a, of.b, story, moment);
		case 'slot':
			return inspectSlot(of.slot, story, moment);
	}
}

function inspectFact(entry: Entry, story: Story, moment: Item | null, shownSlot: Slot): Inspection {
	const { fact } = entry;
	const entries = entriesAround(entry, story);
	const causes = new Causes(entries);
	const through = moment?.at ?? Number.POSITIVE_INFINITY;
	const effects = causes.effectsOf(entry).filter(({ at }) => at <= through);
	const names = nameBallots(ballotsIn(fact));
	return {
		title: `${fact.node} ${factText(fact, names)}`,
		subtitle: `${clockWithMs(fact.time)}, fact ${countText(fact.seq)} of this life of ${fact.node}`,
		why: whyOfFact(entry, story, shownSlot),
		fields: fieldsOfFact(fact, names),
		changes: changesBy(entry, story),
		links: [
			{ label: 'Because', facts: related(causes.causesOf(entry)) },
			{ label: 'And so', facts: related(effects) },
		],
		raw: fact,
	};
}

function inspectNode(id: NodeId, story: Story, moment: Item | null): Inspection {
	const swarm = swarmAt(story, moment);
	const node = swarm.node(id);
	const recent = newest(story, moment, ({ fact }) => fact.node === id && CHANGING.has(fact.kind), RECENT_MAX);
	let changes: readonly Field[] = [];
	const last = recent.find((entry) => {
		changes = changesBy(entry, story);
		return changes.length > 0;
	});
	const [role] = newest(story, moment, ({ fact }) => fact.node === id && fact.kind === 'role', 1);
	return {
		title: id,
		subtitle: !node
			? standingText(swarm.standing(id)) || 'It is not known yet.'
			: node.isUp
				? node.role
				: `${STATUS_WORDS[node.status]}: what it holds now is not known`,
		why: role ? whyOf(role, story) : [],
		fields: node ? fieldsOfNode(node) : [],
		changes: last ? changes : [],
		links: [{ label: 'What changed it last', facts: related(last ? [last] : []) }],
		raw: node ? stateOf(node) : { id },
	};
}

function inspectSlot(slot: Slot, story: Story, moment: Item | null): Inspection {
	const gathered = story.gather(slot, []);
	const decision = story.decision(gathered, moment);
	const swarm = swarmAt(story, moment);
	const round = roundToShow(decision, undefined, null);
	const names = nameBallots(gathered.ballots);
	const members = swarm.nodes.map(({ id }) => id);
	const silent = swarm.nodes.filter(({ isUp }) => !isUp).map(({ id }) => id);
	const held = swarm.nodes.map((node) => ({ term: node.id, value: heldText(node, slot, names) }));
	const through = moment?.at ?? Number.POSITIVE_INFINITY;
	const telling = gathered.entries.filter(({ fact, at }) => at <= through && TELLING.has(fact.kind));
	return {
		title: `Slot ${countText(slot)}`,
		subtitle: decision.chosen ? `chosen: ${quoted(decision.chosen.value)}` : 'no value is known to be chosen',
		why: round
			? [
					whyPrepare(round, decision, names),
					whyPromise(round, decision, names),
					whyAccept(round, decision, names),
					whyVote(round, decision, names),
					whyLearn(decision, members, silent),
				]
			: [],
		fields: [
			{ term: 'ballots', value: list(decision.rounds.map(({ ballot }) => names.full(ballot))) },
			{ term: 'voters', value: round?.electorate ? list(round.electorate.voters) : 'not told' },
			...held,
		],
		changes: [],
		links: [{ label: 'How it went', facts: related(telling) }],
		raw: {
			slot,
			chosen: decision.chosen,
			ballots: decision.rounds.map(({ ballot }) => ballot),
			facts: gathered.entries.filter(({ at }) => at <= through).map(({ fact }) => fact),
		},
	};
}

/** What the node holds for the slot. */
function heldText(node: NodeModel, slot: Slot, names: BallotNames): string {
	const ballot = node.slots.get(slot)?.acceptedBallot ?? '';
	const accepted = ballot === '' ? '' : `accepted under ${names.full(ballot)}`;
	switch (markOf(node, slot)) {
		case 'unknown':
			return 'unknown';
		case 'trimmed':
			return 'knows it chosen, and keeps only its snapshot';
		case 'chosen':
			return accepted === '' ? 'knows it chosen' : `${accepted}, knows it chosen`;
		case 'accepted':
		case 'promised':
		case 'none':
			return accepted || 'nothing';
	}
}

function inspectLink(a: NodeId, b: NodeId, story: Story, moment: Item | null): Inspection {
	const swarm = swarmAt(story, moment);
	const ways: readonly (readonly [NodeId, NodeId])[] = [
		[a, b],
		[b, a],
	];
	const isBetween = ({ fact }: Entry) => {
		const other = otherOf(fact);
		return (fact.node === a && other === b) || (fact.node === b && other === a);
	};
	const all = newest(story, moment, isBetween, OF_LINK_MAX);
	const raw = ways.map(([from, to]) => {
		const sent = all.filter(({ fact }) => fact.kind === 'sent' && fact.node === from);
		const arrived = all.filter(({ fact }) => fact.kind === 'received' && fact.node === to);
		return {
			from,
			to,
			isLinked: swarm.node(from)?.linked.has(to) ?? false,
			sent: sent.length,
			received: arrived.length,
			fault: swarm.node(to)?.faults?.get(from) ?? null,
		};
	});
	const news = all.filter(({ fact }) => fact.kind !== 'sent' && fact.kind !== 'received');
	const messages = all.filter(({ fact }) => fact.kind === 'sent' && groupOf(fact) === 'messages');
	return {
		title: `Link between ${a} and ${b}`,
		subtitle: `as told by the last ${countText(all.length)} facts about it`,
		why: news.slice(0, 1).map((entry) => `${textOf(entry)}.`),
		fields: raw.flatMap(({ from, to, isLinked, sent, received, fault }) => [
			{ term: `${from} → ${to}`, value: `${isLinked ? 'linked' : 'not linked'}, ${sent} sent, ${received} received` },
			...(fault ? [{ term: `lab, ${from} → ${to}`, value: `messages ${faultText(fault)}` }] : []),
		]),
		changes: [],
		links: [{ label: 'Newest first', facts: related([...news.slice(0, RELATED_MAX / 2), ...messages]) }],
		raw,
	};
}

/** What the fact changed at its node. */
function changesBy(entry: Entry, story: Story): readonly Field[] {
	const node = story.before(entry).node(entry.node);
	if (!node?.isUp) return [];
	const after = node.clone();
	after.fold(entry.fact);
	const was = fieldsOfNode(node);
	return fieldsOfNode(after).flatMap((field, i) => {
		const old = was[i]?.value ?? '';
		return old === field.value ? [] : [{ ...field, before: old }];
	});
}

function related(entries: readonly Entry[]): Related[] {
	return entries.slice(0, RELATED_MAX).map((entry) => ({ entry, text: textOf(entry) }));
}

function textOf({ fact }: Entry): string {
	return `${fact.node} ${factText(fact, nameBallots(ballotsIn(fact)))}`;
}

function entriesAround({ at }: Entry, story: Story): Entry[] {
	return [...story.tape.between(at - SEARCHED, at + SEARCHED)].filter(isEntry);
}

function newest(story: Story, moment: Item | null, keep: (entry: Entry) => boolean, countMax: number): Entry[] {
	return story.tape.newest(countMax, keep, moment?.at);
}

function swarmAt(story: Story, moment: Item | null) {
	return moment ? story.at(moment) : story.live;
}

/** The other node that a fact names; '' for none. */
function otherOf(fact: Fact): NodeId {
	switch (fact.kind) {
		case 'sent':
			return fact.to;
		case 'received':
		case 'linkFault':
			return fact.from;
		case 'linkUp':
		case 'linkDown':
			return fact.peer;
		default:
			return '';
	}
}

/** The kinds of facts that change what is shown of a node. */
const CHANGING: ReadonlySet<string> = new Set([
	'promised',
	'accepted',
	'applied',
	'campaign',
	'chosen',
	'installed',
	'linkDown',
	'linkUp',
	'role',
	'snapshot',
]);
/** The facts that tell the story of a slot. */
const TELLING: ReadonlySet<string> = new Set([
	'campaign',
	'proposed',
	'refused',
	'halted',
	'givenUp',
	'voteCounted',
	'chosen',
]);
