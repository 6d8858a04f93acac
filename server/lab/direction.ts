/**
 * What one peer sends to this node, on its way through the faults of a lab. The order of messages stays, and nothing is
 * lost silently: after a loss the link is made anew, as the mesh promises.
 */
import { isFault, type LinkFault, NO_FAULT } from '../../shared/lab.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { MessageKind } from '../../shared/paxos/message.ts';
import type { Frame } from '../mesh/frame.ts';

export interface LabClock {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Calls `run` once, no earlier than `afterMs` from now. The function returned cancels it. */
	after(afterMs: number, run: () => void): () => void;
	/** From 0 to below 1. */
	random(): number;
}

export interface DirectionHandlers {
	/** The frame has arrived. It is not called from inside `set`. */
	deliver(epoch: string, frame: Frame): void;
	/** Ends the link, of which a new one may be made at once. */
	renew(why: string): void;
	/** Ends the link and makes none (true), or makes it again (false). */
	part(isApart: boolean, why: string): void;
}

/** A message that waits. */
export interface WaitingMessage {
	/** `${epoch}:${number}`, as in the facts of its sending. */
	readonly id: string;
	readonly kind: MessageKind;
}

/** TCP waits so long at least before it sends a lost segment again (RFC 6298, 2.4, as Linux has it). */
const SENT_AGAIN_AFTER_MS = 200;
/** A link on which nothing arrives is lost after so long, as the mesh notices a silent one. */
export const LOST_AFTER_MS = 2_000;
/**
 * A new delay grows by so much each millisecond, so that heartbeats keep coming, a little apart: a delay that begins at
 * once would look like a leader that fell silent.
 */
const DELAY_PER_MS = 0.25;
/** More messages than these do not wait: the link is lost, as one on which too much waits to be sent. */
export const WAITING_MAX = 10_000;

interface Waiting {
	readonly dueMs: number;
	readonly epoch: string;
	readonly frame: Frame;
}

export class Direction {
	readonly from: NodeId;
	readonly #clock: LabClock;
	readonly #handlers: DirectionHandlers;
	#fault = NO_FAULT;
	#waiting: Waiting[] = [];
	#messages = 0;
	#lastDueMs = Number.NEGATIVE_INFINITY;
	/** The delay now, which grows to that of the fault. */
	#delay = { ms: 0, atMs: 0 };
	#hasLost = false;
	#isApart = false;
	/** Cancels the timer of the first message that waits. */
	#cancelDue: (() => void) | null = null;
	#cancelPart: (() => void) | null = null;

	constructor(from: NodeId, clock: LabClock, handlers: DirectionHandlers) {
		this.from = from;
		this.#clock = clock;
		this.#handlers = handlers;
	}

	get fault(): LinkFault {
		return this.#fault;
	}

	/** The messages that wait, the first to arrive first. */
	get waiting(): { readonly count: number; first(count: number): readonly WaitingMessage[] } {
		return {
			count: this.#messages,
			first: (count) =>
				this.#waiting
					.slice(0, count)
					.flatMap(({ epoch, frame: { firstId, messages } }) =>
						messages.map(({ kind }, index) => ({ id: `${epoch}:${firstId + index}`, kind })),
					)
					.slice(0, count),
		};
	}

	/** A frame came from the network. */
	arrive(epoch: string, frame: Frame): void {
		if (this.#fault.cut) {
			this.#hasLost = true;
			return;
		}
		if (this.#waiting.length === 0 && !isFault(this.#fault)) return this.#handlers.deliver(epoch, frame);
		const waiting = { dueMs: this.#dueMs(), epoch, frame };
		this.#waiting.push(...(this.#fault.hold ? oneByOne(waiting) : [waiting]));
		this.#messages += frame.messages.length;
		if (this.#messages > WAITING_MAX) {
			this.#forget();
			return this.#handlers.renew(`more than ${WAITING_MAX} messages wait in the lab`);
		}
		this.#schedule();
	}

	set(fault: LinkFault): void {
		const before = this.#fault;
		this.#delay = { ms: this.#delayMs(before), atMs: this.#clock.nowMs() };
		this.#fault = fault;
		if (fault.hold && !before.hold) this.#waiting = this.#waiting.flatMap(oneByOne);
		if (fault.cut && !before.cut) this.#cut();
		else if (!fault.cut && before.cut) this.#mend();
		// What was held waits no longer than any other message.
		if (!fault.hold && before.hold) this.#hurry();
		this.#schedule();
	}

	/** Lets the first `count` messages that wait arrive. @returns how many did */
	release(count: number): number {
		const released = this.#waiting.splice(0, count);
		const messages = released.reduce((sum, { frame }) => sum + frame.messages.length, 0);
		this.#messages -= messages;
		this.#schedule();
		for (const { epoch, frame } of released) this.#handlers.deliver(epoch, frame);
		return messages;
	}

	/** The link is lost, and what waits with it. */
	linkDown(): void {
		this.#forget();
		this.#hasLost = false;
	}

	/** Nothing arrives any more. */
	stop(): void {
		this.#forget();
		this.#cancelPart?.();
	}

	#cut(): void {
		this.#hasLost ||= this.#waiting.length > 0;
		this.#forget();
		this.#cancelPart = this.#clock.after(LOST_AFTER_MS, () => {
			this.#isApart = true;
			this.#handlers.part(true, `nothing came for ${LOST_AFTER_MS} ms: the link is cut in the lab`);
		});
	}

	#mend(): void {
		this.#cancelPart?.();
		this.#cancelPart = null;
		const why = 'it was cut in the lab, and what came meanwhile is lost';
		if (this.#isApart) this.#handlers.part(false, why);
		else if (this.#hasLost) this.#handlers.renew(why);
		this.#isApart = false;
		this.#hasLost = false;
	}

	#delayMs({ delayMs }: LinkFault): number {
		const { ms, atMs } = this.#delay;
		const most = DELAY_PER_MS * (this.#clock.nowMs() - atMs);
		return delayMs > ms ? Math.min(delayMs, ms + most) : delayMs;
	}

	/** When what comes now is due. It is lost again only while it is late by less than a silent link is kept. */
	#dueMs(): number {
		const { loss } = this.#fault;
		let lostMs = 0;
		for (let waitMs = SENT_AGAIN_AFTER_MS; lostMs < LOST_AFTER_MS && this.#clock.random() < loss; waitMs *= 2) {
			lostMs += waitMs;
		}
		this.#lastDueMs = Math.max(this.#lastDueMs, this.#clock.nowMs() + this.#delayMs(this.#fault) + lostMs);
		return this.#lastDueMs;
	}

	#hurry(): void {
		const nowMs = this.#clock.nowMs();
		this.#waiting = this.#waiting.map((each) => ({ ...each, dueMs: Math.min(each.dueMs, nowMs) }));
		this.#lastDueMs = nowMs;
	}

	#schedule(): void {
		this.#cancelDue?.();
		this.#cancelDue = null;
		const [first] = this.#waiting;
		if (!first || this.#fault.hold) return;
		const afterMs = Math.max(0, first.dueMs - this.#clock.nowMs());
		this.#cancelDue = this.#clock.after(afterMs, () => {
			this.#cancelDue = null;
			this.#deliverDue();
		});
	}

	#deliverDue(): void {
		const nowMs = this.#clock.nowMs();
		while (this.#waiting[0] && this.#waiting[0].dueMs <= nowMs) {
			const { epoch, frame } = this.#waiting.shift() as Waiting;
			this.#messages -= frame.messages.length;
			this.#handlers.deliver(epoch, frame);
		}
		this.#schedule();
	}

	#forget(): void {
		this.#waiting = [];
		this.#messages = 0;
		this.#lastDueMs = Number.NEGATIVE_INFINITY;
		this.#cancelDue?.();
		this.#cancelDue = null;
	}
}

function oneByOne({ frame: { reached, firstId, messages }, ...rest }: Waiting): Waiting[] {
	return messages.map((message, index) => ({
		...rest,
		frame: { reached, firstId: firstId + index, messages: [message] },
	}));
}
