/** Stores with some keys, for tests of snapshots. */
import { encodeCommand } from '../../shared/store/command.ts';
import { Store } from '../../shared/store/store.ts';

/** A store of one client that has put so many keys, each by a command of its own. */
export function storeOf(keys: number): Store {
	const store = new Store();
	const client = 'client';
	store.apply(encodeCommand({ client, sequence: 1, receivedThrough: 0 }, { kind: 'registerClient', client }));
	for (let key = 0; key < keys; key++) put(store, key + 2, `key${key}`);
	return store;
}

/** One more command of that client. */
export function put(store: Store, sequence: number, key: string): void {
	const value = new TextEncoder().encode(`value of ${key} at ${sequence}`);
	const operation = { kind: 'put', key, value, flags: 0n, cas: null } as const;
	store.apply(encodeCommand({ client: 'client', sequence, receivedThrough: sequence - 1 }, operation));
}
