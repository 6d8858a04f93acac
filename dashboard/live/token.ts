/**
 * The token of the page. Where the browser allows, it is kept for as long as the tab is open, so that a page that is loaded
 * again need not ask. It is sent to the nodes and nowhere else.
 */
import { signal } from '@preact/signals';

const KEPT_AS = 'paxos-swarm token';

/** null where none is known. */
export const token = signal(kept());
/** Whether a node asks for a token, or for another one. */
export const isAsked = signal(false);

/** A person has written the token. */
export function signIn(text: string): void {
	try {
		sessionStorage.setItem(KEPT_AS, text);
	} catch {
		// The page asks again when it is loaded again.
	}
	isAsked.value = false;
	token.value = text;
}

/** The page forgets the token, and all that it was told. */
export function signOut(): void {
	try {
		sessionStorage.removeItem(KEPT_AS);
	} catch {
		// It was not kept.
	}
	location.reload();
}

/** The headers of requests to the API of a node. */
export function tokenHeaders(): Record<string, string> {
	return token.value === null ? {} : { 'X-Consul-Token': token.value };
}

function kept(): string | null {
	try {
		return sessionStorage.getItem(KEPT_AS);
	} catch {
		return null;
	}
}
