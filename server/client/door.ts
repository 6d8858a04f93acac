/**
 * The clients' door, `/client`: many commands and reads in flight on one WebSocket. What comes in one turn of
 * the event loop, from all connections, is one proposal and one read of the agent; what comes of it leaves as
 * one frame to each. It never looks into a command beyond whether it is well formed, and never waits.
 *
 * Bounded: connections, what each has unanswered, what all have proposed, how long a request is cared for,
 * and what a connection leaves unread.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { FRAME_BYTES_MAX, type MemberAddress } from '../../shared/client/protocol.ts';
import type { CommandName, Progress } from '../../shared/replica/loop.ts';
import { stampBatches } from '../../shared/store/batch-writer.ts';
import { refuseUpgrade } from '../upgrade.ts';
import { ClientConnection, type PendingRead, type PendingWrite } from './connection.ts';
import type { ClientDoorPort, TurnPart } from './port.ts';

export interface ClientDoorOptions {
	readonly port: ClientDoorPort;
	readonly node: string;
	readonly members: readonly MemberAddress[];
	/** The wall clock, milliseconds since 1970. */
	nowMs(): number;
	/** How long a request is cared for; then it is surely not done, or its outcome is unknown. Milliseconds. */
	readonly requestMs: number;
	/** Somebody sent what no client sends. `from` is an address. */
	malformed(from: string, why: string): void;
}

export const CONNECTIONS_MAX = 4096;
/** Of one proposal, unless a single batch is larger: two of them still fit a message of the mesh. */
const PROPOSAL_BYTES_MAX = 524_288;
/** Of all proposals that are not settled. */
const PROPOSED_BYTES_MAX = 67_108_864;

/** One proposal: the batches of several clients. */
interface Proposed {
	readonly writes: readonly PendingWrite[];
	readonly bytes: number;
	/** Batches without a result. */
	open: number;
	timeout: NodeJS.Timeout | undefined;
}

export class ClientDoor implements TurnPart {
	readonly #options: ClientDoorOptions;
	readonly #server = new WebSocketServer({
		noServer: true,
		clientTracking: false,
		perMessageDeflate: false,
		skipUTF8Validation: true,
		maxPayload: FRAME_BYTES_MAX,
	});
	readonly #connections = new Set<ClientConnection>();
	/** Of this turn. */
	#writes: PendingWrite[] = [];
	#reads: PendingRead[] = [];
	readonly #proposed = new Set<Proposed>();
	#proposedBytes = 0;
	#leader = '';
	/** Those that have something to send. */
	readonly #answered = new Set<ClientConnection>();
	#closed = false;

	constructor(options: ClientDoorOptions) {
		this.#options = options;
		options.port.join(this);
	}

	/** For the HTTP server's upgrades of `/client`, once Host and Origin were looked at. */
	handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
		if (this.#closed || this.#connections.size >= CONNECTIONS_MAX) {
			return refuseUpgrade(socket, '503 Service Unavailable');
		}
		const { port, node, members, malformed } = this.#options;
		const address = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
		this.#server.handleUpgrade(request, socket, head, (ws) => {
			const connection = new ClientConnection(ws, {
				port,
				welcome: () => ({ node, leader: port.leader, members }),
				write: (write) => {
					if (this.#proposedBytes + write.bytes.length > PROPOSED_BYTES_MAX) return false;
					this.#proposedBytes += write.bytes.length;
					this.#writes.push(write);
					port.soon();
					return true;
				},
				read: (read) => {
					this.#reads.push(read);
					port.soon();
				},
				answered: () => this.#answered.add(connection),
				malformed: (why) => malformed(address, why),
				closed: () => this.#connections.delete(connection),
			});
			this.#connections.add(connection);
		});
	}

	collect(): void {
		if (this.#writes.length > 0) this.#propose();
		if (this.#reads.length > 0) this.#read();
	}

	answer(): void {
		const { leader } = this.#options.port;
		if (leader !== this.#leader) {
			this.#leader = leader;
			for (const connection of this.#connections) connection.tellLeader(leader);
		}
		for (const connection of this.#answered) connection.flush();
		this.#answered.clear();
	}

	/** Tells every client, and lets go of all. */
	async close(): Promise<void> {
		this.#closed = true;
		for (const { timeout } of this.#proposed) clearTimeout(timeout);
		await Promise.all([...this.#connections].map((connection) => connection.close()));
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
		const { port, nowMs, requestMs } = this.#options;
		const value = new Uint8Array(bytes);
		const names: CommandName[] = [];
		let at = 0;
		for (const write of writes) {
			value.set(write.bytes, at);
			at += write.bytes.length;
			names.push(write.last);
		}
		stampBatches(value, nowMs());
		const proposed: Proposed = { writes, bytes, open: names.length, timeout: undefined };
		this.#proposed.add(proposed);
		const id = port.loop.propose(names, { value, route: 'leader', contest: 0 }, (progress) =>
			this.#progress(proposed, progress),
		);
		proposed.timeout = setTimeout(() => port.loop.withdraw(id), requestMs);
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
		clearTimeout(proposed.timeout);
		this.#proposed.delete(proposed);
		this.#proposedBytes -= proposed.bytes;
		for (const { connection, count } of proposed.writes) connection.settled(count);
	}

	#read(): void {
		const reads = this.#reads;
		this.#reads = [];
		const linearizable = reads.filter(({ mode }) => mode === 'linearizable');
		for (const read of reads) if (read.mode === 'stale') read.connection.answerRead(read);
		if (linearizable.length === 0) return;
		const { port, requestMs } = this.#options;
		port.whenConfirmed(requestMs, (confirmed) => {
			for (const read of linearizable) {
				if (confirmed) read.connection.answerRead(read);
				else read.connection.refuseRead(read);
			}
		});
	}
}
