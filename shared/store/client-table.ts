/**
 * The at-most-once table: which commands of which client were applied, with their outcomes. For each client it keeps
 * the set of outcomes above `receivedThrough`, so a command that was overtaken by a later one is neither lost nor
 * applied twice. Where there is no room for an outcome, `receivedThrough` is raised over its command: a command that
 * this table has forgotten is refused, and never applied again.
 *
 * The table may depend on nothing but the commands applied, and no step may take longer because there are many
 * clients or outcomes.
 *
 * @source Ongaro 2014 (dissertation), 6.3: clients registered through the log, outcomes kept until acknowledged
 */
import { MalformedError, type Reader, type Writer } from '../bytes/bytes.ts';
import type { ClientLimits } from './client-limits.ts';

export interface Outcome {
	readonly revision: number;
	readonly ok: boolean;
}

export class ClientTable {
	readonly #limits: ClientLimits;
	readonly #open = new Map<string, ClientEntry>();
	/** The ends of a ring of clients in the order of use: the least recently used one comes next, the last one before. */
	readonly #ends = new ClientEntry('', 0);
	/** Clients that were used less recently than this one have no outcomes. */
	#firstWithOutcomes = this.#ends;
	#outcomesCount = 0;
	readonly #evicted = new Set<string>();
	/** A ring: the client that was evicted first is at `#evictedFirst`. */
	readonly #evictedOrder: string[] = [];
	#evictedFirst = 0;

	constructor(limits: ClientLimits) {
		this.#limits = limits;
	}

	get size(): number {
		return this.#open.size;
	}

	/** The number of outcomes of all clients. */
	get outcomesCount(): number {
		return this.#outcomesCount;
	}

	/** The client; undefined where it is not open. */
	get(id: string): ClientEntry | undefined {
		return this.#open.get(id);
	}

	/** A client that was evicted cannot be registered again. */
	wasEvicted(id: string): boolean {
		return this.#evicted.has(id);
	}

	open(id: string, revision: number): void {
		if (this.#open.size >= this.#limits.clientsMax) this.#evict(this.#ends.next);
		this.#append(new ClientEntry(id, revision));
	}

	/** The client has received the outcomes up to `through`, which are dropped. */
	receive(client: ClientEntry, through: number): void {
		if (through <= client.receivedThrough) return;
		const before = client.outcomesCount;
		client.receive(through);
		this.#outcomesCount += client.outcomesCount - before;
	}

	applied(client: ClientEntry, sequence: number, revision: number, ok: boolean): void {
		client.keep(sequence, revision, ok);
		this.#outcomesCount++;
		this.#used(client);
		const { outcomesMax, outcomesOfAllMax } = this.#limits;
		this.receive(client, client.highest - outcomesMax);
		while (this.#outcomesCount > outcomesOfAllMax) this.#forgetOldest();
	}

	/** Drops the outcomes of the least recently used client that has any. */
	#forgetOldest(): void {
		let client = this.#firstWithOutcomes;
		while (client.outcomesCount === 0) client = client.next;
		this.#firstWithOutcomes = client.next;
		this.receive(client, client.highest);
	}

	#evict(client: ClientEntry): void {
		this.#outcomesCount -= client.outcomesCount;
		this.#remove(client);
		this.#open.delete(client.id);
		this.#rememberEvicted(client.id);
	}

	#rememberEvicted(id: string): void {
		this.#evicted.add(id);
		if (this.#evictedOrder.length < this.#limits.evictedMax) {
			this.#evictedOrder.push(id);
			return;
		}
		this.#evicted.delete(this.#evictedOrder[this.#evictedFirst] as string);
		this.#evictedOrder[this.#evictedFirst] = id;
		this.#evictedFirst = (this.#evictedFirst + 1) % this.#evictedOrder.length;
	}

	#append(client: ClientEntry): void {
		this.#open.set(client.id, client);
		this.#insertLast(client);
	}

	#used(client: ClientEntry): void {
		if (client.next === this.#ends) return;
		this.#remove(client);
		this.#insertLast(client);
	}

	#insertLast(client: ClientEntry): void {
		const last = this.#ends.before;
		client.before = last;
		client.next = this.#ends;
		last.next = client;
		this.#ends.before = client;
		if (this.#firstWithOutcomes === this.#ends) this.#firstWithOutcomes = client;
	}

	#remove(client: ClientEntry): void {
		if (this.#firstWithOutcomes === client) this.#firstWithOutcomes = client.next;
		client.before.next = client.next;
		client.next.before = client.before;
	}

	save(out: Writer): void {
		out.int(this.#open.size);
		for (let client = this.#ends.next; client !== this.#ends; client = client.next) client.save(out);
		out.int(this.#evictedOrder.length);
		for (let i = 0; i < this.#evictedOrder.length; i++) {
			out.id(this.#evictedOrder[(this.#evictedFirst + i) % this.#evictedOrder.length] as string);
		}
	}

	/** @throws MalformedError */
	static restore(from: Reader, limits: ClientLimits): ClientTable {
		const clients = new ClientTable(limits);
		const count = from.int();
		if (count > limits.clientsMax) throw new MalformedError('more clients than there may be');
		for (let left = count; left > 0; left--) {
			const client = ClientEntry.restore(from);
			if (clients.#open.has(client.id)) throw new MalformedError('a client that is open twice');
			clients.#append(client);
			clients.#outcomesCount += client.outcomesCount;
		}
		const evictedCount = from.int();
		if (evictedCount > limits.evictedMax) throw new MalformedError('more evicted clients than are remembered');
		for (let left = evictedCount; left > 0; left--) clients.#rememberEvicted(from.id());
		return clients;
	}
}

/** One client's commands. Only the table changes it. */
export class ClientEntry {
	readonly id: string;
	readonly openedRevision: number;
	/** The neighbours in the order of use. */
	before: ClientEntry = this;
	next: ClientEntry = this;
	/**
	 * The client has received the outcome of every sequence up to this one, or the outcome was dropped for want of room.
	 */
	receivedThrough = 0;
	/** The highest sequence that was applied. */
	highest = 0;
	/** The last command that was applied, and its outcome; 0 where it was dropped. It is not among `#others`. */
	#lastSequence = 0;
	#last: PackedOutcome = 0;
	/**
	 * Earlier outcomes by sequence, in the order of their revisions. A client with one command at a time never has any.
	 */
	#others: Map<number, PackedOutcome> | null = null;

	constructor(id: string, openedRevision: number) {
		this.id = id;
		this.openedRevision = openedRevision;
	}

	/** The number of outcomes kept, all above `receivedThrough`. */
	get outcomesCount(): number {
		return (this.#last === 0 ? 0 : 1) + (this.#others === null ? 0 : this.#others.size);
	}

	/** @param sequence above `receivedThrough` @returns undefined where the command was not applied */
	outcomeOf(sequence: number): Outcome | undefined {
		const packed = sequence === this.#lastSequence ? this.#last : this.#others?.get(sequence);
		return packed ? unpacked(packed) : undefined;
	}

	keep(sequence: number, revision: number, ok: boolean): void {
		if (this.#last !== 0) {
			this.#others ??= new Map();
			this.#others.set(this.#lastSequence, this.#last);
		}
		this.#lastSequence = sequence;
		this.#last = 2 * revision + (ok ? 1 : 0);
		if (sequence > this.highest) this.highest = sequence;
	}

	/** Drops the outcomes up to `through`, in at most as many steps as there are outcomes. */
	receive(through: number): void {
		const others = this.#others;
		if (this.#lastSequence <= through) this.#last = 0;
		if (others !== null && others.size > 0) {
			if (through >= this.highest) {
				this.#others = null;
			} else if (through - this.receivedThrough <= others.size) {
				for (let sequence = this.receivedThrough + 1; sequence <= through; sequence++) others.delete(sequence);
			} else {
				for (const sequence of others.keys()) if (sequence <= through) others.delete(sequence);
			}
		}
		this.receivedThrough = through;
	}

	save(out: Writer): void {
		out.id(this.id);
		out.int(this.openedRevision);
		out.int(this.receivedThrough);
		out.int(this.highest);
		out.int(this.outcomesCount);
		for (const [sequence, packed] of this.#others ?? []) saveOutcome(out, sequence, packed);
		if (this.#last !== 0) saveOutcome(out, this.#lastSequence, this.#last);
	}

	static restore(from: Reader): ClientEntry {
		const client = new ClientEntry(from.id(), from.int());
		client.receivedThrough = from.int();
		const highest = from.int();
		for (let left = from.int(); left > 0; left--) {
			const sequence = from.int();
			const revision = from.int();
			const ok = from.u8();
			const isInRange = sequence > client.receivedThrough && sequence <= highest && revision < REVISIONS_MAX;
			if (!isInRange || ok > 1 || client.outcomeOf(sequence)) throw new MalformedError('an outcome out of range');
			client.keep(sequence, revision, ok === 1);
		}
		client.highest = highest;
		return client;
	}
}

/** 2 * revision, + 1 where the command's condition held. A number takes less memory than an `Outcome`. */
type PackedOutcome = number;
const REVISIONS_MAX = Number.MAX_SAFE_INTEGER / 2;

function unpacked(packed: PackedOutcome): Outcome {
	return { revision: Math.floor(packed / 2), ok: packed % 2 === 1 };
}

function saveOutcome(out: Writer, sequence: number, packed: PackedOutcome): void {
	const { revision, ok } = unpacked(packed);
	out.int(sequence);
	out.int(revision);
	out.bool(ok);
}
