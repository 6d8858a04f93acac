/**
 * The neighbours: one that hears the leader while this node does not, and through which this node reaches it; and those
 * for which this node does the same. There is one hop, never two.
 */

import { type Ballot, compareBallots, type NodeId, sameBallot } from './ballot.ts';
import type { Context } from './config.ts';
import type { Hearing, Poll, Slot } from './message.ts';

/** The way to a leader: the leader itself, or a neighbour that hears it. */
export interface Route {
	/** The leader's ballot. */
	readonly ballot: Ballot;
	readonly to: NodeId;
}

export interface NeighboursState {
	/** While no leader is heard: a neighbour that hears one, and that leader's `recoveredThrough`. */
	relay: (Route & { readonly recoveredThrough: Slot }) | null;
	/** The neighbours for which this node passes on. */
	readonly relaysFor: Set<NodeId>;
	/** The nodes that have polled this one in the present election period. */
	readonly polledBy: Set<NodeId>;
}

export class Neighbours {
	readonly state: NeighboursState;
	readonly #context: Context;

	constructor(context: Context, state?: NeighboursState) {
		this.#context = context;
		this.state = state ?? { relay: null, relaysFor: new Set(), polledBy: new Set() };
	}

	/** The way to a leader that this node does not hear itself. */
	get relay(): NeighboursState['relay'] {
		return this.state.relay;
	}

	/** The neighbours for which this node passes on. */
	get relaysFor(): ReadonlySet<NodeId> {
		return this.state.relaysFor;
	}

	/** Another node polls this one. */
	reply(to: NodeId, { ballot }: Poll, hearing: Hearing): void {
		const { out, members, nowMs: timeMs } = this.#context;
		this.state.polledBy.add(to);
		const reply = { kind: 'pollReply', ballot, ...hearing, timeMs } as const;
		if (members.past.includes(to)) out.whenDurable(to, reply);
		else out.now(to, reply);
	}

	/** This node passes on for a neighbour, and tells it from now on what it hears. */
	relayFor(neighbour: NodeId): void {
		this.state.relaysFor.add(neighbour);
		this.state.polledBy.add(neighbour);
	}

	/**
	 * A neighbour tells what it hears.
	 *
	 * @param hasLeader this node hears a leader itself, and needs no neighbour
	 * @returns true where the neighbour is now the way to a leader, or to another leader than before
	 */
	hears(from: NodeId, { leader, relays, recoveredThrough }: Hearing, hasLeader: boolean): boolean {
		const before = this.state.relay;
		if (!relays || leader.node === this.#context.config.id) {
			if (before?.to === from) this.state.relay = null;
			return false;
		}
		if (hasLeader) return false;
		if (before && before.to !== from && compareBallots(leader, before.ballot) <= 0) return false;
		this.state.relay = { ballot: leader, to: from, recoveredThrough };
		return !(before?.to === from && sameBallot(before.ballot, leader));
	}

	/** A leader is heard, by this node itself. */
	heardLeader(): void {
		this.state.relay = null;
	}

	/** A higher ballot than the leader's was promised: that leader is none any more. */
	promised(ballot: Ballot): void {
		const { relay } = this.state;
		if (relay && compareBallots(ballot, relay.ballot) > 0) this.state.relay = null;
	}

	linkDown(peer: NodeId): void {
		if (peer === this.state.relay?.to) this.state.relay = null;
		this.state.relaysFor.delete(peer);
	}

	/**
	 * A neighbour that has not polled for a whole election period hears a leader itself, or stood still. It is told that this
	 * node passes on for it no more: it would not hear that the leader was lost in between, and with it what it has asked.
	 */
	periodEnded(hearing: Hearing): void {
		const { relaysFor, polledBy } = this.state;
		for (const neighbour of relaysFor) {
			if (polledBy.has(neighbour)) continue;
			relaysFor.delete(neighbour);
			this.#context.out.now(neighbour, { kind: 'hears', ...hearing, relays: false, recoveredThrough: 0 });
		}
		polledBy.clear();
	}
}
