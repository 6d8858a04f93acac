/**
 * The guard at a node's three doors: HTTP, socket.io and `/mesh`. A page from elsewhere must not be able to
 * propose through a visitor's browser, neither by posting across sites (Origin) nor by a name that it makes
 * resolve to this machine (Host: DNS rebinding). It never asks who somebody is: that is what secrets are for.
 */
import type { IncomingHttpHeaders } from 'node:http';

export interface Address {
	/** A name or an IP address, IPv6 without brackets. */
	readonly host: string;
	readonly port: number;
}

export interface Doors {
	/** Why a request with these headers is refused, in a sentence to answer with status 403; null to let it in. */
	refusal(headers: IncomingHttpHeaders): string | null;
	/** The pages that may talk to the swarm, `http://host:port`: those of its own members. */
	readonly origins: readonly string[];
}

const HTTP_PORT = 80;

export function createDoors(members: readonly Address[]): Doors {
	const hosts = new Set(members.flatMap(hostHeaders));
	const origins = new Set([...hosts].map((host) => `http://${host}`));
	return {
		origins: [...origins],
		refusal({ host, origin }) {
			if (host === undefined || !hosts.has(host.toLowerCase())) {
				return `The host "${printable(host ?? '')}" is not an address of this swarm.`;
			}
			if (origin !== undefined && !origins.has(origin.toLowerCase())) {
				return `A page of the origin "${printable(origin)}" may not use this swarm.`;
			}
			return null;
		},
	};
}

/** What a client may write in Host, and a browser after `http://`, to reach `address`. */
function hostHeaders({ host, port }: Address): string[] {
	const names = isLoopback(host) ? ['localhost', '127.0.0.1', '::1', host] : [host];
	return names.flatMap((name) => {
		const written = (name.includes(':') ? `[${name}]` : name).toLowerCase();
		return port === HTTP_PORT ? [written, `${written}:${port}`] : [`${written}:${port}`];
	});
}

export function isLoopback(host: string): boolean {
	return host.toLowerCase() === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Headers are the sender's own words: none of it may reach a terminal or a log untouched. */
function printable(text: string): string {
	return text.slice(0, 100).replace(/[^\x20-\x7e]/g, '?');
}
