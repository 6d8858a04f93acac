/**
 * The names of members. A node has a name for ever, such as `n3`. An acceptor has an id, which stands for what one disk
 * has promised: the first disk of `n3` has the id `n3`, and each later one an id such as `n3~k2xp7`. An id that was a
 * member's once never comes back, so no vote of a disk that is lost counts as one of the disk that took its place.
 *
 * @source Michael, Ports, Sharma, Szekeres 2017 (DISC), Recovering Shared Objects Without Stable Storage: a node that
 * forgot must not come back as itself
 */
import type { NodeId } from './paxos/ballot.ts';

/** No name contains it. */
const MARK = '~';
const LIFE_CHARS = 5;
const LIFE_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';

/** The name of the node whose disk this acceptor is. */
export function nameOf(id: NodeId): string {
	const at = id.indexOf(MARK);
	return at < 0 ? id : id.slice(0, at);
}

/** A new id for a new disk of that node. @param random drawn evenly from 0 up to, not including, 1 */
export function newIdOf(name: string, random: () => number): NodeId {
	const char = (): string => LIFE_ALPHABET.charAt(Math.floor(random() * LIFE_ALPHABET.length));
	return `${name}${MARK}${Array.from({ length: LIFE_CHARS }, char).join('')}`;
}

/**
 * The member that people mean. Of two members of one name, a learner is to replace the other: the name alone means that
 * other one.
 *
 * @param named the name of a node, or a full id
 */
export function memberOf<M extends { readonly id: NodeId; readonly replaces: NodeId | null }>(
	named: string,
	members: readonly M[],
): M | undefined {
	const sameName = members.filter(({ id }) => nameOf(id) === named);
	return members.find(({ id }) => id === named) ?? sameName.find(({ replaces }) => replaces === null) ?? sameName[0];
}
