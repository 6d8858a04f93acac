/** The key-value store as a kind of state machine, with the bounds that all nodes have. */
import type { MachineKind } from './machine.ts';
import { StoreRestore } from './restore.ts';
import { Store } from './store.ts';

export const KEY_VALUE: MachineKind<Store> = { empty: () => new Store(), restore: () => new StoreRestore() };
