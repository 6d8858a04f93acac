/** The proposals that wait at a leader for a slot: its own, and those that other nodes have forwarded. */

import type { Context } from './config.ts';
import type { ProposalId } from './event.ts';
import { Forwards, type ForwardsState } from './forwards.ts';
import type { Forward } from './message.ts';
import { commandsLength, type Value } from './value.ts';

/** How many bytes of proposals wait at most; the origin of one that does not fit is told so, and asks again. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

export interface Queued {
	readonly value: Value;
	/** 0 for a proposal that another node has forwarded. */
	readonly id: ProposalId;
}

export interface QueueState {
	waiting: Queued[];
	/** What was taken lies before this index of `waiting`. */
	head: number;
	/** How many bytes of commands wait. */
	bytes: number;
	readonly forwards: ForwardsState;
}

export class Queue {
	readonly state: QueueState;
	readonly #context: Context;
	readonly #forwards: Forwards;

	constructor(context: Context, state: QueueState) {
		this.#context = context;
		this.state = state;
		this.#forwards = new Forwards(state.forwards);
	}

	get length(): number {
		return this.state.waiting.length - this.state.head;
	}

	/** @returns false, and takes nothing, when the queue is full */
	add(value: Value, id: ProposalId): boolean {
		if (!this.#hasRoom(value)) return false;
		this.state.waiting.push({ value, id });
		this.state.bytes += commandsLength(value);
		return true;
	}

	/**
	 * @param hasRoom whether logs have room for it
	 * @returns false, and takes nothing, when there is no room; true for one that was taken before
	 */
	takeForward(forward: Forward, hasRoom: boolean): boolean {
		if (this.#forwards.has(forward)) return true;
		return hasRoom && this.#hasRoom(forward.value) && this.#forwards.add(forward) && this.add(forward.value, 0);
	}

	/** As many proposals, in order, as fit one slot. */
	takeBatch(): { values: Value[]; ids: ProposalId[] } {
		const { state } = this;
		const { valueBytesMax } = this.#context.config;
		const ids: ProposalId[] = [];
		const values: Value[] = [];
		let bytes = 0;
		while (state.head < state.waiting.length) {
			const { value, id } = state.waiting[state.head] as Queued;
			if (values.length > 0 && bytes + commandsLength(value) > valueBytesMax) break;
			bytes += commandsLength(value);
			values.push(value);
			if (id !== 0) ids.push(id);
			state.head++;
		}
		state.bytes -= bytes;
		// What was taken is let go once it is half of the array, so that each is moved once at most.
		if (2 * state.head >= state.waiting.length) {
			state.waiting = state.waiting.slice(state.head);
			state.head = 0;
		}
		return { values, ids };
	}

	#hasRoom(value: Value): boolean {
		return this.state.bytes + commandsLength(value) <= QUEUE_BYTES_MAX;
	}
}
