/** The members, each as the answering node last heard it. */
import type { BallotText } from '../../shared/fact.ts';
import type { SwarmMember } from '../../shared/feed.ts';
import { nameOf } from '../../shared/member-name.ts';
import { ballotToText, type NodeId } from '../../shared/paxos/ballot.ts';
import type { Role } from '../../shared/paxos/fact.ts';
import type { Slot } from '../../shared/paxos/message.ts';
import type { PeerView, ReplicaView } from '../../shared/replica/view.ts';
import type { NodeService } from '../replica/service.ts';

/** One member, as the answering node last heard it. */
export interface MemberStatus extends SwarmMember {
	/** The name of the node, which stays when its disk is replaced. */
	readonly name: string;
	readonly linked: boolean;
	/** Its role when it was last heard; 'unknown' where that was too long ago to be still true. */
	readonly role: Role | 'unknown';
	/** The ballot that it promised, accepted or led under when it was last heard; '' for none. */
	readonly ballot: BallotText;
	readonly chosenThrough: Slot;
	/** The number of slots that the leader knew to be chosen and this member did not; null where either was never heard. */
	readonly behind: number | null;
	/** Whole milliseconds since it was last heard; 0 for the answering node itself, null for never. */
	readonly heardMs: number | null;
	/** Milliseconds that its clock was ahead of the answering node's when it last told its time; null for never. */
	readonly clockAheadMs: number | null;
}

/** The role of a node that was not heard for this long is unknown. The mesh's pings come twice a second. */
const ROLE_AGE_MS_MAX = 2000;

export function memberStatuses(
	service: NodeService,
	swarm: { readonly members: readonly SwarmMember[] },
): MemberStatus[] {
	const view = service.view();
	const peers = new Map(service.peers().map((peer) => [peer.id, peer]));
	const leaderChosen = chosenAtLeader(view, peers);
	return swarm.members.map(({ id, url, isVoter, replaces }): MemberStatus => {
		const heard = id === view.id ? ownStatus(view) : peerStatus(peers.get(id), view.leader.node);
		const isHeard = heard.heardMs !== null && leaderChosen !== null;
		const behind = isHeard ? Math.max(0, leaderChosen - heard.chosenThrough) : null;
		return { id, name: nameOf(id), url, isVoter, replaces, ...heard, behind };
	});
}

type HeardStatus = Pick<MemberStatus, 'linked' | 'role' | 'ballot' | 'chosenThrough' | 'heardMs' | 'clockAheadMs'>;

function ownStatus({ role, promised, chosenThrough }: ReplicaView): HeardStatus {
	return { linked: true, role, ballot: ballotToText(promised), chosenThrough, heardMs: 0, clockAheadMs: 0 };
}

function peerStatus(peer: PeerView | undefined, leader: NodeId): HeardStatus {
	if (!peer) {
		return { linked: false, role: 'unknown', ballot: '', chosenThrough: 0, heardMs: null, clockAheadMs: null };
	}
	const { linked, chosenThrough, heardMs, clockAheadMs } = peer;
	return {
		linked,
		role: roleNow(peer, leader),
		ballot: ballotToText(peer.ballot),
		chosenThrough,
		heardMs: Number.isFinite(heardMs) ? Math.round(heardMs) : null,
		clockAheadMs,
	};
}

/** The role of a peer when it was last heard, where that can still be true. */
function roleNow({ id, role, heardMs }: PeerView, leader: NodeId): MemberStatus['role'] {
	const wasDeposed = role === 'leader' && id !== leader;
	return wasDeposed || heardMs > ROLE_AGE_MS_MAX ? 'unknown' : role;
}

/** null where this node does not know it */
function chosenAtLeader({ id, leader, chosenThrough }: ReplicaView, peers: ReadonlyMap<NodeId, PeerView>): Slot | null {
	if (leader.node === id) return chosenThrough;
	const peer = peers.get(leader.node);
	// What a node knew before it led says nothing of what it knows as the leader.
	return peer?.role === 'leader' ? Math.max(peer.chosenThrough, chosenThrough) : null;
}
