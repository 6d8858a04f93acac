/** The parts of a replica, and the services it needs from its surroundings, the server or a simulated world. */
import type { RuntimeFact } from '../fact.ts';
import type { NodeId, WallTime } from '../paxos/ballot.ts';
import type { Member } from '../paxos/change.ts';
import type { TimerRequest } from '../paxos/effects.ts';
import type { AgentFact } from '../paxos/fact.ts';
import type { Slot } from '../paxos/message.ts';
import type { AgentView } from '../paxos/view.ts';
import type { Machine, MachineRestore } from '../store/machine.ts';
import type { DoorParts, DoorTimer, MachineDoors } from './doors.ts';
import type { Follower } from './follower.ts';
import type { ReplicaLimits } from './limits.ts';
import type { LoopAgent, LoopLog } from './loop.ts';
import type { MeshPort } from './port.ts';
import type { SnapshotLimits, SnapshotLog } from './snapshots.ts';

export type ReplicaTimer =
	| TimerRequest['timer']
	| 'deadline'
	| DoorTimer
	| 'tell'
	| 'diskWatch'
	| 'recall'
	| 'stillness'
	| 'digest'
	| 'members'
	| 'snapshot'
	| 'snapshotPart'
	| 'transfer';

/** A fact about the node's disk, its snapshots, or its state beside that of the others. */
export type ReplicaFact = Extract<RuntimeFact, { readonly kind: 'disk' | 'state' | 'snapshot' }>;

/** The services that a replica needs. None of them may call back into the replica before it returns. */
export interface ReplicaRuntime {
	readonly mesh: MeshPort;
	/** Monotonic, milliseconds. */
	nowMs(): number;
	wallTime(): WallTime;
	/** Drawn evenly from 0 up to, not including, 1. */
	random(): number;
	/** A unique name, of 1 to 64 ASCII characters. */
	newId(): string;
	/** Calls `fire(timer)` once, after so many milliseconds. A new request for the same timer replaces the earlier one. */
	setTimer(timer: ReplicaTimer, afterMs: number): void;
	/** Calls `turn()` soon, after all input that is ready by then was handed in. It is asked for once before each turn. */
	soon(): void;
	fact(fact: AgentFact | ReplicaFact): void;
	/** The state machine has applied every slot up to `through`, and is at `revision`. */
	applied(through: Slot, revision: number): void;
	/** The agent's `members` are others than before. It is called before the frames of the turn leave. */
	membersChanged(): void;
	/** This node is no member any more, by the change that was chosen in that slot, and no other node needs it. */
	removed(chosenAt: Slot): void;
	/** A client sent a malformed frame. @param from as it was passed to `ClientDoor.connect` */
	malformed(from: string, why: string): void;
	/** It is left out where nobody follows commands. */
	readonly follower?: Follower | undefined;
}

/** The part of `PaxosAgent` that a replica uses. */
export interface ReplicaAgent extends LoopAgent {
	view(): AgentView;
}

export interface ReplicaOptions<Doors extends MachineDoors> {
	readonly id: NodeId;
	/** The URL at which clients reach a member. */
	urlOf(member: Member): string;
	readonly agent: ReplicaAgent;
	readonly log: LoopLog & SnapshotLog;
	/** The state after slot `agent.view().appliedThrough`. */
	readonly machine: Machine;
	/** Begins to read the state of a machine of the same kind. */
	restore(): MachineRestore;
	/** Makes the rooms through which people use the machine. */
	doors(parts: DoorParts): Doors;
	/** The time limit of a client's request, milliseconds. */
	readonly requestMs: number;
	/** A link to a running node is made within this time, milliseconds. A node that starts waits so long for its peers. */
	readonly linkMs: number;
	/** REPLICA_LIMITS by default. */
	readonly limits?: ReplicaLimits;
	/** Names the swarm in the headers of its snapshots: the same at every node, and never of another swarm. ASCII. */
	readonly swarm: string;
	/** SNAPSHOT_LIMITS by default. */
	readonly snapshotLimits?: SnapshotLimits;
	readonly runtime: ReplicaRuntime;
}
