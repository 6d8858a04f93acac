/**
 * The at-most-once table: which commands of which client were applied, and what came of them. Outcomes are
 * kept as a set above what the client has received, so a command that was overtaken by a later one is neither
 * lost nor applied twice. Nothing here may depend on anything but the commands applied.
 *
 * @source Ongaro 2014 (dissertation), 6.3: clients opened through the log, outcomes kept until acknowledged
 */
import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';

/** Open at once; the one that has been used least recently makes room. A node opens one in its process's life. */
export const CLIENTS_MAX = 1024;
/** Closed ones are remembered, so that a late copy of an opening cannot bring back an empty table. */
export const EVICTED_CLIENTS_MAX = 8 * CLIENTS_MAX;
/**
 * Outcomes of one client that its client has not acknowledged. Beyond it the lower half is forgotten, and what
 * was not applied of it never will be: no client may run further than half of this ahead of its first
 * unanswered command.
 */
export const OUTCOMES_MAX = 262_144;

export interface Outcome {
	readonly revision: number;
	readonly ok: boolean;
}

export class ClientTable {
	/** In the order in which they were opened. */
	readonly #open = new Map<string, ClientEntry>();
	/** The one closed first comes first. */
	readonly #evicted = new Set<string>();

	get size(): number {
		return this.#open.size;
	}

	/** undefined where it is not open. */
	get(id: string): ClientEntry | undefined {
		return this.#open.get(id);
	}

	/** A client that was evicted cannot be registered again. */
	wasEvicted(id: string): boolean {
		return this.#evicted.has(id);
	}

	open(id: string, revision: number): void {
		if (this.#open.size >= CLIENTS_MAX) this.#evictLeastRecentlyUsed();
		this.#open.set(id, new ClientEntry(id, revision));
	}

	#evictLeastRecentlyUsed(): void {
		let least: ClientEntry | undefined;
		for (const client of this.#open.values()) {
			if (!least || client.usedRevision < least.usedRevision) least = client;
		}
		if (!least) return;
		this.#open.delete(least.id);
		this.#evicted.add(least.id);
		const [oldest] = this.#evicted;
		if (oldest !== undefined && this.#evicted.size > EVICTED_CLIENTS_MAX) this.#evicted.delete(oldest);
	}

	save(out: Writer): void {
		out.int(this.#open.size);
		for (const client of this.#open.values()) client.save(out);
		out.int(this.#evicted.size);
		for (const id of this.#evicted) out.id(id);
	}

	static restore(from: Reader): ClientTable {
		const clients = new ClientTable();
		for (let left = from.int(); left > 0; left--) {
			const client = ClientEntry.restore(from);
			clients.#open.set(client.id, client);
		}
		for (let left = from.int(); left > 0; left--) clients.#evicted.add(from.id());
		return clients;
	}
}

/** One client's commands. */
export class ClientEntry {
	readonly id: string;
	readonly openedRevision: number;
	/** Of its last applied command. */
	usedRevision: number;
	/** Every sequence up to here was answered, and the answer received. */
	receivedThrough = 0;
	/** By sequence, above `receivedThrough` only, in the order of their revisions. */
	readonly outcomes = new Map<number, Outcome>();

	constructor(id: string, openedRevision: number) {
		this.id = id;
		this.openedRevision = openedRevision;
		this.usedRevision = openedRevision;
	}

	applied(sequence: number, outcome: Outcome): void {
		this.usedRevision = outcome.revision;
		this.outcomes.set(sequence, outcome);
		if (this.outcomes.size > OUTCOMES_MAX) this.#forgetLowerHalf();
	}

	/** Its client has the outcomes up to `through`. The work is bounded by those there are, however far it leaps. */
	receive(through: number): void {
		if (through <= this.receivedThrough) return;
		if (through - this.receivedThrough <= this.outcomes.size) {
			for (let sequence = this.receivedThrough + 1; sequence <= through; sequence++) this.outcomes.delete(sequence);
		} else {
			for (const sequence of this.outcomes.keys()) if (sequence <= through) this.outcomes.delete(sequence);
		}
		this.receivedThrough = through;
	}

	/** Half, so that a client that acknowledges nothing does not cost a search with every command. */
	#forgetLowerHalf(): void {
		const sequences = [...this.outcomes.keys()].sort((a, b) => a - b);
		this.receive(sequences[OUTCOMES_MAX / 2] as number);
	}

	save(out: Writer): void {
		out.id(this.id);
		out.int(this.openedRevision);
		out.int(this.usedRevision);
		out.int(this.receivedThrough);
		out.int(this.outcomes.size);
		for (const [sequence, { revision, ok }] of this.outcomes) {
			out.int(sequence);
			out.int(revision);
			out.u8(ok ? 1 : 0);
		}
	}

	static restore(from: Reader): ClientEntry {
		const client = new ClientEntry(from.id(), from.int());
		client.usedRevision = from.int();
		client.receivedThrough = from.int();
		for (let left = from.int(); left > 0; left--) {
			const sequence = from.int();
			const revision = from.int();
			const ok = from.u8();
			if (sequence <= client.receivedThrough || ok > 1) throw new MalformedError('an outcome out of range');
			client.outcomes.set(sequence, { revision, ok: ok === 1 });
		}
		return client;
	}
}
