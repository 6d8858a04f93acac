/**
 * The at-most-once table: which commands of which client were applied, and what came of them. Outcomes are kept as a
 * set above what the client has received, so a command that was overtaken by a later one is neither lost nor applied
 * twice. Where there is no room for an outcome, its command counts as received: what this table does not remember is
 * refused, and never applied again.
 *
 * Nothing here may depend on anything but the commands applied, and no step may take longer because there are many
 * clients or outcomes.
 *
 * @source Ongaro 2014 (dissertation), 6.3: clients opened through the log, outcomes kept until acknowledged
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
	/** Before the client that was used least recently, and behind the one that was used last. */
	readonly #ends = new ClientEntry('', 0);
	/** From this one on, clients may have outcomes; those that were used less recently have none. */
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

	/** Of all clients. */
	get outcomesCount(): number {
		return this.#outcomesCount;
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
		if (this.#open.size >= this.#limits.clientsMax) this.#evict(this.#ends.next);
		this.#append(new ClientEntry(id, revision));
	}

	/** The client has the outcomes up to `through`. */
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

	/** The client that was used least recently of all that have outcomes loses them. */
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
	/** Every sequence up to here was answered and the answer received, or its outcome is given up. */
	receivedThrough = 0;
	/** The highest sequence that was applied. */
	highest = 0;
	/** The last command that was applied, and its outcome: 0 for none. It is not among `#others`. */
	#lastSequence = 0;
	#last: PackedOutcome = 0;
	/** By sequence, in the order of their revisions. A client with one command at a time never has any. */
	#others: Map<number, PackedOutcome> | null = null;

	constructor(id: string, openedRevision: number) {
		this.id = id;
		this.openedRevision = openedRevision;
	}

	/** Above `receivedThrough`. */
	get outcomesCount(): number {
		return (this.#last === 0 ? 0 : 1) + (this.#others === null ? 0 : this.#others.size);
	}

	/** undefined where it was not applied. @param sequence above `receivedThrough` */
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

	/** The work is bounded by the outcomes that there are, however far it leaps. */
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

/** Twice the revision, and 1 more where the command's condition held. */
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
