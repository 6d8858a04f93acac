/** What a store is made of. A restore puts it together before there is a store that works with it. */
import type { AppliedState } from './applied-once.ts';
import type { ClientLimits } from './client-limits.ts';
import { ClientTable } from './client-table.ts';
import { Keyspace } from './keyspace.ts';
import { Locks } from './locks.ts';
import { Sessions } from './sessions.ts';

export interface StoreState extends AppliedState {
	readonly keys: Keyspace;
	readonly sessions: Sessions;
	readonly locks: Locks;
}

export function emptyState(clientLimits: ClientLimits): StoreState {
	return {
		revision: 0,
		timeMs: 0,
		digest: 0,
		keys: new Keyspace(),
		sessions: new Sessions(),
		locks: new Locks(),
		clients: new ClientTable(clientLimits),
	};
}

/** How many more keys the session may acquire; 0 where it is not there. */
export function roomOf({ sessions, locks }: StoreState, session: string): number {
	return sessions.get(session) ? locks.roomOf(session) : 0;
}
