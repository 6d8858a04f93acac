/**
 * Linearizable reads that wait, each with its own time limit. The agent is asked for one read at a time, and that
 * one serves every read that came before it was asked: however many wait, and for however long there is no leader,
 * the agent never has more than one of them.
 *
 * What it must never do: let a read join one of the agent's that was asked before it came. That one may be answered
 * from a state that lacks a write which was acknowledged by then.
 */
import type { Slot } from '../paxos/message.ts';
import { type Deadlines, Limited } from './deadlines.ts';

/** Told once: whether `store` may answer the read now. */
export type OnConfirmed = (confirmed: boolean) => void;

/** What barriers need of the loop. */
export interface BarriersLoop {
	readonly appliedThrough: Slot;
	/** The agent is asked for one more read. */
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
	/** These came after the agent was last asked. */
	#waiting = new Set<Waiter>();
	/** The agent's read that is under way is for these; null while there is none. */
	#asked: Set<Waiter> | null = null;
	/** The agent's read may be answered once this slot is applied; null while the agent has not said from which on. */
	#answerFrom: Slot | null = null;

	/** @param soon asks for `endTurn`, once all that is ready was handed in */
	constructor(loop: BarriersLoop, deadlines: Deadlines, soon: () => void) {
		this.#loop = loop;
		this.#deadlines = deadlines;
		this.#soon = soon;
	}

	/** Reads without an answer. */
	get count(): number {
		return this.#waiting.size + (this.#asked?.size ?? 0);
	}

	/** @param done false when no leader confirmed in time; never called from inside this call */
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

	/** The state machine has gone on. */
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

	/** For the waiters themselves: a read's time is over. */
	overdue(waiter: Waiter): void {
		if (this.#waiting.delete(waiter) || this.#asked?.delete(waiter)) waiter.done(false);
	}
}
