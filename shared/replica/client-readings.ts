/**
 * What the transactions of one client's connection read. The store has just applied an operation when its result is told,
 * so that is the moment at which a read among them looks at it. The entries leave in front of the transaction's last
 * result. A transaction that reads nothing costs nothing here.
 *
 * What it must never do: tell of a state other than that of the transaction itself.
 */
import { KIND_READ } from '../store/batch-format.ts';
import type { BatchReader } from '../store/batch-reader.ts';
import type { Entry } from '../store/entry.ts';
import type { Result } from '../store/result.ts';
import type { Store } from '../store/store.ts';
import type { ClientAnswers } from './client-answers.ts';

/** One transaction without its last result. */
interface Reader {
	readonly first: number;
	readonly last: number;
	/** The keys that it reads, by the sequences of the operations. */
	readonly keys: ReadonlyMap<number, string>;
	readonly entries: (Entry | undefined)[];
	/** Whether the store was as the transaction has read it. */
	isKnown: boolean;
	/** Whether all operations hold so far. */
	holds: boolean;
}

export class ClientReadings {
	readonly #store: Store;
	readonly #answers: ClientAnswers;
	readonly #readers = new Set<Reader>();
	/** By the sequences of all their operations. */
	readonly #bySequence = new Map<number, Reader>();

	constructor(store: Store, answers: ClientAnswers) {
		this.#store = store;
		this.#answers = answers;
	}

	/** The number of transactions that wait, for their results or for room in the socket. */
	get count(): number {
		return this.#readers.size + this.#answers.readingsWaiting;
	}

	/** The connection takes in a transaction. */
	add(command: BatchReader): void {
		const { first, count } = command;
		const keys = new Map<number, string>();
		command.rewind();
		while (command.nextCommand()) if (command.kind === KIND_READ) keys.set(command.sequence, command.key);
		if (keys.size === 0) return;
		const last = first + count - 1;
		const reader: Reader = { first, last, keys, entries: [], isKnown: true, holds: true };
		this.remove(first);
		this.#readers.add(reader);
		for (let sequence = first; sequence <= last; sequence++) this.#bySequence.set(sequence, reader);
	}

	/** The transaction that begins with this sequence has ended without results. */
	remove(first: number): void {
		const reader = this.#bySequence.get(first);
		if (reader?.first === first) this.#drop(reader);
	}

	/**
	 * As `Submitter.result`, and before the result is told to the client.
	 *
	 * @returns true where the result is told behind what was read
	 */
	result(sequence: number, result: Result): boolean {
		const reader = this.#bySequence.get(sequence);
		if (!reader) return false;
		reader.holds &&= 'ok' in result && result.ok;
		const key = reader.keys.get(sequence);
		if (key !== undefined && 'revision' in result) {
			reader.isKnown &&= result.kind === 'applied' || this.#store.changeOfKey(key) <= result.revision;
			reader.entries.push(this.#store.get(key));
		}
		if (sequence < reader.last) return false;
		this.#drop(reader);
		if (!reader.holds) return false;
		const { first, isKnown, entries } = reader;
		this.#answers.readings({ first, entries: isKnown ? entries : null, sequence, result });
		return true;
	}

	#drop(reader: Reader): void {
		this.#readers.delete(reader);
		for (let sequence = reader.first; sequence <= reader.last; sequence++) {
			if (this.#bySequence.get(sequence) === reader) this.#bySequence.delete(sequence);
		}
	}
}
