/** What a replica is made of and what it needs of the place it runs in: the server, or a simulated world. */
import type { MemberAddress } from '../client/protocol.ts';
import type { RuntimeFact } from '../fact.ts';
import type { AgentView } from '../paxos/agent.ts';
import type { NodeId, WallTime } from '../paxos/ballot.ts';
import type { TimerRequest } from '../paxos/effects.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { Slot } from '../paxos/message.ts';
import type { Store } from '../store/store.ts';
import type { ReplicaLimits } from './limits.ts';
import type { LoopAgent, LoopLog } from './loop.ts';
import type { MeshPort } from './port.ts';

export type ReplicaTimer = TimerRequest['timer'] | 'deadline' | 'tell' | 'diskWatch';

/** What became of the node's disk. */
export type DiskFact = Extract<RuntimeFact, { readonly kind: 'disk' }>;

/** What a replica needs of the place it runs in. None of it may call back into the replica before it returns. */
export interface ReplicaRuntime {
	readonly mesh: MeshPort;
	/** Monotonic, milliseconds. */
	nowMs(): number;
	wallTime(): WallTime;
	/** Drawn evenly from 0 up to, not including, 1. */
	random(): number;
	/** A name that nobody else has: 1 to 64 ASCII characters. */
	newId(): string;
	/** Calls `fire(timer)` once, after that long; asking again for the same timer replaces it. */
	setTimer(timer: ReplicaTimer, afterMs: number): void;
	/** Calls `turn()` soon, when all that is ready by then was handed in. Not asked for again before that. */
	soon(): void;
	fact(fact: AgentFact | DiskFact): void;
	/** The state machine has gone on. */
	applied(through: Slot, revision: number): void;
	/** A client sent what no client sends. `from` is as the door was told. */
	malformed(from: string, why: string): void;
}

/** What a replica needs of `PaxosAgent`. */
export interface ReplicaAgent extends LoopAgent {
	view(): AgentView;
}

export interface ReplicaOptions {
	readonly id: NodeId;
	readonly members: readonly MemberAddress[];
	readonly agent: ReplicaAgent;
	readonly log: LoopLog;
	readonly store: Store;
	/** How long a client's request is cared for, milliseconds. */
	readonly requestMs: number;
	/** Left out: the usual ones. */
	readonly limits?: ReplicaLimits;
	readonly runtime: ReplicaRuntime;
}
