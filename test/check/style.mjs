/** Format, lint and order of imports, by Biome; `.biome.json` has the rules, room by room. */

import { tool } from './command.mjs';

/** @param {string} root */
export function style(root) {
	return tool(root, 'biome', ['check', '--error-on-warnings', '--colors=off', '.']);
}
