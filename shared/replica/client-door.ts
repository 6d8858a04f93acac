/**
 * The clients' door without its sockets. Each connection has many commands and reads in flight. All commands of one
 * turn, from all connections, go into one proposal, and all linearizable reads share one barrier; the answers leave as
 * one frame to each connection. The door checks that a command is well formed, looks no further into it, and never
 * waits.
 *
 * It bounds the number of connections, and for each the commands and keys in flight and the bytes that its socket
 * holds. The commands that all of them have proposed are bounded in `submissions.ts`.
 */
import type { MemberAddress } from '../client/protocol.ts';
import type { Store } from '../store/store.ts';
import type { Barriers } from './barriers.ts';
import type { SubmitOptions } from './batch.ts';
import type { ClientRead } from './client-answers.ts';
import { ClientConnection, type ConnectionOwner, type GrantOf } from './client-connection.ts';
import { ChangeSections } from './client-watches.ts';
import type { Follower } from './follower.ts';
import type { ReplicaLimits } from './limits.ts';
import type { Door, DoorSocket } from './port.ts';
import type { Submissions } from './submissions.ts';
import type { Watch, Watcher } from './watches.ts';

export interface ClientDoorOptions {
	/** The door reads the store and never writes to it. */
	readonly store: Store;
	readonly submissions: Submissions;
	readonly barriers: Pick<Barriers, 'wait'>;
	readonly node: string;
	/** Where clients reach the members. */
	members(): readonly MemberAddress[];
	/** As `Watches.open`. */
	openWatch(prefix: string, after: number | null, watcher: Watcher): Watch | null;
	/** The time limit of a request, milliseconds. After it the request is refused, or its outcome is unknown. */
	readonly requestMs: number;
	readonly limits: ReplicaLimits;
	/** The leader as this node hears it; '' for none. */
	leader(): string;
	/** Asks for a turn. */
	soon(): void;
	/** A client sent a malformed frame. @param from as it was passed to `connect` */
	malformed(from: string, why: string): void;
	/** It is left out where nobody follows commands. */
	readonly follower?: Follower | undefined;
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
	readonly follower: Follower | undefined;
	readonly changeSections = new ChangeSections();
	readonly #options: ClientDoorOptions;
	readonly #connections = new Set<ClientConnection>();
	/** Linearizable reads that came in this turn. */
	#reads: UnconfirmedRead[] = [];
	/** The leader that the clients were last told. */
	#leader = '';
	#membersAreNew = false;
	/** Connections with answers to send. */
	readonly #answered = new Set<ClientConnection>();

	constructor(options: ClientDoorOptions) {
		this.#options = options;
		this.store = options.store;
		this.submissions = options.submissions;
		this.limits = options.limits;
		this.follower = options.follower;
		this.submitOptions = { route: 'leader', contest: 0, timeoutMs: options.requestMs };
	}

	/** Whether one more client may connect. */
	get hasRoom(): boolean {
		return this.#connections.size < this.limits.connectionsMax;
	}

	/**
	 * Makes a connection for an open socket. The caller passes on its frames, and tells it when the socket is closed.
	 *
	 * @param from where the client is, for people
	 * @param grantOf what a token grants; null where nobody needs one
	 */
	connect(socket: DoorSocket, from: string, grantOf: GrantOf | null = null): ClientConnection {
		const connection = new ClientConnection(socket, from, this, grantOf);
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

	/** The members are others: the clients are told so in this turn. */
	membersChanged(): void {
		this.#membersAreNew = true;
	}

	answer(): void {
		if (this.#membersAreNew) {
			this.#membersAreNew = false;
			const members = this.#options.members();
			for (const connection of this.#connections) connection.tellMembers(members);
		}
		const leader = this.#options.leader();
		if (leader !== this.#leader) {
			this.#leader = leader;
			for (const connection of this.#connections) connection.tellLeader(leader);
		}
		this.sendAnswers();
	}

	/** Sends what has gathered for the clients. */
	sendAnswers(): void {
		if (this.#answered.size === 0) return;
		for (const connection of this.#answered) connection.flush();
		this.#answered.clear();
	}

	// For the connections

	welcome() {
		const { node } = this.#options;
		return { node, leader: this.#options.leader(), members: this.#options.members() };
	}

	read(connection: ClientConnection, read: ClientRead): void {
		if (read.mode === 'linearizable') this.#reads.push({ connection, read });
		else connection.answerRead(read);
		this.#options.soon();
	}

	openWatch(prefix: string, after: number | null, watcher: Watcher): Watch | null {
		return this.#options.openWatch(prefix, after, watcher);
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
