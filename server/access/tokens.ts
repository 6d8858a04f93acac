/**
 * The tokens of a swarm, and what each of them grants. Of a token only its digest is kept, so that nothing that is made
 * of this node's state can tell it. `server/access/README.md` has the rules of each door.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Grant, Role } from '../../shared/replica/grant.ts';

/** A token that was read from the environment or from a file, by its digest. */
export interface KnownToken {
	/** Where it came from, for people. */
	readonly source: string;
	readonly digest: Buffer;
	readonly grant: Grant;
}

const TOKEN_CHARS_MIN = 16;
const TOKEN_CHARS_MAX = 255;

/** Why no token may be `text`, as the end of a sentence; null for a good one. It never tells the text. */
export function tokenFault(text: string): string | null {
	if (text.length < TOKEN_CHARS_MIN || text.length > TOKEN_CHARS_MAX) {
		return `a token has ${TOKEN_CHARS_MIN} to ${TOKEN_CHARS_MAX} characters`;
	}
	return /^[\x21-\x7e]+$/.test(text) ? null : 'a token has letters, digits and signs of ASCII only, and no space';
}

export function digestOf(token: string): Buffer {
	return createHash('sha256').update(token).digest();
}

export type TokenRole = Role | 'page';

/** A token as a program gives it. */
export interface TokenInput {
	readonly role: TokenRole;
	/** The beginnings of the keys that it is for, for the roles `read` and `write`; all keys by default. */
	readonly prefixes?: readonly string[];
	readonly token: string;
}

/** Whether there are tokens, and none of them has the role admin. A swarm must not have such tokens. */
export function lackAdmin(tokens: readonly Pick<KnownToken, 'grant'>[]): boolean {
	return tokens.length > 0 && !tokens.some(isAdmin);
}

/** @returns null for none @throws RangeError for what cannot be a token; the text never holds it */
export function tokensOf(inputs: readonly TokenInput[]): Tokens | null {
	const known = inputs.map(({ role, prefixes, token }, index) => {
		const source = `tokens[${index}]`;
		const fault = tokenFault(token);
		if (fault !== null) throw new RangeError(`${source}: ${fault}`);
		return { source, digest: digestOf(token), grant: grantOf(role, prefixes) };
	});
	if (lackAdmin(known)) throw new RangeError('tokens: none has the role admin, so nobody could change the members');
	return known.length === 0 ? null : new Tokens(known);
}

function isAdmin({ grant }: Pick<KnownToken, 'grant'>): boolean {
	return grant.role === 'admin';
}

/** What a token of this role grants. */
export function grantOf(role: TokenRole, prefixes: readonly string[] = ['']): Grant {
	if (role === 'page') return { role: 'read', prefixes: [], isForPage: true };
	return role === 'admin' ? { role, prefixes: [''], isForPage: true } : { role, prefixes, isForPage: false };
}

export class Tokens {
	/**
	 * The token by which nodes with the same tokens ask each other, as an admin does. It is made of the tokens of the role
	 * admin alone, because everybody who knows the tokens that it is made of can make it.
	 */
	readonly own: string;
	readonly #tokens: readonly KnownToken[];

	/** @param tokens one at least, of which one has the role admin */
	constructor(tokens: readonly KnownToken[]) {
		const digests = tokens
			.filter(isAdmin)
			.map(({ digest }) => digest.toString('hex'))
			.sort();
		this.own = digestOf(`a node of the swarm: ${digests}`).toString('base64url');
		const grant: Grant = { role: 'admin', prefixes: [''], isForPage: false };
		this.#tokens = [...tokens, { source: 'the nodes', digest: digestOf(this.own), grant }];
	}

	/** What the token grants; null for an unknown one. It takes as long for each token. */
	grantOf(token: string): Grant | null {
		const digest = digestOf(token);
		let found: Grant | null = null;
		for (const known of this.#tokens) if (timingSafeEqual(known.digest, digest)) found = known.grant;
		return found;
	}
}
