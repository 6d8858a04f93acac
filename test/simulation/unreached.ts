/**
 * The lines of the rooms under test that no seed reaches, each with the reason. `npm run simulate -- --coverage` checks
 * that no line is missing here and that every line here still exists. A line is named by its text without indentation.
 */

export interface Unreached {
	readonly file: string;
	readonly why: string;
	readonly lines: readonly string[];
}

export const UNREACHED: readonly Unreached[] = [];
