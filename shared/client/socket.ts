/** The socket that a client is given: the common part of the WebSockets of pages and of `ws`. */

export interface ClientSocket {
	binaryType: string;
	/** Bytes that were passed to `send` and that the network has not taken yet. */
	readonly bufferedAmount: number;
	/** It is an ArrayBuffer because all WebSockets take one, by the declarations of all versions of TypeScript. */
	send(data: ArrayBuffer): void;
	close(code?: number, reason?: string): void;
	/** Ends the connection at once. Those of `ws` have it; a page needs none. */
	terminate?(): void;
	onopen: ((event: never) => void) | null;
	/** `event.data` is an ArrayBuffer: `binaryType` is set to ask for it. */
	onmessage: ((event: never) => void) | null;
	onclose: ((event: never) => void) | null;
	onerror: ((event: never) => void) | null;
}

/** Opens a WebSocket: `(url) => new WebSocket(url)`. */
export type Connect = (url: string) => ClientSocket;
