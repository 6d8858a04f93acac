/**
 * What each path of the HTTP API asks of a token. The first rule that matches counts, and a path that none matches asks
 * for the role admin: so an odd spelling of a path is never a way around its rule.
 */
import type { Role } from '../../shared/replica/grant.ts';

/**
 * `open`: no token. `byRoom`: the room that answers asks. `page`: the token of the page, or admin. `readAll`: read, for
 * every key.
 */
export type Need = 'open' | 'byRoom' | 'page' | 'readAll' | Role;

export interface Rule {
	/** GET stands for HEAD too. */
	readonly methods: readonly string[];
	/** The whole path, as it was sent. */
	readonly path: RegExp;
	readonly need: Need;
}

const GET = ['GET'];
const PUT = ['PUT'];
const ANY = ['GET', 'PUT', 'POST', 'DELETE'];

export const RULES: readonly Rule[] = [
	{ methods: GET, path: /^\/(livez|readyz)(\/[a-z-]+)?$/, need: 'open' },
	// The files of the page. They have no names that begin like other paths, and hold no secret.
	{ methods: GET, path: /^\/(index\.html)?$/, need: 'open' },
	{ methods: GET, path: /^\/(?!v1\/|metrics\b)([\w-]+\/)*[\w-]+(\.[\w-]+)+$/, need: 'open' },
	// Without a token it tells the id of the swarm and of the node, which nodes ask each other before a link is made.
	{ methods: GET, path: /^\/v1\/swarm$/, need: 'byRoom' },
	{ methods: ['GET', 'PUT', 'DELETE'], path: /^\/v1\/kv(\/|$)/, need: 'byRoom' },
	// The rooms of these ask for the keys as well.
	{ methods: GET, path: /^\/v1\/watch(\/|$)/, need: 'read' },
	{ methods: PUT, path: /^\/v1\/txn$/, need: 'read' },
	{ methods: PUT, path: /^\/v1\/session\/(create|(renew|destroy)\/[^/]+)$/, need: 'write' },
	{ methods: GET, path: /^\/v1\/session\/info\/[^/]+$/, need: 'read' },
	{ methods: GET, path: /^\/v1\/session\/(list|node\/[^/]+)$/, need: 'readAll' },
	{ methods: GET, path: /^\/v1\/(status\/(leader|peers)|agent\/self|catalog\/nodes|members)$/, need: 'read' },
	{ methods: GET, path: /^\/v1\/health\/(node|state)\/[^/]+$/, need: 'read' },
	{ methods: GET, path: /^\/metrics$/, need: 'read' },
	{ methods: ANY, path: /^\/v1\/lab(\/|$)/, need: 'page' },
];

export function needOf(method: string, path: string): Need {
	const asked = method === 'HEAD' ? 'GET' : method;
	return RULES.find((rule) => rule.methods.includes(asked) && rule.path.test(path))?.need ?? 'admin';
}
