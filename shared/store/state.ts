/** What a store is made of. A restore puts it together before there is a store that works with it. */
import type { ClientLimits } from './client-limits.ts';
import { ClientTable } from './client-table.ts';
import type { Kept } from './entry.ts';
import { KeptValues } from './kept-values.ts';
import { KeyIndex } from './key-index.ts';
import { Tombstones } from './tombstones.ts';
import { Views } from './views.ts';

export interface StoreState {
	revision: number;
	timeMs: number;
	digest: number;
	readonly views: Views;
	readonly entries: KeyIndex<Kept>;
	readonly values: KeptValues;
	readonly tombstones: Tombstones;
	readonly clients: ClientTable;
}

export function emptyState(clientLimits: ClientLimits): StoreState {
	const views = new Views();
	return {
		revision: 0,
		timeMs: 0,
		digest: 0,
		views,
		entries: new KeyIndex<Kept>(views),
		values: new KeptValues(),
		tombstones: new Tombstones(),
		clients: new ClientTable(clientLimits),
	};
}
