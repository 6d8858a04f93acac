/** A change of members, in words. */
import { membersText } from '../../shared/fact.ts';
import type { MembersView } from '../../shared/feed.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import { countText } from './why.ts';

/** @param before the set that is in force when the change is chosen; null where it is not known */
export function changeText(before: MembersView | null, after: MembersView): string {
	const members = `Members ${membersText(after.members)} from slot ${countText(after.from)} on`;
	const steps = before ? stepsOf(before, after) : [];
	return steps.length === 0 ? members : `${members}; ${steps.join(', ')}`;
}

function stepsOf(before: MembersView, after: MembersView): string[] {
	const was = (id: NodeId) => before.members.find((member) => member.id === id);
	const replaced = new Set<NodeId>();
	const steps = after.members.flatMap(({ id, isVoter, replaces }) => {
		const old = was(id);
		if (!old)
			return [`${id} comes in${isVoter ? '' : ' and learns'}${replaces ? `, to take the place of ${replaces}` : ''}`];
		if (old.isVoter || !isVoter) return [];
		const takes = old.replaces !== null && !after.members.some((member) => member.id === old.replaces);
		if (takes && old.replaces) replaced.add(old.replaces);
		return [takes ? `${id} votes in the place of ${old.replaces}` : `${id} votes`];
	});
	const left = before.members.filter(
		({ id }) => !after.members.some((member) => member.id === id) && !replaced.has(id),
	);
	return [...steps, ...left.map(({ id }) => `${id} leaves`)];
}
