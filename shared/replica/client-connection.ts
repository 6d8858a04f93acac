/**
 * One client's connection: frames in, answers out. It checks every frame. One that is not well formed ends the
 * connection; a write or read that is too much or not allowed is refused with its reason.
 */
import { MalformedError } from '../bytes/bytes.ts';
import { type ClientSection, readClientFrame } from '../client/client-frame.ts';
import {
	CLIENTS_PER_CONNECTION_MAX,
	type MemberAddress,
	PROTOCOL_VERSION,
	PROTOCOL_VERSION_MIN,
	READING_TRANSACTIONS_MAX,
	type Refusal,
} from '../client/protocol.ts';
import { BatchReader } from '../store/batch-reader.ts';
import { REQUEST_MARK } from '../store/client-limits.ts';
import { KEY_BYTES_MAX, keyFault, prefixFault, VALUE_BYTES_MAX } from '../store/key.ts';
import type { Result } from '../store/result.ts';
import type { Store } from '../store/store.ts';
import { Batch, type BatchEnd, type RefusedWhy, type SubmitOptions, type Submitter } from './batch.ts';
import { ClientAnswers, type ClientRead } from './client-answers.ts';
import { ClientReadings } from './client-readings.ts';
import { type ChangeSections, ClientWatches } from './client-watches.ts';
import type { Follower } from './follower.ts';
import { type Grant, type KeysAsked, mayCarryOut, mayUse, mayWriteAll } from './grant.ts';
import type { ReplicaLimits } from './limits.ts';
import type { DoorSocket } from './port.ts';
import type { Submissions } from './submissions.ts';
import type { Watch, Watcher } from './watches.ts';

/** The part of the door that a connection uses. */
export interface ConnectionOwner {
	readonly store: Store;
	readonly limits: ReplicaLimits;
	readonly submissions: Submissions;
	/** The options of every batch of a client. */
	readonly submitOptions: SubmitOptions;
	/** undefined where nobody follows commands. */
	readonly follower: Follower | undefined;
	welcome(): { readonly node: string; readonly leader: string; readonly members: readonly MemberAddress[] };
	read(connection: ClientConnection, read: ClientRead): void;
	readonly changeSections: ChangeSections;
	/** As `Watches.open`. */
	openWatch(prefix: string, after: number | null, watcher: Watcher): Watch | null;
	/** Asks for a call of `flush` at the end of the turn. */
	answered(connection: ClientConnection): void;
	/** Asks for a turn. */
	soon(): void;
	/** @param from the connection's `from` */
	malformed(from: string, why: string): void;
	closed(connection: ClientConnection): void;
}

/** What a token grants; null for an unknown one. */
export type GrantOf = (token: string) => Grant | null;

export const GOING_AWAY = 1001;
const PROTOCOL_ERROR = 1002;
/** The reason is cut to so many characters, because a closing frame has room for 123 bytes of UTF-8. */
const WHY_CHARS_MAX = 100;

export class ClientConnection implements Submitter {
	/** Where the client is, for people. */
	readonly from: string;
	readonly #socket: DoorSocket;
	readonly #owner: ConnectionOwner;
	readonly #answers: ClientAnswers;
	readonly #watches: ClientWatches;
	/** What transactions read; null before the first one that came. */
	#readings: ClientReadings | null = null;
	/** null where nobody needs a token. */
	readonly #grantOf: GrantOf | null;
	/** What the client's token grants; null as long as it has shown none that is known. */
	#grant: Grant | null = null;
	/**
	 * The names of the clients that the connection speaks for, in the order of their hellos: the last is the present one.
	 */
	readonly #clients = new Set<string>();
	#isOpen = true;
	#isGreeted = false;
	/** Commands that are proposed and not settled. */
	#commandsInFlight = 0;
	/** Keys of linearizable reads that no leader has confirmed yet. */
	#keysUnconfirmed = 0;

	constructor(socket: DoorSocket, from: string, owner: ConnectionOwner, grantOf: GrantOf | null) {
		this.#grantOf = grantOf;
		this.#socket = socket;
		this.from = from;
		this.#owner = owner;
		this.#answers = new ClientAnswers(socket, owner.store, owner.limits, () => this.#watches.resume());
		this.#watches = new ClientWatches({
			answers: this.#answers,
			sections: owner.changeSections,
			watchesMax: owner.limits.watchesMax,
			openWatch: (prefix, after, watcher) => owner.openWatch(prefix, after, watcher),
			answered: () => owner.answered(this),
		});
	}

	/** Whether the client has said hello, and is let in. */
	get isGreeted(): boolean {
		return this.#isGreeted && !this.#isStranger;
	}

	/** Whether it has shown no token that is known, and needs one. */
	get #isStranger(): boolean {
		return this.#grantOf !== null && this.#grant === null;
	}

	/** Whether every command and every read has been answered. */
	get isSettled(): boolean {
		const { keysWaiting, readingsWaiting } = this.#answers;
		return this.#commandsInFlight === 0 && this.#keysUnconfirmed === 0 && keysWaiting + readingsWaiting === 0;
	}

	// From the socket

	/** @param frame null for a text frame, which is malformed */
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

	/** The socket is closed, by either end. */
	closed(): void {
		this.#isOpen = false;
		for (const client of this.#clients) this.#owner.submissions.unlisten(client, this);
		this.#clients.clear();
		this.#answers.end();
		this.#watches.closeAll();
		this.#owner.closed(this);
	}

	// From the door

	tellMembers(members: readonly MemberAddress[]): void {
		if (!this.#isGreeted || !this.#isOpen || this.#isStranger) return;
		this.#answers.members(members);
		this.#owner.answered(this);
	}

	tellLeader(leader: string): void {
		if (!this.#isGreeted || !this.#isOpen) return;
		this.#answers.leader(leader);
		this.#owner.answered(this);
	}

	/** @param confirmed whether the store may answer the linearizable read; false when no leader confirmed it in time */
	confirmed(read: ClientRead, confirmed: boolean): void {
		const { first, keys } = read;
		this.#keysUnconfirmed -= keys.length;
		if (confirmed) this.answerRead(read);
		else this.#refuse('read', first, keys.length, 'noLeader', false);
	}

	/** Answers a read from the store, now or once the socket has room. */
	answerRead(read: ClientRead): void {
		if (!this.#isOpen) return;
		this.#answers.values(read);
		this.#owner.answered(this);
	}

	/** Sends the answers that have gathered. */
	flush(): void {
		if (this.#isOpen) this.#answers.flush();
	}

	/** The node is stopping: answers that have gathered are sent, and frames that come from now on are ignored. */
	close(): void {
		this.flush();
		this.#isOpen = false;
		this.#socket.close(GOING_AWAY, 'the node is stopping');
	}

	// From the table of submissions

	result(sequence: number, result: Result): void {
		if (!this.#isOpen) return;
		if (this.#readings?.result(sequence, result) || this.#answers.result(sequence, result)) this.#owner.answered(this);
	}

	settled({ count }: Batch): void {
		this.#commandsInFlight -= count;
	}

	ended({ client, first, count }: Batch, end: BatchEnd): void {
		this.#commandsInFlight -= count;
		this.#readings?.remove(first);
		this.#owner.follower?.ended(client, first, 'detail' in end ? end.detail : end.kind);
		this.#refuse('write', first, count, 'noLeader', end.kind === 'unknown');
	}

	#refuse(what: 'write' | 'read', first: number, count: number, why: Refusal, mayHaveLeft: boolean): void {
		if (!this.#isOpen) return;
		this.#answers.refused(what, first, count, why, mayHaveLeft);
		this.#owner.answered(this);
		this.#owner.soon();
	}

	/** A batch is not taken in. */
	#refuseWrite({ client, first, count }: BatchReader, why: Refusal): void {
		this.#owner.follower?.ended(client, first, why);
		this.#refuse('write', first, count, why, false);
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
				case 'watch':
					this.#watch(section);
					break;
				case 'unwatch':
					this.#watches.close(section.id);
					break;
				case 'trace':
					if (this.#clients.has(section.clientId)) {
						this.#owner.follower?.traced(section.clientId, section.first, section.traceparents);
					}
					break;
				case 'auth':
					this.#grant = this.#grantOf?.(section.token) ?? null;
					break;
				case 'ping':
					this.#answers.pong();
					this.#owner.answered(this);
					this.#owner.soon();
			}
		}
	}

	/** Whether the client may use keys for which `asked` is made; it is not called where nobody needs a token. */
	#may(need: KeysAsked['need'], name: string, isPrefix: boolean): boolean {
		return this.#grantOf === null || (this.#grant !== null && mayUse(this.#grant, { need, name, isPrefix }));
	}

	#mayWrite(bytes: Uint8Array): boolean {
		const grant = this.#grant;
		if (this.#grantOf === null || (grant !== null && mayWriteAll(grant))) return true;
		const reader = new BatchReader(bytes);
		if (grant === null || !reader.nextBatch()) return false;
		const keysHeld = (session: string): readonly string[] => this.#owner.store.keysHeldBy(session);
		while (reader.nextCommand()) if (!mayCarryOut(grant, reader.operation(), keysHeld)) return false;
		return true;
	}

	#hello(version: number, client: string): void {
		if (version < PROTOCOL_VERSION_MIN || version > PROTOCOL_VERSION) {
			throw new MalformedError(`protocol ${version}, not ${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}`);
		}
		if (client === '') throw new MalformedError('a hello without a client');
		if (client.startsWith(REQUEST_MARK)) throw new MalformedError('a hello in the name of a request');
		if (!this.#clients.has(client)) this.#listen(client);
		if (this.#isGreeted) return;
		this.#isGreeted = true;
		const { node, leader, members } = this.#owner.welcome();
		this.#answers.welcome(version, node, leader, this.#isStranger ? [] : members);
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
		if (!reader.nextBatch() || reader.count === 0) throw new MalformedError(reader.fault ?? 'a batch without commands');
		const { client, first, count, registers } = reader;
		if (!this.#clients.has(client)) throw new MalformedError('a batch of a client that said no hello');
		const why = faultOf(reader, this.#owner.limits);
		if (why !== null) return this.#refuseWrite(reader, why);
		if (!this.#mayWrite(bytes)) return this.#refuseWrite(reader, 'denied');
		const { submissions, submitOptions } = this.#owner;
		if (this.#commandsInFlight + count > this.#owner.limits.inFlightMax || this.#hasNoRoomFor(reader)) {
			return this.#refuseWrite(reader, 'overloaded');
		}
		const refusal = submissions.submit(new Batch(this, client, first, count, submitOptions, bytes, registers));
		if (refusal !== null) return this.#refuseWrite(reader, wordOf(refusal.why));
		this.#commandsInFlight += count;
		if (reader.isTransaction) this.#noteReads(reader);
	}

	/** Whether it is a transaction, and too many that read something wait already. */
	#hasNoRoomFor({ isTransaction }: BatchReader): boolean {
		return isTransaction && (this.#readings?.count ?? 0) >= READING_TRANSACTIONS_MAX;
	}

	#noteReads(transaction: BatchReader): void {
		this.#readings ??= new ClientReadings(this.#owner.store, this.#answers);
		this.#readings.add(transaction);
	}

	#watch({ id, after, prefix }: ClientSection & { kind: 'watch' }): void {
		if (!this.#isGreeted) throw new MalformedError('a watch before the greeting');
		if (this.#watches.has(id)) throw new MalformedError('a watch with the id of another one');
		const fault = prefixFault(prefix);
		if (fault !== null) throw new MalformedError(`a watch of a prefix that ${fault}`);
		if (this.#may('read', prefix, true)) this.#watches.open(id, prefix, after);
		else this.#watches.deny(id);
		this.#owner.soon();
	}

	#read({ mode, first, keys, after }: ClientRead): void {
		if (!this.#isGreeted) throw new MalformedError('a read before the greeting');
		const fault = after === null ? null : prefixFault(keys[0] as string);
		if (fault !== null) throw new MalformedError(`a list of a prefix that ${fault}`);
		if (this.#grantOf !== null && !keys.every((key) => this.#may('read', key, after !== null))) {
			return this.#refuse('read', first, keys.length, 'denied', false);
		}
		if (this.#keysUnconfirmed + this.#answers.keysWaiting + keys.length > this.#owner.limits.inFlightMax) {
			return this.#refuse('read', first, keys.length, 'overloaded', false);
		}
		if (mode === 'linearizable') this.#keysUnconfirmed += keys.length;
		this.#owner.read(this, { mode, first, keys, after });
	}
}

/**
 * The refusal as a client is told it. Faults of the disk have words of their own; all other reasons are lack of room.
 */
function wordOf(why: RefusedWhy): Refusal {
	return why === 'diskFull' || why === 'diskBehind' ? why : 'overloaded';
}

/** Why no door takes the batch in; null for a good one. */
function faultOf(batch: BatchReader, { sessionTtlMsMin }: ReplicaLimits): Refusal | null {
	if (batch.largestValueBytes > VALUE_BYTES_MAX) return 'badValue';
	if (batch.shortestTtlMs < sessionTtlMsMin) return 'badValue';
	if (batch.hasPlainKeys && batch.largestKeyBytes <= KEY_BYTES_MAX) return null;
	while (batch.nextCommand()) {
		const operation = batch.operation();
		switch (operation.kind) {
			case 'put':
			case 'delete':
			case 'check':
			case 'read':
			case 'acquire':
			case 'release':
			case 'checkSession':
				if (keyFault(operation.key) !== null) return 'badKey';
				break;
			case 'deletePrefix':
			case 'readTree':
				if (prefixFault(operation.prefix) !== null) return 'badKey';
				break;
			case 'command':
				throw new MalformedError('a command of another machine');
			default:
		}
	}
	return null;
}
