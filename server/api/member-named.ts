/** Members as people name them: by the name of a node, which stays when its disk is replaced, or by a full id. */
import type { SwarmMember } from '../../shared/feed.ts';
import { nameOf } from '../../shared/member-name.ts';
import { HttpError } from './answer.ts';

/**
 * The member that is meant. Of two members of one name, a learner is to replace the other: the name alone means that
 * other one.
 *
 * @param named a name, or a full id
 * @throws HttpError of that status where there is none
 */
export function memberNamed(named: string, members: readonly SwarmMember[], status: number): SwarmMember {
	const sameName = members.filter(({ id }) => nameOf(id) === named);
	const member =
		members.find(({ id }) => id === named) ?? sameName.find(({ replaces }) => replaces === null) ?? sameName[0];
	if (member) return member;
	const ids = members.map(({ id }) => id).join(', ');
	throw new HttpError(status, `There is no node ${JSON.stringify(named)}: the members are ${ids}.`);
}
