/**
 * What is in a snapshot: the members as of its last slot, in the first payload, and the state of the store in those that
 * follow. A node that starts reads its own so, and one that takes over another node's reads that.
 */
import { MalformedError, Reader, Writer } from '../bytes/bytes.ts';
import { type MembersState, readMembersState, writeMembersState } from '../paxos/members.ts';
import { CLIENT_LIMITS } from '../store/client-limits.ts';
import { StoreRestore } from '../store/restore.ts';
import type { Store } from '../store/store.ts';

export interface Restored {
	readonly store: Store;
	/** Those that govern the slots behind the snapshot. */
	readonly members: MembersState;
}

export class Restore {
	readonly #store: StoreRestore;
	#members: MembersState | null = null;

	/** @param clientLimits the same at every node */
	constructor(clientLimits = CLIENT_LIMITS) {
		this.#store = new StoreRestore(clientLimits);
	}

	/** The number of keys that were taken in. */
	get keysCount(): number {
		return this.#store.keysCount;
	}

	/**
	 * Takes in the next payload, which must not be changed afterwards.
	 *
	 * @throws MalformedError for what is no payload of a snapshot after those before
	 */
	add(payload: Uint8Array): void {
		if (this.#members !== null) return this.#store.add(payload);
		this.#members = readMembersPart(payload);
	}

	/** @throws MalformedError where payloads are missing */
	finish(): Restored {
		if (this.#members === null) throw new MalformedError('a snapshot without members');
		return { store: this.#store.finish(), members: this.#members };
	}
}

/** Reads the first payload. @throws MalformedError */
export function readMembersPart(payload: Uint8Array): MembersState {
	const from = new Reader(payload);
	const members = readMembersState(from);
	from.finish();
	return members;
}

/** The first payload. */
export function membersPart(members: MembersState): Uint8Array {
	const out = new Writer();
	writeMembersState(out, members);
	return out.take();
}
