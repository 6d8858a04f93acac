/**
 * This tells where the time of one round went. All times are of the proposer's own facts, because the clocks of two nodes cannot be
 * compared. Of another node only a duration is told, which its own clock measured: that of a flush.
 */
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Round } from './decision.ts';
import { ballotOf } from './decision-index.ts';
import { type Entry, isEntry, type Tape } from './tape.ts';

export type SpanKind = 'promise' | 'proposed' | 'vote' | 'chosen' | 'applied' | 'halted' | 'givenUp';

/** Times are milliseconds since the round began. */
export interface Span {
	readonly kind: SpanKind;
	/** Whose promise or vote it is; the proposer in all other spans. */
	readonly node: NodeId;
	/** When the node was asked, or the span before ended; null where that is not known. */
	readonly fromMs: number | null;
	/** When the answer was there; null where no answer is known. */
	readonly toMs: number | null;
	/** When the proposer counted the answer; null where it is not known to have counted it. */
	readonly countedMs: number | null;
	readonly isRefusal: boolean;
	/** How long the flush took that the answer waited for, milliseconds; null where that is not known. */
	readonly diskMs: number | null;
}

export interface Waterfall {
	/** The fact of the proposer that all times are counted from. */
	readonly since: 'campaign' | 'proposed';
	readonly spans: readonly Span[];
	/** When the last span ended. */
	readonly totalMs: number;
}

/**
 * @param entries the facts of the slot and of its ballots, in the order of the tape
 * @param through the place on the tape of the moment that is shown; all facts where left out
 * @returns `notTold` where the page lacks the beginning of the round; `setBack` where the proposer's clock went back in it
 */
export function waterfallOf(
	{ ballot, proposer }: Round,
	entries: readonly Entry[],
	tape: Tape,
	through = Number.POSITIVE_INFINITY,
): Waterfall | 'notTold' | 'setBack' {
	const ofRound = entries.filter(({ fact, at }) => at <= through && ballotOf(fact) === ballot);
	const campaign = ofRound.find(({ fact }) => fact.kind === 'campaign');
	const proposed = ofRound.find(({ fact }) => fact.kind === 'proposed');
	const begin = campaign ?? proposed;
	if (!begin) return 'notTold';
	const own = ofRound.filter(({ node }) => node === proposer);
	if (own.some(({ fact }, i) => fact.time < (own[i - 1]?.fact.time ?? 0))) return 'setBack';

	const at = (entry: Entry | undefined): number | null => (entry ? entry.fact.time - begin.fact.time : null);
	const step = (kind: SpanKind, from: Entry | undefined, to: Entry | undefined): Span[] =>
		to ? [{ ...NOTHING_MORE, kind, node: proposer, fromMs: at(from), toMs: at(to) }] : [];
	const answers = (phase: Phase, began: Entry | undefined): Span[] =>
		began ? acceptorsOf(phase, ofRound, proposer).map((node) => answer(phase, node, began)) : [];
	const answer = (phase: Phase, node: NodeId, began: Entry): Span => {
		const did = ofRound.find((entry) => entry.node === node && entry.fact.kind === phase.did);
		const counted = own.find(({ fact }) => fact.kind === phase.counted && fact.from === node);
		if (node === proposer) {
			const ms = at(counted);
			const diskMs = flushBetween(did, counted, tape);
			return { kind: phase.span, node, fromMs: at(began), toMs: ms, countedMs: ms, isRefusal: false, diskMs };
		}
		const asked = own.find(({ fact }) => fact.kind === 'sent' && fact.to === node && fact.message.kind === phase.ask);
		const received = own.filter(({ fact }) => fact.kind === 'received' && fact.from === node);
		const granted = received.find((entry) => isWhole(entry, phase));
		const refused = received.find((entry) => isRefusal(entry, phase));
		const sent = ofRound.find(
			({ fact }) => fact.node === node && fact.kind === 'sent' && fact.message.kind === phase.grant,
		);
		return {
			kind: phase.span,
			node,
			fromMs: at(asked),
			toMs: at(granted ?? refused),
			countedMs: at(counted),
			isRefusal: !granted && refused !== undefined,
			diskMs: flushBetween(did, sent, tape),
		};
	};

	const quorum = own.find(({ fact }) => fact.kind === 'voteCounted' && fact.voters.length >= fact.needed);
	const end = own.find(({ fact }) => fact.kind === 'halted' || fact.kind === 'givenUp');
	const spans = [
		...answers(PHASE_1, campaign),
		...step('proposed', campaign, campaign && proposed),
		...answers(PHASE_2, proposed),
		...step('chosen', proposed, quorum),
		...step('applied', quorum, quorum && appliedAfter(quorum, tape, through)),
		...step(end?.fact.kind === 'halted' ? 'halted' : 'givenUp', proposed ?? campaign, end),
	];
	const totalMs = Math.max(0, ...spans.flatMap(({ toMs, countedMs }) => [toMs ?? 0, countedMs ?? 0]));
	return { since: campaign ? 'campaign' : 'proposed', spans, totalMs };
}

interface Phase {
	readonly span: 'promise' | 'vote';
	readonly ask: 'prepare' | 'accept';
	readonly did: 'promised' | 'accepted';
	readonly grant: 'promise' | 'accepted';
	readonly counted: 'promiseCounted' | 'voteCounted';
}

const PHASE_1: Phase = {
	span: 'promise',
	ask: 'prepare',
	did: 'promised',
	grant: 'promise',
	counted: 'promiseCounted',
};
const PHASE_2: Phase = { span: 'vote', ask: 'accept', did: 'accepted', grant: 'accepted', counted: 'voteCounted' };
const NOTHING_MORE = { countedMs: null, isRefusal: false, diskMs: null };

/** The proposer first, where it is an acceptor itself, and the others in the order in which it asked them. */
function acceptorsOf(phase: Phase, ofRound: readonly Entry[], proposer: NodeId): NodeId[] {
	const nodes = ofRound.flatMap((entry): NodeId[] => {
		const { node, fact } = entry;
		if (node !== proposer) return [];
		if (fact.kind === phase.did) return [node];
		if (fact.kind === 'sent') return fact.message.kind === phase.ask ? [fact.to] : [];
		if (fact.kind === phase.counted) return [fact.from];
		return fact.kind === 'received' && (isWhole(entry, phase) || isRefusal(entry, phase)) ? [fact.from] : [];
	});
	const acceptors = new Set(nodes);
	return acceptors.delete(proposer) ? [proposer, ...acceptors] : [...acceptors];
}

/** Whether it is the promise or the vote; of a promise in parts, the last part. */
function isWhole({ fact }: Entry, { grant }: Phase): boolean {
	if (fact.kind !== 'received' || fact.message.kind !== grant) return false;
	return fact.message.kind !== 'promise' || fact.message.part === fact.message.parts - 1;
}

function isRefusal({ fact }: Entry, { ask }: Phase): boolean {
	return fact.kind === 'received' && fact.message.kind === 'nack' && fact.message.refused === ask;
}

/** The flush that `to` waited for, where it is the only one that ended after `from`. */
function flushBetween(from: Entry | undefined, to: Entry | undefined, tape: Tape): number | null {
	if (!from || !to) return null;
	const flushes: number[] = [];
	for (const entry of unbroken(from, tape, to.at)) {
		if (entry.fact.kind === 'flushed') flushes.push(entry.fact.ms);
		if (entry === to) return flushes.length === 1 ? (flushes[0] ?? null) : null;
	}
	return null;
}

/** When the node had applied the slot that this vote chose: slots are applied in order, so it may wait for others. */
function appliedAfter(quorum: Entry, tape: Tape, through: number): Entry | undefined {
	const slot = quorum.fact.kind === 'voteCounted' ? quorum.fact.slot : 0;
	for (const entry of unbroken(quorum, tape, through)) {
		if (entry.fact.kind === 'applied' && entry.fact.through >= slot) return entry;
	}
	return undefined;
}

/** What the node told after `entry`, up to the first fact that the page lacks. */
function* unbroken(entry: Entry, tape: Tape, through: number): Iterable<Entry> {
	let { seq } = entry.fact;
	for (const item of tape.between(entry.at, through)) {
		if (item.node !== entry.node || !isEntry(item)) continue;
		if (item.fact.epoch !== entry.fact.epoch || item.fact.seq !== ++seq) return;
		yield item;
	}
}
