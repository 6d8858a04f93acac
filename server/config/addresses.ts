/** Where the nodes of a configuration listen, are dialed and are reached. */
import { isIP } from 'node:net';
import { ANY_ADDRESS, isLoopback } from '../front/doors.ts';
import type { PeerAddress } from '../mesh/peer.ts';
import type { SwarmMembers } from '../storage/identity.ts';
import type { NodeConfig, SwarmConfig } from './swarm-file.ts';

/** Whether all nodes listen on loopback, and so share a machine. */
export function isOnLoopback({ nodes }: SwarmConfig): boolean {
	return nodes.every(({ host }) => isLoopback(host));
}

/** The swarm that this configuration makes. */
export function swarmMembersOf({ name, nodes }: SwarmConfig): SwarmMembers {
	return { name, members: Object.fromEntries(nodes.map((node) => [node.id, urlOf(node)])) };
}

/** The address, such as `http://host:port`, at which others reach a node's dashboard, API and feed. */
export function urlOf(node: Pick<NodeConfig, 'host' | 'port' | 'advertise' | 'secure'>): string {
	return node.advertise ?? listenUrlOf(node);
}

/** The address, such as `http://host:port`, at which programs on this machine reach the node. */
export function listenUrlOf({ host, port, secure }: Pick<NodeConfig, 'host' | 'port' | 'secure'>): string {
	const local = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
	return `${secure ? 'https' : 'http'}://${isIP(local) === 6 ? `[${local}]` : local}:${port}`;
}

/** The address at which other nodes dial it. */
export function dialOf({ id, host, port, advertise, secure: isSecure }: NodeConfig): PeerAddress {
	const secure = isSecure === true;
	if (advertise === undefined || !ANY_ADDRESS.includes(host)) return { id, host, port, secure };
	return dialAt(id, advertise);
}

/** The same for a node of which only the URL is known. */
export function dialAt(id: string, url: string): PeerAddress {
	const { protocol, hostname, port: written } = new URL(url);
	const secure = protocol === 'https:';
	const usualPort = secure ? 443 : 80;
	return { id, host: hostname.replace(/^\[|\]$/g, ''), port: written === '' ? usualPort : Number(written), secure };
}
