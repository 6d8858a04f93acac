/**
 * The snapshots of one replica: its own (`snapshots.ts`), and those that are on their way between nodes (`transfer.ts`).
 * One is never written while another one comes, and while one goes only where the log has grown too large.
 */
import type { NodeId } from '../paxos/ballot.ts';
import type { MembersState } from '../paxos/members.ts';
import type { Message, Slot } from '../paxos/message.ts';
import type { Machine } from '../store/machine.ts';
import type { Restored } from './restore.ts';
import type { ReplicaFact, ReplicaTimer } from './runtime.ts';
import { type OnSnapshot, type SnapshotLog, Snapshots } from './snapshots.ts';
import { Transfer, type TransferOptions } from './transfer.ts';

export interface StateTransferRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	setTimer(timer: ReplicaTimer, afterMs: number): void;
	fact(fact: ReplicaFact): void;
	linked(): readonly NodeId[];
	/** Sends to another node, at once. */
	send(to: NodeId, message: Message): void;
	/** The slot up to which a node is known to know all to be chosen. */
	reachedBy(peer: NodeId): Slot;
	appliedThrough(): Slot;
	/** The members that govern the slots behind the last applied one. */
	members(): MembersState;
	/** As `ReplicaLoop.trim`. */
	trimmed(through: Slot): void;
	/** As `ReplicaLoop.install`. */
	received(through: Slot, restored: Restored): void;
}

export class StateTransfer {
	readonly #snapshots: Snapshots;
	readonly #transfer: Transfer;

	constructor(machine: Machine, log: SnapshotLog, options: TransferOptions, runtime: StateTransferRuntime) {
		const report = (what: (ReplicaFact & { kind: 'snapshot' })['what'], through: Slot, detail: string) =>
			runtime.fact({ kind: 'snapshot', what, through, detail });
		this.#snapshots = new Snapshots(machine, log, options.swarm, options.limits, {
			nowMs: () => runtime.nowMs(),
			setTimer: (afterMs) => runtime.setTimer('snapshot', afterMs),
			setPartTimer: (afterMs) => runtime.setTimer('snapshotPart', afterMs),
			appliedThrough: () => runtime.appliedThrough(),
			members: () => runtime.members(),
			neededAbove: () => Math.min(...runtime.linked().map((peer) => runtime.reachedBy(peer))),
			isReceiving: () => this.#transfer.isReceiving,
			isSending: () => this.#transfer.isSending,
			trimmed: (through) => runtime.trimmed(through),
			report,
		});
		this.#transfer = new Transfer(log, options, {
			nowMs: () => runtime.nowMs(),
			setTimer: (afterMs) => runtime.setTimer('transfer', afterMs),
			linked: () => runtime.linked(),
			send: (to, message) => runtime.send(to, message),
			appliedThrough: () => runtime.appliedThrough(),
			isFinishingOwn: () => this.#snapshots.isFinishing,
			receiving: () => this.#snapshots.abandon('that of another node is on its way here'),
			received: (through, restored) => runtime.received(through, restored),
			report,
		});
	}

	start(): void {
		this.#snapshots.start();
	}

	/** As `Snapshots.want`. */
	want(done: OnSnapshot): void {
		this.#snapshots.want(done);
	}

	stop(): void {
		this.#snapshots.stop();
	}

	/** The agent needs slots that `from` keeps only in its snapshot. */
	lacks(from: NodeId): void {
		this.#transfer.lacks(from);
	}

	linkUp(peer: NodeId): void {
		this.#transfer.linkUp(peer);
	}

	/** A message came. Those that are not of snapshots are not looked at. */
	heard(from: NodeId, message: Message): void {
		if (message.kind === 'snapshotAsk') this.#transfer.asked(from, message);
		else if (message.kind === 'snapshotPart') this.#transfer.part(from, message);
	}

	fire(timer: 'snapshot' | 'snapshotPart' | 'transfer'): void {
		switch (timer) {
			case 'snapshot':
				return this.#snapshots.fire();
			case 'snapshotPart':
				return this.#snapshots.writeNext();
			case 'transfer':
				return this.#transfer.fire();
		}
	}
}
