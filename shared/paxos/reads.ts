/**
 * Linearizable reads. The leader confirms, in a round that begins after the read arrived, that a quorum has
 * promised nothing above its ballot; the read may then be answered from any state that has applied the read
 * index. One round serves every read that waits. A follower asks the leader, for all of its reads at once.
 *
 * @source Raft thesis (Ongaro 2014) 6.4 (read index), with Paxos ballots: a higher leader's quorum shares an acceptor with
 * this one's
 */

import type { NodeId } from './ballot.ts';
import type { Context } from './config.ts';
import type { ReadId } from './event.ts';
import type { Leadership } from './leadership.ts';
import type { ReadAsk, ReadIndex, Slot } from './message.ts';

/** By the way that it came: the newest ask, and the node that it came from and that its answer goes to. */
type Asks = ReadonlyMap<string, { readonly from: NodeId; readonly ask: ReadAsk }>;

/** A round of this leadership that is under way. */
interface Round {
	readonly slot: Slot;
	readonly own: readonly ReadId[];
	readonly asks: Asks;
	readonly confirmers: Set<NodeId>;
}

export interface ReadsState {
	/** The reads of this node that are not yet part of a round or of an ask. */
	waiting: ReadId[];
	/** At a leader: the asks of the others, for the next round. */
	asks: Map<string, { readonly from: NodeId; readonly ask: ReadAsk }>;
	round: Round | null;
	/** It grows over the whole life, so that no two rounds, of this leadership or another, are taken for one. */
	roundNumber: number;
	/** At a follower: the reads that the ask under way is for. */
	asked: ReadId[];
	askNumber: number;
}

export class Reads {
	readonly state: ReadsState;
	readonly #context: Context;

	constructor(context: Context, state?: ReadsState) {
		this.#context = context;
		this.state = state ?? { waiting: [], asks: new Map(), round: null, roundNumber: 0, asked: [], askNumber: 0 };
	}

	/** Reads of this node, and asks of followers, that have no answer yet. */
	get count(): number {
		const ofRound = this.state.round ? this.state.round.own.length + this.state.round.asks.size : 0;
		return this.state.waiting.length + this.state.asked.length + this.state.asks.size + ofRound;
	}

	/** Whether a read waits, and no ask is under way that it would have to wait for. */
	get wantsToAsk(): boolean {
		return this.state.waiting.length > 0 && this.state.asked.length === 0;
	}

	add(read: ReadId): void {
		this.state.waiting.push(read);
	}

	/**
	 * A follower's ask, at the leader. An ask that came through a neighbour may arrive after a later one that came over
	 * the follower's own link, or in its next life. It must not take that one's place, because no other answer serves
	 * the follower, and the follower asks nothing more until it has its answer.
	 */
	ask(from: NodeId, ask: ReadAsk): void {
		const way = from === ask.origin ? from : `${ask.origin} ${from}`;
		const known = this.state.asks.get(way)?.ask;
		if (known?.epoch === ask.epoch && known.round > ask.round) return;
		this.state.asks.set(way, { from, ask });
	}

	/** Asks for everything that waits. @param leader the leader, or a neighbour that passes it on */
	askLeader(leader: NodeId): void {
		this.state.asked = this.state.waiting;
		this.state.waiting = [];
		this.state.askNumber++;
		this.#sendAsk(leader);
	}

	/** The leader's answer, at the follower. */
	answered({ epoch, round, slot }: ReadIndex): void {
		if (epoch !== this.#context.epoch || round !== this.state.askNumber) return;
		for (const read of this.state.asked) this.#context.out.outcomes.push({ kind: 'readAt', read, slot });
		this.state.asked = [];
	}

	/** The ask under way, or its answer, is lost. */
	askAgain(leader: NodeId): void {
		if (this.state.asked.length > 0) this.#sendAsk(leader);
	}

	/** Begins a round for everything that waits, unless one is under way. */
	confirmWaiting(leadership: Leadership): void {
		if (!leadership.mayRead) return;
		if (this.state.round === null && (this.state.waiting.length > 0 || this.state.asks.size > 0))
			this.#beginRound(leadership);
	}

	/** A leader's beat: a round even where nothing waits, and what may have been lost of one again. */
	beat(leadership: Leadership): void {
		if (this.state.round === null) this.#beginRound(leadership);
		else this.#sendRound(leadership);
	}

	/** An acceptor has promised nothing above the leader's ballot. */
	confirmed(from: NodeId, round: number): void {
		const current = this.state.round;
		if (current === null || round !== this.state.roundNumber) return;
		const { out, members } = this.#context;
		current.confirmers.add(from);
		if (!members.isQuorum(current.confirmers)) return;
		this.state.round = null;
		// No quorum of the members before those in force has confirmed. All that they have decided is known here by now.
		const slot = Math.max(current.slot, members.sets[0].from - 1);
		for (const read of current.own) out.outcomes.push({ kind: 'readAt', read, slot });
		for (const { from, ask } of current.asks.values()) {
			const { origin, epoch, round } = ask;
			out.now(from, { kind: 'readIndex', origin, epoch, round, slot });
		}
	}

	/**
	 * Other members are known than when the round began, and they may have decided slots before under an earlier ballot. So
	 * it confirms nothing, and its reads wait for another one.
	 */
	unsettled(): void {
		const { round } = this.state;
		if (round === null) return;
		this.state.waiting = [...round.own, ...this.state.waiting];
		// A newer ask of the same way takes the place of the older one.
		this.state.asks = new Map([...round.asks, ...this.state.asks]);
		this.state.round = null;
	}

	/** This node leads no more: the reads of its round wait again, and other nodes ask the next leader for theirs. */
	leadershipEnded(): void {
		this.unsettled();
		this.state.asks.clear();
	}

	/** There is another leader, or another way to it: what was asked of the one before waits again. */
	waitAgain(): void {
		this.state.waiting = [...this.state.asked, ...this.state.waiting];
		this.state.asked = [];
	}

	/**
	 * A round that begins before the leadership may answer reads is for no read: it only says that this node leads. What it
	 * does not know yet, such as slots that other members have decided, may have been acknowledged.
	 */
	#beginRound(leadership: Leadership): void {
		const { mayRead, stamp } = leadership;
		const { waiting, asks } = this.state;
		this.state.roundNumber++;
		this.state.round = {
			slot: stamp.chosenThrough,
			own: mayRead ? waiting : [],
			asks: mayRead ? asks : new Map(),
			confirmers: new Set(),
		};
		if (mayRead) {
			this.state.waiting = [];
			this.state.asks = new Map();
		}
		this.#sendRound(leadership);
		this.confirmed(this.#context.config.id, this.state.roundNumber);
	}

	#sendRound(leadership: Leadership): void {
		const { out, config, members, nowMs: timeMs } = this.#context;
		const heartbeat = { kind: 'heartbeat', ...leadership.stamp, round: this.state.roundNumber, timeMs } as const;
		for (const member of members.ids) if (member !== config.id) out.now(member, heartbeat);
		out.votersToldThrough = heartbeat.chosenThrough;
	}

	#sendAsk(leader: NodeId): void {
		const { out, config, epoch } = this.#context;
		out.now(leader, { kind: 'readAsk', origin: config.id, epoch, round: this.state.askNumber });
	}
}
