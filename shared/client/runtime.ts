/**
 * The services that a client needs from its surroundings, apart from its sockets. In Node and in pages they come from
 * `platform.ts`; the simulator has its own, and so the same client runs in virtual time.
 */

export interface ClientRuntime {
	/** Monotonic, milliseconds. */
	nowMs(): number;
	/** Drawn evenly from 0 up to, not including, 1. */
	random(): number;
	/** A unique name, of 1 to 64 visible ASCII characters. */
	newId(): string;
	/** Calls `act` once, after `ms` milliseconds, and never from inside this call. The function returned cancels it. */
	after(ms: number, act: () => void): () => void;
	/** Calls `act` once, when all callbacks that were ready in this turn of the event loop have run. */
	afterTurn(act: () => void): void;
}

/** The same for a client that has sessions. */
export interface SessionRuntime extends ClientRuntime {
	/** A UUID in small letters that no session has or ever had. */
	newSessionId(): string;
}
