/**
 * The lines of the rooms under test that no seed reaches, each with the reason. `npm run simulate -- --coverage` checks
 * that no line is missing here and that every line here still exists. Only refusals need no name (`named.ts`).
 */
import type { Unreached } from './named.ts';

export const UNREACHED: readonly Unreached[] = [
	{
		file: 'shared/client/abort.ts',
		why: 'No client of the world aborts a call.',
	},
	{
		file: 'shared/replica/view.ts',
		why: 'Snapshots of a node are for its watchers, and the world has none.',
	},
	{
		file: 'shared/store/describe.ts',
		why: 'Descriptions of commands are for watchers, and the world has none.',
	},
];
