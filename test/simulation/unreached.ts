/**
 * The lines of the rooms under test that no seed reaches, each with the reason. `npm run simulate -- --coverage` checks
 * that no line is missing here and that every line here still exists. Only refusals need no name (`named.ts`).
 */
import type { Unreached } from './named.ts';

export const UNREACHED: readonly Unreached[] = [];
