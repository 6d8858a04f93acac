/**
 * One client's connection: its frames in, its answers out. It checks everything that comes: what is not well
 * formed ends the connection, what is too much or not allowed is refused by name. Answers gather until `flush`.
 */
import type { RawData, WebSocket } from 'ws';
import { MalformedError, Writer } from '../../shared/bytes/bytes.ts';
import {
	FRAME_BYTES_FULL,
	IN_FLIGHT_MAX,
	type MemberAddress,
	PROTOCOL_VERSION,
	type ReadMode,
	type Refusal,
	readClientFrame,
	STATUSES,
	writeEntry,
	writeLeader,
	writeRefused,
	writeResults,
	writeValues,
	writeWelcome,
} from '../../shared/client/protocol.ts';
import type { CommandName, OnClientResult } from '../../shared/replica/loop.ts';
import { BatchReader } from '../../shared/store/batch-reader.ts';
import { KEY_BYTES_MAX, keyFault, prefixFault, VALUE_BYTES_MAX } from '../../shared/store/key.ts';
import type { Result } from '../../shared/store/store.ts';
import type { ClientDoorPort } from './port.ts';

/** A batch to be proposed. */
export interface PendingWrite {
	readonly connection: ClientConnection;
	/** A view into the frame that brought it: to be copied by whoever keeps it. */
	readonly bytes: Uint8Array;
	readonly first: number;
	readonly count: number;
	/** Its last command, whose result is the last of the batch. */
	readonly last: CommandName;
}

export interface PendingRead {
	readonly connection: ClientConnection;
	readonly mode: ReadMode;
	readonly first: number;
	readonly keys: readonly string[];
}

/** What a connection needs of its door. */
export interface ConnectionOwner {
	readonly port: ClientDoorPort;
	welcome(): { readonly node: string; readonly leader: string; readonly members: readonly MemberAddress[] };
	/** @returns false when there is no room for it */
	write(write: PendingWrite): boolean;
	read(read: PendingRead): void;
	/** There is something to flush. */
	answered(): void;
	malformed(why: string): void;
	closed(): void;
}

/** A client has one at a time; another one when its last was dropped by the state machine. */
const CLIENTS_MAX = 4;
/** Handed to the socket and not yet taken: above it values wait, and answers of commands end the connection. */
const UNSENT_BYTES_MAX = 8_388_608;
const UNREAD_BYTES_MAX = 67_108_864;
/** A client that does not answer the goodbye is gone after this. */
const CLOSE_GRACE_MS = 1000;

const GOING_AWAY = 1001;
const PROTOCOL_ERROR = 1002;

const OK = STATUSES.indexOf('ok');
const CONDITION_FAILED = STATUSES.indexOf('conditionFailed');
const FORGOTTEN = STATUSES.indexOf('forgotten');
const UNKNOWN_CLIENT = STATUSES.indexOf('unknownClient');

export class ClientConnection {
	readonly #ws: WebSocket;
	readonly #owner: ConnectionOwner;
	readonly #out = new Writer(1024);
	readonly #clients = new Map<string, OnClientResult>();
	#isOpen = true;
	#greeted = false;
	/** Commands that are proposed and not settled; keys that are to be read. */
	#commandsInFlight = 0;
	#keysInFlight = 0;
	/** Results that follow each other, not written yet: their number is 0 for none. */
	#runFirst = 0;
	#runCount = 0;
	#runStatus = 0;
	#runRevision = 0;
	/** To be answered when the socket has taken what it has. */
	#waitingReads: PendingRead[] = [];
	#nextKey = 0;

	constructor(ws: WebSocket, owner: ConnectionOwner) {
		this.#ws = ws;
		this.#owner = owner;
		ws.on('message', (data, isBinary) => this.#receive(data, isBinary));
		ws.on('error', (error) => {
			if (!('code' in error) || !String(error.code).startsWith('E')) this.#owner.malformed(error.message);
		});
		ws.on('close', () => this.#closed());
	}

	// From the door

	tellLeader(leader: string): void {
		if (!this.#greeted) return;
		this.#endRun();
		writeLeader(this.#out, leader);
		this.#owner.answered();
	}

	refuse(what: 'write' | 'read', first: number, count: number, why: Refusal, mayHaveLeft: boolean): void {
		if (!this.#isOpen) return;
		this.#endRun();
		writeRefused(this.#out, what, first, count, why, mayHaveLeft);
		this.#owner.answered();
		this.#owner.port.soon();
	}

	/** So many commands are not in flight any more. */
	settled(commands: number): void {
		this.#commandsInFlight -= commands;
	}

	/** The store may answer it now, or later. */
	answerRead(read: PendingRead): void {
		if (!this.#isOpen) return;
		this.#waitingReads.push(read);
		this.#owner.answered();
	}

	/** Nobody confirmed it in time. */
	refuseRead({ first, keys }: PendingRead): void {
		this.#keysInFlight -= keys.length;
		this.refuse('read', first, keys.length, 'noLeader', false);
	}

	/** Sends what has gathered. */
	flush(): void {
		if (!this.#isOpen) return;
		this.#endRun();
		while (this.#waitingReads.length > 0 && this.#ws.bufferedAmount < UNSENT_BYTES_MAX) {
			this.#writeValues(this.#waitingReads[0] as PendingRead);
			if (this.#out.length >= FRAME_BYTES_FULL) this.#send();
		}
		if (this.#out.length > 0) this.#send();
	}

	async close(): Promise<void> {
		if (this.#ws.readyState === this.#ws.CLOSED) return;
		const closed = new Promise((resolve) => this.#ws.once('close', resolve));
		const timer = setTimeout(() => this.#ws.terminate(), CLOSE_GRACE_MS);
		this.#ws.close(GOING_AWAY, 'the node is stopping');
		await closed;
		clearTimeout(timer);
	}

	// From the client

	#receive(data: RawData, isBinary: boolean): void {
		if (!this.#isOpen) return;
		try {
			if (!isBinary) throw new MalformedError('a text frame');
			this.#take(data as Buffer);
		} catch (error) {
			if (!(error instanceof MalformedError)) throw error;
			this.#owner.malformed(error.message);
			this.#isOpen = false;
			this.#ws.close(PROTOCOL_ERROR, error.message.slice(0, 100));
		}
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
					this.#read({ connection: this, ...section });
			}
		}
	}

	#hello(version: number, client: string): void {
		if (version !== PROTOCOL_VERSION) throw new MalformedError(`protocol ${version}, not ${PROTOCOL_VERSION}`);
		if (client === '') throw new MalformedError('a client of no client');
		if (!this.#clients.has(client)) this.#listen(client);
		if (this.#greeted) return;
		this.#greeted = true;
		const { node, leader, members } = this.#owner.welcome();
		writeWelcome(this.#out, node, leader, members);
		this.#owner.answered();
		this.#owner.port.soon();
	}

	#listen(client: string): void {
		const { loop } = this.#owner.port;
		const listener: OnClientResult = (sequence, result) => this.#result(sequence, result);
		this.#clients.set(client, listener);
		loop.listen(client, listener);
		const [oldest] = this.#clients;
		if (this.#clients.size > CLIENTS_MAX && oldest) {
			this.#clients.delete(oldest[0]);
			loop.unlisten(...oldest);
		}
	}

	#write(bytes: Uint8Array): void {
		const batch = new BatchReader(bytes);
		if (!batch.nextBatch() || batch.count === 0) throw new MalformedError(batch.fault ?? 'a batch of no commands');
		const { client, first, count } = batch;
		if (!this.#clients.has(client)) throw new MalformedError('a batch of another client');
		const why = faultOf(batch);
		if (why !== null) return this.refuse('write', first, count, why, false);
		const write = { connection: this, bytes, first, count, last: { client, sequence: first + count - 1 } };
		if (this.#commandsInFlight + count > IN_FLIGHT_MAX || !this.#owner.write(write)) {
			return this.refuse('write', first, count, 'overloaded', false);
		}
		this.#commandsInFlight += count;
	}

	#read(read: PendingRead): void {
		const { first, keys } = read;
		if (!this.#greeted) throw new MalformedError('a read before the greeting');
		if (this.#keysInFlight + keys.length > IN_FLIGHT_MAX) {
			return this.refuse('read', first, keys.length, 'overloaded', false);
		}
		this.#keysInFlight += keys.length;
		this.#owner.read(read);
	}

	// Answers

	/** Results come one by one; those that go on where the last one ended are told together. */
	#result(sequence: number, result: Result): void {
		if (!this.#isOpen) return;
		let status = FORGOTTEN;
		let revision = 0;
		if (result.kind === 'applied' || result.kind === 'duplicate') {
			status = result.ok ? OK : CONDITION_FAILED;
			revision = result.revision;
		} else if (result.kind === 'unknownClient') {
			status = UNKNOWN_CLIENT;
		}
		const count = this.#runCount;
		if (
			count > 0 &&
			sequence === this.#runFirst + count &&
			status === this.#runStatus &&
			(revision === 0 || revision === this.#runRevision + count)
		) {
			this.#runCount++;
			return;
		}
		this.#endRun();
		this.#runFirst = sequence;
		this.#runCount = 1;
		this.#runStatus = status;
		this.#runRevision = revision;
		this.#owner.answered();
	}

	#endRun(): void {
		if (this.#runCount === 0) return;
		writeResults(this.#out, this.#runFirst, this.#runCount, this.#runStatus, this.#runRevision);
		this.#runCount = 0;
	}

	/** As much of it as fits a frame; the rest stays first in line. */
	#writeValues(read: PendingRead): void {
		const { store } = this.#owner.port;
		const { first, keys } = read;
		const start = this.#nextKey;
		let bytes = this.#out.length;
		let end = start;
		const entries = [];
		for (; end < keys.length && (end === start || bytes < FRAME_BYTES_FULL); end++) {
			const entry = store.get(keys[end] as string);
			entries.push(entry);
			bytes += entry ? entry.value.length : 1;
		}
		writeValues(this.#out, first + start, end - start);
		for (const entry of entries) writeEntry(this.#out, entry);
		this.#keysInFlight -= end - start;
		this.#nextKey = end < keys.length ? end : 0;
		if (end === keys.length) this.#waitingReads.shift();
	}

	#send(): void {
		const frame = this.#out.take();
		this.#ws.send(frame, this.#sent);
		if (this.#ws.bufferedAmount > UNREAD_BYTES_MAX) this.#ws.terminate();
	}

	/** The socket has taken a frame: there is room for values that waited. */
	readonly #sent = (): void => {
		if (this.#waitingReads.length > 0) this.flush();
	};

	#closed(): void {
		this.#isOpen = false;
		for (const [client, listener] of this.#clients) this.#owner.port.loop.unlisten(client, listener);
		this.#clients.clear();
		this.#waitingReads = [];
		this.#owner.closed();
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
