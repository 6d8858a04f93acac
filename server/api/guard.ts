/**
 * Asks the token of an HTTP request, as clients of Consul send it, for what the request needs. Every route asks it, and
 * it is the only one that refuses for want of a token. Where the swarm has no tokens there is no guard.
 */
import type { IncomingMessage } from 'node:http';
import {
	type Grant,
	hasRole,
	isForAllKeys,
	type KeysAsked,
	type KeysHeld,
	keysAskedBy,
	mayCarryOut,
	mayUse,
} from '../../shared/replica/grant.ts';
import type { Operation } from '../../shared/store/command.ts';
import { type Need, needOf } from '../access/rules.ts';
import type { Tokens } from '../access/tokens.ts';
import { HttpError, queryOf } from './answer.ts';
import { pathOf } from './key-of-url.ts';

export class Guard {
	readonly #tokens: Pick<Tokens, 'grantOf'>;

	constructor(tokens: Pick<Tokens, 'grantOf'>) {
		this.#tokens = tokens;
	}

	/** Refuses what the rule of its path does not let in. A room is asked further where the rule says so. */
	path(req: IncomingMessage): void {
		const path = pathOf(req.url as string);
		// What a method may do at a path is no secret.
		const need = req.method === 'OPTIONS' ? 'read' : needOf(req.method as string, path);
		if (need === 'open' || need === 'byRoom') return;
		const grant = this.grantOf(req);
		if (grant === null || !fulfils(grant, need)) throw denied(grant, LACKS[need]);
	}

	keys(req: IncomingMessage, asked: KeysAsked): void {
		const grant = this.grantOf(req);
		if (grant === null || !mayUse(grant, asked)) throw denied(grant, lackOf(asked));
	}

	/** Refuses the operations where one of them may not be carried out. */
	operations(req: IncomingMessage, operations: readonly Operation[], keysHeld: KeysHeld): void {
		const grant = this.grantOf(req);
		if (grant === null) throw denied(null, LACKS.read);
		const lacking = operations.find((operation) => !mayCarryOut(grant, operation, keysHeld));
		if (lacking === undefined) return;
		const asked = keysAskedBy(lacking);
		throw denied(grant, asked === null ? LACKS.write : lackOf(asked));
	}

	/** Whether the request has a token that may read. */
	mayRead(req: IncomingMessage): boolean {
		return this.grantOf(req) !== null;
	}

	/** What the request's token grants; null for a request without one. @throws HttpError 403 for an unknown one */
	grantOf(req: IncomingMessage): Grant | null {
		const token = tokenOf(req);
		if (token === null) return null;
		const grant = this.#tokens.grantOf(token);
		if (grant === null) throw new HttpError(403, 'ACL not found');
		return grant;
	}
}

/** The token of a request; null for none. @source Consul's API: the parameter, then its own header, then a bearer's */
export function tokenOf(req: IncomingMessage): string | null {
	const { headers } = req;
	const given = queryOf(req).get('token') || headers['x-consul-token'];
	if (given) return String(given);
	return /^bearer +(\S.*)$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}

/** By what is needed, as Consul names it. */
const LACKS: Readonly<Record<Exclude<Need, 'open' | 'byRoom'>, string>> = {
	read: "'node:read'",
	readAll: "'session:read'",
	write: "'session:write'",
	admin: "'operator:write'",
	page: "'operator:write'",
};

function lackOf({ need, name, isPrefix }: KeysAsked): string {
	const verb = need === 'read' && isPrefix ? 'list' : need;
	return `'key:${verb}' on ${JSON.stringify(name)}`;
}

function fulfils(grant: Grant, need: Exclude<Need, 'open' | 'byRoom'>): boolean {
	if (need === 'page') return grant.isForPage;
	return need === 'readAll' ? isForAllKeys(grant) : hasRole(grant, need);
}

function denied(grant: Grant | null, lack: string): HttpError {
	return new HttpError(
		403,
		`Permission denied: ${grant === null ? 'anonymous token' : 'token'} lacks permission ${lack}`,
	);
}
