/** Addresses of nodes, as people write them and as nodes tell them. */
import { CLIENT_PATH } from './protocol.ts';

/** What makes `address` one that no client can dial, to end a sentence with; null for a good one. */
export function addressFault(address: unknown): string | null {
	if (typeof address !== 'string') return 'is no text';
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

/** Where the clients' WebSocket of the node at `address` is. */
export function socketUrl(address: string): string {
	const { protocol, host, pathname } = new URL(address);
	return `${protocol === 'https:' ? 'wss:' : 'ws:'}//${host}${pathname.replace(/\/$/, '')}${CLIENT_PATH}`;
}

/** An address to name in a message, which may be anything. */
export function nameOf(address: unknown): string {
	return typeof address === 'string' ? JSON.stringify(address.slice(0, NAME_CHARS_MAX)) : String(typeof address);
}

const NAME_CHARS_MAX = 200;
