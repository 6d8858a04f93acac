/**
 * Phase 1 of one ballot, at its proposer: gathers promises until a quorum has made them, and says what they
 * oblige the proposer to. It sends nothing.
 *
 * @source Paxos Made Simple 2.2, phase 2a: "where v is the value of the highest-numbered proposal among the
 * responses, or is any value if the responses reported no proposals"
 */

import { type Ballot, compareBallots, type NodeId } from './ballot.ts';
import type { Acceptance, Promised, Slot } from './message.ts';
import { isQuorum, NO_VOTERS, type Voters, withVote } from './quorum.ts';

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
	/** Who reported it. */
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
	voters: Voters;
}

export class Campaign {
	readonly state: CampaignState;
	readonly #members: readonly NodeId[];

	constructor(members: readonly NodeId[], state: CampaignState) {
		this.#members = members;
		this.state = state;
	}

	static begin(ballot: Ballot, contest: Slot, members: readonly NodeId[]): Campaign {
		return new Campaign(members, { ballot, contest, reports: new Map(), voters: NO_VOTERS });
	}

	get ballot(): Ballot {
		return this.state.ballot;
	}

	get contest(): Slot {
		return this.state.contest;
	}

	get voters(): Voters {
		return this.state.voters;
	}

	/**
	 * Takes one part of a promise.
	 *
	 * @returns the promise, if this part made it complete
	 */
	add(from: NodeId, { part, parts, chosenThrough, accepted }: Promised): CompletePromise | undefined {
		let report = this.state.reports.get(from);
		// A repeated promise may be cut differently once its acceptor has learned more: never mix the two.
		if (!report || report.chosenThrough !== chosenThrough || report.parts.length !== parts) {
			if (report && isWhole(report)) return undefined;
			report = { parts: new Array(parts).fill(undefined), missing: parts, chosenThrough };
			this.state.reports.set(from, report);
		}
		if (report.parts[part] !== undefined) return undefined;
		report.parts[part] = accepted;
		report.missing--;
		if (!isWhole(report)) return undefined;
		this.state.voters = withVote(this.state.voters, from, this.#members);
		return { from, chosenThrough, reported: allOf(report) };
	}

	/** What the promises oblige to; undefined until a quorum has made them. */
	result(): Phase1 | undefined {
		if (!isQuorum(this.state.voters, this.#members)) return undefined;
		const promises = [...this.state.reports]
			.filter(([, report]) => isWhole(report))
			.map(([from, report]) => ({ from, chosenThrough: report.chosenThrough, reported: allOf(report) }));
		return phase1Of(this.ballot, this.contest, promises);
	}
}

/** What these promises of a quorum oblige the proposer of `ballot` to. */
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
