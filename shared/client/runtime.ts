/**
 * Everything that a client needs of the place it runs in, apart from the sockets that it is given. In Node and in
 * pages that is `platform.ts`; a simulator gives its own, and the same client runs in virtual time.
 */
export interface ClientRuntime {
	/** A clock that only goes forward, in milliseconds. */
	nowMs(): number;
	/** Drawn evenly from 0 up to, not including, 1. */
	random(): number;
	/** A name that no other client has: 1 to 64 characters of ASCII that can be seen. */
	newId(): string;
	/** Calls `act` once, after that many milliseconds and never before it returns. The result cancels that. */
	after(ms: number, act: () => void): () => void;
	/** Calls `act` once, when everything that was ready in this turn of the event loop has run. */
	afterTurn(act: () => void): void;
}
