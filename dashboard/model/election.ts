/** An election as it stands: who has promised its ballot, before any value is proposed under it. */
import type { BallotText } from '../../shared/fact.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { ballotNode } from './ballot-names.ts';
import { type Electorate, electorateOf } from './members.ts';
import type { SwarmModel } from './swarm-model.ts';

export interface Election {
	readonly ballot: BallotText;
	readonly candidate: NodeId;
	/** The first slot that nobody has begun yet: the promises hold for it and for all after it. */
	readonly from: Slot;
	/** The members that decide that slot; null where the page was not told. */
	readonly electorate: Electorate | null;
	/** The candidate has counted the promises of these. */
	readonly counted: readonly NodeId[];
}

/** @returns null where the newest election has ended, or something was proposed since it began */
export function electionOf(swarm: SwarmModel): Election | null {
	const { campaignedAs: ballot, newestSlot, history } = swarm;
	const candidate = swarm.node(ballotNode(ballot));
	// A snapshot tells the promises of a leader only.
	const phase1 = [candidate?.campaign, candidate?.phase1].find((each) => each?.ballot === ballot);
	if (!candidate?.isUp || candidate.role === 'follower' || !phase1) return null;
	const from = newestSlot + 1;
	const set = history.governing(from);
	const counted = phase1.promises.map((promise) => promise.from);
	return { ballot, candidate: candidate.id, from, electorate: set && electorateOf(set), counted };
}
