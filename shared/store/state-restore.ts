/**
 * Reads the parts of a saved state (`cut-format.ts`) in their order, and those that the state of every machine has: the
 * clients. It takes in no items that no cut writes. The parts carry no checksum, because the room that keeps or sends them
 * adds one.
 */
import { MalformedError, Reader } from '../bytes/bytes.ts';
import type { AppliedState } from './applied-once.ts';
import { OUTCOMES_OF_PIECE_MAX } from './client-cut.ts';
import type { ClientLimits } from './client-limits.ts';
import { ClientEntry, revisionOf } from './client-table.ts';
import { PART } from './cut-format.ts';

export abstract class StateRestore<State extends AppliedState> {
	protected readonly state: State;
	readonly #limits: ClientLimits;
	/** The kinds of parts in their order, without the head. */
	readonly #sections: readonly number[];
	#hasHead = false;
	/** The kind of the last part, and the number of items in the parts of this kind. */
	#kind: number = PART.head;
	#itemsRead = 0;
	/** The number of items that are missing, by kind of part. A client is one, however many pieces it has. */
	readonly #left = new Map<number, number>();
	/** The outcomes of all clients that are missing. */
	#outcomesLeft = 0;
	#client = new ClientEntry('', 0);
	/** The outcomes of the last client that are missing. */
	#ofClientLeft = 0;
	/** What the highest sequence of the last client has to be. */
	#highest = 0;

	/**
	 * @param state an empty one
	 * @param limits the same at every node
	 * @param sections the kinds of parts that come between the head and the clients, in their order
	 */
	constructor(state: State, limits: ClientLimits, sections: readonly number[]) {
		this.state = state;
		this.#limits = limits;
		this.#sections = [...sections, PART.clients, PART.evicted];
	}

	/**
	 * Takes in the next part, or several one behind the other. The cost is bounded by their bytes. They must not be changed
	 * afterwards, because large values may stay in them.
	 *
	 * @throws MalformedError for what no cut writes after the parts before; then the restore is of no more use
	 */
	add(parts: Uint8Array): void {
		const from = new Reader(parts);
		while (!from.done) this.#readPart(from, parts);
	}

	/** Reads all of the head but the counts of clients, which come last. */
	protected abstract readHead(from: Reader): void;

	/** Reads the next item of a kind that only this machine has. @param bytes those that `from` reads */
	protected abstract readItem(kind: number, from: Reader, bytes: Uint8Array): void;

	/** So many items of that kind have to come. */
	protected expect(kind: number, count: number): void {
		this.#left.set(kind, count);
	}

	/** Reads a revision of the head: that of the state, its time and its digest. */
	protected readApplied(from: Reader): void {
		this.state.revision = from.int();
		this.state.timeMs = from.int();
		for (let shift = 0; shift < 32; shift += 8) this.state.digest |= from.u8() << shift;
	}

	/** @throws MalformedError where parts are missing */
	protected mustBeWhole(): void {
		if (!this.#hasHead) throw new MalformedError('a state without a head');
		this.#isWholeBefore(this.#sections.length);
		if (this.#outcomesLeft > 0) throw new MalformedError('a state with fewer outcomes than its head says');
	}

	protected revision(revision: number): number {
		if (revision > this.state.revision) throw new MalformedError('a revision above that of the state');
		return revision;
	}

	#readPart(from: Reader, bytes: Uint8Array): void {
		const kind = from.u8();
		const before = from.int();
		const count = from.int();
		if (count === 0) throw new MalformedError('a part without items');
		if (!this.#hasHead) {
			const isHead = kind === PART.head && before === 0 && count === 1;
			if (!isHead) throw new MalformedError('a state that does not begin with its head');
			return this.#readWholeHead(from);
		}
		this.#isWholeBefore(this.#sections.indexOf(kind));
		if (kind !== this.#kind) this.#itemsRead = 0;
		if (before !== this.#itemsRead) throw new MalformedError('a part that does not follow the one before it');
		this.#kind = kind;
		this.#itemsRead += count;
		for (let left = count; left > 0; left--) this.#readItem(kind, from, bytes);
	}

	#readWholeHead(from: Reader): void {
		const { clientsMax, outcomesOfAllMax, evictedMax } = this.#limits;
		this.readHead(from);
		this.expect(PART.clients, atMost(clientsMax, from.int()));
		this.#outcomesLeft = atMost(outcomesOfAllMax, from.int());
		this.expect(PART.evicted, atMost(evictedMax, from.int()));
		this.#hasHead = true;
	}

	/** @throws MalformedError where an item is missing of the sections before the one at this index, or it is -1 */
	#isWholeBefore(section: number): void {
		if (section < 0) throw new MalformedError('a part of another kind');
		const before = this.#sections.slice(0, section);
		const isWhole = before.every((kind) => this.#left.get(kind) === 0);
		if (!isWhole || (before.includes(PART.clients) && this.#ofClientLeft > 0)) {
			throw new MalformedError('a state with fewer items than its head says');
		}
	}

	#readItem(kind: number, from: Reader, bytes: Uint8Array): void {
		if (kind === PART.clients && this.#ofClientLeft > 0) return this.#readOutcomes(from);
		const left = this.#left.get(kind) as number;
		if (left === 0) throw new MalformedError('a state with more items than its head says');
		this.#left.set(kind, left - 1);
		if (kind === PART.clients) this.#readClient(from);
		else if (kind === PART.evicted) this.state.clients.restoreEvicted(clientId(from));
		else this.readItem(kind, from, bytes);
	}

	#readClient(from: Reader): void {
		const client = new ClientEntry(clientId(from), this.revision(from.int()));
		if (client.openedRevision === 0) throw new MalformedError('a client of revision 0');
		client.receivedThrough = from.int();
		this.#highest = from.int();
		this.#client = client;
		this.#ofClientLeft = atMost(Math.min(this.#limits.outcomesMax, this.#outcomesLeft), from.int());
		this.#outcomesLeft -= this.#ofClientLeft;
		this.state.clients.restore(client);
		this.#readOutcomes(from);
	}

	#readOutcomes(from: Reader): void {
		const client = this.#client;
		const count = Math.min(this.#ofClientLeft, OUTCOMES_OF_PIECE_MAX);
		this.#ofClientLeft -= count;
		for (let left = count; left > 0; left--) {
			const sequence = from.int();
			const packed = from.int();
			this.revision(revisionOf(packed));
			this.state.clients.restoreOutcome(client, sequence, packed);
		}
		if (this.#ofClientLeft > 0) return;
		// The outcome of the highest sequence is the last one that is dropped.
		const isRight =
			client.outcomesCount > 0 ? client.highest === this.#highest : this.#highest <= client.receivedThrough;
		if (!isRight) throw new MalformedError('a client with another highest sequence than its outcomes have');
		client.highest = this.#highest;
	}
}

function clientId(from: Reader): string {
	const id = from.id();
	for (let i = 0; i < id.length; i++)
		if (id.charCodeAt(i) > 0x7f) throw new MalformedError('a client that is not ASCII');
	if (id === '') throw new MalformedError('a client without a name');
	return id;
}

export function atMost(max: number, count: number): number {
	if (count > max) throw new MalformedError(`${count} items where a store has at most ${max}`);
	return count;
}
