/** Members as people name them: by the name of a node, which stays when its disk is replaced, or by a full id. */
import type { SwarmMember } from '../../shared/feed.ts';
import { memberOf } from '../../shared/member-name.ts';
import { HttpError } from './answer.ts';

/**
 * The member that is meant.
 *
 * @param named a name, or a full id
 * @throws HttpError of that status where there is none
 */
export function memberNamed(named: string, members: readonly SwarmMember[], status: number): SwarmMember {
	const member = memberOf(named, members);
	if (member) return member;
	const ids = members.map(({ id }) => id).join(', ');
	throw new HttpError(status, `There is no node ${JSON.stringify(named)}: the members are ${ids}.`);
}
