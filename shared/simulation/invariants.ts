/**
 * What must hold after every step of every node, checked against the ledger at the step that breaks it: of what a node
 * writes, sends, applies and answers. It sees the agents only from outside, by what happens to them, their effects and
 * their view, and changes nothing. What they say to each other is checked in `messages.ts` and `promises.ts`.
 */

import { type Ballot, ballotToText, compareBallots, NO_BALLOT, sameBallot } from '../paxos/ballot.ts';
import type { Phase1 } from '../paxos/campaign.ts';
import type { Decision, Effects } from '../paxos/effects.ts';
import type { Event } from '../paxos/event.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { Envelope, Slot } from '../paxos/message.ts';
import type { AgentView } from '../paxos/view.ts';
import type { Machine } from '../store/machine.ts';
import type { Result } from '../store/result.ts';
import { AppliedCommands } from './applied.ts';
import { ChangedKeys } from './changed-keys.ts';
import type { Counters } from './counters.ts';
import { type Ledger, Violation } from './ledger.ts';
import { Life } from './life.ts';
import { MessageRules } from './messages.ts';
import { PromiseRules } from './promises.ts';
import type { Instant } from './schedule.ts';
import { TimeRules } from './time.ts';

/** A leader that has more than so many slots to learn cannot apply anything for a while. */
const FAR_BEHIND_SLOTS = 100;

export class Invariants {
	/** The highest slot with a command whose answer a client has. */
	acknowledgedThrough: Slot = 0;
	/** The number of steps of all nodes. */
	steps = 0;
	readonly commands: AppliedCommands;
	readonly changedKeys = new ChangedKeys();
	readonly #ledger: Ledger;
	readonly #ids: readonly string[];
	readonly #counters: Counters;
	readonly #openSlotsMax: number;
	readonly #lives: Life[];
	readonly #messages: MessageRules;
	readonly #promises: PromiseRules;
	readonly #time = new TimeRules();
	/** By slot: a hash of the results of all slots up to it, and the digest of the store, at the node that applied it first. */
	readonly #resultsAfter: number[] = [];
	readonly #digestAfter: number[] = [];
	/** By client, then by sequence number: the revision that the command got. */
	readonly #revisions = new Map<string, Map<number, number>>();

	/** @param openSlotsMax the number of slots above chosenThrough that a leader may propose in */
	constructor(ledger: Ledger, ids: readonly string[], counters: Counters, openSlotsMax: number) {
		this.#ledger = ledger;
		this.#openSlotsMax = openSlotsMax;
		this.#ids = ids;
		this.#counters = counters;
		this.commands = new AppliedCommands(counters);
		this.#lives = ids.map(() => new Life());
		this.#messages = new MessageRules(ledger, ids, counters);
		this.#promises = new PromiseRules(ledger, ids, counters);
	}

	/**
	 * A process begins, with what its log gave back.
	 *
	 * @param isOlder that is older than what it must remember, so it must not work. It may tell others of its snapshot
	 */
	started(node: number, view: AgentView, isOlder: boolean): void {
		const life = new Life();
		this.#lives[node] = life;
		life.chosenThrough = view.trimmedThrough;
		if (isOlder || compareBallots(view.promised, this.#ledger.promisedBy(node)) >= 0) return;
		throw new Violation('PromisesNeverGoBack', `node ${this.#ids[node]} has forgotten a promise over its restart`);
	}

	stepped(node: number, event: Event, effects: Effects, view: AgentView): void {
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
		if (event.kind === 'changeMembers') {
			life.changes.push(event);
			this.#ledger.changeAsked(event);
		}
		if (event.kind === 'snapshot' && event.members !== null) {
			this.#ledger.snapshotMembers(node, event.through, event.members);
		}
		if (view.chosenThrough !== life.chosenThrough) {
			life.chosenThrough = view.chosenThrough;
			this.#ledger.mustBeChosenThrough(node, view.chosenThrough, 'its state');
		}
		// The agent goes on behind the snapshot at once. That the machine has its state is looked at by `installed`.
		for (const fact of effects.facts) if (fact.kind === 'installed') life.appliedThrough = fact.through;
		for (const decision of effects.apply) this.#applies(node, life, decision);
		if (effects.sendWhenDurable.length > 0) this.#promises.made(node, effects);
		this.#refusedStops(node, event, effects, view);
		if (view.phase1) this.#proposesInTheWindow(node, effects, view.phase1, view);
		for (const fact of effects.facts) this.#told(node, fact, view);
		this.#count(event, effects, view);
	}

	/** A node campaigns. */
	campaigned(ballot: Ballot, now: Instant): void {
		this.#time.campaigned(ballot, now);
	}

	/** A message leaves the node for another one. */
	sent(node: number, envelope: Envelope, now: Instant): void {
		const { message } = envelope;
		if (message.kind === 'accept') this.#time.proposed(message, now);
		this.#messages.sent(node, this.#life(node), envelope, this.acknowledgedThrough);
	}

	/** The state machine of a node made `result` of a command in the slot that it applies. */
	result(node: number, client: string, sequence: number, result: Result): void {
		const life = this.#life(node);
		life.results = mixed(life.results, sequence);
		if (result.kind === 'applied' || result.kind === 'duplicate') {
			life.results = mixed(mixed(life.results, result.revision), result.ok ? 1 : 2);
			this.#appliedOnce(client, sequence, result.revision);
			if (result.kind === 'duplicate') this.#counters.commandsChosenTwice++;
		} else {
			life.results = mixed(life.results, 3);
			if (result.kind === 'forgotten') this.#counters.outcomesForgotten++;
		}
	}

	/** All commands of `slot` are applied. Equal state at equal revision: the same results all the way. */
	applied(
		node: number,
		slot: Slot,
		{ revision, timeMs, digest }: Pick<Machine, 'revision' | 'digest'> & { readonly timeMs: number },
		now: Instant,
	): void {
		this.#time.applied(slot, timeMs, this.#counters.leaders, now);
		const life = this.#life(node);
		life.results = mixed(life.results, revision);
		this.#resultsAfter[slot] ??= life.results;
		this.#digestAfter[slot] ??= digest;
		if (this.#resultsAfter[slot] === life.results && this.#digestAfter[slot] === digest) return;
		throw new Violation('EqualStateAtEqualRevision', `${this.#ids[node]} made something else of slot ${slot}`);
	}

	/** A node goes on from a snapshot, its own or another node's: it is durable, and what all slots up to `through` make. */
	installed(node: number, through: Slot, { digest }: Pick<Machine, 'digest'>): void {
		this.#ledger.mustHaveSnapshot(node, through);
		if (this.#digestAfter[through] !== digest) {
			throw new Violation('SnapshotIsThePrefix', `${this.#ids[node]} has another state after slot ${through}`);
		}
		const life = this.#life(node);
		life.appliedThrough = Math.max(life.appliedThrough, through);
		life.results = this.#resultsAfter[through] as number;
	}

	/** A client has the answer of a command that was applied in that slot. */
	acknowledged(slot: Slot): void {
		this.#ledger.mustBeChosenThrough(0, slot, 'an answer');
		if (slot > this.acknowledgedThrough) this.acknowledgedThrough = slot;
	}

	/** A node has answered that another one leads in its place, under this ballot. */
	succeeded(node: number, ballot: Ballot): void {
		if (ballot.node !== this.#ids[node] && this.#messages.hasLed(ballot)) return;
		throw new Violation('SuccessorsLead', `${this.#ids[node]} is told to be followed by ${ballotToText(ballot)}`);
	}

	/** How many changes of members the agent of a node was asked to propose, in this life. */
	changesAsked(node: number): number {
		return this.#life(node).changes.length;
	}

	/**
	 * A node has answered that a change was not done, and will not be.
	 *
	 * @param asked how many its agent was asked for before. One that never came to the agent is refused by right.
	 */
	changeRefused(node: number, asked: number): void {
		const change = this.#life(node).changes[asked];
		if (change) this.#ledger.changeRefused(node, change);
	}

	#appliedOnce(client: string, sequence: number, revision: number): void {
		let revisions = this.#revisions.get(client);
		if (!revisions) {
			revisions = new Map();
			this.#revisions.set(client, revisions);
		}
		const before = revisions.get(sequence);
		if (before === revision) return;
		if (before !== undefined) {
			throw new Violation('AppliedOnce', `${client}/${sequence} at revision ${before} and ${revision}`);
		}
		revisions.set(sequence, revision);
	}

	/** A node that starts has applied a slot again, from its log. */
	replayed(node: number, decision: Decision): void {
		this.#applies(node, this.#lives[node] as Life, decision);
	}

	#applies(node: number, life: Life, { slot, value }: Decision): void {
		if (slot !== life.appliedThrough + 1) {
			throw new Violation('AppliesInOrder', `${this.#ids[node]} applies slot ${slot} after ${life.appliedThrough}`);
		}
		life.appliedThrough = slot;
		this.#ledger.mustBeChosen(node, slot, value, 'apply');
		this.#time.chosen(slot, value);
	}

	/** A campaign or leadership that a higher promise ends, this node's own or one in a nack, ends in that very step. */
	#refusedStops(node: number, event: Event, { facts }: Effects, { ballot, promised }: AgentView): void {
		if (ballot.node === '') return;
		const nack = event.kind === 'receive' && event.message.kind === 'nack' ? event.message : null;
		const isBelieved = !facts.some(({ kind }) => kind === 'ignored');
		const nacked = nack && isBelieved ? nack.promised : NO_BALLOT;
		if (compareBallots(promised, ballot) <= 0 && compareBallots(nacked, ballot) <= 0) return;
		throw new Violation('RefusedStops', `${this.#ids[node]} goes on under ${ballotToText(ballot)}`);
	}

	/** A leader proposes only so far above chosenThrough, so that the next leader has no more than that to recover. */
	#proposesInTheWindow(node: number, { send }: Effects, phase1: Phase1, view: AgentView): void {
		const end = view.chosenThrough + this.#openSlotsMax;
		for (const { message } of send) {
			if (message.kind !== 'accept' || message.slot <= end || message.slot === phase1.contest) continue;
			throw new Violation('WindowIsBounded', `${this.#ids[node]} proposes in slot ${message.slot}, the last is ${end}`);
		}
	}

	/** Counts interesting states, which an event and its effects tell. */
	#count(event: Event, { send, facts, outcomes }: Effects, view: AgentView): void {
		const counters = this.#counters;
		const isHalted = facts.some(({ kind }) => kind === 'halted');
		if (event.kind === 'read' && view.role === 'leader' && !send.some(isRound)) counters.readsWaitedForARound++;
		if (outcomes.some((outcome) => outcome.kind === 'placed' && outcome.proposals.length > 1))
			counters.proposalsPutTogether++;
		if (event.kind !== 'receive') return;
		if (event.message.kind === 'decisions' && isHalted) counters.leadersDeposedByDecisions++;
		if (event.message.kind === 'accept' && send.some(({ message }) => message.kind === 'decisions')) {
			counters.acceptsAnsweredWithDecisions++;
		}
	}

	/** Checks that the facts of a node are true. */
	#told(node: number, fact: AgentFact, view: AgentView): void {
		switch (fact.kind) {
			case 'campaign':
				this.#counters.campaigns++;
				this.#messages.campaigned(node, fact.ballot);
				if (fact.contest > 0) this.#counters.slotsContested++;
				return;
			case 'role':
				if (fact.role === 'leader') {
					this.#counters.leaders++;
					this.#life(node).leads = fact.ballot;
					if (view.phase1) this.#leads(node, view.phase1, view);
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
				if (compareBallots(fact.by, fact.ballot) <= 0) {
					const [by, ballot] = [ballotToText(fact.by), ballotToText(fact.ballot)];
					throw new Violation('HaltedByHigher', `${this.#ids[node]} gives ${ballot} up for ${by}`);
				}
				if (sameBallot(this.#life(node).leads, fact.ballot)) this.#counters.leadersDeposed++;
				else this.#counters.campaignsHaltedByNack++;
				return;
			case 'promised':
			case 'refused':
			case 'proposed':
			case 'accepted':
			case 'fetching':
			case 'givenUp':
			case 'handsOver':
			case 'installed':
			case 'members':
			case 'clockSkew':
			case 'ignored':
				return;
		}
	}

	#leads(node: number, phase1: Phase1, { chosenThrough }: AgentView): void {
		this.#promises.counted(node, phase1, chosenThrough);
		if (phase1.chosenThrough > chosenThrough) this.#counters.leadersBehind++;
		if (phase1.chosenThrough > chosenThrough + FAR_BEHIND_SLOTS) this.#counters.leadersFarBehind++;
	}

	#life(node: number): Life {
		const life = this.#lives[node];
		if (!life) throw new RangeError(`there is no node ${node}`);
		return life;
	}
}

/** Whether it is a heartbeat that asks for confirmations, for reads. */
function isRound({ message }: Envelope): boolean {
	return message.kind === 'heartbeat' && message.round > 0;
}

/** Adds a number to a 32-bit hash. */
export function mixed(hash: number, value: number): number {
	let mix = Math.imul(hash ^ (value | 0), 0x85ebca6b);
	mix ^= mix >>> 13;
	mix = Math.imul(mix ^ Math.floor(value / 0x1_0000_0000), 0xc2b2ae35);
	return (mix ^ (mix >>> 16)) >>> 0;
}
