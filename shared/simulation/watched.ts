/** The production agent and log of a simulated process, with everything that passes through them looked at. */
import type { FilePart } from '../disk/disk.ts';
import type { Log } from '../disk/log.ts';
import type { SnapshotNote, SnapshotSubject } from '../disk/snapshot-file.ts';
import type { PaxosAgent } from '../paxos/agent.ts';
import type { Effects } from '../paxos/effects.ts';
import type { Event, LogRoom, Moment } from '../paxos/event.ts';
import type { Members } from '../paxos/members.ts';
import type { Slot } from '../paxos/message.ts';
import { Outbox } from '../paxos/outbox.ts';
import type { DurableRecord } from '../paxos/record.ts';
import type { AgentView } from '../paxos/view.ts';
import { isOfThisNode, type LoopLog } from '../replica/loop.ts';
import type { ReplicaAgent } from '../replica/runtime.ts';
import type { SnapshotLog, SnapshotWriter } from '../replica/snapshots.ts';
import type { Invariants } from './invariants.ts';
import type { Ledger } from './ledger.ts';
import type { Process } from './process.ts';

/** The agent: its effects are checked before anything is done about them. */
export class WatchedAgent implements ReplicaAgent {
	readonly #node: number;
	readonly #agent: PaxosAgent;
	readonly #invariants: Invariants;

	constructor(node: number, agent: PaxosAgent, invariants: Invariants) {
		this.#node = node;
		this.#agent = agent;
		this.#invariants = invariants;
	}

	get members(): Members {
		return this.#agent.members;
	}

	view(): AgentView {
		return this.#agent.view();
	}

	step(event: Event, now: Moment): Effects {
		const effects = this.#agent.step(event, now);
		this.#invariants.stepped(this.#node, event, effects, this.#agent.view());
		return effects;
	}
}

/**
 * The agent of a node on an older copy of its files. The process ends with the first event that may lead to a vote. The
 * node's own requests, which it handles before that, do nothing here.
 */
export class PutBackAgent implements ReplicaAgent {
	readonly #agent: PaxosAgent;
	readonly #end: () => void;

	/** @param end ends the process */
	constructor(agent: PaxosAgent, end: () => void) {
		this.#agent = agent;
		this.#end = end;
	}

	get members(): Members {
		return this.#agent.members;
	}

	view(): AgentView {
		return this.#agent.view();
	}

	step(event: Event, now: Moment): Effects {
		const effects = new Outbox(false);
		// The timers that are armed now fire after the wait.
		if (event.kind === 'start') effects.timers.push(...this.#agent.step(event, now).timers);
		else if (!isOfThisNode(event)) this.#end();
		return effects;
	}
}

/** The log: the ledger is told of every record that goes into it. */
export class WatchedLog implements LoopLog, SnapshotLog {
	readonly #process: Process;
	readonly #log: Log;
	readonly #ledger: Ledger;
	readonly #canary: boolean;

	/** @param canary what is written is called durable before it is: a bug, to see that it is caught */
	constructor(process: Process, log: Log, ledger: Ledger, canary: boolean) {
		this.#process = process;
		this.#log = log;
		this.#ledger = ledger;
		this.#canary = canary;
	}

	get durableThrough(): number {
		return this.#canary ? Number.POSITIVE_INFINITY : this.#log.durableThrough;
	}

	get reached(): number {
		return this.#log.reached;
	}

	get newest(): number {
		return this.#log.newest;
	}

	get room(): LogRoom {
		const { index, waitingRecordsMax } = this.#process.node;
		return this.#ledger.waitingCount(index) < waitingRecordsMax ? this.#log.room : 'promises';
	}

	append(records: readonly DurableRecord[]): number {
		for (const record of records) this.#ledger.appended(this.#process.node.index, record);
		return this.#log.append(records);
	}

	flush(): void {
		if (!this.#process.isEnded) this.#log.flush();
	}

	get bytes(): number {
		return this.#log.bytes;
	}

	get snapshot(): SnapshotNote | null {
		return this.#log.snapshot;
	}

	beginSnapshot(subject: SnapshotSubject): SnapshotWriter {
		const writer = this.#log.beginSnapshot(subject);
		const { node } = this.#process;
		return {
			append: (payload, done) => writer.append(payload, done),
			abandon: () => writer.abandon(),
			finish: (done) =>
				writer.finish((lack) => {
					if (lack === null && !node.putBack) this.#ledger.snapshot(node.index, subject.through);
					done(lack);
				}),
		};
	}

	readSnapshot(through: Slot, part: FilePart, done: (error: Error | null, bytes: Uint8Array | null) => void): void {
		this.#log.readSnapshot(through, part, done);
	}

	trim(through: Slot): void {
		if (!this.#process.isEnded) this.#log.trim(through);
	}
}
