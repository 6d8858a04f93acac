/**
 * People want another leader. The agent of the present one asks a follower to stand, which may take more than one
 * request: the follower may lag, or its link may be down. So the request is made again with each heartbeat, until
 * another node leads or the time is over. After that nothing is left of it, so that no leader changes by surprise.
 */
import { type Ballot, NO_BALLOT, type NodeId } from '../paxos/ballot.ts';
import { type Deadlines, Limited } from './deadlines.ts';

/** Called once, with the ballot of the node that leads instead; with NO_BALLOT where none did in time. */
export type OnSucceeded = (leader: Ballot) => void;

/** The part of the loop that a succession uses. */
export interface SuccessionLoop {
	handOver(to: NodeId | null): void;
	/** The ballot of the leader that this node hears, or is; NO_BALLOT for none. */
	leader(): Ballot;
}

class Wish extends Limited {
	readonly to: NodeId | null;
	readonly done: OnSucceeded;
	readonly #succession: Succession;

	constructor(succession: Succession, to: NodeId | null, done: OnSucceeded) {
		super();
		this.#succession = succession;
		this.to = to;
		this.done = done;
	}

	override overdue(): void {
		this.#succession.overdue(this);
	}
}

export class Succession {
	readonly #id: NodeId;
	readonly #loop: SuccessionLoop;
	readonly #deadlines: Deadlines;
	readonly #wishes = new Set<Wish>();

	constructor(id: NodeId, loop: SuccessionLoop, deadlines: Deadlines) {
		this.#id = id;
		this.#loop = loop;
		this.#deadlines = deadlines;
	}

	/** The number of requests without an answer. */
	get count(): number {
		return this.#wishes.size;
	}

	/** @param to the node that is to lead; null for the follower that suits best @param done never called from inside this call */
	begin(to: NodeId | null, timeoutMs: number, done: OnSucceeded): void {
		const wish = new Wish(this, to, done);
		this.#wishes.add(wish);
		this.#deadlines.add(wish, timeoutMs);
		this.#loop.handOver(to);
	}

	/** The leader's heartbeat is due. Where people want several nodes to lead, the first of them is served first. */
	beat(): void {
		const [first] = this.#wishes;
		if (first) this.#loop.handOver(first.to);
	}

	endTurn(): void {
		if (this.#wishes.size === 0) return;
		const leader = this.#loop.leader();
		if (leader.node === '' || leader.node === this.#id) return;
		for (const wish of this.#wishes) this.#end(wish, leader);
	}

	/** The node stops. Every request ends as if no other node had come to lead. */
	stop(): void {
		for (const wish of this.#wishes) this.#end(wish, NO_BALLOT);
	}

	/** A wish calls this when its time limit is over. */
	overdue(wish: Wish): void {
		this.#end(wish, NO_BALLOT);
	}

	#end(wish: Wish, leader: Ballot): void {
		this.#wishes.delete(wish);
		this.#deadlines.remove(wish);
		wish.done(leader);
	}
}
