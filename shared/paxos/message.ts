/**
 * Every message that one agent sends to another. A message is plain data; the wire is `wire.ts`'s business.
 *
 *     proposer                     acceptors
 *        | -- 1a prepare ------------> |   promise no ballot below this one
 *        | <-- 1b promise / nack ----- |   with every acceptance above its chosenThrough
 *        |      (a quorum: leader)     |
 *        | -- 2a accept -------------> |   the value of the highest ballot reported, else its own
 *        | <-- 2b accepted / nack ---- |   to the proposer only
 *        |      (a quorum: chosen)     |
 *        | -- heartbeat, 2a ---------> |   chosenThrough rides on what is sent anyway
 *        | <-- confirm --------------- |
 *
 *     before preparing:  poll -> pollReply        is a leader heard by a quorum?
 *     behind:            fetch -> decisions       what is chosen is fetched, not decided again
 *                              -> trimmed         it is kept no more
 *                        snapshotAsk -> snapshotPart   and so the state is taken over as a whole
 *     at a follower:     forward -> (2a at the leader) or noRoom;  readAsk -> readIndex
 *     without a leader:  the same through a neighbour that hears one, which tells what it hears
 *
 * The types are generic in how a ballot and a value are written, so that facts (JSON) share them.
 */
import type { Ballot, NodeId } from './ballot.ts';
import type { Value } from './value.ts';

/** A place in the log, from 1. 0 stands for "none" or "before the first". */
export type Slot = number;

/** That an acceptor accepted `value` for `slot` under `ballot`. */
export interface Acceptance<B = Ballot, V = Value> {
	readonly slot: Slot;
	readonly ballot: B;
	readonly value: V;
}

/** Phase 1a. `contest` names one slot whose acceptance is to be reported even if it is chosen; 0 for none. */
export interface Prepare<B = Ballot> {
	readonly kind: 'prepare';
	readonly ballot: B;
	readonly contest: Slot;
	/** How far the proposer knows the slots to be chosen, and with them the members. */
	readonly chosenThrough: Slot;
}

/**
 * Phase 1b, in `parts` bounded messages, numbered `part` from 0, that count when all have come.
 * `accepted` has every acceptance above `chosenThrough`, and the one of the contested slot.
 */
export interface Promised<B = Ballot, V = Value> {
	readonly kind: 'promise';
	readonly ballot: B;
	readonly part: number;
	readonly parts: number;
	readonly chosenThrough: Slot;
	readonly accepted: readonly Acceptance<B, V>[];
}

/** What a leader says with everything it sends to its acceptors. */
export interface Leading<B = Ballot> {
	readonly ballot: B;
	/** Every slot up to here is chosen, and this leader knows the values. */
	readonly chosenThrough: Slot;
	/**
	 * No slot above this one was or will be chosen under any earlier ballot by the members that the leader knew when it was
	 * first settled. It is the last slot that the leader knew to be chosen then, and SLOT_MAX before.
	 */
	readonly recoveredThrough: Slot;
}

/** Phase 2a. */
export interface Accept<B = Ballot, V = Value> extends Leading<B> {
	readonly kind: 'accept';
	readonly slot: Slot;
	readonly value: V;
}

/** Phase 2b. To the proposer only, so that nobody answers a client before the leader knows. */
export interface Accepted<B = Ballot> {
	readonly kind: 'accepted';
	readonly ballot: B;
	readonly slot: Slot;
}

/**
 * A refusal of `refused`, because `promised` is higher. Only `promised` is acted on; `acceptance` is there
 * for people: the acceptor's own for the slot in question, or its highest.
 */
export interface Nack<B = Ballot, V = Value> {
	readonly kind: 'nack';
	readonly refused: 'prepare' | 'accept' | 'heartbeat';
	readonly ballot: B;
	readonly promised: B;
	readonly acceptance: Acceptance<B, V> | null;
}

/** What the sender's wall clock shows: milliseconds since 1970. Nobody orders anything by it. */
export interface Timed {
	readonly timeMs: number;
}

/** "I lead", and the question of every read that waits: has a quorum promised nothing higher? Round 0 asks nothing. */
export interface Heartbeat<B = Ballot> extends Leading<B>, Timed {
	readonly kind: 'heartbeat';
	readonly round: number;
}

/** The answer to heartbeat `round`: nothing above `ballot` is promised here. */
export interface Confirm<B = Ballot> extends Timed {
	readonly kind: 'confirm';
	readonly ballot: B;
	readonly round: number;
	/** How far this acceptor's node is. */
	readonly chosenThrough: Slot;
	/** For how long it stood still lately: see `Moment`. */
	readonly stillMs: number;
	/** False where its log has no room for values, or has left one out since its last confirm. */
	readonly takesValues: boolean;
}

/** "Stand in my place": the leader of `ballot` stands still again and again, and the receiver much less. */
export interface HandOver<B = Ballot> {
	readonly kind: 'handOver';
	readonly ballot: B;
}

/** "Do you hear a leader?" `ballot` is the asker's promise, echoed, so that an old reply is known. */
export interface Poll<B = Ballot> extends Timed {
	readonly kind: 'poll';
	readonly ballot: B;
}

/** What a node hears, and how far it is. */
export interface Hearing<B = Ballot> {
	/** The ballot of the leader that this node hears, or of a candidate that may become one; `NO_BALLOT` for none. */
	readonly leader: B;
	/** This node hears that leader itself, and passes on to it what others have for it. */
	readonly relays: boolean;
	/** As of `Leading`, of that leader. */
	readonly recoveredThrough: Slot;
	readonly chosenThrough: Slot;
}

export interface PollReply<B = Ballot> extends Hearing<B>, Timed {
	readonly kind: 'pollReply';
	readonly ballot: B;
}

/** Told to a node for which this one passes on, whenever it hears another leader or none, or is further. */
export interface Hears<B = Ballot> extends Hearing<B> {
	readonly kind: 'hears';
}

/** "Tell me what is chosen, from this slot." */
export interface Fetch {
	readonly kind: 'fetch';
	readonly from: Slot;
}

/** What is chosen: `decisions[i]` is of slot `from + i`. `chosenThrough` says how much more there is. */
export interface Decisions<B = Ballot, V = Value> {
	readonly kind: 'decisions';
	readonly from: Slot;
	readonly chosenThrough: Slot;
	readonly decisions: readonly { readonly ballot: B; readonly value: V }[];
}

/** The answer to a fetch of a slot, or an accept for one, that is kept no more: it is chosen, and not to be had here. */
export interface Trimmed {
	readonly kind: 'trimmed';
	/** No slot up to here is kept. */
	readonly trimmedThrough: Slot;
	readonly chosenThrough: Slot;
}

/** Which proposal of which node it is, so that the leader knows it again where it is forwarded twice. */
export interface ForwardId {
	/** The node that it was made at. */
	readonly origin: NodeId;
	/** The life of the origin. */
	readonly epoch: number;
	/** Each proposal of that life has a higher one than those before. */
	readonly id: number;
}

/** A proposal made at a follower, for the leader to propose. */
export interface Forward<V = Value> extends ForwardId {
	readonly kind: 'forward';
	/** Every proposal of the origin up to this id is settled there: it is not forwarded any more. */
	readonly settledThrough: number;
	readonly value: V;
}

/** The leader does not have the forwarded proposal: it has no room for it now. */
export interface NoRoom extends ForwardId {
	readonly kind: 'noRoom';
}

/** Which reads ask: those of one node, in one life of it, that it asks for together. */
export interface ReadRound {
	readonly origin: NodeId;
	readonly epoch: number;
	readonly round: number;
}

/** "From which slot on may these reads be answered?" */
export interface ReadAsk extends ReadRound {
	readonly kind: 'readAsk';
}

export interface ReadIndex extends ReadRound {
	readonly kind: 'readIndex';
	readonly slot: Slot;
}

/**
 * The digest of the sender's state machine after a slot. It is between replicas: agents send none, and take none in.
 */
export interface Digest {
	readonly kind: 'digest';
	readonly slot: Slot;
	/** A signed integer of 32 bits. */
	readonly digest: number;
}

/** "Send me your snapshot, from this byte on." It is between replicas, as `Digest` is. */
export interface SnapshotAsk {
	readonly kind: 'snapshotAsk';
	/** The snapshot through this slot, of which the bytes before `offset` have come already; 0 for any. */
	readonly through: Slot;
	readonly offset: number;
}

/** A part of the file of a snapshot. It is another snapshot than the one that was asked for where that one is gone. */
export interface SnapshotPart<V = Uint8Array> {
	readonly kind: 'snapshotPart';
	/** The snapshot holds every slot up to here. */
	readonly through: Slot;
	/** The size of the file. */
	readonly bytesOfAll: number;
	readonly offset: number;
	readonly bytes: V;
}

export type Message<B = Ballot, V = Value> =
	| Prepare<B>
	| Promised<B, V>
	| Accept<B, V>
	| Accepted<B>
	| Nack<B, V>
	| Heartbeat<B>
	| Confirm<B>
	| HandOver<B>
	| Poll<B>
	| PollReply<B>
	| Hears<B>
	| Fetch
	| Decisions<B, V>
	| Trimmed
	| Forward<V>
	| NoRoom
	| ReadAsk
	| ReadIndex
	| Digest
	| SnapshotAsk
	| SnapshotPart<V>;

export type MessageKind = Message['kind'];

/** `bulk` never stands in front of `consensus`. */
export type Lane = 'consensus' | 'bulk';

export interface Envelope {
	readonly to: NodeId;
	readonly message: Message;
}

export function laneOf(message: Message): Lane {
	return message.kind === 'decisions' || message.kind === 'snapshotPart' ? 'bulk' : 'consensus';
}
