/**
 * A store of sessions and locks in virtual time, and processes whose clients reach it over connections that break, through
 * nodes that are slow, refuse, lose what they were sent or carry it out late. A process may stand still. All of that is
 * drawn from a seed.
 */
import { Writer } from '../../shared/bytes/bytes.ts';
import { type ToldChange, writeChanges } from '../../shared/client/changes.ts';
import { type ClientSection, readClientFrame } from '../../shared/client/client-frame.ts';
import { ClientCore } from '../../shared/client/core.ts';
import {
	writeChangesSection,
	writeEntry,
	writePong,
	writeRefused,
	writeResults,
	writeValues,
	writeWatchEnded,
	writeWelcome,
} from '../../shared/client/node-frame.ts';
import { STATUSES } from '../../shared/client/protocol.ts';
import type { SessionRuntime } from '../../shared/client/runtime.ts';
import type { ClientSocket } from '../../shared/client/socket.ts';
import { TTL_FACTOR } from '../../shared/replica/time-outs.ts';
import { BatchReader } from '../../shared/store/batch-reader.ts';
import { CLIENT_LIMITS } from '../../shared/store/client-limits.ts';
import { encodeCommand, type Operation } from '../../shared/store/command.ts';
import type { Result } from '../../shared/store/result.ts';
import { Store } from '../../shared/store/store.ts';
import { VirtualTime } from './virtual.ts';

const TICK_MS = 500;
const NO_TROUBLE = { refusing: 0, losing: 0, endingWatches: 0, answerMsMax: 5, watchMsMax: 20 };

type Trouble = typeof NO_TROUBLE;

interface Watch {
	readonly id: number;
	readonly prefix: string;
	/** Changes up to this revision were told. */
	after: number;
}

export class LockWorld {
	readonly time: VirtualTime;
	readonly store: Store;
	readonly processes: readonly Process[];
	readonly connections = new Set<Connection>();
	trouble: Trouble = NO_TROUBLE;
	readonly #history: ToldChange[] = [];
	/** The last renewal of each session, and the time at which it was seen. */
	readonly #renewals = new Map<string, { readonly revision: number; readonly ms: number }>();
	#admins = 0;
	#ends = false;

	/** @param clientsMax above so many the store forgets the client that was used least recently */
	constructor(seed: number, processes: number, clientsMax: number) {
		this.time = new VirtualTime(seed);
		this.store = new Store({ ...CLIENT_LIMITS, clientsMax });
		this.store.listener = {
			put: ({ key, flags, lock, createRevision, modifyRevision }) => {
				const value = { bytes: new Uint8Array(0), start: 0, end: 0, flags };
				const revisions = { createRevision, modifyRevision, index: modifyRevision };
				this.#changed({ kind: 'put', key, lock, ...value, ...revisions });
			},
			deleted: (key, revision) => this.#changed({ kind: 'delete', key, modifyRevision: revision, index: revision }),
			cut: () => undefined,
			together: () => undefined,
			sessionChanged: () => undefined,
		};
		this.processes = Array.from({ length: processes }, () => new Process(this));
		this.#tick();
	}

	/** A whole number below `end`. */
	draw(end: number): number {
		return Math.floor(this.time.random() * end);
	}

	oneOf(all: readonly number[]): number {
		return all[this.draw(all.length)] as number;
	}

	draws(chance: number): boolean {
		return this.time.random() < chance;
	}

	/** Another trouble than before. */
	worsen(): void {
		this.trouble = {
			refusing: this.draws(0.3) ? this.oneOf([0.1, 0.5, 1]) : 0,
			losing: this.draws(0.2) ? 0.3 : 0,
			endingWatches: this.draws(0.3) ? 0.3 : 0,
			answerMsMax: this.oneOf([5, 50, 1000, 4000]),
			watchMsMax: this.oneOf([20, 200, 2000]),
		};
		if (this.draws(0.4)) for (const each of [...this.connections]) if (this.draws(0.5)) each.cut();
		const process = this.processes[this.draw(this.processes.length)];
		if (process && this.draws(0.2)) process.standStill(this.draw(25_000));
	}

	recover(): void {
		this.trouble = NO_TROUBLE;
	}

	/** From now on no session ends because of its time. */
	end(): void {
		this.#ends = true;
	}

	/** Somebody else has this carried out. */
	carryOut(operation: Operation): void {
		const client = `admin ${++this.#admins}`;
		const commands: Operation[] = [{ kind: 'registerClient', client }, operation];
		for (const [at, command] of commands.entries()) {
			this.store.apply(encodeCommand({ client, sequence: at + 1, receivedThrough: 0 }, command));
		}
	}

	receive(connection: Connection, frame: Uint8Array): void {
		for (const section of readClientFrame(frame)) this.#take(connection, section, frame);
	}

	#take(connection: Connection, section: ClientSection, frame: Uint8Array): void {
		switch (section.kind) {
			case 'hello':
				return connection.welcome();
			case 'ping':
				return connection.tell(writePong);
			case 'watch': {
				const { id, prefix, after } = section;
				const watch = { id, prefix, after: after ?? this.store.revision };
				connection.watches.add(watch);
				return this.#tell(connection, watch);
			}
			case 'unwatch':
				for (const watch of connection.watches) if (watch.id === section.id) connection.watches.delete(watch);
				return;
			case 'auth':
			case 'trace':
				return;
			case 'read': {
				const { first, keys } = section;
				if (this.#refuses(connection, 'read', first, keys.length)) return;
				return this.#later(() =>
					connection.tell((out) => {
						writeValues(out, first, keys.length);
						for (const key of keys) writeEntry(out, this.store.get(key));
					}),
				);
			}
			case 'write': {
				const bytes = frame.slice(section.from, section.to);
				const batch = new BatchReader(bytes);
				batch.nextBatch();
				if (this.#refuses(connection, 'write', batch.first, batch.count) || this.draws(this.trouble.losing)) return;
				// It is carried out though its connection is gone, and may come behind what was sent later.
				return this.#later(() => connection.tell((out) => this.#apply(bytes, out)));
			}
		}
	}

	#apply(bytes: Uint8Array, out: Writer): void {
		this.store.apply(bytes, (_client, sequence, result) => {
			const revision = 'revision' in result ? result.revision : 0;
			writeResults(out, sequence, 1, STATUSES.indexOf(statusOf(result)), revision);
		});
	}

	#later(act: () => void): void {
		this.time.after(this.draw(this.trouble.answerMsMax), act);
	}

	#refuses(connection: Connection, what: 'read' | 'write', first: number, count: number): boolean {
		const refuses = this.draws(this.trouble.refusing);
		const why = this.draws(0.5) ? 'noLeader' : 'overloaded';
		if (refuses) connection.tell((out) => writeRefused(out, what, first, count, why, false));
		return refuses;
	}

	#changed(change: ToldChange): void {
		this.#history.push(change);
		for (const connection of this.connections) for (const watch of connection.watches) this.#tell(connection, watch);
	}

	#tell(connection: Connection, watch: Watch): void {
		this.time.after(1 + this.draw(this.trouble.watchMsMax), () => {
			if (!connection.watches.has(watch)) return;
			const { id, prefix, after } = watch;
			if (this.draws(this.trouble.endingWatches)) {
				connection.watches.delete(watch);
				return connection.tell((out) => writeWatchEnded(out, id, this.draws(0.5) ? 'compacted' : 'tooMany'));
			}
			watch.after = Math.max(after, this.store.revision);
			const news = this.#history.filter(({ key, index }) => index > after && key.startsWith(prefix));
			if (news.length === 0) return;
			const section = new Writer();
			writeChanges(section, watch.after, news);
			connection.tell((out) => writeChangesSection(out, id, section.take()));
		});
	}

	/** Passes the time of the log on, and ends sessions that nobody renews, as a leader does. */
	#tick(): void {
		this.store.passTime(TICK_MS);
		const { nowMs } = this.time;
		for (const { id, renewedRevision, ttlMs } of this.store.sessions()) {
			const renewal = this.#renewals.get(id);
			if (renewal?.revision !== renewedRevision) this.#renewals.set(id, { revision: renewedRevision, ms: nowMs });
			else if (nowMs - renewal.ms >= TTL_FACTOR * ttlMs) {
				this.carryOut({ kind: 'endSession', session: id, renewed: renewedRevision });
			}
		}
		if (!this.#ends) this.time.after(TICK_MS, () => this.#tick());
	}
}

function statusOf(result: Result): (typeof STATUSES)[number] {
	if (result.kind === 'forgotten' || result.kind === 'unknownClient') return result.kind;
	return result.ok ? 'ok' : 'conditionFailed';
}

/** A process with one client. While it stands still nothing of it runs, and the clock goes on. */
export class Process {
	readonly world: LockWorld;
	readonly core: ClientCore;
	#stillUntilMs = 0;

	constructor(world: LockWorld) {
		this.world = world;
		this.core = new ClientCore({
			nodes: ['http://n1:7101'],
			connect: () => new Connection(this),
			timeoutMs: 3_000 + world.draw(8_000),
			runtime: this.runtime,
		});
	}

	get runtime(): SessionRuntime {
		return {
			...this.world.time.runtime,
			after: (ms, act) => this.after(ms, act),
			afterTurn: (act) => void this.after(0, act),
		};
	}

	get isStill(): boolean {
		return this.world.time.nowMs < this.#stillUntilMs;
	}

	standStill(ms: number): void {
		this.#stillUntilMs = this.world.time.nowMs + ms;
	}

	after(ms: number, act: () => void): () => void {
		const { time } = this.world;
		let cancel: () => void;
		const come = (): void => {
			const stillMs = this.#stillUntilMs - time.nowMs;
			if (stillMs <= 0) act();
			else cancel = time.after(stillMs, come);
		};
		cancel = time.after(ms, come);
		return () => cancel();
	}

	sleep(ms: number): Promise<void> {
		return new Promise((resolve) => void this.after(ms, resolve));
	}
}

class Connection implements ClientSocket {
	binaryType = '';
	readonly bufferedAmount = 0;
	onopen: ((event: never) => void) | null = null;
	onmessage: ((event: never) => void) | null = null;
	onclose: ((event: never) => void) | null = null;
	onerror: ((event: never) => void) | null = null;
	isOpen = true;
	readonly watches = new Set<Watch>();
	readonly #process: Process;
	#isWelcome = false;

	constructor(process: Process) {
		this.#process = process;
		process.world.connections.add(this);
		process.after(2, () => this.onopen?.({} as never));
	}

	welcome(): void {
		if (!this.#isWelcome) this.tell((out) => writeWelcome(out, 'n1', 'n1', []));
		this.#isWelcome = true;
	}

	tell(write: (out: Writer) => void): void {
		const out = new Writer();
		write(out);
		const data = out.take().slice().buffer;
		this.#process.after(1, () => this.onmessage?.({ data } as never));
	}

	send(data: ArrayBuffer): void {
		const { world } = this.#process;
		const frame = new Uint8Array(data.slice(0));
		world.time.after(1, () => {
			// What was on its way when the connection ended may come all the same.
			if (this.isOpen || world.draws(0.5)) world.receive(this, frame);
		});
	}

	close(): void {
		this.isOpen = false;
		this.watches.clear();
		this.#process.world.connections.delete(this);
	}

	cut(): void {
		this.close();
		this.#process.after(1, () => this.onclose?.({} as never));
	}
}
