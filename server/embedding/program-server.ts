/** Whether the HTTP server of a program suits the node that is to share it. */
import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import { dialOf, urlOf } from '../config/addresses.ts';
import { ConfigError } from '../config/errors.ts';
import type { NodeConfig, SwarmConfig } from '../config/swarm-file.ts';
import type { NodeLogger } from '../log/logger.ts';

/**
 * Checks that the server speaks TLS where its node is to, and that it listens where other nodes dial it, if it listens yet.
 *
 * @throws ConfigError
 */
export function mustFit(server: Server, { tls }: SwarmConfig, self: NodeConfig): void {
	const speaksTls = server instanceof TlsServer;
	if (speaksTls && !urlOf(self).startsWith('https:')) {
		throw new ConfigError('the options of createNode: the server of the program speaks TLS, so the node needs tls too');
	}
	if (tls && !speaksTls) {
		throw new ConfigError(
			'the options of createNode: tls goes with a server that speaks it: make it by createServer of node:https',
		);
	}
	// Node.js keeps this option in a field of that name.
	if (tls && (server as { readonly requestCert?: boolean }).requestCert === false) {
		throw new ConfigError(
			'the options of createNode: the server of the program asks nobody for a certificate: make it with requestCert: true and rejectUnauthorized: false',
		);
	}
	const fault = faultOfPort(server, self);
	if (fault !== null) throw new ConfigError(fault);
}

/**
 * Says in the log, now or when a server that does not listen yet begins to, whether that is elsewhere than where other nodes dial.
 *
 * @returns ends that
 */
export function whereItListens(server: Server, self: NodeConfig, log: NodeLogger): () => void {
	const look = (): void => {
		const fault = faultOfPort(server, self);
		if (fault !== null) log.error(fault);
	};
	look();
	server.on('listening', look);
	return () => void server.off('listening', look);
}

/** Why other nodes would not find it; null where they do, where a proxy leads them there, or where it does not listen yet. */
function faultOfPort(server: Server, self: NodeConfig): string | null {
	const at = server.address();
	// What is dialed at its own port is this server. What is dialed elsewhere is a proxy, which may lead to any port.
	if (at === null || dialOf(self).port !== self.port) return null;
	if (typeof at === 'object' && at.port === self.port) return null;
	const place = typeof at === 'string' ? at : `port ${at.port}`;
	return `the options of createNode: the server of the program listens at ${place}, and the other nodes dial ${self.id} at port ${self.port}: give it that one, or advertise where a proxy takes them`;
}
