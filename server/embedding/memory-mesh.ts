/**
 * The mesh of a swarm in one process. Messages go as bytes, as they do on a socket, so no node holds what another one
 * changes. A link breaks and is made again as that of a real mesh.
 */
import { Reader, Writer } from '../../shared/bytes/bytes.ts';
import type { NodeId } from '../../shared/paxos/ballot.ts';
import type { Message } from '../../shared/paxos/message.ts';
import { readMessage, writeMessage } from '../../shared/paxos/wire.ts';
import type { MeshOfReplica, RunningReplica } from '../replica/replica.ts';

/** The part of a replica that its mesh calls. */
export type Linked = Pick<
	RunningReplica<never, never>,
	'receive' | 'traces' | 'linkUp' | 'linkDown' | 'reached' | 'remembered'
>;

/** A link to a peer, as long as it stands. */
interface MemoryLink {
	/** The messages that wait for a flush. */
	waiting: Message[];
	/** The number of the first of them. */
	firstId: number;
}

/** Each link of a mesh numbers its messages in a range of its own. */
const LINK_IDS = 2 ** 32;

export class MemoryNetwork {
	readonly #meshes = new Map<NodeId, MemoryMesh>();

	add(id: NodeId, replica: () => Linked): MemoryMesh {
		const mesh = new MemoryMesh(id, this, replica);
		this.#meshes.set(id, mesh);
		return mesh;
	}

	get(id: NodeId): MemoryMesh | undefined {
		return this.#meshes.get(id);
	}

	/** Makes every link that may be there and is not. */
	link(): void {
		for (const one of this.#meshes.values()) for (const other of this.#meshes.values()) one.linkWith(other);
	}
}

export class MemoryMesh implements MeshOfReplica {
	readonly id: NodeId;
	readonly #network: MemoryNetwork;
	readonly #replica: () => Linked;
	readonly #peers = new Map<NodeId, MemoryLink>();
	readonly #heardMs = new Map<NodeId, number>();
	readonly #writer = new Writer();
	#linksMade = 0;
	/** It makes no links: because its disk does not keep up, or because it is closed. */
	#isAlone = false;
	#isClosed = false;
	/** It makes no links because the program wants it so. */
	#isApart = false;

	constructor(id: NodeId, network: MemoryNetwork, replica: () => Linked) {
		this.id = id;
		this.#network = network;
		this.#replica = replica;
	}

	send(to: NodeId, message: Message): number {
		const link = this.#peers.get(to);
		if (link === undefined) return -1;
		link.waiting.push(message);
		return link.firstId + link.waiting.length - 1;
	}

	tellTraces(to: NodeId, message: number, traceparents: readonly string[]): void {
		setImmediate(() => {
			const peer = this.#network.get(to);
			if (peer !== undefined) peer.#replica().traces(`${this.id}:${message}`, traceparents);
		});
	}

	flush(peersMax = Number.POSITIVE_INFINITY): void {
		let peers = 0;
		for (const [to, link] of this.#peers) {
			if (link.waiting.length === 0) continue;
			if (++peers > peersMax) return;
			const frames = link.waiting.map((message) => {
				writeMessage(this.#writer, message);
				return this.#writer.take();
			});
			const { firstId } = link;
			link.firstId += frames.length;
			link.waiting = [];
			this.#carry(to, frames, firstId, link);
		}
	}

	cut(peer: NodeId, why: string): void {
		this.#unlink(peer, why);
		setImmediate(() => this.#network.link());
	}

	isolate(isAlone: boolean, why: string): void {
		this.#isAlone = isAlone;
		if (isAlone) for (const peer of [...this.#peers.keys()]) this.#unlink(peer, why);
		else setImmediate(() => this.#network.link());
	}

	linked(): readonly NodeId[] {
		return [...this.#peers.keys()];
	}

	lastHeardMs(peer: NodeId): number {
		const heardMs = this.#heardMs.get(peer);
		return heardMs === undefined ? Number.POSITIVE_INFINITY : performance.now() - heardMs;
	}

	/** No link is made to or from this node (true), or all are made again. */
	part(isApart: boolean): void {
		this.#isApart = isApart;
		if (isApart) for (const peer of [...this.#peers.keys()]) this.#unlink(peer, 'the node is apart');
		// The ends of the links before are told first.
		else setImmediate(() => this.#network.link());
	}

	close(): void {
		this.#isClosed = true;
		this.isolate(true, 'the node stops');
	}

	/** For the network. */
	linkWith(other: MemoryMesh): void {
		if (other === this || this.#peers.has(other.id) || !this.#mayLink || !other.#mayLink) return;
		this.#peers.set(other.id, this.#newLink());
		other.#peers.set(this.id, other.#newLink());
		const [mine, others] = [this.#replica(), other.#replica()];
		const [rememberedHere, rememberedThere] = [mine.remembered(other.id), others.remembered(this.id)];
		mine.linkUp(other.id, rememberedThere);
		others.linkUp(this.id, rememberedHere);
	}

	get #mayLink(): boolean {
		return !this.#isAlone && !this.#isApart && !this.#isClosed;
	}

	#newLink(): MemoryLink {
		return { waiting: [], firstId: this.#linksMade++ * LINK_IDS };
	}

	/** @param link it is another one once it was made again */
	#carry(to: NodeId, frames: readonly Uint8Array[], firstId: number, link: MemoryLink): void {
		const { reached } = this.#replica();
		setImmediate(() => {
			const peer = this.#network.get(to);
			if (peer === undefined || this.#peers.get(to) !== link) return;
			peer.#heardMs.set(this.id, performance.now());
			const messages = frames.map((bytes) => readMessage(new Reader(bytes)));
			peer.#replica().receive(this.id, this.id, { reached, firstId, messages });
		});
	}

	#unlink(peer: NodeId, why: string): void {
		const other = this.#network.get(peer);
		if (!this.#peers.delete(peer) || other === undefined) return;
		other.#peers.delete(this.id);
		setImmediate(() => {
			this.#replica().linkDown(peer, why);
			other.#replica().linkDown(this.id, why);
		});
	}
}
