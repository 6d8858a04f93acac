/**
 * A change of members as it is written: in the value of a slot, and in a snapshot. A change names the whole new list of
 * members, and the change that it follows.
 */

import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import type { NodeId } from './ballot.ts';
import { readThrough } from './bounds.ts';
import type { Slot } from './message.ts';
import { MEMBERS_MAX } from './quorum.ts';

/** A member's address has at most so many characters. */
export const URL_CHARS_MAX = 256;

export interface Member {
	/** The name of one acceptor for ever: a node that has lost what it promised comes back under another name. */
	readonly id: NodeId;
	/** Where other nodes and clients reach it. The agent only carries it. */
	readonly url: string;
	/** Its votes count. A learner only learns what is chosen. */
	readonly isVoter: boolean;
	/** Of a learner: the member that leaves when this one becomes a voter; null for none. The agent only carries it. */
	readonly replaces: NodeId | null;
}

export interface MembersChange {
	/** The slot of the change that it follows; 0 where it is the first one. */
	readonly follows: Slot;
	/** All members from then on. */
	readonly members: readonly Member[];
}

/** Why no swarm can have these members; null if one can. */
export function membersFault(members: readonly Member[]): 'noVoter' | 'tooMany' | 'urlTooLong' | 'sameId' | null {
	if (!members.some(({ isVoter }) => isVoter)) return 'noVoter';
	if (members.length > MEMBERS_MAX) return 'tooMany';
	if (members.some(({ url }) => url.length > URL_CHARS_MAX)) return 'urlTooLong';
	return new Set(members.map(({ id }) => id)).size < members.length ? 'sameId' : null;
}

export function writeChange(out: Writer, { follows, members }: MembersChange): void {
	out.int(follows);
	writeMembers(out, members);
}

/** @throws MalformedError */
export function readChange(from: Reader): MembersChange {
	return { follows: readThrough(from), members: readMembers(from) };
}

export function writeMembers(out: Writer, members: readonly Member[]): void {
	out.int(members.length);
	for (const { id, url, isVoter, replaces } of members) {
		out.id(id);
		out.text(url);
		out.bool(isVoter);
		out.maybe(replaces, (other) => out.id(other));
	}
}

/** @throws MalformedError also for members that no swarm can have */
export function readMembers(from: Reader): Member[] {
	const count = from.int();
	if (count > MEMBERS_MAX) throw new MalformedError(`${count} members`);
	const members = Array.from({ length: count }, () => readMember(from));
	if (membersFault(members) !== null) throw new MalformedError('members that no swarm can have');
	return members;
}

function readMember(from: Reader): Member {
	const [id, url, isVoter] = [from.id(), from.text(), from.bool()];
	return { id, url, isVoter, replaces: from.maybe(() => from.id()) };
}
