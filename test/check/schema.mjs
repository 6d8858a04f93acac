/** `server/swarm.schema.json`, which editors read, must be the JSON Schema of the zod schema that the program uses. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

/**
 * Compares the committed file with what the built program describes; the build has to be fresh.
 * @param {string} root
 * @returns {Promise<string[]>}
 */
export async function schema(root) {
	const file = join(root, 'server/swarm.schema.json');
	const built = join(root, 'dist/server/config/swarm-file.js');
	if (!existsSync(file)) return ['server/swarm.schema.json is missing'];
	if (!existsSync(built)) return ['dist/server/config/swarm-file.js is missing: build first'];
	const { swarmJsonSchema } = await import(pathToFileURL(built).href);
	const described = JSON.parse(JSON.stringify(swarmJsonSchema()));
	if (isDeepStrictEqual(JSON.parse(readFileSync(file, 'utf8')), described)) return [];
	return ['server/swarm.schema.json is stale; run: npm run schema'];
}
