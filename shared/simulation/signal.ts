/** The part of an AbortSignal that the client uses. A signal of the platform would bring its types into this room. */
export class SimulatedSignal {
	aborted = false;
	reason: unknown;
	#listener: (() => void) | null = null;

	/** The client has one listener at each signal, however many calls have the signal. */
	addEventListener(_kind: 'abort', listener: () => void): void {
		this.#listener = listener;
	}

	removeEventListener(): void {
		this.#listener = null;
	}

	abort(reason: unknown): void {
		this.aborted = true;
		this.reason = reason;
		const listener = this.#listener;
		this.#listener = null;
		listener?.();
	}
}
