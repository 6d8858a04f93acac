/**
 * Brings the snapshot of another node here, because the slots that are needed next are kept nowhere else, and gives this
 * node's snapshot to others. A part is asked for when the one before is on disk, so a slow receiver slows the sender
 * down, and nothing piles up. What has come is kept when the link breaks, and goes on at the same byte when it is back,
 * or at another node that has the same snapshot.
 *
 * What it must never do: let the state machine take over a snapshot that is not whole, or not durable here.
 *
 * @source Raft thesis (Ongaro 2014) 5.1 (InstallSnapshot)
 */
import { MalformedError } from '../bytes/bytes.ts';
import { SnapshotChecker, SnapshotError } from '../disk/snapshot-file.ts';
import type { NodeId } from '../paxos/ballot.ts';
import type { Message, Slot, SnapshotAsk, SnapshotPart } from '../paxos/message.ts';
import type { Machine, MachineRestore } from '../store/machine.ts';
import { GrowingPause } from './growing-pause.ts';
import { Restore, type Restored } from './restore.ts';
import { SNAPSHOT_PAUSE, type SnapshotLimits, type SnapshotLog, type SnapshotWriter } from './snapshots.ts';

export interface TransferOptions {
	/** The name that every snapshot of this swarm has in its header. */
	readonly swarm: string;
	/** Begins to read the state of a machine. */
	restore(): MachineRestore;
	readonly limits: SnapshotLimits;
}

export interface TransferRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `Transfer.fire` after so many milliseconds. A new request replaces the earlier one. */
	setTimer(afterMs: number): void;
	linked(): readonly NodeId[];
	send(to: NodeId, message: Message): void;
	appliedThrough(): Slot;
	/** Whether this node's own snapshot is just becoming that of its log, and cannot be abandoned any more. */
	isFinishingOwn(): boolean;
	/** A snapshot begins to come: none is to be written beside it. */
	receiving(): void;
	/** The snapshot is durable here, and `restored` is what is in it. */
	received(through: Slot, restored: Restored): void;
	/** @param detail the rest of a sentence that begins with the node */
	report(what: 'sending' | 'receiving' | 'abandoned', through: Slot, detail: string): void;
}

/** A snapshot that is on its way here. */
interface Incoming {
	from: NodeId;
	/** 0 until the first part has come. */
	through: Slot;
	/** The next byte. */
	offset: number;
	bytesOfAll: number;
	writer: SnapshotWriter | null;
	checker: SnapshotChecker | null;
	restore: Restore<Machine> | null;
	/** A part is being written. */
	isStoring: boolean;
	/** A part has come since the timer was set. */
	isMoving: boolean;
}

/** A node that sends no part for this long is left for another one, milliseconds. */
export const TRANSFER_SILENT_MS = 5000;
/** A node that asked for a part within this time is still receiving, milliseconds. */
const SENDING_MS = 10_000;

export class Transfer {
	readonly #log: SnapshotLog;
	readonly #swarm: string;
	readonly #restore: () => MachineRestore;
	readonly #limits: SnapshotLimits;
	readonly #runtime: TransferRuntime;
	#incoming: Incoming | null = null;
	/** The pause after a lack of room. */
	readonly #pause: GrowingPause;
	/** The pauses of nodes that have sent nothing, or no snapshot, since one has come whole. */
	readonly #pauses = new Map<NodeId, GrowingPause>();
	/** When each node last asked for a part. */
	readonly #askedMs = new Map<NodeId, number>();

	constructor(log: SnapshotLog, { swarm, restore, limits }: TransferOptions, runtime: TransferRuntime) {
		this.#log = log;
		this.#swarm = swarm;
		this.#restore = restore;
		this.#limits = limits;
		this.#runtime = runtime;
		this.#pause = this.#newPause();
	}

	/** Whether a snapshot is on its way to this node. */
	get isReceiving(): boolean {
		return this.#incoming !== null;
	}

	/** Whether one is on its way from this node to another one. */
	get isSending(): boolean {
		const nowMs = this.#runtime.nowMs();
		for (const askedMs of this.#askedMs.values()) if (nowMs - askedMs <= SENDING_MS) return true;
		return false;
	}

	// At the node that receives

	/**
	 * The agent needs slots that `from` keeps only in its snapshot, and says so again and again. On a full disk nothing
	 * begins to come until a pause is over.
	 */
	lacks(from: NodeId): void {
		const incoming = this.#incoming;
		if (incoming && this.#runtime.linked().includes(incoming.from)) return;
		if (incoming) incoming.from = from;
		else if (!this.#begins(from)) return;
		if (!incoming?.isStoring) this.#ask();
	}

	linkUp(peer: NodeId): void {
		if (this.#incoming?.from === peer && !this.#incoming.isStoring) this.#ask();
	}

	/** The timer has fired. */
	fire(): void {
		const incoming = this.#incoming;
		if (incoming === null) return;
		if (!incoming.isMoving && !incoming.isStoring) return this.#failed(`${incoming.from} sends nothing`);
		incoming.isMoving = false;
		this.#runtime.setTimer(TRANSFER_SILENT_MS);
	}

	part(from: NodeId, part: SnapshotPart): void {
		const incoming = this.#incoming;
		if (incoming === null || incoming.from !== from || incoming.isStoring) return;
		if (part.through <= this.#runtime.appliedThrough()) return this.#abandon('the slots have come by another way');
		if (part.through !== incoming.through) {
			if (part.offset !== 0) return;
			this.#beginFile(incoming, part);
		}
		if (part.offset !== incoming.offset || part.bytes.length === 0) return;
		this.#guarded(incoming, () => this.#take(incoming, part.bytes));
	}

	// At the node that sends

	/** Another node asks for a part of this node's snapshot. */
	asked(from: NodeId, ask: SnapshotAsk): void {
		const { through, offset } = ask;
		const { snapshot } = this.#log;
		if (snapshot === null) return;
		const begin = through === snapshot.through && offset < snapshot.bytes ? offset : 0;
		const nowMs = this.#runtime.nowMs();
		if (nowMs - (this.#askedMs.get(from) ?? Number.NEGATIVE_INFINITY) > SENDING_MS) {
			this.#runtime.report(
				'sending',
				snapshot.through,
				`sends its snapshot through slot ${snapshot.through} to ${from}`,
			);
		}
		this.#askedMs.set(from, nowMs);
		const bytes = Math.min(this.#limits.sentBytes, snapshot.bytes - begin);
		this.#log.readSnapshot(snapshot.through, { offset: begin, bytes }, (error, piece) => {
			// Another snapshot may have taken the place of that one meanwhile.
			if (this.#log.snapshot !== snapshot) return this.asked(from, ask);
			if (error || piece === null) return;
			const { through, bytes: bytesOfAll } = snapshot;
			this.#runtime.send(from, { kind: 'snapshotPart', through, bytesOfAll, offset: begin, bytes: piece });
		});
	}

	/**
	 * Begins with the snapshot of that node. Where that node has failed lately, another linked one is asked, which may have a
	 * snapshot that goes as far. Nothing is asked for while this node's own disk is not ready: a part could not be written.
	 *
	 * @returns whether one begins to come
	 */
	#begins(from: NodeId): boolean {
		const source = [from, ...this.#runtime.linked()].find((peer) => this.#pauses.get(peer)?.isOver !== false);
		if (source === undefined || !this.#pause.isOver || this.#runtime.isFinishingOwn()) return false;
		if (this.#log.durableThrough < 0) return false;
		this.#begin(source);
		return true;
	}

	#begin(from: NodeId): void {
		this.#incoming = {
			from,
			through: 0,
			offset: 0,
			bytesOfAll: 0,
			writer: null,
			checker: null,
			restore: null,
			isStoring: false,
			isMoving: false,
		};
		this.#runtime.receiving();
		this.#runtime.setTimer(TRANSFER_SILENT_MS);
	}

	#beginFile(incoming: Incoming, { through, bytesOfAll }: SnapshotPart): void {
		incoming.writer?.abandon();
		incoming.through = through;
		incoming.offset = 0;
		incoming.bytesOfAll = bytesOfAll;
		incoming.writer = this.#log.beginSnapshot({ swarm: this.#swarm, through });
		incoming.checker = new SnapshotChecker({ swarm: this.#swarm, through });
		incoming.restore = new Restore(this.#restore());
		const detail = `takes over the snapshot of ${incoming.from} through slot ${through}, of ${bytesOfAll} bytes`;
		this.#runtime.report('receiving', through, detail);
	}

	#ask(): void {
		const incoming = this.#incoming as Incoming;
		const { from, through, offset } = incoming;
		this.#runtime.send(from, { kind: 'snapshotAsk', through, offset });
	}

	/** @throws MalformedError */
	#take(incoming: Incoming, bytes: Uint8Array): void {
		const parts = (incoming.checker as SnapshotChecker).add(bytes);
		for (const part of parts) (incoming.restore as Restore<Machine>).add(part);
		incoming.offset += bytes.length;
		incoming.isMoving = true;
		incoming.isStoring = true;
		this.#store(incoming, parts);
	}

	/** Writes the parts one after the other, and asks for more, or finishes. @throws MalformedError */
	#store(incoming: Incoming, parts: readonly Uint8Array[]): void {
		const [part, ...rest] = parts;
		const writer = incoming.writer as SnapshotWriter;
		if (part) {
			return writer.append(part, (error) => {
				if (this.#incoming !== incoming || incoming.writer !== writer) return;
				if (error) return this.#lacksRoom(error);
				this.#guarded(incoming, () => this.#store(incoming, rest));
			});
		}
		incoming.isStoring = false;
		if (incoming.offset < incoming.bytesOfAll) return this.#ask();
		if (!incoming.checker?.note) throw new MalformedError('it ends too early');
		const restored = (incoming.restore as Restore<Machine>).finish();
		incoming.isStoring = true;
		writer.finish((error) => {
			if (this.#incoming !== incoming) return;
			if (error) return this.#lacksRoom(error);
			this.#pause.succeeded();
			this.#pauses.clear();
			this.#incoming = null;
			this.#runtime.received(incoming.through, restored);
		});
	}

	#lacksRoom(error: Error): void {
		this.#pause.failed();
		this.#abandon(error.message);
	}

	#guarded(incoming: Incoming, act: () => void): void {
		try {
			act();
		} catch (error) {
			if (!(error instanceof MalformedError || error instanceof SnapshotError)) throw error;
			this.#failed(`what ${incoming.from} sent is no snapshot: ${error.message}`);
		}
	}

	/**
	 * The snapshot of that node may be damaged, and it takes no other one while this node asks for it again and again.
	 */
	#failed(why: string): void {
		const { from } = this.#incoming as Incoming;
		const pause = this.#pauses.get(from) ?? this.#newPause();
		this.#pauses.set(from, pause);
		pause.failed();
		this.#abandon(why);
	}

	#newPause(): GrowingPause {
		return new GrowingPause(() => this.#runtime.nowMs(), SNAPSHOT_PAUSE);
	}

	#abandon(why: string): void {
		const incoming = this.#incoming;
		if (incoming === null) return;
		this.#incoming = null;
		incoming.writer?.abandon();
		this.#runtime.report('abandoned', incoming.through, `gives up the snapshot of ${incoming.from}: ${why}`);
	}
}
