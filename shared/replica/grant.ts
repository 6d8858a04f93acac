/**
 * What a token lets its holder do with keys, sessions and the swarm. It is the one place that decides; the doors only say
 * what they were asked for. It knows nothing of tokens themselves.
 */
import type { Operation } from '../store/command.ts';

/** Each role may do what those before it may. */
const ROLES = ['read', 'write', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export interface Grant {
	readonly role: Role;
	/** The beginnings of the keys that it is for. `['']` is every key. */
	readonly prefixes: readonly string[];
	/** Whether its holder may use the page: watch all facts, propose there, and make the faults of a lab. */
	readonly isForPage: boolean;
}

/** The keys that an operation is about: one of them, or all below a prefix. */
export interface KeysAsked {
	readonly need: Exclude<Role, 'admin'>;
	readonly name: string;
	readonly isPrefix: boolean;
}

/** The keys that a session holds, as the store has them. */
export type KeysHeld = (session: string) => readonly string[];

export function hasRole(grant: Grant, role: Role): boolean {
	return ROLES.indexOf(grant.role) >= ROLES.indexOf(role);
}

/** Whether it is for every key. */
export function isForAllKeys({ prefixes }: Grant): boolean {
	return prefixes.includes('');
}

/** A prefix is asked for as a whole, so it has to lie within a prefix of the grant. */
export function mayUse(grant: Grant, { need, name }: KeysAsked): boolean {
	return hasRole(grant, need) && grant.prefixes.some((prefix) => name.startsWith(prefix));
}

/** Whether a batch may go through without a look at its commands. */
export function mayWriteAll(grant: Grant): boolean {
	return hasRole(grant, 'write') && isForAllKeys(grant);
}

/**
 * Whether its holder may make the operation happen. A session may be ended only by who may write every key that it
 * holds, because these are let go or deleted with it.
 */
export function mayCarryOut(grant: Grant, operation: Operation, keysHeld: KeysHeld): boolean {
	const asked = keysAskedBy(operation);
	if (asked !== null) return mayUse(grant, asked);
	if (!hasRole(grant, 'write')) return false;
	if (operation.kind !== 'endSession') return true;
	return keysHeld(operation.session).every((name) => mayUse(grant, { need: 'write', name, isPrefix: false }));
}

/** The keys that the operation is about; null where it is about none. */
export function keysAskedBy(operation: Operation): KeysAsked | null {
	switch (operation.kind) {
		case 'check':
		case 'checkSession':
		case 'read':
			return { need: 'read', name: operation.key, isPrefix: false };
		case 'readTree':
			return { need: 'read', name: operation.prefix, isPrefix: true };
		case 'put':
		case 'delete':
		case 'acquire':
		case 'release':
			return { need: 'write', name: operation.key, isPrefix: false };
		case 'deletePrefix':
			return { need: 'write', name: operation.prefix, isPrefix: true };
		case 'createSession':
		case 'renewSession':
		case 'endSession':
		case 'registerClient':
		case 'tick':
		case 'command':
			return null;
	}
}
