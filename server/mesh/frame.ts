/**
 * A frame is what one WebSocket message carries: the number of its first message, then the messages, of one
 * lane, whose numbers follow without gaps. A lane writes messages into frames as they are sent, once.
 *
 * Frames are of bounded size on both sides. This room knows no socket.
 */
import { MalformedError, Reader, Writer } from '../../shared/bytes/bytes.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { readMessage, writeMessage } from '../../shared/paxos/wire.ts';

/** The largest message, written: 1 MiB of values, and room for what names them. */
export const MESSAGE_BYTES_MAX = 1_310_720;
/** A frame of this many bytes or messages takes no more. */
const FRAME_BYTES_FULL = 262_144;
export const FRAME_MESSAGES_MAX = 4096;
/** The largest frame: one byte short of full when its last message came, of the largest size. */
export const FRAME_BYTES_MAX = FRAME_BYTES_FULL + MESSAGE_BYTES_MAX;

/** The first byte of a frame; those of the handshake are others. */
const MESSAGES = 0x10;

export interface Frame {
	readonly firstId: number;
	readonly messages: readonly Message[];
}

/**
 * All of a frame or nothing. Values are views into `bytes`.
 *
 * @throws MalformedError where no lane could have written it
 */
export function readFrame(bytes: Uint8Array): Frame {
	const from = new Reader(bytes);
	if (from.u8() !== MESSAGES) throw new MalformedError('not a frame of messages');
	const firstId = from.int();
	const messages: Message[] = [];
	do {
		if (messages.length === FRAME_MESSAGES_MAX) throw new MalformedError('too many messages in a frame');
		messages.push(readMessage(from));
	} while (!from.done);
	return { firstId, messages };
}

/**
 * Encodes messages for all lanes of a mesh. What goes to several peers, one after the other, is the same object: it is
 * encoded for the first and copied for the others.
 */
export class Encoder {
	#message: Message | undefined;
	/** It ends with the message. Where it is written to again, the message is encoded again. */
	#writer = new Writer();
	#size = 0;

	/** Writes it behind what `to` holds, and returns its size in bytes. */
	write(to: Writer, message: Message): number {
		if (message === this.#message && to !== this.#writer) {
			to.raw(this.#writer.tail(this.#size));
			return this.#size;
		}
		const before = to.length;
		writeMessage(to, message);
		this.#message = message;
		this.#writer = to;
		this.#size = to.length - before;
		return this.#size;
	}
}

/** Messages to one peer that wait for the connection, in order, as frames. */
export class Lane {
	#nextId: number;
	readonly #encoder: Encoder;
	/** The frame that is being filled. */
	readonly #writer = new Writer();
	#messages = 0;
	#full: Uint8Array[] = [];
	#fullBytes = 0;

	/** @param firstId numbers go up from here, for as long as the process lives */
	constructor(firstId: number, encoder = new Encoder()) {
		this.#nextId = firstId;
		this.#encoder = encoder;
	}

	/** How much waits here. */
	get bytes(): number {
		return this.#fullBytes + this.#writer.length;
	}

	/**
	 * Returns the message's number.
	 *
	 * @throws RangeError above MESSAGE_BYTES_MAX: whoever makes messages must keep to it
	 */
	add(message: Message): number {
		const id = this.#nextId++;
		if (this.#messages === 0) {
			this.#writer.u8(MESSAGES);
			this.#writer.int(id);
		}
		const size = this.#encoder.write(this.#writer, message);
		this.#messages++;
		if (size > MESSAGE_BYTES_MAX) {
			this.clear();
			throw new RangeError(
				`a ${message.kind} of ${size} bytes is above the ${MESSAGE_BYTES_MAX} that a frame may hold`,
			);
		}
		if (this.#writer.length >= FRAME_BYTES_FULL || this.#messages === FRAME_MESSAGES_MAX) {
			const frame = this.#takeWritten();
			this.#full.push(frame);
			this.#fullBytes += frame.length;
		}
		return id;
	}

	/** Takes the next frame; undefined when nothing waits. */
	takeFrame(): Uint8Array | undefined {
		const frame = this.#full.shift();
		if (frame === undefined) return this.#messages === 0 ? undefined : this.#takeWritten();
		this.#fullBytes -= frame.length;
		return frame;
	}

	/** Drops all that waits. */
	clear(): void {
		this.#takeWritten();
		this.#full = [];
		this.#fullBytes = 0;
	}

	#takeWritten(): Uint8Array {
		this.#messages = 0;
		return this.#writer.take();
	}
}
