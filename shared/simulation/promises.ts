/**
 * A promise is one cut of its acceptor: it reports every acceptance above its chosenThrough, as of one step, however
 * many parts it was sent in, and the proposer that counts it has put together parts of one cut only.
 */
import { type Ballot, ballotToText, type NodeId, sameBallot } from '../paxos/ballot.ts';
import type { Phase1 } from '../paxos/campaign.ts';
import type { Effects } from '../paxos/effects.ts';
import type { Acceptance, Promised, Slot } from '../paxos/message.ts';
import type { Counters } from './counters.ts';
import { isQuorumFor } from './electorates.ts';
import { type Ledger, Violation } from './ledger.ts';

/** The report of an acceptor in one step. */
interface Cut {
	readonly chosenThrough: Slot;
	readonly reported: readonly Acceptance[];
	readonly parts: number;
}

/** Cuts are kept for so many ballots, because no proposer counts a promise of an older one. */
const BALLOTS_KEPT_MAX = 256;

export class PromiseRules {
	readonly #ledger: Ledger;
	readonly #ids: readonly NodeId[];
	readonly #counters: Counters;
	/** The cuts by ballot, then by acceptor. */
	readonly #cuts = new Map<string, Map<NodeId, Cut[]>>();

	constructor(ledger: Ledger, ids: readonly NodeId[], counters: Counters) {
		this.#ledger = ledger;
		this.#ids = ids;
		this.#counters = counters;
	}

	/** An acceptor has made promises in this step. */
	made(node: number, { sendWhenDurable }: Effects): void {
		for (const { to, message } of sendWhenDurable) {
			if (message.kind !== 'promise' || message.part !== 0) continue;
			const parts = sendWhenDurable
				.filter((other) => other.to === to && other.message.kind === 'promise')
				.map((other) => other.message as Promised)
				.filter((other) => sameBallot(other.ballot, message.ballot));
			const { ballot, chosenThrough } = message;
			const cut = { chosenThrough, reported: parts.flatMap(({ accepted }) => accepted), parts: message.parts };
			this.#reportsAll(node, cut);
			this.#keep(ballot, this.#ids[node] as NodeId, cut);
		}
	}

	/**
	 * A quorum's promises have made their proposer the leader.
	 *
	 * @param knownThrough how far it knows the slots to be chosen, and with them the members
	 */
	counted(node: number, { ballot, promises }: Phase1, knownThrough: Slot): void {
		let promisers = 0;
		for (const { from } of promises) promisers |= 1 << this.#ids.indexOf(from);
		if (!this.#ledger.electorates.above(knownThrough).every((each) => isQuorumFor(each, promisers))) {
			const what = `${ballotToText(ballot)} with ${promises.length} promises that are whole`;
			throw new Violation('LeadersHaveAQuorum', `${this.#ids[node]} leads under ${what}`);
		}
		for (const { from, chosenThrough, reported } of promises) {
			const cuts = this.#cuts.get(ballotToText(ballot))?.get(from) ?? [];
			const isOne = cuts.some((cut) => cut.chosenThrough === chosenThrough && isSame(cut.reported, reported));
			if (isOne) continue;
			const what = `the promise of ${from} for ${ballotToText(ballot)}`;
			throw new Violation('PromiseIsOneCut', `${this.#ids[node]} counts ${what} as its acceptor never made it`);
		}
	}

	#reportsAll(node: number, { chosenThrough, reported }: Cut): void {
		const bySlot = new Map(reported.map((acceptance) => [acceptance.slot, acceptance]));
		this.#ledger.eachAcceptance(node, chosenThrough, (slot, ballot, value) => {
			const acceptance = bySlot.get(slot);
			const isWhole =
				acceptance !== undefined &&
				sameBallot(acceptance.ballot, ballot) &&
				this.#ledger.idOf(acceptance.value) === value;
			if (isWhole) return;
			throw new Violation('PromiseReportsAll', `${this.#ids[node]} leaves out slot ${slot} at ${ballotToText(ballot)}`);
		});
	}

	#keep(ballot: Ballot, acceptor: NodeId, cut: Cut): void {
		const name = ballotToText(ballot);
		let cuts = this.#cuts.get(name);
		if (!cuts) {
			cuts = new Map();
			this.#cuts.set(name, cuts);
			const [oldest] = this.#cuts.keys();
			if (oldest !== undefined && this.#cuts.size > BALLOTS_KEPT_MAX) this.#cuts.delete(oldest);
		}
		const before = cuts.get(acceptor);
		if (cut.parts > 1) this.#counters.promisesInParts++;
		if (!before) return void cuts.set(acceptor, [cut]);
		if (before.some(({ chosenThrough }) => chosenThrough !== cut.chosenThrough)) this.#counters.promisesCutAnew++;
		before.push(cut);
	}
}

function isSame(a: readonly Acceptance[], b: readonly Acceptance[]): boolean {
	if (a.length !== b.length) return false;
	return a.every((acceptance, index) => {
		const other = b[index] as Acceptance;
		return acceptance.slot === other.slot && sameBallot(acceptance.ballot, other.ballot);
	});
}
