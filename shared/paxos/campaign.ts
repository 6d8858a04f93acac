/**
 * Phase 1 of one ballot, at its proposer: it asks for promises, gathers them until a quorum has made them, and says what
 * they oblige the proposer to. It goes on while its proposer leads: where the leader learns of other members that govern
 * later slots, a quorum of those has to promise, too.
 *
 * @source Paxos Made Simple 2.2, phase 2a: "where v is the value of the highest-numbered proposal among the
 * responses, or is any value if the responses reported no proposals"
 */

import type { Acceptor } from './acceptor.ts';
import { type Ballot, compareBallots, type NodeId, sameBallot } from './ballot.ts';
import type { Context } from './config.ts';
import type { MemberSet } from './members.ts';
import type { Acceptance, Prepare, Promised, Slot } from './message.ts';
import { isQuorumOf, quorumSize } from './quorum.ts';

/** One acceptor's promise, whole once all of its parts have come. */
interface Report {
	readonly parts: (readonly Acceptance[] | undefined)[];
	/** How many parts have not come yet. */
	missing: number;
	readonly chosenThrough: Slot;
}

/** What a quorum promised, and the slots that are bound by it. */
export interface Phase1 {
	readonly ballot: Ballot;
	/** The slot that the campaign contested; 0 for none. */
	readonly contest: Slot;
	readonly promises: readonly CompletePromise[];
	/** The highest chosenThrough of the quorum: these slots are fetched, never proposed. */
	readonly chosenThrough: Slot;
	/** The acceptor that reported it. */
	readonly source: NodeId;
	/** No slot above this one was chosen under any earlier ballot. */
	readonly recoveredThrough: Slot;
	/** For each slot above `chosenThrough` that was reported, the acceptance of the highest ballot. */
	readonly bound: ReadonlyMap<Slot, Acceptance>;
	/** What the contested slot holds, where it is chosen already. */
	readonly contested: Acceptance | null;
}

export interface CompletePromise {
	readonly from: NodeId;
	readonly chosenThrough: Slot;
	readonly reported: readonly Acceptance[];
}

export interface CampaignState {
	readonly ballot: Ballot;
	/** The slot that the campaign contests; 0 for none. */
	readonly contest: Slot;
	readonly reports: Map<NodeId, Report>;
	/** The acceptors whose promises are complete. */
	readonly promisers: Set<NodeId>;
}

/** What a campaign acts on. */
export interface CampaignRooms {
	readonly context: Context;
	readonly acceptor: Acceptor;
}

export class Campaign {
	readonly state: CampaignState;
	readonly #context: Context;
	readonly #acceptor: Acceptor;

	constructor({ context, acceptor }: CampaignRooms, state: CampaignState) {
		this.#context = context;
		this.#acceptor = acceptor;
		this.state = state;
	}

	static begin(rooms: CampaignRooms, ballot: Ballot, contest: Slot): Campaign {
		return new Campaign(rooms, { ballot, contest, reports: new Map(), promisers: new Set() });
	}

	get ballot(): Ballot {
		return this.state.ballot;
	}

	get contest(): Slot {
		return this.state.contest;
	}

	/** Phase 1a. A prepare leaves when this node's own promise is durable: no ballot is formed twice. */
	prepare(): void {
		const { members, config, out } = this.#context;
		const request = this.#request;
		this.#acceptor.prepare(config.id, request);
		for (const voter of members.voters) if (voter !== config.id) out.whenDurable(voter, request);
	}

	/** The voters that have not promised are asked: some may not have been members before. */
	prepareAgain(): void {
		const { config, members } = this.#context;
		for (const voter of members.voters) if (voter !== config.id) this.resendTo(voter);
	}

	/**
	 * The link to `peer` is down, and the parts of its promise that have not come are lost. When it is asked again it may
	 * cut its promise elsewhere, into as many parts, because it has accepted what this proposer proposed meanwhile.
	 */
	linkDown(peer: NodeId): void {
		if (!this.state.promisers.has(peer)) this.state.reports.delete(peer);
	}

	/** The link to `peer` was made anew: the prepare that it has not answered may be lost. */
	resendTo(peer: NodeId): void {
		const { out, members } = this.#context;
		if (!this.state.promisers.has(peer) && members.isVoter(peer)) out.whenDurable(peer, this.#request);
	}

	/** How many promises are complete. */
	get promisesCount(): number {
		return this.state.promisers.size;
	}

	/** Whether a quorum of each set has promised that governs the next slots. */
	get coversAll(): boolean {
		return this.#context.members.isQuorum(this.state.promisers);
	}

	/** Whether a quorum of the set has promised. */
	covers({ voters }: MemberSet): boolean {
		return isQuorumOf(this.state.promisers, voters);
	}

	/**
	 * Takes one part of a promise.
	 *
	 * @returns true if this part made the promise complete
	 */
	add(from: NodeId, { part, parts, chosenThrough, accepted }: Promised): boolean {
		let report = this.state.reports.get(from);
		// A repeated promise may be cut differently once its acceptor has learned more: never mix the two.
		if (!report || report.chosenThrough !== chosenThrough || report.parts.length !== parts) {
			if (report && isWhole(report)) return false;
			report = { parts: new Array(parts).fill(undefined), missing: parts, chosenThrough };
			this.state.reports.set(from, report);
		}
		if (report.parts[part] !== undefined) return false;
		report.parts[part] = accepted;
		report.missing--;
		if (!isWhole(report)) return false;
		this.state.promisers.add(from);
		if (this.#context.out.watched) this.#tell(from, report);
		return true;
	}

	/** What the promises that are complete oblige to. It is enough to propose in the slots of a set that is covered. */
	result(): Phase1 {
		const promises = [...this.state.reports]
			.filter(([, report]) => isWhole(report))
			.map(([from, report]) => ({ from, chosenThrough: report.chosenThrough, reported: allOf(report) }));
		return phase1Of(this.ballot, this.contest, promises);
	}

	get #request(): Prepare {
		const { ballot, contest } = this.state;
		return { kind: 'prepare', ballot, contest, chosenThrough: this.#context.chosenThrough() };
	}

	/** The fact is about the set that still lacks a quorum, or else about the last one. */
	#tell(from: NodeId, report: Report): void {
		const { out, members } = this.#context;
		const { voters } = members.sets.find((set) => !this.covers(set)) ?? members.last;
		out.fact({
			kind: 'promiseCounted',
			ballot: this.state.ballot,
			from,
			chosenThrough: report.chosenThrough,
			reported: allOf(report),
			voters: voters.filter((voter) => this.state.promisers.has(voter)),
			needed: quorumSize(voters),
		});
	}
}

/**
 * What these promises of a quorum oblige the proposer of `ballot` to. A late promise may report what its acceptor accepted
 * under this very ballot.
 */
export function phase1Of(ballot: Ballot, contest: Slot, promises: readonly CompletePromise[]): Phase1 {
	const furthest = promises.reduce((a, b) => (b.chosenThrough > a.chosenThrough ? b : a));
	const { chosenThrough } = furthest;
	const bound = new Map<Slot, Acceptance>();
	let contested: Acceptance | null = null;
	let recoveredThrough = chosenThrough;
	for (const promise of promises) {
		for (const acceptance of promise.reported) {
			const { slot } = acceptance;
			if (slot <= chosenThrough) {
				// Only a node that knows the slot to be chosen is sure to hold what was chosen.
				if (slot === contest && slot <= promise.chosenThrough) contested = higher(contested, acceptance);
				continue;
			}
			if (sameBallot(acceptance.ballot, ballot)) continue;
			bound.set(slot, higher(bound.get(slot) ?? null, acceptance));
			recoveredThrough = Math.max(recoveredThrough, slot);
		}
	}
	return { ballot, contest, promises, chosenThrough, source: furthest.from, recoveredThrough, bound, contested };
}

function isWhole(report: Report): boolean {
	return report.missing === 0;
}

function allOf(report: Report): Acceptance[] {
	return report.parts.flatMap((part) => part ?? []);
}

function higher(a: Acceptance | null, b: Acceptance): Acceptance {
	return a && compareBallots(a.ballot, b.ballot) >= 0 ? a : b;
}
