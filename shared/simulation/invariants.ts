/**
 * What must hold after every step of every node, checked against the ledger at the step that breaks it: of
 * what a node writes, sends, applies and answers. It sees the agents only from outside, by their effects and
 * their view, and changes nothing.
 */

import type { AgentView } from '../paxos/agent.ts';
import { type Ballot, ballotToText, compareBallots, NO_BALLOT, sameBallot } from '../paxos/ballot.ts';
import type { Decision, Effects } from '../paxos/effects.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { Acceptance, Envelope, Promised, Slot } from '../paxos/message.ts';
import type { Result } from '../store/store.ts';
import type { Counters } from './counters.ts';
import { type Ledger, Violation } from './ledger.ts';

/** What one life of one process has shown so far. */
class Life {
	chosenThrough: Slot = 0;
	appliedThrough: Slot = 0;
	promised: Ballot = NO_BALLOT;
	leads: Ballot = NO_BALLOT;
	/** Of the results of every slot applied, so that equal states are known without looking at them. */
	results = 0;
}

export class Invariants {
	/** The highest slot of which a client has the answer. */
	acknowledgedThrough: Slot = 0;
	/** Of all nodes. */
	steps = 0;
	readonly #ledger: Ledger;
	readonly #ids: readonly string[];
	readonly #counters: Counters;
	readonly #lives: Life[];
	/** The highest ballot that each node has prepared, over all its lives, and in which. */
	readonly #prepared: { readonly ballot: Ballot; readonly life: Life | undefined }[];
	/** By slot: what whoever applied it first made of it, and of everything before. */
	readonly #resultsAfter: number[] = [];
	/** By command: the revision that it got. */
	readonly #revisions = new Map<string, number>();
	readonly #neverApplied = new Set<string>();

	constructor(ledger: Ledger, ids: readonly string[], counters: Counters) {
		this.#ledger = ledger;
		this.#ids = ids;
		this.#counters = counters;
		this.#lives = ids.map(() => new Life());
		this.#prepared = ids.map(() => ({ ballot: NO_BALLOT, life: undefined }));
	}

	/** A process begins, with what its log gave back. */
	started(node: number, view: AgentView): void {
		this.#lives[node] = new Life();
		if (compareBallots(view.promised, this.#ledger.promisedBy(node)) >= 0) return;
		throw new Violation('PromisesNeverGoBack', `node ${this.#ids[node]} has forgotten a promise over its restart`);
	}

	stepped(node: number, effects: Effects, view: AgentView): void {
		this.steps++;
		const life = this.#life(node);
		if (view.chosenThrough < life.chosenThrough) {
			throw new Violation(
				'ChosenThroughNeverGoesBack',
				`${this.#ids[node]} from ${life.chosenThrough} to ${view.chosenThrough}`,
			);
		}
		if (compareBallots(view.promised, life.promised) < 0) {
			throw new Violation(
				'PromisesNeverGoBack',
				`${this.#ids[node]} promised ${ballotToText(view.promised)} after a higher one`,
			);
		}
		life.promised = view.promised;
		if (view.chosenThrough !== life.chosenThrough) {
			life.chosenThrough = view.chosenThrough;
			this.#ledger.mustBeChosenThrough(node, view.chosenThrough, 'its state');
		}
		for (const decision of effects.apply) this.#applies(node, life, decision);
		if (effects.sendWhenDurable.length > 0) this.#promisesReportAll(node, effects);
		for (const fact of effects.facts) this.#told(node, fact);
	}

	/** Leaves the node, for another one. */
	sent(node: number, { message }: Envelope): void {
		switch (message.kind) {
			case 'prepare':
				this.#campaignsAbove(node, message.ballot);
				return this.#ledger.mustHavePromised(node, message.ballot);
			case 'promise':
				this.#ledger.mustHavePromised(node, message.ballot);
				return this.#ledger.mustBeChosenThrough(node, message.chosenThrough, 'a promise');
			case 'accept':
				this.#ballotIsOwn(node, message.ballot);
				this.#ledger.mustBeChosenThrough(node, message.chosenThrough, 'an accept');
				return this.#ledger.proposed(message.ballot, message.slot, message.value);
			case 'accepted':
				return this.#ledger.mustHaveAccepted(node, message.ballot, message.slot);
			case 'heartbeat':
				this.#ballotIsOwn(node, message.ballot);
				return this.#ledger.mustBeChosenThrough(node, message.chosenThrough, 'a heartbeat');
			case 'pollReply':
				return this.#ledger.mustBeChosenThrough(node, message.chosenThrough, 'a poll reply');
			case 'decisions':
				for (const [index, { value }] of message.decisions.entries()) {
					this.#ledger.mustBeChosen(node, message.from + index, value, 'decisions');
				}
				return;
			case 'fetch':
				this.#counters.fetches++;
				return;
			case 'nack':
				if (compareBallots(message.promised, message.ballot) > 0) return;
				throw new Violation(
					'NackNamesHigher',
					`${this.#ids[node]} refuses ${ballotToText(message.ballot)} for nothing higher`,
				);
			case 'confirm':
			case 'poll':
			case 'forward':
			case 'readAsk':
			case 'readIndex':
				return;
		}
	}

	/** The state machine of a node made `result` of a command in the slot that it applies. */
	result(node: number, client: string, sequence: number, result: Result): void {
		const life = this.#life(node);
		life.results = mixed(life.results, sequence);
		if (result.kind === 'applied' || result.kind === 'duplicate') {
			life.results = mixed(mixed(life.results, result.revision), result.ok ? 1 : 2);
			this.#appliedOnce(`${client}/${sequence}`, result.revision);
			if (result.kind === 'duplicate') this.#counters.commandsChosenTwice++;
		} else life.results = mixed(life.results, 3);
	}

	/** All commands of `slot` are applied. Equal state at equal revision: the same results all the way. */
	applied(node: number, slot: Slot, revision: number): void {
		const life = this.#life(node);
		const results = mixed(life.results, revision);
		this.#resultsAfter[slot] ??= results;
		if (this.#resultsAfter[slot] === results) return;
		throw new Violation('EqualStateAtEqualRevision', `${this.#ids[node]} made something else of slot ${slot}`);
	}

	/** A client has the answer of a command in `slot`. */
	acknowledged(node: number, slot: Slot, client: string, sequence: number, revision: number): void {
		this.#ledger.mustBeChosenThrough(node, slot, 'an answer');
		if (this.#revisions.get(`${client}/${sequence}`) !== revision) {
			throw new Violation('AcknowledgedIsApplied', `${client}/${sequence} was answered with another revision`);
		}
		if (slot > this.acknowledgedThrough) this.acknowledgedThrough = slot;
	}

	/** A client was told that it surely did not happen. */
	refused(client: string, sequence: number): void {
		const command = `${client}/${sequence}`;
		this.#neverApplied.add(command);
		if (this.#revisions.has(command)) throw new Violation('RefusedNeverHappens', `${command} was applied`);
	}

	#appliedOnce(command: string, revision: number): void {
		const before = this.#revisions.get(command);
		if (before === revision) return;
		if (before !== undefined) throw new Violation('AppliedOnce', `${command} at revision ${before} and ${revision}`);
		this.#revisions.set(command, revision);
		if (this.#neverApplied.has(command)) throw new Violation('RefusedNeverHappens', `${command} was applied`);
	}

	#applies(node: number, life: Life, { slot, value }: Decision): void {
		if (slot !== life.appliedThrough + 1) {
			throw new Violation('AppliesInOrder', `${this.#ids[node]} applies slot ${slot} after ${life.appliedThrough}`);
		}
		life.appliedThrough = slot;
		this.#ledger.mustBeChosen(node, slot, value, 'apply');
	}

	/** Every acceptance above the promise's chosenThrough is in it, as of this step. */
	#promisesReportAll(node: number, { sendWhenDurable }: Effects): void {
		for (const { to, message } of sendWhenDurable) {
			if (message.kind !== 'promise' || message.part !== 0) continue;
			if (message.parts > 1) this.#counters.promisesInParts++;
			const parts = sendWhenDurable
				.filter((other) => other.to === to && other.message.kind === 'promise')
				.map((other) => other.message as Promised)
				.filter((other) => sameBallot(other.ballot, message.ballot));
			this.#promiseReportsAll(node, message, new Map(parts.flatMap(acceptancesOf)));
		}
	}

	#promiseReportsAll(node: number, { chosenThrough }: Promised, reported: ReadonlyMap<Slot, Acceptance>): void {
		this.#ledger.eachAcceptance(node, chosenThrough, (slot, ballot, value) => {
			const acceptance = reported.get(slot);
			const isWhole =
				acceptance !== undefined &&
				sameBallot(acceptance.ballot, ballot) &&
				this.#ledger.idOf(acceptance.value) === value;
			if (isWhole) return;
			throw new Violation('PromiseReportsAll', `${this.#ids[node]} leaves out slot ${slot} at ${ballotToText(ballot)}`);
		});
	}

	/** No two nodes can form the same ballot, and no node forms one twice. */
	#ballotIsOwn(node: number, ballot: Ballot): void {
		if (ballot.node === this.#ids[node]) return;
		throw new Violation('BallotsAreUnique', `${this.#ids[node]} proposes under ${ballotToText(ballot)}`);
	}

	/** A ballot that has left is never used again; one that was lost in a crash before, nobody has seen. */
	#campaignsAbove(node: number, ballot: Ballot): void {
		this.#ballotIsOwn(node, ballot);
		const life = this.#life(node);
		const last = this.#prepared[node];
		const above = last ? compareBallots(ballot, last.ballot) : 1;
		if (above < 0 || (above === 0 && last?.life !== life)) {
			throw new Violation('BallotsAreUnique', `${this.#ids[node]} campaigns again under ${ballotToText(ballot)}`);
		}
		if (above > 0) this.#prepared[node] = { ballot, life };
	}

	/** What a node tells of itself is true. */
	#told(node: number, fact: AgentFact): void {
		switch (fact.kind) {
			case 'campaign':
				this.#counters.campaigns++;
				this.#ballotIsOwn(node, fact.ballot);
				if (fact.contest > 0) this.#counters.slotsContested++;
				return;
			case 'role':
				if (fact.role === 'leader') {
					this.#counters.leaders++;
					this.#life(node).leads = fact.ballot;
				}
				if (fact.why === 'lostQuorum') this.#counters.leadersLostQuorum++;
				return;
			case 'pollHeld':
				this.#counters.pollsHeld++;
				return;
			case 'chosen':
				return this.#ledger.mustBeChosen(node, fact.slot, fact.value, 'a fact');
			case 'promiseCounted':
				return this.#ledger.mustHavePromised(this.#ids.indexOf(fact.from), fact.ballot);
			case 'voteCounted':
				return this.#ledger.mustHaveAccepted(this.#ids.indexOf(fact.from), fact.ballot, fact.slot);
			case 'halted':
				if (sameBallot(this.#life(node).leads, fact.ballot)) this.#counters.leadersDeposed++;
				else this.#counters.campaignsHaltedByNack++;
				return;
			case 'promised':
			case 'refused':
			case 'proposed':
			case 'accepted':
			case 'fetching':
			case 'givenUp':
			case 'ignored':
				return;
		}
	}

	#life(node: number): Life {
		const life = this.#lives[node];
		if (!life) throw new RangeError(`there is no node ${node}`);
		return life;
	}
}

function acceptancesOf({ accepted }: Promised): [Slot, Acceptance][] {
	return accepted.map((acceptance) => [acceptance.slot, acceptance]);
}

/** One more number into a 32-bit hash. */
export function mixed(hash: number, value: number): number {
	let mix = Math.imul(hash ^ (value | 0), 0x85ebca6b);
	mix ^= mix >>> 13;
	mix = Math.imul(mix ^ Math.floor(value / 0x1_0000_0000), 0xc2b2ae35);
	return (mix ^ (mix >>> 16)) >>> 0;
}
