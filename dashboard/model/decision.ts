/**
 * One decision as it stands after some of its facts: every ballot used so far for a slot, and in each the promises,
 * the proposal and the votes, node by node. A pure fold, so that playing back is folding fewer facts.
 */
import type { BallotText, Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { AgentFact } from '../../shared/paxos/fact.ts';
import type { Acceptance, Slot } from '../../shared/paxos/message.ts';
import type { ValueSummary } from '../../shared/store/describe.ts';
import { ballotNode, compareBallotTexts } from './ballot-names.ts';
import type { EarlierPhase1, Gathered } from './decision-index.ts';
import { type Deciders, electorateOf, isQuorum, type MemberHistory } from './members.ts';
import type { NodeModel } from './node-model.ts';
import { membersOfRound, type RoundMembers } from './round-members.ts';
import type { SwarmModel } from './swarm-model.ts';
import type { Entry } from './tape.ts';

type Reported = Acceptance<BallotText, ValueSummary>;
type CampaignWhy = (AgentFact & { readonly kind: 'campaign' })['why'];
type GivenUpWhy = (AgentFact & { readonly kind: 'givenUp' })['why'];
type ProposalOrigin = (AgentFact & { readonly kind: 'proposed' })['origin'];

export type RequestCell = 'sent' | 'arrived';

export type PromiseCell =
	| {
			readonly state: 'promised';
			/** The acceptance that it reported for this slot: null for none, undefined while the page does not know it. */
			readonly reported: Reported | null | undefined;
			readonly chosenThrough: Slot | undefined;
			readonly counted: boolean;
	  }
	| { readonly state: 'refused'; readonly promised: BallotText };

export type VoteCell =
	| { readonly state: 'accepted'; readonly counted: boolean }
	| { readonly state: 'refused'; readonly promised: BallotText };

interface Proposal {
	readonly value: ValueSummary;
	/** Why the proposer could or had to propose it; undefined while the page does not know it. */
	readonly origin: ProposalOrigin | undefined;
	/** The highest ballot under which a promise reported the value; '' for none that is known. */
	readonly reportedAt: BallotText;
}

/** What happened under one ballot. A node that is missing from a map has done nothing yet. */
export interface Round extends RoundMembers {
	readonly ballot: BallotText;
	readonly proposer: NodeId;
	why: CampaignWhy | undefined;
	contest: Slot;
	/** This is set where phase 1 ran earlier, once, for every slot above this number. */
	onceAbove: Slot | undefined;
	readonly prepare: Map<NodeId, RequestCell>;
	readonly promise: Map<NodeId, PromiseCell>;
	/** The nodes whose promises were counted, whatever slots they have a vote in. */
	promiseVoters: readonly NodeId[];
	/** A quorum of those who decide the slot has promised. */
	isPromised: boolean;
	proposal: Proposal | null;
	readonly accept: Map<NodeId, RequestCell>;
	readonly vote: Map<NodeId, VoteCell>;
	votes: readonly NodeId[];
	/** A quorum has accepted. */
	isChosen: boolean;
	halted: { readonly by: BallotText; readonly from: NodeId } | null;
	/** Why it ended by itself; null where it did not. */
	givenUp: GivenUpWhy | null;
	/** The page was told no fact of it, so it is as the nodes hold it. */
	readonly isHeld: boolean;
}

export interface Learned {
	readonly how: 'counted' | 'told' | 'fetched' | 'known';
	readonly ballot: BallotText;
}

export interface Decision {
	readonly slot: Slot;
	/** The members that govern the slot; null where the page was not told. */
	readonly set: Deciders | null;
	/** The members that the change in this slot brought; null where it holds no change that counts. */
	readonly brings: Deciders | null;
	/** Lowest ballot first. */
	readonly rounds: Round[];
	chosen: { readonly ballot: BallotText; readonly value: ValueSummary } | null;
	/** Every value that a node has told to be chosen: more than one only where a rule of Paxos was taken out. */
	readonly values: ValueSummary[];
	readonly learned: Map<NodeId, Learned>;
	/** The page was told no fact of this decision, so it shows what the nodes hold. */
	readonly before: boolean;
	/** The slot was chosen before the first fact that the page has of it. The promises tell so. */
	chosenEarlier: boolean;
}

/** The decision as the facts that were gathered tell it, and as the nodes hold it of which facts are missing. */
export function decisionOf(gathered: Gathered, { nodes, history }: SwarmModel): Decision {
	const decision = foldDecision(gathered, history);
	// There is no slot 0: it stands for the page before the first slot.
	if (gathered.slot > 0) addHeld(decision, nodes);
	// Its proposer knows it to be chosen once it knows so of all slots before.
	const won = decision.rounds.find(({ isChosen }) => isChosen);
	if (won?.proposal) decision.chosen ??= { ballot: won.ballot, value: won.proposal.value };
	return decision;
}

export function foldDecision({ slot, ballots, entries, earlier }: Gathered, history: MemberHistory): Decision {
	const rounds = ballots.map((ballot) =>
		newRound(slot, ballot, membersOfRound(ballot, slot, entries, history), earlier.get(ballot)),
	);
	const decision: Decision = {
		slot,
		set: history.governing(slot),
		brings: history.broughtBy(slot),
		rounds,
		chosen: null,
		values: [],
		learned: new Map(),
		before: entries.length === 0,
		chosenEarlier: false,
	};
	addChosenEarlier(decision, entries);
	const byBallot = new Map(rounds.map((round) => [round.ballot, round]));
	for (const { fact } of entries) foldFact(decision, byBallot, fact);
	return decision;
}

/** The round of the present step, or the picked one, or the last one that chose, or the highest. */
export function roundToShow(
	{ rounds }: Decision,
	present: BallotText | undefined,
	picked: BallotText | null,
): Round | undefined {
	const find = (ballot: BallotText | null | undefined) => rounds.find((round) => round.ballot === ballot);
	return find(present) ?? find(picked) ?? rounds.findLast((round) => round.isChosen) ?? rounds.at(-1);
}

/** What nodes hold although the page missed the fact. A ballot of which it missed all facts has a round of its own. */
function addHeld(decision: Decision, nodes: readonly NodeModel[]): void {
	for (const node of nodes) {
		if (!node.isUp) continue;
		const view = node.slots.get(decision.slot);
		if (view?.value && view.acceptedBallot !== '')
			holds(roundOf(decision, view.acceptedBallot, nodes), node.id, view.value);
		if (!view?.chosen && decision.slot > node.chosenThrough) {
			// One that was started again may not know any more what it had been told.
			decision.learned.delete(node.id);
			continue;
		}
		const ballot = view?.acceptedBallot ?? '';
		if (!decision.learned.has(node.id)) decision.learned.set(node.id, { how: 'known', ballot });
		if (!view?.value) continue;
		addValue(decision.values, view.value);
		// A node that fetched it does not tell its ballot.
		if (!decision.chosen?.ballot) decision.chosen = { ballot, value: view.value };
	}
}

function holds(round: Round, node: NodeId, value: ValueSummary): void {
	round.proposal ??= proposalOf(round, value);
	round.accept.set(node, 'arrived');
	if (round.vote.get(node)?.state !== 'accepted') round.vote.set(node, { state: 'accepted', counted: false });
	if (!round.isHeld) return;
	round.votes = [...round.votes, node];
	round.isChosen = round.electorate !== null && isQuorum(round.electorate, round.votes);
}

/** The round of the ballot, made from what the nodes hold where no fact of it was told. */
function roundOf({ slot, set, rounds }: Decision, ballot: BallotText, nodes: readonly NodeModel[]): Round {
	const known = rounds.find((round) => round.ballot === ballot);
	if (known) return known;
	const members: RoundMembers = { electorate: set && electorateOf(set), alsoNeeded: [] };
	const round = { ...newRound(slot, ballot, members, earlierPhase1(slot, ballot, nodes)), isHeld: true };
	rounds.push(round);
	rounds.sort((a, b) => compareBallotTexts(a.ballot, b.ballot));
	return round;
}

function addValue(values: ValueSummary[], value: ValueSummary): void {
	if (!values.some(({ digest }) => digest === value.digest)) values.push(value);
}

/** A promise tells up to which slot its acceptor knew everything to be chosen, and what it held there. */
function addChosenEarlier(decision: Decision, entries: readonly Entry[]): void {
	for (const { fact } of entries) {
		if (fact.kind === 'chosen' || (fact.kind === 'voteCounted' && fact.voters.length >= fact.needed)) return;
		const promise = promiseIn(fact);
		const held = promise?.accepted.find((acceptance) => acceptance.slot === decision.slot);
		if (!promise || !held || promise.chosenThrough < decision.slot) continue;
		decision.chosenEarlier = true;
		decision.chosen = { ballot: held.ballot, value: held.value };
		addValue(decision.values, held.value);
		decision.learned.set(promise.from, { how: 'known', ballot: held.ballot });
	}
}

function promiseIn(
	fact: Fact,
): { readonly from: NodeId; readonly chosenThrough: Slot; readonly accepted: readonly Reported[] } | undefined {
	if (fact.kind === 'promiseCounted') return { ...fact, accepted: fact.reported };
	if (fact.kind === 'sent' && fact.message.kind === 'promise') return { from: fact.node, ...fact.message };
	return undefined;
}

/** The phase 1 of the ballot as its leader remembers it, if it was for this slot too. */
function earlierPhase1(slot: Slot, ballot: BallotText, nodes: readonly NodeModel[]): EarlierPhase1 | undefined {
	const leader = nodes.find((node) => node.isUp && node.phase1?.ballot === ballot);
	if (!leader?.phase1 || slot <= leader.phase1.chosenThrough) return undefined;
	return { ...leader.phase1, uncounted: [] };
}

/** The proposal of a value that nodes accepted, where the page missed the proposal itself. The promises tell its origin. */
function proposalOf({ promise, isPromised }: Round, value: ValueSummary): Proposal {
	const counted = [...promise.values()].flatMap((cell) => (cell.state === 'promised' && cell.counted ? [cell] : []));
	const reported = counted.flatMap((cell) => cell.reported?.ballot ?? []).sort(compareBallotTexts);
	const reportedAt = reported.at(-1) ?? '';
	if (reportedAt !== '') return { value, origin: 'reported', reportedAt };
	const isKnown = isPromised && counted.every((cell) => cell.reported !== undefined);
	return { value, origin: isKnown ? (value.bytes === 0 ? 'noop' : 'own') : undefined, reportedAt };
}

function newRound(slot: Slot, ballot: BallotText, members: RoundMembers, earlier: EarlierPhase1 | undefined): Round {
	const round: Round = {
		ballot,
		proposer: ballotNode(ballot),
		why: undefined,
		contest: 0,
		onceAbove: earlier?.chosenThrough,
		...members,
		prepare: new Map(),
		promise: new Map(),
		promiseVoters: [],
		isPromised: false,
		proposal: null,
		accept: new Map(),
		vote: new Map(),
		votes: [],
		isChosen: false,
		halted: null,
		givenUp: null,
		isHeld: false,
	};
	for (const { from, chosenThrough, reported } of earlier?.promises ?? []) {
		round.prepare.set(from, 'arrived');
		const own = reported.find((acceptance) => acceptance.slot === slot) ?? null;
		round.promise.set(from, { state: 'promised', reported: own, chosenThrough, counted: true });
		round.promiseVoters = [...round.promiseVoters, from];
	}
	round.isPromised = round.electorate !== null && isQuorum(round.electorate, round.promiseVoters);
	for (const node of earlier?.uncounted ?? []) {
		round.prepare.set(node, 'arrived');
		round.promise.set(node, { state: 'promised', reported: undefined, chosenThrough: undefined, counted: false });
	}
	return round;
}

function foldFact(decision: Decision, rounds: ReadonlyMap<BallotText, Round>, fact: Fact): void {
	switch (fact.kind) {
		case 'campaign': {
			const round = rounds.get(fact.ballot);
			if (!round) return;
			round.why = fact.why;
			round.contest = fact.contest;
			round.prepare.set(fact.node, 'arrived');
			return;
		}
		case 'promised':
			return promised(rounds.get(fact.ballot), fact.node, { reported: undefined, chosenThrough: undefined });
		case 'refused': {
			const round = rounds.get(fact.ballot);
			const cell = { state: 'refused', promised: fact.promised } as const;
			// A duplicate may be refused although the first copy was promised. The first answer stands.
			if (fact.refused === 'prepare' && round?.promise.get(fact.node)?.state !== 'promised')
				round?.promise.set(fact.node, cell);
			if (fact.refused === 'accept' && round?.vote.get(fact.node)?.state !== 'accepted')
				round?.vote.set(fact.node, cell);
			return;
		}
		case 'promiseCounted': {
			const round = rounds.get(fact.ballot);
			if (!round || round.onceAbove !== undefined) return;
			round.promiseVoters = [...new Set([...round.promiseVoters, ...fact.voters, fact.from])];
			round.isPromised ||= round.electorate
				? isQuorum(round.electorate, round.promiseVoters)
				: fact.voters.length >= fact.needed;
			const { chosenThrough } = fact;
			const reported = fact.reported.find((acceptance) => acceptance.slot === decision.slot) ?? null;
			round.promise.set(fact.from, { state: 'promised', reported, chosenThrough, counted: true });
			return;
		}
		case 'halted': {
			const round = rounds.get(fact.ballot);
			if (round) round.halted = { by: fact.by, from: fact.from };
			return;
		}
		case 'givenUp': {
			const round = rounds.get(fact.ballot);
			if (round) round.givenUp = fact.why;
			return;
		}
		case 'proposed': {
			const round = rounds.get(fact.ballot);
			if (!round) return;
			round.proposal = { value: fact.value, origin: fact.origin, reportedAt: fact.reportedAt };
			round.accept.set(fact.node, 'arrived');
			return;
		}
		case 'accepted': {
			const round = rounds.get(fact.ballot);
			if (!round) return;
			round.accept.set(fact.node, 'arrived');
			const counted = round.votes.includes(fact.node);
			round.vote.set(fact.node, { state: 'accepted', counted });
			round.proposal ??= proposalOf(round, fact.value);
			return;
		}
		case 'voteCounted': {
			const round = rounds.get(fact.ballot);
			if (!round) return;
			round.votes = fact.voters;
			round.isChosen ||= fact.voters.length >= fact.needed;
			round.vote.set(fact.from, { state: 'accepted', counted: true });
			return;
		}
		case 'chosen':
			decision.learned.set(fact.node, { how: fact.how, ballot: fact.ballot });
			addValue(decision.values, fact.value);
			if (!decision.chosen || fact.how === 'counted') decision.chosen = { ballot: fact.ballot, value: fact.value };
			return;
		case 'sent':
		case 'received':
			return foldMessage(decision, rounds, fact);
		default:
			return;
	}
}

function foldMessage(
	decision: Decision,
	rounds: ReadonlyMap<BallotText, Round>,
	fact: Fact & { readonly kind: 'sent' | 'received' },
): void {
	const { message } = fact;
	const round = 'ballot' in message ? rounds.get(message.ballot) : undefined;
	if (!round) return;
	const acceptor = fact.kind === 'sent' ? fact.to : fact.node;
	if (message.kind === 'prepare') request(round.prepare, acceptor, fact.kind);
	if (message.kind === 'accept') request(round.accept, acceptor, fact.kind);
	if (message.kind === 'promise' && fact.kind === 'sent') {
		const reported = message.accepted.find((acceptance) => acceptance.slot === decision.slot) ?? null;
		promised(round, fact.node, { reported, chosenThrough: message.chosenThrough });
	}
}

function request(cells: Map<NodeId, RequestCell>, acceptor: NodeId, kind: 'sent' | 'received'): void {
	if (cells.get(acceptor) !== 'arrived') cells.set(acceptor, kind === 'received' ? 'arrived' : 'sent');
}

/** A later fact of the same promise may add to what is known of it, and never takes anything away. */
function promised(
	round: Round | undefined,
	node: NodeId,
	known: { readonly reported: Reported | null | undefined; readonly chosenThrough: Slot | undefined },
): void {
	if (!round || round.onceAbove !== undefined) return;
	const cell = round.promise.get(node);
	if (cell?.state === 'promised' && cell.reported !== undefined) return;
	round.promise.set(node, { state: 'promised', counted: round.promiseVoters.includes(node), ...known });
}
