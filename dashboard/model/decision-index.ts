/**
 * Which facts belong to which decision: a slot's own, and those of phase 1 of every ballot that was used for
 * it. Bounded in slots, in ballots and in facts of each; what is too old is forgotten, never made up.
 */
import type { BallotText, Fact } from '../../shared/fact.ts';
import type { Phase1View } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { ballotNode, compareBallotTexts } from './ballot-names.ts';
import { phase1Begun, withPromise } from './node-model.ts';
import { type EntryOf, isOf } from './reasons/past.ts';
import type { Entry } from './tape.ts';

/** Everything that the page knows of one decision. */
export interface Gathered {
	readonly slot: Slot;
	/** Every ballot used for it, lowest first. */
	readonly ballots: readonly BallotText[];
	/** The facts, in the order of the tape. */
	readonly entries: readonly Entry[];
	/** The phase 1 of a ballot, where it ran earlier and for all open slots at once. */
	readonly earlier: ReadonlyMap<BallotText, EarlierPhase1>;
}

export interface EarlierPhase1 extends Phase1View {
	/** These nodes promised too, but a quorum was counted without them, or their answers were lost. */
	readonly uncounted: readonly NodeId[];
}

const BALLOTS_MAX = 256;
const FACTS_OF_ONE_MAX = 600;
/** How many campaigns that proposed nothing are shown as attempts at the same decision. */
const ATTEMPTS_BEFORE_MAX = 6;

interface SlotFacts {
	readonly entries: Entry[];
	readonly ballots: Set<BallotText>;
}

interface BallotFacts {
	/** The first fact of it that the page was told. */
	readonly first: Entry;
	readonly entries: Entry[];
	campaign: EntryOf<'campaign'> | null;
	/** It was halted or given up. */
	ended: boolean;
	/** The first proposal of a value of the proposer's own; null for none. */
	firstOwn: EntryOf<'proposed'> | null;
	/** The first proposal of a value that followed from phase 1: a reported value, or a no-op; null for none. */
	firstRecovered: Entry | null;
	/** The slots of all of those. */
	readonly recovered: Set<Slot>;
}

export class DecisionIndex {
	readonly #slotsMax: number;
	readonly #slots = new Map<Slot, SlotFacts>();
	readonly #ballots = new Map<BallotText, BallotFacts>();

	/** @param slotsMax of so many slots the facts are kept */
	constructor(slotsMax: number) {
		this.#slotsMax = slotsMax;
	}

	/** The recent ballots that were known after the place `through` of the tape, in no particular order. */
	ballots(through = Number.POSITIVE_INFINITY): BallotText[] {
		// The fact of a ballot that came first may stand behind others on the tape.
		return [...this.#ballots].flatMap(([ballot, { first, entries }]) => {
			return first.at <= through || entries.some(({ at }) => at <= through) ? [ballot] : [];
		});
	}

	add(entry: Entry): void {
		const slot = slotOf(entry.fact);
		const ballot = ballotOf(entry.fact);
		// A node that learns very many old slots pushes out none of the recent ones.
		const isRecent = this.#slots.has(slot) || this.#slots.size < this.#slotsMax || usesBallot(entry.fact);
		if (slot > 0 && isRecent) {
			const facts = kept(this.#slots, slot, this.#slotsMax, (): SlotFacts => ({ entries: [], ballots: new Set() }));
			if (facts.entries.length < FACTS_OF_ONE_MAX) facts.entries.push(entry);
			if (usesBallot(entry.fact)) facts.ballots.add(ballot);
		}
		if (ballot !== '' && ofPhase1(entry.fact)) {
			const facts = this.#ofBallot(ballot, entry);
			if (facts.entries.length < FACTS_OF_ONE_MAX) facts.entries.push(entry);
		}
		this.#note(entry);
	}

	/** A number that changes whenever the result of `gather` for the same arguments changes. */
	version(slot: Slot, attempts: readonly BallotText[]): number {
		let version = this.#slots.get(slot)?.entries.length ?? 0;
		for (const ballot of this.ballotsOf(slot, attempts)) version += this.#ballots.get(ballot)?.entries.length ?? 0;
		return version;
	}

	/**
	 * Which facts belong to the decision may follow from later ones, so that all steps of a playback belong to the same. But
	 * no fact behind the place `through` of the tape is in it, nor anything that was learned from one.
	 *
	 * @param attempts ballots that are known to have been tried for it, as an answer lists them
	 * @param leaderships the phases 1 of the leaders, as of that place
	 */
	gather(
		slot: Slot,
		attempts: readonly BallotText[],
		leaderships: readonly Phase1View[],
		through = Number.POSITIVE_INFINITY,
	): Gathered {
		const ballots = this.ballotsOf(slot, attempts, through);
		const entries = [...(this.#slots.get(slot)?.entries ?? [])];
		const earlier = new Map<BallotText, EarlierPhase1>();
		for (const ballot of ballots) {
			const facts = this.#ballots.get(ballot);
			const own = facts !== undefined && this.#campaignedFor(slot, facts, through);
			if (!own) {
				const happened = facts?.entries.filter(({ at }) => at <= through) ?? [];
				const phase1 = phase1Of(happened) ?? leaderships.find((view) => view.ballot === ballot);
				if (phase1) earlier.set(ballot, { ...phase1, uncounted: promisersOf(happened, phase1) });
			}
			const quorum = this.#quorum(slot, ballot);
			for (const entry of facts?.entries ?? []) {
				if (!own && !ofAccept(entry.fact)) continue;
				if (quorum === undefined || entry.index < quorum.index || !isEnd(entry.fact)) entries.push(entry);
			}
		}
		const all = [...new Set(entries)].sort((a, b) => a.at - b.at);
		const happened = all.filter(({ at }) => at <= through);
		if (happened.length === all.length) return { slot, ballots, entries: all, earlier };
		const begun = new Set(happened.map(({ fact }) => ballotOf(fact)));
		return { slot, ballots: ballots.filter((ballot) => begun.has(ballot)), entries: happened, earlier };
	}

	ballotsOf(slot: Slot, attempts: readonly BallotText[], through = Number.POSITIVE_INFINITY): BallotText[] {
		const ballots = new Set(attempts.filter((ballot) => this.#ballots.has(ballot)));
		for (const ballot of this.#slots.get(slot)?.ballots ?? []) {
			ballots.add(ballot);
			if (this.#ballots.get(ballot)?.firstOwn?.fact.slot === slot)
				for (const b of this.#attemptsBefore(ballot)) ballots.add(b);
		}
		for (const ballot of this.#idleFor(slot, through)) ballots.add(ballot);
		return [...ballots].sort(compareBallotTexts);
	}

	/** The vote that made a quorum under the ballot. A later end of the ballot is no part of the decision. */
	#quorum(slot: Slot, ballot: BallotText): Entry | undefined {
		return this.#slots
			.get(slot)
			?.entries.find(
				({ fact }) => fact.kind === 'voteCounted' && fact.ballot === ballot && fact.voters.length >= fact.needed,
			);
	}

	/** Whether phase 1 ran for this slot alone, and not once for all slots. */
	#campaignedFor(slot: Slot, { campaign, firstOwn, recovered }: BallotFacts, through: number): boolean {
		if (!campaign) return false;
		if (campaign.fact.contest === slot || recovered.has(slot)) return true;
		if (campaign.fact.why !== 'proposal') return false;
		return !firstOwn || firstOwn.at > through || firstOwn.fact.slot === slot;
	}

	/** The newest campaigns for the slot that had proposed nothing by then, or never did. */
	#idleFor(slot: Slot, through: number): BallotText[] {
		// An election is for no slot of its own.
		if (slot === 0) return [];
		const idle = [...this.#ballots].filter(([, facts]) => {
			const { campaign } = facts;
			return campaign && campaign.at <= through && aimOf(campaign.fact) === slot && isIdle(facts, through);
		});
		return idle.slice(-ATTEMPTS_BEFORE_MAX).map(([ballot]) => ballot);
	}

	/** The node's campaigns just before `ballot` that ended before they could propose anything. */
	#attemptsBefore(ballot: BallotText): BallotText[] {
		const node = ballotNode(ballot);
		const before = [...this.#ballots.entries()]
			.filter(([other, facts]) => facts.campaign && ballotNode(other) === node && compareBallotTexts(other, ballot) < 0)
			.sort(([a], [b]) => compareBallotTexts(b, a));
		const attempts: BallotText[] = [];
		for (const [other, facts] of before.slice(0, ATTEMPTS_BEFORE_MAX)) {
			if (!facts.ended || !isIdle(facts) || facts.campaign?.fact.why !== 'proposal') break;
			attempts.push(other);
		}
		return attempts;
	}

	#note(entry: Entry): void {
		const { fact } = entry;
		if (isOf(entry, 'campaign')) this.#ofBallot(entry.fact.ballot, entry).campaign = entry;
		else if (fact.kind === 'halted' || fact.kind === 'givenUp') this.#ofBallot(fact.ballot, entry).ended = true;
		else if (isOf(entry, 'proposed')) {
			const facts = this.#ofBallot(entry.fact.ballot, entry);
			if (entry.fact.origin === 'own') facts.firstOwn ??= entry;
			else {
				facts.firstRecovered ??= entry;
				facts.recovered.add(entry.fact.slot);
			}
		}
	}

	#ofBallot(ballot: BallotText, first: Entry): BallotFacts {
		return kept(
			this.#ballots,
			ballot,
			BALLOTS_MAX,
			(): BallotFacts => ({
				first,
				entries: [],
				campaign: null,
				ended: false,
				firstOwn: null,
				firstRecovered: null,
				recovered: new Set(),
			}),
		);
	}
}

function kept<Key, Value>(map: Map<Key, Value>, key: Key, sizeMax: number, make: () => Value): Value {
	let value = map.get(key);
	if (value === undefined) {
		value = make();
		map.set(key, value);
		for (const oldest of map.keys()) {
			if (map.size <= sizeMax) break;
			map.delete(oldest);
		}
	}
	return value;
}

/** The slot that a fact is about; 0 where it is about none or about several. */
export function slotOf(fact: Fact): Slot {
	switch (fact.kind) {
		case 'proposed':
		case 'accepted':
		case 'voteCounted':
		case 'chosen':
		case 'refused':
			return fact.slot;
		case 'sent':
		case 'received':
			return fact.message.kind === 'accept' || fact.message.kind === 'accepted' ? fact.message.slot : 0;
		default:
			return 0;
	}
}

/** The first slot that a campaign for a proposal is for; 0 where no value waits for it. */
export function aimOf({ why, chosenThrough }: Fact & { readonly kind: 'campaign' }): Slot {
	return why === 'proposal' ? chosenThrough + 1 : 0;
}

/** The ballot that a fact is about; '' for none. */
export function ballotOf(fact: Fact): BallotText {
	if (fact.kind === 'sent' || fact.kind === 'received') return 'ballot' in fact.message ? fact.message.ballot : '';
	return 'ballot' in fact ? fact.ballot : '';
}

/** A `chosen` may name an older ballot than the one in use. That does not mean that the older ballot was used here. */
function usesBallot(fact: Fact): boolean {
	return fact.kind !== 'chosen' || fact.how === 'counted';
}

function ofPhase1(fact: Fact): boolean {
	switch (fact.kind) {
		case 'campaign':
		case 'promised':
		case 'promiseCounted':
		case 'halted':
		case 'givenUp':
			return true;
		case 'refused':
			return fact.refused === 'prepare';
		case 'role':
			return fact.role === 'leader' && fact.why === 'promisedByQuorum';
		case 'sent':
		case 'received': {
			const { message } = fact;
			return message.kind === 'prepare' || message.kind === 'promise' || message.kind === 'nack';
		}
		default:
			return false;
	}
}

/** Such a fact belongs to phase 2, but it names no slot, so it is kept with its ballot. */
function ofAccept(fact: Fact): boolean {
	if (isEnd(fact)) return true;
	return (
		(fact.kind === 'sent' || fact.kind === 'received') &&
		fact.message.kind === 'nack' &&
		fact.message.refused === 'accept'
	);
}

/** Whether nothing was proposed under the ballot by then. */
function isIdle({ firstOwn, firstRecovered }: BallotFacts, through = Number.POSITIVE_INFINITY): boolean {
	return [firstOwn, firstRecovered].every((proposed) => !proposed || proposed.at > through);
}

/** Whether the fact ends a campaign or a leadership. */
function isEnd(fact: Fact): boolean {
	return fact.kind === 'halted' || fact.kind === 'givenUp';
}

function promisersOf(happened: readonly Entry[], { promises }: Phase1View): NodeId[] {
	const counted = new Set(promises.map((promise) => promise.from));
	const promisers = happened.filter(({ fact }) => fact.kind === 'promised').map(({ fact }) => fact.node);
	return promisers.filter((node) => !counted.has(node));
}

/** The phase 1 of a ballot, from its facts, where the page received them. */
function phase1Of(happened: readonly Entry[]): Phase1View | undefined {
	const campaign = happened.find((entry) => isOf(entry, 'campaign'));
	if (!campaign) return undefined;
	let phase1 = phase1Begun(campaign.fact);
	let leads = false;
	for (const { fact } of happened) {
		if (fact.kind === 'role') leads = true;
		if (fact.kind === 'promiseCounted') phase1 = withPromise(phase1, fact, leads);
	}
	return phase1;
}
