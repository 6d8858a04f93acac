/**
 * The links of one simulated process as its replica sees them. The messages of one turn to one peer leave together; the
 * world decides what becomes of them.
 */
import type { NodeId } from '../paxos/ballot.ts';
import type { Message } from '../paxos/message.ts';
import type { MeshPort } from '../replica/port.ts';
import type { SimulatedNode, Surroundings } from './node.ts';
import { type Instant, US_PER_MS } from './schedule.ts';

/** What was sent to one peer and not yet handed to the network, in order. */
interface Unsent {
	readonly to: NodeId;
	readonly messages: Message[];
}

export class NodeMesh implements MeshPort {
	readonly #node: SimulatedNode;
	readonly #world: Surroundings;
	readonly #reached: () => number;
	/** The process ends in the middle of what it sends. */
	readonly #endWithin: () => void;
	#unsent: Unsent[] = [];
	/** By peer: when something was last heard of it. */
	readonly #heard = new Map<NodeId, Instant>();
	readonly #linked = new Set<NodeId>();

	/** @param reached says how far the log of the node is durable */
	constructor(node: SimulatedNode, world: Surroundings, reached: () => number, endWithin: () => void) {
		this.#node = node;
		this.#world = world;
		this.#reached = reached;
		this.#endWithin = endWithin;
	}

	send(to: NodeId, message: Message): void {
		// It is true as of now: what it says may be overtaken in this very turn, before it leaves.
		this.#world.invariants.sent(this.#node.index, { to, message }, this.#world.now);
		for (const unsent of this.#unsent) if (unsent.to === to) return void unsent.messages.push(message);
		this.#unsent.push({ to, messages: [message] });
	}

	flush(peersMax = Number.POSITIVE_INFINITY): void {
		const leaving = this.#unsent;
		if (leaving.length === 0) return;
		this.#unsent = leaving.length > peersMax ? leaving.splice(peersMax) : [];
		for (const { to, messages } of leaving) this.#leave(to, messages);
	}

	cut(peer: NodeId): void {
		this.#world.cut(this.#node, peer);
	}

	isolate(isAlone: boolean): void {
		this.#world.isolate(this.#node, isAlone);
	}

	linked(): readonly NodeId[] {
		return [...this.#linked];
	}

	lastHeardMs(peer: NodeId): number {
		const heard = this.#heard.get(peer);
		return heard === undefined ? Number.POSITIVE_INFINITY : (this.#world.now - heard) / US_PER_MS;
	}

	// What the process is told

	heard(peer: NodeId): void {
		this.#heard.set(peer, this.#world.now);
	}

	linkUp(peer: NodeId): void {
		this.#linked.add(peer);
	}

	linkDown(peer: NodeId): void {
		this.#linked.delete(peer);
	}

	#leave(to: NodeId, messages: readonly Message[]): void {
		const left = Math.max(0, this.#node.sendsLeft);
		this.#node.sendsLeft -= messages.length;
		const leaving = left < messages.length ? messages.slice(0, left) : messages;
		if (leaving.length > 0) this.#world.carry(this.#node, to, leaving, this.#reached());
		if (left < messages.length) this.#endWithin();
	}
}
