/**
 * The lines of the rooms under test that no seed reaches, each with the reason. `npm run simulate -- --coverage` checks
 * that no line is missing here and that every line here still exists. Only refusals need no name (`named.ts`).
 */
import type { Unreached } from './named.ts';
import { BOUNDS } from './unreached-bounds.ts';
import { CALLERS } from './unreached-callers.ts';
import { INPUTS } from './unreached-inputs.ts';
import { LOCKS } from './unreached-locks.ts';
import { MEMBERS } from './unreached-members.ts';
import { ORDERS } from './unreached-orders.ts';
import { SNAPSHOTS } from './unreached-snapshots.ts';

export const UNREACHED: readonly Unreached[] = [
	...CALLERS,
	...BOUNDS,
	...INPUTS,
	...LOCKS,
	...MEMBERS,
	...ORDERS,
	...SNAPSHOTS,
];
