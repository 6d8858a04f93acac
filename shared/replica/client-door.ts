/**
 * The clients' door without its sockets: many commands and reads in flight on each connection. What comes in one
 * turn, from all connections, is one proposal and one read of the agent; what comes of it leaves as one frame to
 * each. It never looks into a command beyond whether it is well formed, and never waits.
 *
 * Bounded: connections, what each has unanswered, what all have proposed, how long a request is cared for, and what
 * a connection leaves unread.
 */
import type { MemberAddress } from '../client/protocol.ts';
import { stampBatches } from '../store/batch-writer.ts';
import { CONNECTIONS_OF_NODE_MAX } from '../store/client-limits.ts';
import type { ClientRead } from './client-answers.ts';
import { ClientConnection, type ConnectionOwner, type PendingWrite } from './client-connection.ts';
import { Limited } from './deadlines.ts';
import type { CommandName, Progress } from './loop.ts';
import type { ClientDoorPort, DoorSocket, TurnPart } from './port.ts';

export interface ClientDoorOptions {
	readonly port: ClientDoorPort;
	readonly node: string;
	readonly members: readonly MemberAddress[];
	/** The wall clock, milliseconds since 1970. */
	nowMs(): number;
	/** How long a request is cared for; then it is surely not done, or its outcome is unknown. Milliseconds. */
	readonly requestMs: number;
	/** A client sent what no client sends. `from` is as `connect` was told. */
	malformed(from: string, why: string): void;
}

/** Of one proposal, unless a single batch is larger: two of them still fit a message of the mesh. */
const PROPOSAL_BYTES_MAX = 524_288;
/** Of all proposals that are not settled. */
const PROPOSED_BYTES_MAX = 67_108_864;

/** One proposal: the batches of several clients. */
class Proposed extends Limited {
	readonly writes: readonly PendingWrite[];
	readonly bytes: number;
	/** Batches without a result. */
	open: number;
	withdraw: () => void = () => undefined;

	constructor(writes: readonly PendingWrite[], bytes: number) {
		super();
		this.writes = writes;
		this.bytes = bytes;
		this.open = writes.length;
	}

	override overdue(): void {
		this.withdraw();
	}
}

interface UnconfirmedRead {
	readonly connection: ClientConnection;
	readonly read: ClientRead;
}

export class ClientDoor implements TurnPart, ConnectionOwner {
	readonly port: ClientDoorPort;
	readonly #options: ClientDoorOptions;
	readonly #connections = new Set<ClientConnection>();
	/** These came in this turn. */
	#writes: PendingWrite[] = [];
	#reads: UnconfirmedRead[] = [];
	#proposedBytes = 0;
	#leader = '';
	/** These have something to send. */
	readonly #answered = new Set<ClientConnection>();

	constructor(options: ClientDoorOptions) {
		this.#options = options;
		this.port = options.port;
		options.port.join(this);
	}

	/** Whether one more client finds a place. */
	get hasRoom(): boolean {
		return this.#connections.size < CONNECTIONS_OF_NODE_MAX;
	}

	/**
	 * A client's socket is open. Its owner hands on to the connection what comes, and when it is closed.
	 *
	 * @param from where the client is, for people
	 */
	connect(socket: DoorSocket, from: string): ClientConnection {
		const connection = new ClientConnection(socket, from, this);
		this.#connections.add(connection);
		return connection;
	}

	/** Tells every client that the node is stopping. */
	close(): void {
		for (const connection of this.#connections) connection.close();
	}

	// For the turn

	collect(): void {
		if (this.#writes.length > 0) this.#propose();
		if (this.#reads.length > 0) this.#askToRead();
	}

	answer(): void {
		const { leader } = this.port;
		if (leader !== this.#leader) {
			this.#leader = leader;
			for (const connection of this.#connections) connection.tellLeader(leader);
		}
		if (this.#answered.size === 0) return;
		for (const connection of this.#answered) connection.flush();
		this.#answered.clear();
	}

	// For the connections

	welcome() {
		const { node, members } = this.#options;
		return { node, leader: this.port.leader, members };
	}

	write(write: PendingWrite): boolean {
		if (this.#proposedBytes + write.bytes.length > PROPOSED_BYTES_MAX) return false;
		this.#proposedBytes += write.bytes.length;
		this.#writes.push(write);
		this.port.soon();
		return true;
	}

	read(connection: ClientConnection, read: ClientRead): void {
		if (read.mode === 'linearizable') this.#reads.push({ connection, read });
		else connection.answerRead(read);
		this.port.soon();
	}

	answered(connection: ClientConnection): void {
		this.#answered.add(connection);
	}

	malformed(from: string, why: string): void {
		this.#options.malformed(from, why);
	}

	closed(connection: ClientConnection): void {
		this.#connections.delete(connection);
		this.#answered.delete(connection);
	}

	#propose(): void {
		const writes = this.#writes;
		this.#writes = [];
		let from = 0;
		let bytes = 0;
		for (const [index, write] of writes.entries()) {
			if (index > from && bytes + write.bytes.length > PROPOSAL_BYTES_MAX) {
				this.#proposeOne(writes.slice(from, index), bytes);
				from = index;
				bytes = 0;
			}
			bytes += write.bytes.length;
		}
		this.#proposeOne(from === 0 ? writes : writes.slice(from), bytes);
	}

	#proposeOne(writes: readonly PendingWrite[], bytes: number): void {
		const value = new Uint8Array(bytes);
		const names: CommandName[] = [];
		let at = 0;
		for (const write of writes) {
			value.set(write.bytes, at);
			at += write.bytes.length;
			names.push(write.last);
		}
		stampBatches(value, this.#options.nowMs());
		const proposed = new Proposed(writes, bytes);
		const { loop, deadlines } = this.port;
		const id = loop.propose(names, { value, route: 'leader', contest: 0 }, (progress) =>
			this.#progress(proposed, progress),
		);
		proposed.withdraw = () => loop.withdraw(id);
		deadlines.add(proposed, this.#options.requestMs);
	}

	/** Results themselves go to the listeners of the clients. */
	#progress(proposed: Proposed, progress: Progress): void {
		switch (progress.kind) {
			case 'result':
				if (--proposed.open === 0) this.#settle(proposed);
				return;
			case 'withdrawn':
			case 'refused':
			case 'kept': {
				const mayHaveLeft = progress.kind === 'withdrawn' && progress.left;
				this.#settle(proposed);
				for (const { connection, first, count } of proposed.writes) {
					connection.refuse('write', first, count, 'noLeader', mayHaveLeft);
				}
				return;
			}
			case 'placed':
			case 'attempt':
			case 'halted':
			case 'givenUp':
		}
	}

	#settle(proposed: Proposed): void {
		this.port.deadlines.remove(proposed);
		this.#proposedBytes -= proposed.bytes;
		for (const { connection, count } of proposed.writes) connection.settled(count);
	}

	#askToRead(): void {
		const reads = this.#reads;
		this.#reads = [];
		this.port.whenConfirmed(this.#options.requestMs, (confirmed) => {
			for (const { connection, read } of reads) connection.confirmed(read, confirmed);
		});
	}
}
