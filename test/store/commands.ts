/** Commands of a client, for the tests of the store. */
import { Reader } from '../../shared/bytes/bytes.ts';
import { BatchWriter } from '../../shared/store/batch-writer.ts';
import { encodeCommand, type Identity, type Operation, type PartOfTransaction } from '../../shared/store/command.ts';
import type { Result } from '../../shared/store/result.ts';
import { Store } from '../../shared/store/store.ts';

export const CLIENT = 'V1StGXR8_Z5jdHi6B-myT';

export function identity(sequence: number, receivedThrough = 0, client = CLIENT): Identity {
	return { client, sequence, receivedThrough };
}

export function opening(client = CLIENT): Uint8Array {
	return encodeCommand(identity(1, 0, client), { kind: 'registerClient', client });
}

/** A batch that is a transaction. @param identity that of its first operation; the others have the sequences after it */
export function encodeTransaction(
	{ client, sequence, receivedThrough }: Identity,
	operations: readonly PartOfTransaction[],
): Uint8Array {
	const batch = new BatchWriter();
	batch.begin(client, sequence, receivedThrough, true);
	for (const operation of operations) batch.add(operation);
	return batch.take();
}

export function put(key: string, value: string | Uint8Array, cas: number | null = null, flags = 0n): Operation {
	return { kind: 'put', key, value: typeof value === 'string' ? bytesOf(value) : value, flags, cas };
}

export function acquire(key: string, session: string, value: string, flags = 0n): Operation {
	return { kind: 'acquire', key, value: bytesOf(value), flags, session };
}

export function release(key: string, session: string, value: string, flags = 0n): Operation {
	return { kind: 'release', key, value: bytesOf(value), flags, session };
}

/** A UUID, another one for each number. */
export function sessionId(number: number): string {
	return `${number.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
}

export function bytesOf(text: string): Uint8Array {
	return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array | undefined): string | undefined {
	return bytes && new TextDecoder().decode(bytes);
}

/** A store with one open client, and a client that numbers its commands from 2. */
export class Client {
	/** Another store may take its place, which is in the same state. */
	store: Store;
	readonly client: string;
	#sequence = 1;

	constructor(store = new Store(), client = CLIENT) {
		this.store = store;
		this.client = client;
		store.apply(opening(client));
	}

	/** The log's time passes. */
	wait(ms: number): void {
		this.store.passTime(ms);
	}

	/** Applies the operation under the next sequence, with every earlier answer received. */
	apply(operation: Operation): Result {
		this.#sequence++;
		return this.send(identity(this.#sequence, this.#sequence - 1, this.client), operation);
	}

	/** Applies the operation under an identity of the caller's choice. */
	send(as: Identity, operation: Operation): Result {
		const results: Result[] = [];
		const value = encodeCommand(as, operation);
		this.store.apply(value, (_client, _sequence, result) => results.push(result));
		const [result] = results;
		if (!result) throw new Error('the command was not applied');
		return result;
	}
}

/**
 * The saved state with a digest of 0: the digest tells the way to a state, which may differ where the rest must not.
 */
export function savedState(store: Store): Uint8Array {
	const saved = Uint8Array.from(store.save());
	const head = new Reader(saved);
	// Kind of part, items before, number of items, format, revision, time: the digest follows.
	for (let left = 6; left > 0; left--) head.int();
	return saved.fill(0, head.at, head.at + 4);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
	return Uint8Array.from(parts.flatMap((part) => [...part]));
}
