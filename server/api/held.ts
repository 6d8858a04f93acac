/**
 * The places of requests that keep their connections for long: blocking reads and watches, together. A connection with
 * an unanswered request is not closed for a newcomer, so others need the rest of the connections.
 */
import { HttpError } from './answer.ts';

export class HeldPlaces {
	readonly #placesMax: number;
	#taken = 0;

	constructor(placesMax: number) {
		this.#placesMax = placesMax;
	}

	/** Takes a place. @throws HttpError 503 where there is none */
	take(): void {
		if (this.#taken >= this.#placesMax) {
			const text = `This node has ${this.#placesMax} blocking reads and watches, and takes no more; try again later.`;
			throw new HttpError(503, text);
		}
		this.#taken++;
	}

	/** Gives a place back. */
	free(): void {
		this.#taken--;
	}
}
