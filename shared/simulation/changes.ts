/**
 * Changes of members under way to everything else that happens: nodes that come in, take the place of others, or are
 * removed, the leader among them. Each is asked for as an operator asks for it, at the node that leads at that moment.
 */
import type { NodeId } from '../paxos/ballot.ts';
import type { MembersAnswer, MembersRequest } from '../replica/membership.ts';
import { type Fault, PLAN } from './faults.ts';
import { Violation } from './ledger.ts';
import type { SimulatedNode } from './node.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export type Change = Extract<Fault, { kind: 'changeMembers' }>;

/** The share of seeds in which the members change, how often they do, and how many nodes may come in. */
const CHANGES = 0.35;
const CHANGES_MAX = 12;
const SPARES_MAX = 4;
/** No node is removed where fewer voters would be left. */
const VOTERS_MIN = 2;
/** The first change comes once there was time for a leader. */
const FIRST_MS = 1_000;

export function drawChanges(random: Random): Change[] {
	if (!random.chance(CHANGES)) return [];
	return Array.from({ length: random.integer(2, CHANGES_MAX) }, () => ({
		kind: 'changeMembers' as const,
		atMs: random.integer(FIRST_MS, PLAN.healMs - 1),
		what: random.pick(['add', 'add', 'replace', 'remove', 'removeLeader'] as const),
		which: random.integer(0, 1_000),
		timeoutMs: Math.round(random.magnitude(1, 3_000)),
	}));
}

/** The number of nodes that these changes let in. */
export function sparesFor(changes: readonly Change[]): number {
	return Math.min(SPARES_MAX, changes.filter(({ what }) => what === 'add' || what === 'replace').length);
}

/** Asks the leader, if there is one, for a change. A node that is to come in starts first, with an empty disk. */
export function changeMembers(change: Change, world: World): void {
	const { leader } = world;
	if (!leader?.process || leader.paused || leader.process.isEnded) return;
	const request = requestOf(change, leader, world);
	if (request === null) return;
	world.counters.changesAsked++;
	const { process } = leader;
	const asked = world.invariants.changesAsked(leader.index);
	process.replica.changeMembers(request, change.timeoutMs, (answer) => {
		if (answer.kind === 'refused') world.invariants.changeRefused(leader.index, asked);
		answered(request, answer, leader, world);
	});
}

function requestOf({ what, which }: Change, leader: SimulatedNode, world: World): MembersRequest | null {
	const { last } = (leader.process as NonNullable<SimulatedNode['process']>).agent.members;
	const pick = (ids: readonly NodeId[]): NodeId => ids[which % ids.length] as NodeId;
	if (what === 'add' || what === 'replace') {
		const spare = world.nodes.find((node) => node.isSpare);
		if (!spare) return null;
		spare.isSpare = false;
		spare.isAway = false;
		world.startNode(spare);
		return {
			kind: 'add',
			id: spare.id,
			url: `http://${spare.id}`,
			replaces: what === 'replace' ? pick(last.voters) : null,
		};
	}
	if (last.voters.length <= VOTERS_MIN) return null;
	if (what === 'removeLeader') world.counters.leadersRemoved++;
	return { kind: 'remove', id: what === 'removeLeader' ? leader.id : pick(last.members.map(({ id }) => id)) };
}

function answered(request: MembersRequest, answer: MembersAnswer, leader: SimulatedNode, world: World): void {
	if (world.isWatchedByPeople) world.note(leader.id, `${JSON.stringify(request)}: ${answer.kind}`);
	if (answer.kind === 'refused') world.counters.changesRefused++;
	if (answer.kind === 'unknown') world.counters.changesUnknown++;
	if (answer.kind !== 'chosen') return;
	const { electorates } = world.ledger;
	const isMember = answer.set.members.some(({ id }) => id === request.id);
	if (electorates.last.chosenAt < answer.set.chosenAt || isMember !== (request.kind === 'add')) {
		throw new Violation('ChangesAreTrue', `${leader.id} says that a change is chosen in slot ${answer.set.chosenAt}`);
	}
}
