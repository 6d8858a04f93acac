/**
 * Lines of the rooms under test that no seed reaches, each with the reason. `npm run simulate -- --coverage` checks
 * that nothing is missing here and that nothing here is gone. A line is named by its text, without its indentation.
 */

export interface Unreached {
	readonly file: string;
	readonly why: string;
	readonly lines: readonly string[];
}

export const UNREACHED: readonly Unreached[] = [];
