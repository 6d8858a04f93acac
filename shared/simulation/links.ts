/**
 * The connections between nodes, one for each pair, as the mesh keeps them. A TCP connection loses nothing while it
 * stands, so a message that is lost ends its connection: everything that the same sender sends on it afterwards is
 * lost too, until both ends have been told `linkDown` and then `linkUp`. For each end the two always alternate.
 *
 * The network is worse than TCP in one way, on purpose: what was sent before the loss may still arrive, late, out of
 * order, twice, or only after the next connection stands. This room decides what each end is told, and when; it
 * carries nothing.
 */
import type { Counters } from './counters.ts';
import type { Network } from './network.ts';
import type { SimulatedNode } from './node.ts';
import type { Random } from './random.ts';
import { type Instant, US_PER_MS } from './schedule.ts';

/** The services that the links need from their world. */
export interface LinksWorld {
	readonly now: Instant;
	readonly counters: Counters;
	/** Calls back at that time. Where `node` is given and paused then, once it goes on. */
	plan(time: Instant, node: SimulatedNode | undefined, what: 'link', detail: number, act: () => void): void;
	/** Tells a node that its link to `peer` is up or down. */
	linkTold(node: SimulatedNode, peer: SimulatedNode, works: boolean): void;
}

/** An end notices within this time that the other end has closed the connection, or that a new one stands. */
const CLOSE_NOTICED_MAX_MS = 30;
/** An end notices within this time, by unanswered pings, that the other one has fallen silent. */
const SILENCE_NOTICED_MIN_MS = 500;
const SILENCE_NOTICED_MAX_MS = 1_500;
/** The share of connections that end without a packet, as when a machine loses power, so that only silence tells. */
const SILENT_END = 0.3;

/** 0 is the end of the listener, 1 the end of the dialer. */
type End = 0 | 1;

class Connection {
	readonly ends: readonly [listener: SimulatedNode, dialer: SimulatedNode];
	/** Each new connection of the pair has the next number. */
	number = 0;
	/** Whether neither end has closed it, as far as the kernels know. */
	stands = false;
	/** By sender: whether a message was lost, so that all later ones are lost too. */
	readonly losesFrom: [boolean, boolean] = [true, true];
	/** By end: the number of the connection that the node believes is up; 0 where it was told `linkDown`. */
	readonly told: [number, number] = [0, 0];

	constructor(listener: SimulatedNode, dialer: SimulatedNode) {
		this.ends = [listener, dialer];
	}

	endOf(node: SimulatedNode): End {
		return node === this.ends[0] ? 0 : 1;
	}
}

export class Links {
	readonly #world: LinksWorld;
	readonly #network: Network;
	readonly #random: Random;
	/** The pairs by the higher index, then by the lower one. The node with the higher index dials. */
	readonly #connections: Connection[][];
	/** The nodes that make no connections now. */
	readonly #alone = new Set<SimulatedNode>();

	constructor(world: LinksWorld, network: Network, random: Random, nodes: readonly SimulatedNode[]) {
		this.#world = world;
		this.#network = network;
		this.#random = random;
		this.#connections = nodes.map((dialer) =>
			nodes.slice(0, dialer.index).map((listener) => new Connection(listener, dialer)),
		);
	}

	/** Whether a message that `from` sends now goes onto a connection that still carries it. */
	carries(from: SimulatedNode, to: SimulatedNode): boolean {
		const connection = this.#between(from, to);
		const end = connection.endOf(from);
		return connection.stands && connection.told[end] === connection.number && !connection.losesFrom[end];
	}

	/** The network has lost a message of `from`. The connection carries nothing more of it. */
	lost(from: SimulatedNode, to: SimulatedNode): void {
		const connection = this.#between(from, to);
		const isFirst = !connection.losesFrom.includes(true);
		connection.losesFrom[connection.endOf(from)] = true;
		if (!isFirst) return;
		this.#world.counters.linksLost++;
		const isCut = this.#isCut(connection);
		this.#noticeEnd(connection, isCut || this.#random.chance(SILENT_END));
	}

	/** A message of `from` arrives that was sent on connection `number`, so the receiver knows that connection by now. */
	arrives(from: SimulatedNode, to: SimulatedNode, number: number): void {
		const connection = this.#between(from, to);
		if (connection.stands && connection.number === number) this.#tellUp(connection, connection.endOf(to));
	}

	/** The number of the connection that carries a message that `from` sends now. */
	numberOf(from: SimulatedNode, to: SimulatedNode): number {
		return this.#between(from, to).number;
	}

	/** A process of `node` has begun, or goes on after a pause: its links are made again. */
	dialAll(node: SimulatedNode): void {
		for (const connection of this.#of(node)) this.#planDial(connection);
	}

	/** `node` ends all its connections and makes no new ones (true), or makes them again (false). */
	isolate(node: SimulatedNode, isAlone: boolean): void {
		if (!isAlone) {
			this.#alone.delete(node);
			return this.dialAll(node);
		}
		this.#alone.add(node);
		for (const connection of this.#of(node)) {
			this.#end(connection);
			this.#noticeEnd(connection, false);
		}
	}

	/** The process of `node` has ended, with its sockets. */
	crashed(node: SimulatedNode): void {
		this.#alone.delete(node);
		const silently = this.#random.chance(SILENT_END);
		for (const connection of this.#of(node)) {
			connection.told[connection.endOf(node)] = 0;
			this.#end(connection);
			this.#noticeEnd(connection, silently);
		}
	}

	/** `node` is paused from now on. If that lasts, its peers end their connections to it. */
	paused(node: SimulatedNode): void {
		const { pauses } = node;
		for (const connection of this.#of(node)) {
			this.#afterSilence(connection, () => {
				// It may have gone on since then, and stand still again.
				if (!node.paused || node.pauses !== pauses || !connection.stands) return;
				this.#world.counters.linksEndedByPause++;
				this.#end(connection);
				this.#noticeEnd(connection, false);
			});
		}
	}

	/** A direction between the two was cut. A connection on which nothing is sent ends too, by its pings. */
	cut(a: SimulatedNode, b: SimulatedNode): void {
		const connection = this.#between(a, b);
		this.#afterSilence(connection, () => {
			if (!connection.stands || !this.#isCut(connection)) return;
			this.#end(connection);
			this.#noticeEnd(connection, false);
		});
	}

	/** A direction between the two is whole again. */
	mended(a: SimulatedNode, b: SimulatedNode): void {
		this.#planDial(this.#between(a, b));
	}

	/** Every loss that has happened is noticed soon, and every link that can stand is made. */
	heal(): void {
		for (const connection of this.#connections.flat()) {
			if (!connection.losesFrom.includes(true)) continue;
			this.#noticeEnd(connection, false);
			this.#planDial(connection);
		}
	}

	#end(connection: Connection): void {
		connection.stands = false;
		connection.losesFrom.fill(true);
	}

	/** Both ends notice, each in its own time, that the connection is over. */
	#noticeEnd(connection: Connection, silently: boolean): void {
		const { number } = connection;
		for (const end of [0, 1] as const) {
			const ms = silently
				? this.#random.between(SILENCE_NOTICED_MIN_MS, SILENCE_NOTICED_MAX_MS)
				: this.#random.between(0.5, CLOSE_NOTICED_MAX_MS);
			this.#plan(connection, end, ms, () => {
				// A pair that was never linked has the number of no connection, and nothing to be told.
				if (number > 0 && connection.told[end] === number) {
					if (connection.number === number) this.#end(connection);
					this.#tellDown(connection, end);
				}
				if (end === 1) this.#planDial(connection);
			});
		}
	}

	#planDial(connection: Connection): void {
		const ms = this.#random.between(0.5, CLOSE_NOTICED_MAX_MS);
		this.#world.plan(this.#after(ms), undefined, 'link', connection.ends[1].index, () => this.#dial(connection));
	}

	/** The dialer dials once it knows that the old connection is over; the listener may learn it from the new one. */
	#dial(connection: Connection): void {
		const [listener, dialer] = connection.ends;
		if (connection.stands || connection.told[1] !== 0) return;
		if (!listener.process || !dialer.process || listener.paused || dialer.paused) return;
		if (this.#alone.has(listener) || this.#alone.has(dialer)) return;
		if (this.#isCut(connection)) return;
		connection.stands = true;
		connection.losesFrom.fill(false);
		const number = ++connection.number;
		for (const end of [0, 1] as const) {
			this.#plan(connection, end, this.#random.between(0.5, CLOSE_NOTICED_MAX_MS), () => {
				if (connection.stands && connection.number === number) this.#tellUp(connection, end);
			});
		}
	}

	#tellUp(connection: Connection, end: End): void {
		if (connection.told[end] === connection.number || !connection.ends[end].process) return;
		if (connection.told[end] !== 0) {
			this.#world.counters.linksReplaced++;
			this.#tellDown(connection, end);
		}
		connection.told[end] = connection.number;
		this.#tell(connection, end, true);
	}

	#tellDown(connection: Connection, end: End): void {
		connection.told[end] = 0;
		this.#tell(connection, end, false);
	}

	#tell({ ends }: Connection, end: End, works: boolean): void {
		this.#world.linkTold(ends[end], ends[1 - end] as SimulatedNode, works);
	}

	#afterSilence(connection: Connection, act: () => void): void {
		const ms = this.#random.between(SILENCE_NOTICED_MIN_MS, SILENCE_NOTICED_MAX_MS);
		this.#world.plan(this.#after(ms), undefined, 'link', connection.ends[1].index, act);
	}

	#plan({ ends }: Connection, end: End, ms: number, act: () => void): void {
		this.#world.plan(this.#after(ms), ends[end], 'link', (ends[1 - end] as SimulatedNode).index, act);
	}

	#after(ms: number): Instant {
		return this.#world.now + Math.ceil(ms * US_PER_MS);
	}

	#isCut({ ends: [a, b] }: Connection): boolean {
		return this.#network.isCut(a.index, b.index) || this.#network.isCut(b.index, a.index);
	}

	#between(a: SimulatedNode, b: SimulatedNode): Connection {
		const connection = this.#connections[Math.max(a.index, b.index)]?.[Math.min(a.index, b.index)];
		if (!connection) throw new RangeError(`there is no link from ${a.id} to ${b.id}`);
		return connection;
	}

	#of(node: SimulatedNode): readonly Connection[] {
		return this.#connections.flat().filter(({ ends }) => ends.includes(node));
	}
}
