/** The socket that a client is given: what WebSockets of pages and of `ws` have in common. */

export interface ClientSocket {
	binaryType: string;
	/** Bytes that were sent and that the network has not taken yet. */
	readonly bufferedAmount: number;
	/** Every kind of WebSocket takes one of these, whatever version of TypeScript has declared it. */
	send(data: ArrayBuffer): void;
	close(code?: number, reason?: string): void;
	onopen: ((event: never) => void) | null;
	/** `event.data` is an ArrayBuffer: `binaryType` is set to ask for it. */
	onmessage: ((event: never) => void) | null;
	onclose: ((event: never) => void) | null;
	onerror: ((event: never) => void) | null;
}

/** Opens a WebSocket: `(url) => new WebSocket(url)`. */
export type Connect = (url: string) => ClientSocket;
