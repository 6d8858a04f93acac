/**
 * A world in which a person sees what is on its way between two nodes, and meddles with it. What is in flight arrives at
 * the time that the network drew, unless it is delivered before, held, or dropped.
 */
import type { NodeId } from '../paxos/ballot.ts';
import type { MessageKind } from '../paxos/message.ts';
import type { Frame } from './carrier.ts';
import type { Instant } from './schedule.ts';
import { World } from './world.ts';

/** Frames are numbered from 1 in the order in which they were sent, so the same run gives the same numbers. */
export type FlightNumber = number;

/** One frame on its way. */
export interface Flight {
	readonly number: FlightNumber;
	readonly from: NodeId;
	readonly to: NodeId;
	/** The messages of the frame, in order. */
	readonly kinds: readonly MessageKind[];
	readonly departed: Instant;
	/** When it arrives; in the past where its receiver stands still. */
	readonly due: Instant;
}

interface Flying extends Flight {
	due: Instant;
	readonly frame: Frame;
	readonly arrive: () => void;
}

/** The copy of a frame comes so long after it was made, microseconds. */
const COPY_US = 300;

export class FlightWorld extends World {
	/** What is on its way, in the order in which it was sent. */
	readonly #flying = new Map<FlightNumber, Flying>();
	#count = 0;

	get flights(): Iterable<Flight> {
		return this.#flying.values();
	}

	override arrives(frame: Frame, time: Instant, arrive: () => void): void {
		const { from, to, messages } = frame;
		const number = ++this.#count;
		const kinds = messages.map(({ kind }) => kind);
		this.#plan({ number, from: from.id, to: to.id, kinds, departed: this.now, due: time, frame, arrive });
	}

	/** It arrives now. */
	deliver(number: FlightNumber): void {
		const flying = this.#flying.get(number);
		if (flying) this.#plan({ ...flying, due: this.now });
	}

	/** It never arrives, and so its connection ends: a connection loses nothing while it stands. */
	drop(number: FlightNumber): void {
		const flying = this.#flying.get(number);
		if (!flying) return;
		this.#flying.delete(number);
		this.links.lost(flying.frame.from, flying.frame.to);
	}

	/** A copy of it arrives too, later. */
	duplicate(number: FlightNumber): void {
		const flying = this.#flying.get(number);
		if (!flying) return;
		this.arrives(flying.frame, Math.max(flying.due, this.now) + COPY_US, flying.arrive);
	}

	/** It arrives so many milliseconds later. */
	hold(number: FlightNumber, us: Instant): void {
		const flying = this.#flying.get(number);
		if (flying) this.#plan({ ...flying, due: Math.max(flying.due, this.now) + us });
	}

	/** An earlier plan of the same frame does nothing. */
	#plan(flying: Flying): void {
		this.#flying.set(flying.number, flying);
		super.arrives(flying.frame, flying.due, () => {
			if (this.#flying.get(flying.number) !== flying) return;
			this.#flying.delete(flying.number);
			flying.arrive();
		});
	}
}
