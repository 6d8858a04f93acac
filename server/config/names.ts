/** The ids, hosts and URLs that people give: what each may be, and the rule that they are told. */
import { isIP } from 'node:net';
import { nameOf } from '../../shared/member-name.ts';
import { URL_CHARS_MAX } from '../../shared/paxos/change.ts';
import { ANY_ADDRESS } from '../front/doors.ts';

export const PORT_MAX = 65_535;
/** Ids are in lower case only, because on some file systems the data folders `n1` and `N1` are the same. */
export const ID_PATTERN = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** The part of an id that follows the name of the node; empty for its first disk. */
const LIFE_PATTERN = /^(~[a-z0-9]{1,16})?$/;
export const ID_RULE = 'must be 1 to 32 characters of a-z, 0-9 and -, beginning with a letter or digit';
/** The URL of a member has room for so many, beside `https://` and a port. */
const HOST_CHARS_MAX = URL_CHARS_MAX - 'https://:65535'.length;
const HOST_PATTERN = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i;
export const HOST_RULE = 'must be an IP address or a host name that the other nodes can reach';
export const ADVERTISE_RULE =
	'must be where others reach the node, http or https, without a path, such as "http://10.1.2.3:8101"';
export const ALLOWED_HOST_RULE = 'must be a host, with a port or without, such as "swarm.example" or "10.1.2.3:8101"';

/** Whether it is an IP address or a host name. An address with a zone, such as `fe80::1%eth0`, can be in no URL. */
export function isHost(host: string): boolean {
	if (host.length > HOST_CHARS_MAX) return false;
	return (isIP(host) !== 0 && !host.includes('%')) || (HOST_PATTERN.test(host) && !/^[\d.]+$/.test(host));
}

/** Whether a member may have this id: the name of a node, and for a later disk of it `~` and up to 16 characters. */
export function isMemberId(text: string): boolean {
	const name = nameOf(text);
	return ID_PATTERN.test(name) && LIFE_PATTERN.test(text.slice(name.length));
}

/** Whether it is `http://host:port`, without a path, a user name or a password, and no longer than a member's may be. */
export function isOrigin(text: string): boolean {
	if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
	const { origin, href, hostname, port } = new URL(text);
	// A host in other letters than those of ASCII becomes longer.
	if (origin.length > URL_CHARS_MAX) return false;
	return port !== '0' && href === `${origin}/` && !ANY_ADDRESS.includes(hostname.replace(/^\[|\]$/g, ''));
}

/** Whether a path may be put behind it: it has no user name, no password, no query and no fragment. */
export function isBaseUrl(text: string): boolean {
	if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false;
	const { origin, pathname, href } = new URL(text);
	return href === origin + pathname;
}

export function isAllowedHost(text: string): boolean {
	const [, name = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text) ?? [];
	if (port !== undefined && (Number(port) < 1 || Number(port) > PORT_MAX)) return false;
	const address = name.slice(1, -1);
	return name.startsWith('[') ? isIP(address) === 6 && isHost(address) : isHost(name);
}
