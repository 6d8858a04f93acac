/**
 * Messages on their way from node to node: as bytes, in frames of one message or of all that leaves together, as the
 * mesh sends them. A frame arrives whole or not at all, and its receiver takes in all of it before its next turn.
 */
import { Reader, Writer } from '../bytes/bytes.ts';
import type { Message, MessageKind } from '../paxos/message.ts';
import { readMessage, writeMessage } from '../paxos/wire.ts';
import { mixed } from './invariants.ts';
import { LOST } from './network.ts';
import type { SimulatedNode } from './node.ts';
import type { Random } from './random.ts';
import type { Instant } from './schedule.ts';
import { hashOf } from './values.ts';
import type { World } from './world.ts';

/** The bytes of one message, for each node that it is sent to. */
interface Encoded {
	readonly message: Message;
	readonly bytes: Uint8Array;
	readonly hash: number;
}

/** A message in a frame. */
interface Carried {
	readonly kind: MessageKind;
	readonly bytes: Uint8Array;
	/** For onlookers; empty where there are none. */
	readonly messageId: string;
}

/** What one node sends to another at once. */
export interface Frame {
	readonly from: SimulatedNode;
	readonly to: SimulatedNode;
	/** The number of the connection that it was sent on. */
	readonly connection: number;
	readonly messages: readonly Carried[];
	readonly hash: number;
	/** How far the log of the sender was durable. */
	readonly reached: number;
}

export class Carrier {
	readonly #world: World;
	readonly #random: Random;
	/** Of 1: how often what leaves together is one frame. */
	readonly #together: number;
	readonly #writer = new Writer(64 * 1024);
	#encoded: Encoded | undefined;
	/** Numbers messages for onlookers. */
	#messages = 0;
	/** By receiver and sender: the latest arrival so far, to know what was overtaken. */
	readonly #latestArrival: Instant[] = [];

	constructor(world: World, random: Random, together: number) {
		this.#world = world;
		this.#random = random;
		this.#together = together;
	}

	/** What one turn of `from` has for `to` leaves it. */
	carry(from: SimulatedNode, to: SimulatedNode, messages: readonly Message[], reached: number): void {
		if (messages.length === 1 || !this.#random.chance(this.#together)) {
			for (const message of messages) this.#send(from, to, [message], reached);
			return;
		}
		this.#world.counters.framesOfSeveral++;
		this.#send(from, to, messages, reached);
	}

	#send(from: SimulatedNode, to: SimulatedNode, messages: readonly Message[], reached: number): void {
		const { links, network, now, counters } = this.#world;
		const connection = links.numberOf(from, to);
		const carries = links.carries(from, to);
		const delay = carries ? network.delayOf(from.index, to.index, now) : LOST;
		const { carried, hash } = this.#written(from, to, messages, delay < 0);
		if (delay < 0) {
			counters.messagesLost += messages.length;
			if (carries) links.lost(from, to);
			return;
		}
		const frame = { from, to, connection, messages: carried, hash, reached };
		this.#arrive(frame, delay);
		const again = network.duplicateDelayOf(from.index, to.index, now);
		if (again < 0) return;
		counters.messagesDuplicated += messages.length;
		this.#arrive(frame, again);
	}

	#written(from: SimulatedNode, to: SimulatedNode, messages: readonly Message[], isLost: boolean) {
		const { onlooker, now } = this.#world;
		const carried: Carried[] = [];
		let hash = 0;
		for (const message of messages) {
			const encoded = this.#encode(message);
			const messageId = onlooker ? `${from.id}-${from.epoch}:${++this.#messages}` : '';
			onlooker?.sent(now, from, to.id, messageId, message, isLost);
			carried.push({ kind: message.kind, bytes: encoded.bytes, messageId });
			hash = hash === 0 ? encoded.hash : mixed(hash, encoded.hash);
		}
		return { carried, hash };
	}

	#encode(message: Message): Encoded {
		if (this.#encoded?.message === message) return this.#encoded;
		writeMessage(this.#writer, message);
		const bytes = this.#writer.take();
		this.#encoded = { message, bytes, hash: hashOf(bytes) };
		return this.#encoded;
	}

	#arrive(frame: Frame, delay: number): void {
		const { from, to } = frame;
		const world = this.#world;
		const time = world.now + delay;
		const link = from.index * world.nodes.length + to.index;
		if (time < (this.#latestArrival[link] ?? 0)) world.counters.messagesOvertaken += frame.messages.length;
		else this.#latestArrival[link] = time;
		world.arrives(frame, time, () => this.#takeIn(frame));
	}

	#takeIn({ from, to, connection, messages, reached }: Frame): void {
		const { links, onlooker, counters, now } = this.#world;
		if (!to.process) {
			counters.messagesToTheDead += messages.length;
			return;
		}
		links.arrives(from, to, connection);
		const received = messages.map(({ bytes, messageId }) => {
			const reader = new Reader(bytes);
			const message = readMessage(reader);
			reader.finish();
			onlooker?.received(now, to, from.id, messageId, message);
			return message;
		});
		to.process.receive(from.id, received, reached);
	}
}
