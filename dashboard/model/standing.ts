/** A node's place among the members now, and what becomes of it by a change that is chosen and not yet in force. */
import type { MembersView, SwarmMember } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import { countText } from './why.ts';

/**
 * `incoming`: it is a member from a later slot on. `gone`: it was a member once. `outside`: it is no member, and was none
 * as far as the page was told. `unknown`: the page was not told the members.
 */
export type Place = 'voter' | 'learner' | 'incoming' | 'gone' | 'outside' | 'unknown';

export interface Standing {
	readonly place: Place;
	/** The node whose place it takes; null for none. */
	readonly replaces: NodeId | null;
	/** What the change under way makes of it: `votes`, `learns` or `leaves`; null where it makes nothing of it. */
	readonly becomes: 'votes' | 'learns' | 'leaves' | null;
	/** The slot from which `becomes` is so, or from which the node is gone; 0 for none. */
	readonly from: Slot;
}

/** @param sets the set in force, and perhaps the one that follows; none where the page was not told */
export function standingOf(id: NodeId, sets: readonly MembersView[], leftFrom: Slot): Standing {
	const [inForce, next] = sets;
	if (!inForce) return { place: 'unknown', replaces: null, becomes: null, from: 0 };
	const now = memberOf(inForce, id);
	const then = next ? memberOf(next, id) : now;
	const becomes = next ? changeOf(now, then) : null;
	const replaces = now?.replaces ?? then?.replaces ?? null;
	const place = now ? (now.isVoter ? 'voter' : 'learner') : then ? 'incoming' : leftFrom > 0 ? 'gone' : 'outside';
	return { place, replaces, becomes, from: next && becomes ? next.from : place === 'gone' ? leftFrom : 0 };
}

/** Neither a member now nor by the change under way. */
export function isNoMember({ place }: Standing): boolean {
	return place === 'gone' || place === 'outside';
}

function memberOf({ members }: MembersView, id: NodeId): SwarmMember | undefined {
	return members.find((member) => member.id === id);
}

function changeOf(now: SwarmMember | undefined, then: SwarmMember | undefined): Standing['becomes'] {
	if (!then) return now ? 'leaves' : null;
	if (now?.isVoter === then.isVoter) return null;
	return then.isVoter ? 'votes' : 'learns';
}

/** Where there is little room; '' for a voter that stays one. */
export function standingWord({ place, becomes }: Standing): string {
	if (becomes === 'leaves') return 'leaves';
	if (becomes === 'votes') return 'will vote';
	switch (place) {
		case 'learner':
			return 'learns';
		case 'incoming':
			return 'comes in';
		case 'gone':
			return 'removed';
		case 'outside':
			return 'no member';
		case 'voter':
		case 'unknown':
			return '';
	}
}

/** The sentences of a node's card; '' for a voter that stays one. */
export function standingText({ place, replaces, becomes, from }: Standing): string {
	const slot = countText(from);
	const said: string[] = [];
	if (place === 'learner') said.push('It has no vote yet: it only learns what is chosen.');
	if (place === 'gone') said.push(`Removed: no member from slot ${slot} on.`);
	if (place === 'outside') said.push('It is no member.');
	if (replaces !== null) said.push(`It takes the place of ${replaces}.`);
	if (becomes === 'votes') said.push(`It votes from slot ${slot} on.`);
	if (becomes === 'learns') said.push(`From slot ${slot} on it is a member that learns.`);
	if (becomes === 'leaves') said.push(`It is no member from slot ${slot} on.`);
	return said.join(' ');
}
