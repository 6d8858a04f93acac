/**
 * One node of a swarm inside the program of a user, as that program sees it: commands, reads and changes of its state
 * machine. It is the same over a real node and over one in memory.
 */
import { unlessAborted } from '../../shared/client/abort.ts';
import { BadOptionsError, RefusedError } from '../../shared/client/errors.ts';
import { NO_BALLOT, sameBallot } from '../../shared/paxos/ballot.ts';
import type { RefusedWhy } from '../../shared/replica/batch.ts';
import type { NodeService } from '../replica/service.ts';

/** What a state machine does at a node. */
export interface MachineAccess<State, Command, Result, Change> {
	/** @throws RefusedError, UnknownOutcomeError */
	propose(command: Command, timeoutMs: number): Promise<Result>;
	/** The state of this node. */
	state(): State;
	changes(from: number, signal: AbortSignal | undefined): AsyncIterableIterator<Change, undefined>;
}

/** The life of a node: what it is made of, and how it ends. */
export interface NodeLife {
	/** The address of its page and API; null where it has none. */
	readonly url: string | null;
	/** Resolves with the error for which it has stopped by itself; with null where it was closed or removed. */
	readonly stopped: Promise<Error | null>;
	close(): Promise<void>;
}

export interface CallOptions {
	/** The time limit of the call, milliseconds, above 0 and finite; 5,000 by default. */
	readonly timeoutMs?: number;
}

export interface ChangesOptions {
	/** The changes behind this revision; by default those that come from now on. */
	readonly from?: number;
	/** Ends the loop with the reason of the signal. */
	readonly signal?: AbortSignal;
}

/** What a node knows of its swarm and of itself. */
export interface NodeStatus {
	/** The node that leads, as this one hears it; null for none, and where this one has ended. */
	readonly leader: string | null;
	readonly isLeader: boolean;
	/** The revision of the state machine. */
	readonly revision: number;
	/** The slot up to which it has applied. */
	readonly appliedThrough: number;
	/** Why it is not to be relied upon, in a few words: its disk, or a state that is not that of others; null for nothing. */
	readonly fault: string | null;
}

const TIMEOUT_MS = 5000;
/** A read that was not confirmed is asked for again after this, while `ready` waits. */
const READY_ASK_MS = 1000;

export class SwarmNode<State, Command, Result, Change> {
	readonly id: string;
	/** The address of its page and API; null where it has none. */
	readonly url: string | null;
	/**
	 * Resolves when the node has ended: with the error for which it stopped by itself, such as one that the state machine
	 * has thrown, or with null where it was closed, or removed from the swarm. It never rejects.
	 */
	readonly stopped: Promise<Error | null>;
	readonly #service: NodeService;
	readonly #machine: MachineAccess<State, Command, Result, Change>;
	readonly #life: NodeLife;
	#hasEnded = false;

	/** For `createNode` and `createSwarm`. */
	constructor(service: NodeService, machine: MachineAccess<State, Command, Result, Change>, life: NodeLife) {
		this.#service = service;
		this.#machine = machine;
		this.#life = life;
		this.id = service.view().id;
		this.url = life.url;
		this.stopped = life.stopped.then((error) => {
			this.#hasEnded = true;
			return error;
		});
	}

	get status(): NodeStatus {
		const { leader, role, appliedThrough, diskFault, stateFault } = this.#service.view();
		return {
			leader: leader.node === '' || this.#isOver ? null : leader.node,
			isLeader: role === 'leader' && !this.#isOver,
			revision: this.#service.revision,
			appliedThrough,
			fault: diskFault ?? stateFault,
		};
	}

	/**
	 * Has a command applied by every node, and resolves with its result once this node has applied it. It is applied at most
	 * once, however often the swarm has to propose it.
	 *
	 * @throws RefusedError it was not applied and will not be
	 * @throws UnknownOutcomeError it may have been applied, or may yet be
	 * @throws ResultLostError it was applied, and the result is not known here
	 */
	async propose(command: Command, options: CallOptions = {}): Promise<Result> {
		this.#mustRun();
		return this.#machine.propose(command, timeLimitOf(options));
	}

	/**
	 * Resolves with what `look` finds in a state that has everything which was acknowledged anywhere before this call. `look`
	 * is called once, must not change the state, and must not keep a part of it that commands may change.
	 *
	 * @throws RefusedError no leader has confirmed in time that the state is not an old one
	 */
	async read<T>(look: (state: State) => T, options: CallOptions = {}): Promise<T> {
		this.#mustRun();
		if (await this.#service.readBarrier(timeLimitOf(options))) return look(this.#machine.state());
		this.#mustRun();
		throw new RefusedError('noLeader', 'no leader has confirmed the read in time');
	}

	/** What `look` finds in the state of this node, which may be an old one. It needs no leader. */
	stale<T>(look: (state: State) => T): T {
		return look(this.#machine.state());
	}

	/**
	 * Every change behind a revision, in order and once, as this node applies it: also what other nodes proposed. A loop may
	 * go on at another node from the revision of the last change that it took. It ends when the node does.
	 *
	 * @throws BadOptionsError `from` is no revision
	 * @throws CompactedError the node does not remember the next changes any more: read the state, and go on from its revision
	 */
	changes({ from = this.#service.revision, signal }: ChangesOptions = {}): AsyncIterableIterator<Change, undefined> {
		if (!Number.isSafeInteger(from) || from < 0) throw new BadOptionsError('from is a revision or 0');
		return this.#machine.changes(from, signal);
	}

	/** Resolves once a leader is there and this node has everything that was acknowledged before the call. */
	async ready({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
		do this.#mustRun();
		while (!(await unlessAborted(this.#service.readBarrier(READY_ASK_MS), [signal])));
	}

	/**
	 * Where this node leads, another one is to lead: `to`, or the follower that suits best.
	 *
	 * @returns the node that leads then, which may be a third one
	 * @throws RefusedError this node does not lead, or no other one does within the time limit
	 */
	async handover(to?: string, options: CallOptions = {}): Promise<string> {
		this.#mustRun();
		const timeoutMs = timeLimitOf(options);
		if (!this.status.isLeader) throw new RefusedError('noLeader', `${this.id} does not lead`);
		const ballot = await this.#service.handOver(to ?? null, timeoutMs);
		if (sameBallot(ballot, NO_BALLOT)) throw new RefusedError('timeout', 'no other node has come to lead in time');
		return ballot.node;
	}

	/** Stops the node: it hands over if it leads, calls under way are settled, and its folder is unlocked. */
	close(): Promise<void> {
		this.#hasEnded = true;
		return this.#life.close();
	}

	/** As `close`, for `await using`. */
	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	/** A node that has failed has stopped some time before it is closed, and `stopped` resolves. */
	get #isOver(): boolean {
		return this.#hasEnded || this.#service.isStopped;
	}

	#mustRun(): void {
		if (this.#isOver) throw new RefusedError('closed', `${this.id} has stopped`);
	}
}

/** Milliseconds. Time limits stand in one list, in which one that is no number would keep the others from ending. */
function timeLimitOf({ timeoutMs = TIMEOUT_MS }: CallOptions): number {
	if (Number.isFinite(timeoutMs) && timeoutMs > 0) return timeoutMs;
	throw new BadOptionsError('timeoutMs is above 0, and finite');
}

/** A refusal of the node as its program is told it. */
export function refusedError(why: RefusedWhy, detail: string): RefusedError {
	switch (why) {
		case 'stopping':
			return new RefusedError('closed', detail);
		case 'slotNotOpen':
			return new RefusedError('overloaded', detail);
		default:
			return new RefusedError(why, detail);
	}
}
