/**
 * The clients' door without its sockets: many commands and reads in flight on each connection. What comes in one
 * turn, from all connections, is one proposal and one read of the agent; what comes of it leaves as one frame to
 * each. It never looks into a command beyond whether it is well formed, and never waits.
 *
 * Bounded: connections, and what each has unanswered and unread. What all have proposed is bounded in `submissions.ts`.
 */
import type { MemberAddress } from '../client/protocol.ts';
import type { Store } from '../store/store.ts';
import type { Barriers } from './barriers.ts';
import type { SubmitOptions } from './batch.ts';
import type { ClientRead } from './client-answers.ts';
import { ClientConnection, type ConnectionOwner } from './client-connection.ts';
import type { ReplicaLimits } from './limits.ts';
import type { Door, DoorSocket } from './port.ts';
import type { Submissions } from './submissions.ts';

export interface ClientDoorOptions {
	/** Read it, never write it. */
	readonly store: Store;
	readonly submissions: Submissions;
	readonly barriers: Pick<Barriers, 'wait'>;
	readonly node: string;
	readonly members: readonly MemberAddress[];
	/** How long a request is cared for; then it is surely not done, or its outcome is unknown. Milliseconds. */
	readonly requestMs: number;
	readonly limits: ReplicaLimits;
	/** The node that this one takes for the leader; '' for none. */
	leader(): string;
	/** Asks for the end of this turn. */
	soon(): void;
	/** A client sent what no client sends. `from` is as `connect` was told. */
	malformed(from: string, why: string): void;
}

interface UnconfirmedRead {
	readonly connection: ClientConnection;
	readonly read: ClientRead;
}

export class ClientDoor implements Door, ConnectionOwner {
	readonly store: Store;
	readonly submissions: Submissions;
	readonly limits: ReplicaLimits;
	readonly submitOptions: SubmitOptions;
	readonly #options: ClientDoorOptions;
	readonly #connections = new Set<ClientConnection>();
	/** These came in this turn. */
	#reads: UnconfirmedRead[] = [];
	/** As every client was last told. */
	#leader = '';
	/** These have something to send. */
	readonly #answered = new Set<ClientConnection>();

	constructor(options: ClientDoorOptions) {
		this.#options = options;
		this.store = options.store;
		this.submissions = options.submissions;
		this.limits = options.limits;
		this.submitOptions = { route: 'leader', contest: 0, timeoutMs: options.requestMs };
	}

	get connectionsCount(): number {
		return this.#connections.size;
	}

	/** Whether one more client finds a place. */
	get hasRoom(): boolean {
		return this.#connections.size < this.limits.connectionsMax;
	}

	/**
	 * A client's socket is open. Its owner tells the connection what comes, and when the socket is closed.
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
		if (this.#reads.length === 0) return;
		const reads = this.#reads;
		this.#reads = [];
		this.#options.barriers.wait(this.#options.requestMs, (confirmed) => {
			for (const { connection, read } of reads) connection.confirmed(read, confirmed);
		});
	}

	answer(): void {
		const leader = this.#options.leader();
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
		return { node, leader: this.#options.leader(), members };
	}

	read(connection: ClientConnection, read: ClientRead): void {
		if (read.mode === 'linearizable') this.#reads.push({ connection, read });
		else connection.answerRead(read);
		this.#options.soon();
	}

	answered(connection: ClientConnection): void {
		this.#answered.add(connection);
	}

	soon(): void {
		this.#options.soon();
	}

	malformed(from: string, why: string): void {
		this.#options.malformed(from, why);
	}

	closed(connection: ClientConnection): void {
		this.#connections.delete(connection);
		this.#answered.delete(connection);
	}
}
