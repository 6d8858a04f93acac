/**
 * One client's connection: its frames in, its answers out. It checks everything that comes: what is not well formed
 * ends the connection, and what is too much or not allowed is refused by name.
 */
import { MalformedError } from '../bytes/bytes.ts';
import {
	CLIENTS_PER_CONNECTION_MAX,
	type MemberAddress,
	PROTOCOL_VERSION,
	type Refusal,
	readClientFrame,
} from '../client/protocol.ts';
import { BatchReader } from '../store/batch-reader.ts';
import { KEY_BYTES_MAX, keyFault, prefixFault, VALUE_BYTES_MAX } from '../store/key.ts';
import type { Result, Store } from '../store/store.ts';
import { Batch, type BatchEnd, type SubmitOptions, type Submitter } from './batch.ts';
import { ClientAnswers, type ClientRead } from './client-answers.ts';
import type { ReplicaLimits } from './limits.ts';
import type { DoorSocket } from './port.ts';
import type { Submissions } from './submissions.ts';

/** What a connection needs of its door. */
export interface ConnectionOwner {
	readonly store: Store;
	readonly limits: ReplicaLimits;
	readonly submissions: Submissions;
	/** How every batch of a client is proposed. */
	readonly submitOptions: SubmitOptions;
	welcome(): { readonly node: string; readonly leader: string; readonly members: readonly MemberAddress[] };
	read(connection: ClientConnection, read: ClientRead): void;
	/** There is something to flush at the end of the turn. */
	answered(connection: ClientConnection): void;
	/** Asks for the end of this turn. */
	soon(): void;
	/** `from` is the connection's own. */
	malformed(from: string, why: string): void;
	closed(connection: ClientConnection): void;
}

export const GOING_AWAY = 1001;
const PROTOCOL_ERROR = 1002;
/** Of the reason that a closing frame has room for: 123 bytes of UTF-8. */
const WHY_CHARS_MAX = 100;

export class ClientConnection implements Submitter {
	/** Where the client is, for people. */
	readonly from: string;
	readonly #socket: DoorSocket;
	readonly #owner: ConnectionOwner;
	readonly #answers: ClientAnswers;
	/** In the order in which they were named: the last is the present one. */
	readonly #clients = new Set<string>();
	#isOpen = true;
	#isGreeted = false;
	/** Commands that are proposed and not settled. */
	#commandsInFlight = 0;
	/** Keys whose read waits for a leader to confirm it. */
	#keysUnconfirmed = 0;

	constructor(socket: DoorSocket, from: string, owner: ConnectionOwner) {
		this.#socket = socket;
		this.from = from;
		this.#owner = owner;
		this.#answers = new ClientAnswers(socket, owner.store, owner.limits);
	}

	/** Its client has said hello. */
	get isGreeted(): boolean {
		return this.#isGreeted;
	}

	/** Each command and each read is answered, and its answer is on its way. */
	get isSettled(): boolean {
		const { keysWaiting } = this.#answers;
		return this.#commandsInFlight === 0 && this.#keysUnconfirmed === 0 && keysWaiting === 0;
	}

	// From the socket

	/** @param frame null for one of text */
	receive(frame: Uint8Array | null): void {
		if (!this.#isOpen) return;
		try {
			if (frame === null) throw new MalformedError('a text frame');
			this.#take(frame);
		} catch (error) {
			if (!(error instanceof MalformedError)) throw error;
			this.#owner.malformed(this.from, error.message);
			this.#isOpen = false;
			this.#socket.close(PROTOCOL_ERROR, error.message.slice(0, WHY_CHARS_MAX));
		}
	}

	/** The socket is gone, by whatever end. */
	closed(): void {
		this.#isOpen = false;
		for (const client of this.#clients) this.#owner.submissions.unlisten(client, this);
		this.#clients.clear();
		this.#answers.end();
		this.#owner.closed(this);
	}

	// From the door

	tellLeader(leader: string): void {
		if (!this.#isGreeted || !this.#isOpen) return;
		this.#answers.leader(leader);
		this.#owner.answered(this);
	}

	/** A linearizable read has come to its end: the store may answer it, or nobody confirmed it in time. */
	confirmed(read: ClientRead, confirmed: boolean): void {
		const { first, keys } = read;
		this.#keysUnconfirmed -= keys.length;
		if (confirmed) this.answerRead(read);
		else this.#refuse('read', first, keys.length, 'noLeader', false);
	}

	/** The store may answer it now, or later. */
	answerRead(read: ClientRead): void {
		if (!this.#isOpen) return;
		this.#answers.values(read);
		this.#owner.answered(this);
	}

	/** Sends what has gathered. */
	flush(): void {
		if (this.#isOpen) this.#answers.flush();
	}

	/** The node is stopping: what has gathered leaves, and what comes from now on is not heard. */
	close(): void {
		this.flush();
		this.#isOpen = false;
		this.#socket.close(GOING_AWAY, 'the node is stopping');
	}

	// From the table of submissions

	result(sequence: number, result: Result): void {
		if (this.#isOpen && this.#answers.result(sequence, result)) this.#owner.answered(this);
	}

	settled({ count }: Batch): void {
		this.#commandsInFlight -= count;
	}

	ended({ first, count }: Batch, end: BatchEnd): void {
		this.#commandsInFlight -= count;
		this.#refuse('write', first, count, 'noLeader', end.kind === 'unknown');
	}

	#refuse(what: 'write' | 'read', first: number, count: number, why: Refusal, mayHaveLeft: boolean): void {
		if (!this.#isOpen) return;
		this.#answers.refused(what, first, count, why, mayHaveLeft);
		this.#owner.answered(this);
		this.#owner.soon();
	}

	#take(frame: Uint8Array): void {
		for (const section of readClientFrame(frame)) {
			switch (section.kind) {
				case 'hello':
					this.#hello(section.version, section.clientId);
					break;
				case 'write':
					this.#write(frame.subarray(section.from, section.to));
					break;
				case 'read':
					this.#read(section);
					break;
				case 'ping':
					this.#answers.pong();
					this.#owner.answered(this);
					this.#owner.soon();
			}
		}
	}

	#hello(version: number, client: string): void {
		if (version !== PROTOCOL_VERSION) throw new MalformedError(`protocol ${version}, not ${PROTOCOL_VERSION}`);
		if (client === '') throw new MalformedError('a client of no client');
		if (!this.#clients.has(client)) this.#listen(client);
		if (this.#isGreeted) return;
		this.#isGreeted = true;
		const { node, leader, members } = this.#owner.welcome();
		this.#answers.welcome(node, leader, members);
		this.#owner.answered(this);
		this.#owner.soon();
	}

	#listen(client: string): void {
		const { submissions } = this.#owner;
		this.#clients.add(client);
		submissions.listen(client, this);
		const [oldest] = this.#clients;
		if (this.#clients.size <= CLIENTS_PER_CONNECTION_MAX || oldest === undefined) return;
		this.#clients.delete(oldest);
		submissions.unlisten(oldest, this);
	}

	#write(bytes: Uint8Array): void {
		const reader = new BatchReader(bytes);
		if (!reader.nextBatch() || reader.count === 0) throw new MalformedError(reader.fault ?? 'a batch of no commands');
		const { client, first, count } = reader;
		if (!this.#clients.has(client)) throw new MalformedError('a batch of another client');
		const why = faultOf(reader);
		if (why !== null) return this.#refuse('write', first, count, why, false);
		const { submissions, submitOptions } = this.#owner;
		const isRefused =
			this.#commandsInFlight + count > this.#owner.limits.inFlightMax ||
			submissions.submit(new Batch(this, client, first, count, submitOptions, bytes)) !== null;
		if (isRefused) return this.#refuse('write', first, count, 'overloaded', false);
		this.#commandsInFlight += count;
	}

	#read({ mode, first, keys }: ClientRead): void {
		if (!this.#isGreeted) throw new MalformedError('a read before the greeting');
		if (this.#keysUnconfirmed + this.#answers.keysWaiting + keys.length > this.#owner.limits.inFlightMax) {
			return this.#refuse('read', first, keys.length, 'overloaded', false);
		}
		if (mode === 'linearizable') this.#keysUnconfirmed += keys.length;
		this.#owner.read(this, { mode, first, keys });
	}
}

/** What makes a batch one that no door takes; null for a good one. */
function faultOf(batch: BatchReader): Refusal | null {
	if (batch.largestValueBytes > VALUE_BYTES_MAX) return 'badValue';
	if (batch.hasPlainKeys && batch.largestKeyBytes <= KEY_BYTES_MAX) return null;
	while (batch.nextCommand()) {
		const operation = batch.operation();
		switch (operation.kind) {
			case 'put':
			case 'delete':
				if (keyFault(operation.key) !== null) return 'badKey';
				break;
			case 'deletePrefix':
				if (prefixFault(operation.prefix) !== null) return 'badKey';
				break;
			case 'registerClient':
		}
	}
	return null;
}
