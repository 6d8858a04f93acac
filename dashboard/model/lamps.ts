/**
 * What must never happen, looked up in the facts that the page is told, apart from the nodes' own checks. A rule that is
 * broken stays so, and names the fact that broke it. Facts may be missing where nodes have added them up: then something
 * may go unseen, but nothing that is right looks broken.
 *
 * @source Lamport, Paxos.tla: Agreement, OneValuePerBallot, and maxBal that never decreases
 */
import type { BallotText, Fact } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { ValueSummary } from '../../shared/store/describe.ts';
import { compareBallotTexts, higherBallot } from './ballot-names.ts';
import type { Entry } from './tape.ts';

export const RULES = ['oneValue', 'oneProposal', 'promises'] as const;
export type Rule = (typeof RULES)[number];

export const RULE_TEXTS: Readonly<Record<Rule, string>> = {
	oneValue: 'No slot has two values',
	oneProposal: 'No ballot has two values in a slot',
	promises: 'No promise is broken',
};

/** The same text for two ballots that are one and the same in a run. */
export type BallotIdentity = (ballot: BallotText) => BallotText;

/** What an acceptor sends once it is bound by the ballot of the message; a proposer binds itself before it asks others. */
const GIVES_WORD: ReadonlySet<string> = new Set(['promise', 'accepted', 'prepare']);
/** The most recent slots that are remembered. */
const SLOTS_MAX = 2_000;

interface SlotSeen {
	chosen: ValueSummary | null;
	readonly accepted: Map<BallotText, ValueSummary>;
}

/** A rule, the fact that broke it, and the value that the fact contradicts; null where the rule is not about values. */
interface Breach {
	readonly rule: Rule;
	readonly entry: Entry;
	readonly against: ValueSummary | null;
}

/** What an acceptor may not go below. */
interface AcceptorSeen {
	epoch: string;
	/** The highest ballot that it has promised in its present life, or given its word on before. */
	promised: BallotText;
	/**
	 * The highest ballot on which another node has its word, in all of its lives. A promise that was made and lost in a crash
	 * before it left binds nobody.
	 */
	given: BallotText;
}

export class Lamps {
	readonly #slots = new Map<Slot, SlotSeen>();
	readonly #acceptors = new Map<NodeId, AcceptorSeen>();
	readonly #breaches = new Map<Rule, Breach>();
	readonly #identityOf: BallotIdentity;

	/** @param identityOf the ballot itself by default, because no two nodes make the same one */
	constructor(identityOf: BallotIdentity = (ballot) => ballot) {
		this.#identityOf = identityOf;
	}

	/** @param entry of one node they come in the order in which it told them */
	add(entry: Entry): void {
		const breach = this.#breach(entry);
		if (breach && !this.#breaches.has(breach.rule)) this.#breaches.set(breach.rule, breach);
	}

	/** How the rule was broken, where it was by that place of the tape; null where it holds up to there. */
	breach(rule: Rule, at: number): Breach | null {
		const breach = this.#breaches.get(rule);
		return breach && breach.entry.at <= at ? breach : null;
	}

	#breach(entry: Entry): Breach | null {
		const { fact } = entry;
		switch (fact.kind) {
			case 'chosen': {
				const seen = this.#seen(fact.slot);
				seen.chosen ??= fact.value;
				return seen.chosen.digest === fact.value.digest ? null : { rule: 'oneValue', entry, against: seen.chosen };
			}
			case 'accepted': {
				const { accepted } = this.#seen(fact.slot);
				const ballot = this.#identityOf(fact.ballot);
				const first = accepted.get(ballot) ?? fact.value;
				accepted.set(ballot, first);
				if (first.digest !== fact.value.digest) return { rule: 'oneProposal', entry, against: first };
				return this.#keepsPromise(fact, ballot) ? null : { rule: 'promises', entry, against: null };
			}
			case 'promised':
				return this.#keepsPromise(fact, this.#identityOf(fact.ballot))
					? null
					: { rule: 'promises', entry, against: null };
			case 'sent':
				if (GIVES_WORD.has(fact.message.kind) && 'ballot' in fact.message)
					this.#gives(fact, this.#identityOf(fact.message.ballot));
				return null;
			default:
				return null;
		}
	}

	#keepsPromise(fact: Fact, ballot: BallotText): boolean {
		const acceptor = this.#acceptor(fact);
		const before = acceptor.promised;
		acceptor.promised = higherBallot(before, ballot);
		return compareBallotTexts(ballot, before) >= 0;
	}

	#gives(fact: Fact, ballot: BallotText): void {
		const acceptor = this.#acceptor(fact);
		acceptor.given = higherBallot(acceptor.given, ballot);
	}

	#acceptor({ node, epoch }: Fact): AcceptorSeen {
		const known = this.#acceptors.get(node) ?? { epoch, promised: '', given: '' };
		this.#acceptors.set(node, known);
		if (known.epoch !== epoch) {
			known.epoch = epoch;
			known.promised = known.given;
		}
		return known;
	}

	#seen(slot: Slot): SlotSeen {
		const known = this.#slots.get(slot);
		if (known) return known;
		const seen = { chosen: null, accepted: new Map() };
		this.#slots.set(slot, seen);
		const [oldest] = this.#slots.keys();
		if (this.#slots.size > SLOTS_MAX && oldest !== undefined) this.#slots.delete(oldest);
		return seen;
	}
}
