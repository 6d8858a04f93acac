/**
 * The rooms beside a replica through which people use its state machine, as the replica sees them, and what they may use
 * of the replica. The key-value store has its own, and so has the machine of a user.
 */
import type { KeyChanges } from '../key-change.ts';
import type { NodeId } from '../paxos/ballot.ts';
import type { Member } from '../paxos/change.ts';
import type { Operation } from '../store/command.ts';
import type { Barriers } from './barriers.ts';
import type { SubmitOptions } from './batch.ts';
import type { ReplicaLimits } from './limits.ts';
import type { OnAnswer } from './own-batch.ts';
import type { Door } from './port.ts';
import type { ReplicaAgent, ReplicaRuntime } from './runtime.ts';
import type { Submissions } from './submissions.ts';
import type { ShownEntries } from './view.ts';

/** The timers of these rooms: see `ReplicaTimer`. */
export type DoorTimer = 'wait' | 'timeOuts';

export interface MachineDoors extends Door {
	/** What waits in them: see `Replica.unfinished`. */
	readonly unfinished: Readonly<Record<string, number>>;
	/** What watchers of the node are shown of the state. */
	readonly shown: ShownEntries;
	/** What they are told of the changes of keys above `revision`. */
	changesAfter(revision: number): KeyChanges;
	start(): void;
	/** Answers all that waits. */
	stop(): void;
	/** A timer that was set by the runtime's `setTimer` has fired. */
	fire(timer: DoorTimer): void;
	/** The last step of a turn: the answers to requests have left. */
	endTurn(): void;
	membersChanged(): void;
	/** The machine has taken over a snapshot, so what has led to its state is not known. */
	stateReplaced(): void;
}

/** What these rooms use of the replica. */
export interface DoorParts {
	readonly id: NodeId;
	/** It is only looked at. */
	readonly agent: ReplicaAgent;
	readonly submissions: Submissions;
	readonly barriers: Barriers;
	readonly limits: ReplicaLimits;
	/** The time limit of a client's request, milliseconds. */
	readonly requestMs: number;
	readonly runtime: ReplicaRuntime;
	/** As of `ReplicaOptions`. */
	urlOf(member: Member): string;
	/** As `membersIndex` of the members that are known. */
	membersIndex(): number;
	/** As `OwnClient.submit`. */
	submit(operation: Operation, options: SubmitOptions, answer: OnAnswer): void;
	/** Asks for a turn. */
	soon(): void;
}
