/**
 * The guard at a node's doors: HTTP, `/socket.io/`, `/client` and `/mesh`. A page from elsewhere must not be able to
 * propose through a visitor's browser, neither by posting across sites (Origin) nor by a name that it makes resolve
 * to this machine (Host: DNS rebinding). It never asks who somebody is: that is what secrets are for.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

export interface Address {
	/** A name or an IP address, IPv6 without brackets. */
	readonly host: string;
	readonly port: number;
	/** Where everybody else reaches it, if that is another place: `https://n1.example`. */
	readonly advertise?: string | undefined;
}

/** Why a request is not served, in a sentence, and the status that says so. */
export interface Refusal {
	readonly status: number;
	readonly why: string;
}

export interface Doors {
	/**
	 * Why a request with these headers is refused; null to let it in.
	 *
	 * @param anyHost it may ask for any host: what is answered is no secret and changes nothing
	 */
	refusal(headers: IncomingHttpHeaders, anyHost?: boolean): Refusal | null;
	/** What a page of this swarm may connect to, as sources of a content security policy. */
	readonly connectSources: readonly string[];
}

const HTTP_PORT = 80;
const HTTPS_PORT = 443;
/** Every address of a machine: to listen at, not to be dialed. */
export const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '::1'];

/**
 * @param allowedHosts further hosts that a request may ask for, and whose pages may use the swarm: `name` with any
 *   port, `name:port` with this one
 */
export function createDoors(members: readonly Address[], allowedHosts: readonly string[] = []): Doors {
	const hosts = new Set<string>();
	const origins = new Set<string>();
	const names = new Set<string>();
	for (const { host, port, advertise } of members) {
		for (const name of namesOf(host)) {
			for (const written of withPort(name, port, HTTP_PORT)) {
				hosts.add(written);
				origins.add(`http://${written}`);
			}
			// Without a port it means port 80. No other machine's page can make a browser write it, so it is understood.
			if (LOOPBACK_NAMES.map(bracketed).includes(name)) hosts.add(name);
		}
		if (advertise === undefined) continue;
		const { protocol, hostname, port: written, origin } = new URL(advertise);
		const usual = protocol === 'https:' ? HTTPS_PORT : HTTP_PORT;
		for (const name of withPort(hostname, written === '' ? usual : Number(written), usual)) hosts.add(name);
		origins.add(origin);
	}
	for (const allowed of allowedHosts) {
		const host = allowed.toLowerCase();
		const port = portOf(host);
		if (port === null) {
			names.add(host);
			continue;
		}
		for (const usual of [HTTP_PORT, HTTPS_PORT]) {
			for (const written of withPort(nameOf(host), port, usual)) {
				hosts.add(written);
				origins.add(`${usual === HTTPS_PORT ? 'https' : 'http'}://${written}`);
			}
		}
	}
	const isHost = (host: string): boolean => hosts.has(host) || names.has(nameOf(host));
	const isOrigin = (origin: string): boolean => {
		if (origins.has(origin)) return true;
		const host = /^https?:\/\/([^/]+)$/.exec(origin)?.[1];
		return host !== undefined && names.has(nameOf(host));
	};
	return {
		connectSources: sourcesOf(origins, names),
		refusal({ host = '', origin }, anyHost = false) {
			if (host.includes(',')) return { status: 400, why: 'The request has more than one Host header.' };
			if (!anyHost && !isHost(host.toLowerCase())) {
				const why = `The host "${printable(host)}" is not an address of this swarm; "allowedHosts" in swarm.json adds others.`;
				return { status: 403, why };
			}
			if (origin !== undefined && !isOrigin(origin.toLowerCase())) {
				return { status: 403, why: `A page of the origin "${printable(origin)}" may not use this swarm.` };
			}
			return null;
		},
	};
}

/** @param host a name or an address, IPv6 in brackets or without */
export function isLoopback(host: string): boolean {
	return LOOPBACK_NAMES.includes(canonical(host)) || /^127(\.\d{1,3}){3}$/.test(host);
}

/** What clients may call a host, as they write it in a URL. Who listens everywhere is reached on loopback too. */
function namesOf(host: string): readonly string[] {
	if (ANY_ADDRESS.includes(canonical(host))) return LOOPBACK_NAMES.map(bracketed);
	return (isLoopback(host) ? [...LOOPBACK_NAMES, canonical(host)] : [canonical(host)]).map(bracketed);
}

/** In lower case, and an IPv6 address in its shortest form. */
function canonical(written: string): string {
	const host = written.replace(/^\[|\]$/g, '');
	return isIP(host) === 6 ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host.toLowerCase();
}

function bracketed(host: string): string {
	return host.includes(':') ? `[${host}]` : host;
}

/** The ways to write a name and a port: without it too, where it is the usual one. */
function withPort(name: string, port: number, usualPort: number): readonly string[] {
	return port === usualPort ? [name, `${name}:${port}`] : [`${name}:${port}`];
}

function nameOf(host: string): string {
	return host.replace(/:\d+$/, '');
}

function portOf(host: string): number | null {
	const digits = /:(\d+)$/.exec(host)?.[1];
	return digits === undefined ? null : Number(digits);
}

/** A content security policy cannot name an IPv6 address: there, any host at that port. */
function sourcesOf(origins: ReadonlySet<string>, names: ReadonlySet<string>): readonly string[] {
	const ofOrigins = [...origins].map((origin) => origin.replace(/\[.*\]/, '*'));
	const ofNames = [...names].flatMap((name) => [`http://${name}:*`, `https://${name}:*`]);
	const http = [...ofOrigins, ...ofNames.map((source) => source.replace(/\[.*\]/, '*'))];
	return [...new Set([...http, ...http.map((source) => source.replace(/^http/, 'ws'))])];
}

/** Headers are the sender's own words: none of it may reach a terminal or a log untouched. */
function printable(text: string): string {
	return text.slice(0, 100).replace(/[^\x20-\x7e]/g, '?');
}
