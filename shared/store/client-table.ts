/**
 * The at-most-once table: which commands of which client were applied, with their outcomes. For each client it keeps
 * the set of outcomes above `receivedThrough`, so a command that was overtaken by a later one is neither lost nor
 * applied twice. Where there is no room for an outcome, `receivedThrough` is raised over its command: a command that
 * this table has forgotten is refused, and never applied again.
 *
 * The table may depend on nothing but the commands applied, and no step may take longer because there are many
 * clients or outcomes.
 *
 * @source Raft thesis (Ongaro 2014) 6.3: clients registered through the log, outcomes kept until acknowledged
 */
import { MalformedError } from '../bytes/bytes.ts';
import { type ClientImage, ClientsCut } from './client-cut.ts';
import { type ClientLimits, REQUEST_MARK } from './client-limits.ts';

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
	/** A cut that is being written: a client is kept for it before it is changed. */
	#cut: ClientsCut | null = null;
	/** The number of times that a client took the last place in the order of use. */
	#usesCount = 0;

	constructor(limits: ClientLimits) {
		this.#limits = limits;
		this.#ends.usedAt = Number.POSITIVE_INFINITY;
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
		if (this.#cut !== null) this.#cut.changes(client);
		const before = client.outcomesCount;
		client.receive(through);
		this.#outcomesCount += client.outcomesCount - before;
	}

	applied(client: ClientEntry, sequence: number, revision: number, ok: boolean): void {
		if (this.#cut !== null) this.#cut.changes(client);
		client.keep(sequence, 2 * revision + (ok ? 1 : 0));
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
		// Not the next one: where this is the last one, it stays in its place while it is used.
		this.#firstWithOutcomes = client;
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
		client.usedAt = ++this.#usesCount;
		const last = this.#ends.before;
		client.before = last;
		client.next = this.#ends;
		last.next = client;
		this.#ends.before = client;
		if (this.#firstWithOutcomes === this.#ends) this.#firstWithOutcomes = client;
	}

	#remove(client: ClientEntry): void {
		if (this.#cut !== null) this.#cut.leaves(client);
		if (this.#firstWithOutcomes === client) this.#firstWithOutcomes = client.next;
		client.before.next = client.next;
		client.next.before = client.before;
	}

	/** The table as it is now, to be read later. There must be no other open cut. */
	openCut(): ClientsCut {
		this.#cut = this.show();
		return this.#cut;
	}

	/** The bytes that are kept for an open cut. */
	get cutBytes(): number {
		return this.#cut?.keptBytes ?? 0;
	}

	closeCut(): void {
		this.#cut = null;
	}

	/** A cut that is not open: it is right only until the next command. */
	show(): ClientsCut {
		const evicted = this.#evictedOrder.slice();
		const { next } = this.#ends;
		return new ClientsCut(next, this.#usesCount, this.size, this.#outcomesCount, evicted, this.#evictedFirst);
	}

	/** Adds the next client of a cut, in the order of use. @throws MalformedError where it was added before */
	restore(client: ClientEntry): void {
		if (this.#open.has(client.id)) throw new MalformedError('a client that is open twice');
		this.#append(client);
	}

	/** Adds the next outcome of the client. @throws MalformedError where that is none, or out of order */
	restoreOutcome(client: ClientEntry, sequence: number, packed: PackedOutcome): void {
		const { receivedThrough, lastRevision } = client;
		if (sequence <= receivedThrough || client.outcomeOf(sequence) || revisionOf(packed) <= lastRevision) {
			throw new MalformedError('an outcome out of order');
		}
		client.keep(sequence, packed);
		this.#outcomesCount++;
	}

	/** Adds the next evicted client of a cut, the first one first. @throws MalformedError where it is known already */
	restoreEvicted(id: string): void {
		if (this.#open.has(id) || this.#evicted.has(id))
			throw new MalformedError('an evicted client that is known already');
		this.#rememberEvicted(id);
	}
}

/** One client's commands. Only the table changes it. */
export class ClientEntry {
	readonly id: string;
	readonly openedRevision: number;
	/** Whether it takes one batch only: see `REQUEST_MARK`. */
	readonly isRequest: boolean;
	/** The neighbours in the order of use. */
	before: ClientEntry = this;
	next: ClientEntry = this;
	/**
	 * The client has received the outcome of every sequence up to this one, or the outcome was dropped for want of room.
	 */
	receivedThrough = 0;
	/** The highest sequence that was applied. */
	highest = 0;
	/** Its place in the order of use: higher than that of each client that was used less recently. */
	usedAt = 0;
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
		this.isRequest = id.startsWith(REQUEST_MARK);
	}

	/** Whether it takes nothing new. */
	get isSpent(): boolean {
		return this.isRequest && this.highest > 0;
	}

	/** The revision of the last command that has an outcome here, or of the registration. */
	get lastRevision(): number {
		return this.#last === 0 ? this.openedRevision : revisionOf(this.#last);
	}

	/** The number of outcomes kept, all above `receivedThrough`. */
	get outcomesCount(): number {
		return (this.#last === 0 ? 0 : 1) + (this.#others === null ? 0 : this.#others.size);
	}

	/** @returns undefined where the command was not applied, or its outcome is not kept any more */
	outcomeOf(sequence: number): Outcome | undefined {
		const packed = sequence === this.#lastSequence ? this.#last : this.#others?.get(sequence);
		return packed ? unpacked(packed) : undefined;
	}

	/** @param packed the outcome of a later revision than all before */
	keep(sequence: number, packed: PackedOutcome): void {
		if (this.#last !== 0) {
			this.#others ??= new Map();
			this.#others.set(this.#lastSequence, this.#last);
		}
		this.#lastSequence = sequence;
		this.#last = packed;
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

	/** A copy of the client as it is now. The cost is a walk over its outcomes. */
	image(): ClientImage {
		const { id, openedRevision, receivedThrough, highest, usedAt } = this;
		const count = this.outcomesCount;
		const outcomes = count === 0 ? NO_OUTCOMES : new Float64Array(2 * count);
		let at = 0;
		// A loop over the pairs of a map makes an array for each of them.
		this.#others?.forEach((packed, sequence) => {
			outcomes[at++] = sequence;
			outcomes[at++] = packed;
		});
		if (this.#last !== 0) {
			outcomes[at++] = this.#lastSequence;
			outcomes[at] = this.#last;
		}
		return { id, openedRevision, receivedThrough, highest, outcomes, usedAt };
	}
}

const NO_OUTCOMES = new Float64Array(0);

/** 2 * revision, + 1 where the command's condition held. A number takes less memory than an `Outcome`. */
export type PackedOutcome = number;

export function revisionOf(packed: PackedOutcome): number {
	return Math.floor(packed / 2);
}

function unpacked(packed: PackedOutcome): Outcome {
	return { revision: revisionOf(packed), ok: packed % 2 === 1 };
}
