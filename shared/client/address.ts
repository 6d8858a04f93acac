/** The addresses of nodes, from people and from other nodes. */
import { CLIENT_PATH } from './protocol.ts';

/** Why no client can dial `address`, as the end of a sentence that begins with it; null for a good one. */
export function addressFault(address: unknown): string | null {
	if (typeof address !== 'string') return 'is not a text';
	let url: URL;
	try {
		url = new URL(address);
	} catch {
		return 'is no address such as http://127.0.0.1:7101';
	}
	if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'begins with neither http:// nor https://';
	if (url.search !== '' || url.hash !== '' || address.endsWith('?') || address.endsWith('#')) {
		return 'has more behind its host and path';
	}
	if (url.username !== '' || url.password !== '') return 'has a user name or a password';
	return null;
}

/** The URL of the clients' WebSocket of the node at `address`. */
export function socketUrl(address: string): string {
	const { protocol, host, pathname } = new URL(address);
	return `${protocol === 'https:' ? 'wss:' : 'ws:'}//${host}${pathname.replace(/\/$/, '')}${CLIENT_PATH}`;
}

/** The address as a message names it. It may be a value of any type. */
export function nameOf(address: unknown): string {
	return typeof address === 'string' ? JSON.stringify(address.slice(0, NAME_CHARS_MAX)) : String(typeof address);
}

const NAME_CHARS_MAX = 200;
