/**
 * The simulated network: a directed link for each ordered pair of nodes, with its own loss, duplication,
 * delay (which reorders), clogging and cuts. What travels is the bytes of `wire.ts`, never an object, so
 * that no node can see another's memory. This room decides when a message arrives; it delivers nothing.
 */

import { Random } from './random.ts';
import { US_PER_MS } from './schedule.ts';

/** The behaviour of a link while it is not cut. */
export interface LinkQuality {
	/** The share of messages that are lost, each of which ends its connection. */
	readonly loss: number;
	/** The share of messages that come a second time, later. */
	readonly duplication: number;
	readonly delayMinMs: number;
	/** The usual spread above `delayMinMs`; more than the time between two messages reorders them. */
	readonly delaySpreadMs: number;
	/** The share of messages that take `delayTailMs` longer. */
	readonly tail: number;
	readonly delayTailMs: number;
}

export const GOOD_LINK: LinkQuality = {
	loss: 0,
	duplication: 0,
	delayMinMs: 0.2,
	delaySpreadMs: 0.3,
	tail: 0,
	delayTailMs: 0,
};

/** The delay of a message that never arrives. */
export const LOST = -1;

class Link {
	readonly random: Random;
	quality: LinkQuality = GOOD_LINK;
	/** The number of faults that cut it now. */
	cuts = 0;
	/**
	 * Messages that are sent before this time arrive at it at the earliest: a clogged link delivers all at once, later.
	 */
	cloggedUntil = 0;

	constructor(random: Random) {
		this.random = random;
	}
}

export class Network {
	readonly #links: Link[] = [];
	readonly #nodes: number;

	constructor(seed: number, nodes: number, quality: LinkQuality) {
		this.#nodes = nodes;
		for (let i = 0; i < nodes * nodes; i++) {
			const link = new Link(new Random(seed, 0x6e6574, i));
			link.quality = quality;
			this.#links.push(link);
		}
	}

	/** The delay of a message that is sent now, microseconds; `LOST` where it never arrives, which ends the connection. */
	delayOf(from: number, to: number, now: number): number {
		const link = this.#link(from, to);
		if (link.cuts > 0 || link.random.chance(link.quality.loss)) {
			return LOST;
		}
		return this.#delay(link, now);
	}

	/** The delay of a second copy of the message, microseconds; `LOST` where there is none. */
	duplicateDelayOf(from: number, to: number, now: number): number {
		const link = this.#link(from, to);
		if (link.cuts > 0 || !link.random.chance(link.quality.duplication)) return LOST;
		return 2 * this.#delay(link, now);
	}

	cut(from: number, to: number): void {
		this.#link(from, to).cuts++;
	}

	/** Undoes one `cut`. */
	mend(from: number, to: number): void {
		this.#link(from, to).cuts--;
	}

	isCut(from: number, to: number): boolean {
		return this.#link(from, to).cuts > 0;
	}

	clog(from: number, to: number, until: number): void {
		this.#link(from, to).cloggedUntil = until;
	}

	setQuality(from: number, to: number, quality: LinkQuality): void {
		this.#link(from, to).quality = quality;
	}

	#delay(link: Link, now: number): number {
		const quality = link.quality;
		let ms = quality.delayMinMs + link.random.fraction() * quality.delaySpreadMs;
		if (link.random.chance(quality.tail)) ms += quality.delayTailMs * link.random.fraction();
		const us = Math.ceil(ms * US_PER_MS);
		return now + us < link.cloggedUntil ? link.cloggedUntil - now : us;
	}

	#link(from: number, to: number): Link {
		const link = this.#links[from * this.#nodes + to];
		if (!link) throw new RangeError('no such link');
		return link;
	}
}
