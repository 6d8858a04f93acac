/**
 * A frame is the content of one WebSocket message: how far the log of its sender is durable as the frame leaves (six
 * bytes), the number of its first message, and then messages of one lane, whose numbers follow without gaps. A lane
 * writes each message into a frame once, when it is sent.
 *
 * Frames are of bounded size on both sides. This room knows no socket.
 */
import { MalformedError, Reader, Writer } from '../../shared/bytes/bytes.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { readMessage, writeMessage } from '../../shared/paxos/wire.ts';

/** The largest message, written: 1 MiB of values, and room for what names them. */
export const MESSAGE_BYTES_MAX = 1_310_720;
/** A frame that has reached this size takes no further message. */
const FRAME_BYTES_FULL = 262_144;
export const FRAME_MESSAGES_MAX = 4096;
/** The largest frame: it was almost full before its last message, which is of the largest size. */
export const FRAME_BYTES_MAX = FRAME_BYTES_FULL + MESSAGE_BYTES_MAX;

/** The frames of a lane lie side by side in an array of this size, which grows for larger ones. */
const LANE_BYTES = 65_536;

/** The first byte of a frame of traces, which goes before the message that belongs to them. */
const TRACES = 0x11;
/** Nodes understand frames of traces from this version of the mesh on. */
export const TRACES_SINCE = 8;
/** The bound on the traces that one message belongs to. */
export const TRACES_PER_MESSAGE_MAX = 16;

/** The first byte of a frame. The steps of the handshake begin with other bytes. */
const MESSAGES = 0x10;
const REACHED_AT = 1;
const REACHED_BYTES = 6;
/** The largest number of frames of a log that a frame of the mesh can tell. */
export const REACHED_MAX = 2 ** (8 * REACHED_BYTES) - 1;
/** Fills the place of the sender's last durable frame until the frame leaves. */
const REACHED_LATER = new Uint8Array(REACHED_BYTES);

export interface Frame {
	/** The last frame of the sender's log that is durable. */
	readonly reached: number;
	readonly firstId: number;
	readonly messages: readonly Message[];
}

/**
 * Reads a whole frame. Values are views of `bytes`.
 *
 * @throws MalformedError where no lane could have written it
 */
export function readFrame(bytes: Uint8Array): Frame {
	const from = new Reader(bytes);
	if (from.u8() !== MESSAGES) throw new MalformedError('not a frame of messages');
	const reached = readReached(from.raw(REACHED_BYTES));
	const firstId = from.int();
	const messages: Message[] = [];
	do {
		if (messages.length === FRAME_MESSAGES_MAX) throw new MalformedError('too many messages in a frame');
		messages.push(readMessage(from));
	} while (!from.done);
	return { reached, firstId, messages };
}

/** The traces that a message of its sender belongs to. The message comes next, or never. */
export interface Traces {
	/** The number of the message. */
	readonly message: number;
	/** Texts as of the header of W3C Trace Context. */
	readonly traceparents: readonly string[];
}

export function isTraces(bytes: Uint8Array): boolean {
	return bytes[0] === TRACES;
}

/** @param traceparents up to TRACES_PER_MESSAGE_MAX, of 64 characters of ASCII at most */
export function writeTraces({ message, traceparents }: Traces): Uint8Array {
	const out = new Writer();
	out.u8(TRACES);
	out.int(message);
	out.list(traceparents, (traceparent) => out.id(traceparent));
	return out.take();
}

/** @param bytes that `isTraces` @throws MalformedError where `writeTraces` could not have written it */
export function readTraces(bytes: Uint8Array): Traces {
	const from = new Reader(bytes, 1);
	const [message, traceparents] = [from.int(), from.list(() => from.id())];
	from.finish();
	if (traceparents.length > TRACES_PER_MESSAGE_MAX) throw new MalformedError('too many traces of a message');
	return { message, traceparents };
}

function readReached(bytes: Uint8Array): number {
	return bytes.reduceRight((number, byte) => number * 0x100 + byte, 0);
}

function putReached(frame: Uint8Array, reached: number): void {
	let rest = reached;
	for (let at = REACHED_AT; at < REACHED_AT + REACHED_BYTES; at++) {
		frame[at] = rest % 0x100;
		rest = Math.floor(rest / 0x100);
	}
}

/**
 * Encodes messages for all lanes of a mesh. A message that is sent to several peers in a row is the same object, and is
 * encoded for the first of them and copied for the others.
 */
export class Encoder {
	#message: Message | undefined;
	/** The writer whose last bytes are `#message`. */
	#writer = new Writer();
	#size = 0;

	/** Appends the message to `to`. @returns its size in bytes */
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

/** The messages of one lane to one peer that wait to be sent, in order, in frames. */
export class Lane {
	#nextId: number;
	readonly #encoder: Encoder;
	readonly #reached: () => number;
	/** The frame that is being filled. */
	#writer = new Writer(LANE_BYTES);
	#messages = 0;
	#full: Uint8Array[] = [];
	#fullBytes = 0;

	/**
	 * @param firstId the number of the first message; the others' follow for as long as the process lives
	 * @param reached returns the last durable frame of this node's log
	 */
	constructor(firstId: number, encoder = new Encoder(), reached = () => 0) {
		this.#nextId = firstId;
		this.#encoder = encoder;
		this.#reached = reached;
	}

	/** The bytes that wait here. */
	get bytes(): number {
		return this.#fullBytes + this.#writer.length;
	}

	/**
	 * @returns the message's number
	 *
	 * @throws RangeError for a message above MESSAGE_BYTES_MAX, which the agent must not make
	 */
	add(message: Message): number {
		const id = this.#nextId++;
		if (this.#messages === 0) {
			this.#writer.u8(MESSAGES);
			this.#writer.raw(REACHED_LATER);
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

	/** Writes the next frames over those that were taken, because the kernel has them all. Nothing happens while any waits. */
	reuse(): void {
		if (this.#full.length === 0) this.#writer.reuse();
	}

	/** Drops all messages that wait. Frames that were taken may still be on their way, so nothing is written over them. */
	clear(): void {
		this.#messages = 0;
		this.#writer = new Writer(LANE_BYTES);
		this.#full = [];
		this.#fullBytes = 0;
	}

	#takeWritten(): Uint8Array {
		this.#messages = 0;
		const frame = this.#writer.take();
		putReached(frame, this.#reached());
		return frame;
	}
}
