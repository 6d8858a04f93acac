/**
 * Which sets of acceptors suffice. Here a quorum is a majority in both phases, so any two intersect.
 *
 * A set of voters is a bitmask over the member list: a vote that arrives twice cannot count twice.
 *
 * @source Paxos Made Simple 2.2: "any two majorities have at least one acceptor in common"
 */
import type { NodeId } from './ballot.ts';

/** A set of members of one list: bit i stands for `members[i]`. It is meant for the votes of one slot. */
export type Voters = number;

export const NO_VOTERS: Voters = 0;
export const MEMBERS_MAX = 9;

/** How many members make a quorum. */
export function quorumSize(members: readonly NodeId[]): number {
	return Math.floor(members.length / 2) + 1;
}

/** `voters` and `node`; unchanged where `node` is no member. */
export function withVote(voters: Voters, node: NodeId, members: readonly NodeId[]): Voters {
	const index = members.indexOf(node);
	return index < 0 ? voters : voters | (1 << index);
}

export function hasVoted(voters: Voters, node: NodeId, members: readonly NodeId[]): boolean {
	const index = members.indexOf(node);
	return index >= 0 && (voters & (1 << index)) !== 0;
}

export function countVotes(voters: Voters): number {
	let count = 0;
	for (let rest = voters; rest !== 0; rest &= rest - 1) count++;
	return count;
}

export function isQuorum(voters: Voters, members: readonly NodeId[]): boolean {
	return countVotes(voters) >= quorumSize(members);
}

/** Whether a quorum of these voters is among the nodes, some of which may be no voters. */
export function isQuorumOf(nodes: ReadonlySet<NodeId>, voters: readonly NodeId[]): boolean {
	let count = 0;
	for (const voter of voters) if (nodes.has(voter)) count++;
	return count >= quorumSize(voters);
}

export function votersOf(voters: Voters, members: readonly NodeId[]): NodeId[] {
	return members.filter((_, index) => (voters & (1 << index)) !== 0);
}
