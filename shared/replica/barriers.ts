/**
 * Linearizable reads that wait, each with its own time limit. The agent is asked for one read at a time, and the
 * agent's read serves all reads that came before it was asked for. So the agent has one read at most, however many
 * wait here and for however long there is no leader.
 *
 * What it must never do: let a read join a read of the agent that was asked for earlier. The agent's read may be
 * answered from a state that lacks a write which was acknowledged before the later read came.
 */
import type { Slot } from '../paxos/message.ts';
import { type Deadlines, Limited } from './deadlines.ts';

/** Called once, and told whether the state machine may answer the read now. */
export type OnConfirmed = (confirmed: boolean) => void;

/** The part of the loop that barriers use. */
export interface BarriersLoop {
	readonly appliedThrough: Slot;
	/** Asks the agent for one more read. */
	read(): void;
}

class Waiter extends Limited {
	readonly #barriers: Barriers;
	readonly done: OnConfirmed;

	constructor(barriers: Barriers, done: OnConfirmed) {
		super();
		this.#barriers = barriers;
		this.done = done;
	}

	override overdue(): void {
		this.#barriers.overdue(this);
	}
}

export class Barriers {
	readonly #loop: BarriersLoop;
	readonly #deadlines: Deadlines;
	readonly #soon: () => void;
	/** Reads that came after the agent was last asked. */
	#waiting = new Set<Waiter>();
	/** The reads that the agent's read under way serves; null while there is none. */
	#asked: Set<Waiter> | null = null;
	/** The slot that must be applied before the agent's read may be answered; null while the agent has not named one. */
	#answerFrom: Slot | null = null;

	/** @param soon asks for a call of `endTurn` once all input that is ready was handed in */
	constructor(loop: BarriersLoop, deadlines: Deadlines, soon: () => void) {
		this.#loop = loop;
		this.#deadlines = deadlines;
		this.#soon = soon;
	}

	/** The number of reads without an answer. */
	get count(): number {
		return this.#waiting.size + (this.#asked?.size ?? 0);
	}

	/** @param done told false when no leader confirmed in time; never called from inside this call */
	wait(timeoutMs: number, done: OnConfirmed): void {
		const waiter = new Waiter(this, done);
		this.#waiting.add(waiter);
		this.#deadlines.add(waiter, timeoutMs);
		this.#soon();
	}

	/** Answers every read that waits with false. */
	stop(): void {
		for (const waiter of [...(this.#asked ?? []), ...this.#waiting]) {
			this.#deadlines.remove(waiter);
			this.overdue(waiter);
		}
	}

	endTurn(): void {
		if (this.#asked !== null || this.#waiting.size === 0) return;
		this.#asked = this.#waiting;
		this.#waiting = new Set();
		this.#loop.read();
	}

	/** The agent's read that is under way may be answered from a state that has applied `slot`. */
	readAt(slot: Slot): void {
		this.#answerFrom = slot;
		this.applied(this.#loop.appliedThrough);
	}

	/** The state machine has applied every slot up to `through`. */
	applied(through: Slot): void {
		if (this.#answerFrom === null || this.#answerFrom > through) return;
		const asked = this.#asked ?? [];
		this.#answerFrom = null;
		this.#asked = null;
		for (const waiter of asked) {
			this.#deadlines.remove(waiter);
			waiter.done(true);
		}
		if (this.#waiting.size > 0) this.#soon();
	}

	/** A waiter calls this when its time limit is over. */
	overdue(waiter: Waiter): void {
		if (this.#waiting.delete(waiter) || this.#asked?.delete(waiter)) waiter.done(false);
	}
}
