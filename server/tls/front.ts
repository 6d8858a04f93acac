/**
 * TLS at the port of a node: it shows its certificate, and asks each client for one. Who shows none where one is needed, or
 * a wrong one, is refused by an answer that says so, and not in the handshake, because the probes of an orchestrator have
 * none.
 */
import type { TLSSocket } from 'node:tls';
import type { TlsConfig } from '../config/swarm-file.ts';
import type { Refusal } from '../front/doors.ts';
import type { FrontTls } from '../front/front.ts';
import { contextOptions } from './context.ts';
import type { TlsKeeper } from './keeper.ts';

/** A connection whose handshake takes longer is closed, milliseconds. */
const HANDSHAKE_MS = 15_000;

export function frontTls(keeper: Pick<TlsKeeper, 'identity' | 'onRenewed'>, clients: TlsConfig['clients']): FrontTls {
	return {
		options: {
			...contextOptions(keeper.identity.pem),
			requestCert: true,
			rejectUnauthorized: false,
			handshakeTimeout: HANDSHAKE_MS,
		},
		refusalOf: (socket) => refusalOf(socket, clients),
		onRenewed: (take) => keeper.onRenewed(({ pem }) => take(contextOptions(pem))),
	};
}

function refusalOf(socket: TLSSocket, clients: TlsConfig['clients']): Refusal | null {
	if (socket.getPeerX509Certificate() === undefined) return clients === 'required' ? NO_CERTIFICATE : null;
	if (socket.authorized) return null;
	const why = `The certificate of the client is no valid one of this swarm's authority (${socket.authorizationError}).`;
	return { status: 403, why };
}

const NO_CERTIFICATE: Refusal = {
	status: 403,
	why: 'This node asks each client for a certificate: show one that its authority has signed.',
};
