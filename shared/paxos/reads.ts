/**
 * Linearizable reads. The leader confirms, in a round that begins after the read arrived, that a quorum has
 * promised nothing above its ballot; the read may then be answered from any state that has applied the read
 * index. One round serves every read that waits. A follower asks the leader, for all of its reads at once.
 *
 * @source Raft 6.4 (read index), with Paxos ballots: a higher leader's quorum shares an acceptor with ours
 */

import type { Reader, Writer } from '../bytes/bytes.ts';
import type { NodeId } from './ballot.ts';
import type { Context } from './config.ts';
import type { ReadId } from './event.ts';
import type { Leadership } from './leadership.ts';
import type { ReadAsk, ReadIndex, Slot } from './message.ts';
import { isQuorum, NO_VOTERS, type Voters, withVote } from './quorum.ts';

/** By origin: its newest ask, and the node that it came from and that its answer goes to. */
type Asks = ReadonlyMap<NodeId, { readonly from: NodeId; readonly ask: ReadAsk }>;

/** A round of this leadership that is under way. */
interface Round {
	readonly slot: Slot;
	readonly own: readonly ReadId[];
	readonly asks: Asks;
	voters: Voters;
}

export class Reads {
	readonly #context: Context;
	/** Not yet part of a round or of an ask. */
	#waiting: ReadId[] = [];
	/** At a leader: the asks of the others, for the next round. */
	#asks = new Map<NodeId, { readonly from: NodeId; readonly ask: ReadAsk }>();
	#round: Round | null = null;
	/** Grows over the whole life, so that no two rounds, of this leadership or another, are taken for one. */
	#roundNumber = 0;
	/** At a follower: the reads that the ask under way is for. */
	#asked: ReadId[] = [];
	#askNumber = 0;

	constructor(context: Context) {
		this.#context = context;
	}

	/** Reads of this node, and asks of followers, that have no answer yet. */
	get count(): number {
		const ofRound = this.#round ? this.#round.own.length + this.#round.asks.size : 0;
		return this.#waiting.length + this.#asked.length + this.#asks.size + ofRound;
	}

	add(read: ReadId): void {
		this.#waiting.push(read);
	}

	/** A follower's ask, at the leader. */
	ask(from: NodeId, ask: ReadAsk): void {
		this.#asks.set(ask.origin, { from, ask });
	}

	/** Asks for what waits, unless an ask is under way. @param leader the leader, or a neighbour that passes it on */
	askLeader(leader: NodeId): void {
		if (this.#asked.length > 0 || this.#waiting.length === 0) return;
		this.#asked = this.#waiting;
		this.#waiting = [];
		this.#askNumber++;
		this.#sendAsk(leader);
	}

	/** The leader's answer, at the follower. */
	answered({ epoch, round, slot }: ReadIndex): void {
		if (epoch !== this.#context.epoch || round !== this.#askNumber) return;
		for (const read of this.#asked) this.#context.out.outcomes.push({ kind: 'readAt', read, slot });
		this.#asked = [];
	}

	/** The ask under way, or its answer, is lost. */
	askAgain(leader: NodeId): void {
		if (this.#asked.length > 0) this.#sendAsk(leader);
	}

	/** Begins a round for everything that waits, unless one is under way. */
	confirmWaiting(leadership: Leadership): void {
		if (this.#round === null && (this.#waiting.length > 0 || this.#asks.size > 0)) this.#beginRound(leadership);
	}

	/** A leader's beat: a round even where nothing waits, and what may have been lost of one again. */
	beat(leadership: Leadership): void {
		if (this.#round === null) this.#beginRound(leadership);
		else this.#sendRound(leadership);
	}

	/** An acceptor has promised nothing above the leader's ballot. */
	confirmed(from: NodeId, round: number): void {
		const current = this.#round;
		if (current === null || round !== this.#roundNumber) return;
		const { out, config } = this.#context;
		current.voters = withVote(current.voters, from, config.members);
		if (!isQuorum(current.voters, config.members)) return;
		this.#round = null;
		const { slot } = current;
		for (const read of current.own) out.outcomes.push({ kind: 'readAt', read, slot });
		for (const { from, ask } of current.asks.values()) {
			const { origin, epoch, round } = ask;
			out.now(from, { kind: 'readIndex', origin, epoch, round, slot });
		}
	}

	/** This node leads no more, or now does: its own reads wait again, those of others are asked again. */
	reset(): void {
		this.#waiting = [...(this.#round?.own ?? []), ...this.#asked, ...this.#waiting];
		this.#asked = [];
		this.#asks.clear();
		this.#round = null;
	}

	save(to: Writer): void {
		const ids = (reads: readonly ReadId[]) => to.list(reads, (read) => to.int(read));
		const asks = (all: Asks) => {
			const inOrder = [...all.values()].sort((a, b) => (a.ask.origin < b.ask.origin ? -1 : 1));
			to.list(inOrder, ({ from, ask }) => {
				to.id(from);
				to.id(ask.origin);
				to.int(ask.epoch);
				to.int(ask.round);
			});
		};
		ids(this.#waiting);
		asks(this.#asks);
		to.maybe(this.#round, (round) => {
			to.int(round.slot);
			ids(round.own);
			asks(round.asks);
			to.int(round.voters);
		});
		to.int(this.#roundNumber);
		ids(this.#asked);
		to.int(this.#askNumber);
	}

	load(from: Reader): void {
		const ids = () => from.list(() => from.int());
		const asks = () => {
			const all = from.list(() => ({
				from: from.id(),
				ask: { kind: 'readAsk' as const, origin: from.id(), epoch: from.int(), round: from.int() },
			}));
			return new Map(all.map((each) => [each.ask.origin, each]));
		};
		this.#waiting = ids();
		this.#asks = asks();
		this.#round = from.maybe(() => ({ slot: from.int(), own: ids(), asks: asks(), voters: from.int() }));
		this.#roundNumber = from.int();
		this.#asked = ids();
		this.#askNumber = from.int();
	}

	#beginRound(leadership: Leadership): void {
		const { chosenThrough, recoveredThrough } = leadership.stamp;
		this.#roundNumber++;
		this.#round = {
			slot: Math.max(chosenThrough, recoveredThrough),
			own: this.#waiting,
			asks: this.#asks,
			voters: NO_VOTERS,
		};
		this.#waiting = [];
		this.#asks = new Map();
		this.#sendRound(leadership);
		this.confirmed(this.#context.config.id, this.#roundNumber);
	}

	#sendRound(leadership: Leadership): void {
		const { out, config, nowMs: timeMs } = this.#context;
		const heartbeat = { kind: 'heartbeat', ...leadership.stamp, round: this.#roundNumber, timeMs } as const;
		for (const member of config.members) if (member !== config.id) out.now(member, heartbeat);
		out.acceptSent = true;
	}

	#sendAsk(leader: NodeId): void {
		const { out, config, epoch } = this.#context;
		out.now(leader, { kind: 'readAsk', origin: config.id, epoch, round: this.#askNumber });
	}
}
