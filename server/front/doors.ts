/**
 * Guards a node's doors: HTTP, `/socket.io/`, `/client` and `/mesh`. A page of another site must not be able to use the
 * swarm through a visitor's browser, neither by requests across sites, which the Origin tells, nor by a name that
 * resolves to this machine, which the Host tells (DNS rebinding). It does not check who sends a request.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

export interface Address {
	/** A name or an IP address, IPv6 without brackets. */
	readonly host: string;
	readonly port: number;
	/** The address at which pages and clients reach it, if another one: `https://n1.example`. */
	readonly advertise?: string | undefined;
	/** Whether it speaks TLS there. */
	readonly secure?: boolean | undefined;
}

/** Why a request is refused, in a sentence, and the status of the answer. */
export interface Refusal {
	readonly status: number;
	readonly why: string;
}

export interface Doors {
	/**
	 * Why a request with these headers is refused; null to let it in.
	 *
	 * @param anyHost whether the request may name any host, because its answer is no secret and changes nothing
	 */
	refusal(headers: IncomingHttpHeaders, anyHost?: boolean): Refusal | null;
	/**
	 * The addresses that a page of this swarm may connect to, as sources of a content security policy. Other sources are
	 * another list.
	 */
	readonly connectSources: readonly string[];
}

/** The doors of a swarm whose members change. */
export class ChangingDoors implements Doors {
	readonly #allowedHosts: readonly string[];
	#doors: Doors;

	/** Takes the same as `createDoors`. */
	constructor(members: readonly Address[], allowedHosts: readonly string[]) {
		this.#allowedHosts = allowedHosts;
		this.#doors = createDoors(members, allowedHosts);
	}

	become(members: readonly Address[]): void {
		this.#doors = createDoors(members, this.#allowedHosts);
	}

	refusal(headers: IncomingHttpHeaders, anyHost?: boolean): Refusal | null {
		return this.#doors.refusal(headers, anyHost);
	}

	get connectSources(): readonly string[] {
		return this.#doors.connectSources;
	}
}

const HTTP_PORT = 80;
const HTTPS_PORT = 443;
/** These stand for all addresses of a machine. A node can listen at them, and cannot be dialed at them. */
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
	for (const { host, port, advertise, secure = false } of members) {
		for (const name of namesOf(host)) {
			for (const written of withPort(name, port, secure ? HTTPS_PORT : HTTP_PORT)) {
				hosts.add(written);
				origins.add(`${secure ? 'https' : 'http'}://${written}`);
			}
			// Without a port this names port 80 or 443. It is allowed because no page of another machine can make a browser
			// send it.
			if (LOOPBACK_NAMES.map(bracketed).includes(name)) hosts.add(name);
		}
		if (advertise === undefined) continue;
		const { protocol, hostname, port: written, origin } = new URL(advertise);
		const usual = protocol === 'https:' ? HTTPS_PORT : HTTP_PORT;
		for (const name of withPort(hostname, written === '' ? usual : Number(written), usual)) hosts.add(name);
		origins.add(origin);
	}
	for (const allowed of allowedHosts) {
		const host = canonicalHost(allowed);
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
			if (!anyHost && !isHost(canonicalHost(host))) {
				const why = `The host "${printable(host)}" is not an address of this swarm; the setting "allowedHosts" adds others.`;
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

/** The names of a host, as clients write them in a URL. A node that listens at all addresses is reached on loopback. */
function namesOf(host: string): readonly string[] {
	if (ANY_ADDRESS.includes(canonical(host))) return LOOPBACK_NAMES.map(bracketed);
	return (isLoopback(host) ? [...LOOPBACK_NAMES, canonical(host)] : [canonical(host)]).map(bracketed);
}

/** The host in lower case, or an IPv6 address in its shortest form. No URL has an address with a zone. */
export function canonical(written: string): string {
	const host = written.replace(/^\[|\]$/g, '');
	const isAddress = isIP(host) === 6 && !host.includes('%');
	return isAddress ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host.toLowerCase();
}

/** The same of a host with brackets around IPv6, and with a port or without, as of a Host header. */
function canonicalHost(written: string): string {
	const [, address, rest = ''] = /^\[([^\]]*)\](.*)$/.exec(written) ?? [];
	return address === undefined ? written.toLowerCase() : `[${canonical(address)}]${rest}`;
}

function bracketed(host: string): string {
	return host.includes(':') ? `[${host}]` : host;
}

/** The ways to write a name with a port. The usual port may be left out. */
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

/** A content security policy cannot name an IPv6 address, so any host with that port is allowed in its place. */
function sourcesOf(origins: ReadonlySet<string>, names: ReadonlySet<string>): readonly string[] {
	const ofOrigins = [...origins].map((origin) => origin.replace(/\[.*\]/, '*'));
	const ofNames = [...names].flatMap((name) => [`http://${name}:*`, `https://${name}:*`]);
	const http = [...ofOrigins, ...ofNames.map((source) => source.replace(/\[.*\]/, '*'))];
	return [...new Set([...http, ...http.map((source) => source.replace(/^http/, 'ws'))])];
}

/** A part of a header for a message. A sender may put anything into it, which must not reach a terminal or a log. */
function printable(text: string): string {
	return text.slice(0, 100).replace(/[^\x20-\x7e]/g, '?');
}
