/** Types, by `tsc -b`: the project references refuse an import of a room further up. */

import { tool } from './command.mjs';

/** @param {string} root */
export function types(root) {
	return tool(root, 'tsc', ['-b', '--pretty', 'false']);
}
