/** A node of a random walk: its agent, and what is around it. */
import type { PaxosAgent } from '../../shared/paxos/agent.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Event, LogRoom, ProposalId, ReadId, Timer } from '../../shared/paxos/event.ts';
import type { MembersState } from '../../shared/paxos/members.ts';
import type { Envelope, Slot } from '../../shared/paxos/message.ts';
import type { DurableRecord } from '../../shared/paxos/record.ts';

interface Saved {
	readonly through: Slot;
	readonly members: MembersState;
}

export class WalkNode {
	readonly id: NodeId;
	readonly index: number;
	agent: PaxosAgent;
	readonly timers = new Set<Timer | 'campaign'>();
	/** Its proposals that nobody has withdrawn, and that are not settled. */
	readonly pending = new Set<ProposalId>();
	appliedThrough: Slot = 0;
	saved: Saved | null = null;
	/** The node needs the snapshot of another one. */
	lacks = false;
	holdsFlush = false;
	/** It was removed, and has stopped. */
	isGone = false;
	/** It was told that it is about to stop. */
	isLeaving = false;
	/** Its links are gone for good. */
	isCutOff = false;
	room: LogRoom = 'everything';
	/** How far its wall clock is off, milliseconds. */
	clockMs = 0;
	stillMs = 0;
	durable: DurableRecord[] = [];
	/** Records that are not durable, and what waits for them. */
	readonly unflushed: { readonly records: readonly DurableRecord[]; readonly envelopes: readonly Envelope[] }[] = [];
	/** Events that the node handles before anything else happens. */
	readonly mailbox: Event[] = [];
	isRunning = false;
	/** The reads of this node that have no answer, each with the slot that the answer may not be older than. */
	readonly reads = new Map<ReadId, Slot>();

	constructor(id: NodeId, index: number, agent: PaxosAgent) {
		this.id = id;
		this.index = index;
		this.agent = agent;
	}
}
