/** Members as people name them: by the name of a node, which stays when its disk is replaced, or by a full id. */
import type { SwarmMember } from '../../shared/feed.ts';
import { nameOf } from '../../shared/member-name.ts';
import { ID_PATTERN } from '../swarm-schema.ts';
import { HttpError } from './answer.ts';

/** What follows the name in the id of a later disk. */
const LIFE_PATTERN = /^(~[a-z0-9]{1,16})?$/;

/** Whether a member may have this id. */
export function isMemberId(text: string): boolean {
	const name = nameOf(text);
	return ID_PATTERN.test(name) && LIFE_PATTERN.test(text.slice(name.length));
}

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
