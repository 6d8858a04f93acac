/**
 * TLS on the links of the mesh, which is always mutual: each end shows a certificate of the swarm's authority that names
 * its node. The address that was dialed has to be in the certificate of the listener too.
 */
import type { Duplex } from 'node:stream';
import { checkServerIdentity, type PeerCertificate, TLSSocket } from 'node:tls';
import type { ClientOptions } from 'ws';
import type { MeshTls } from '../mesh/mesh.ts';
import { isOfAuthority } from './chain.ts';
import type { TlsKeeper } from './keeper.ts';
import { nodesIn, uriOf } from './names.ts';
import { certificatesIn, type Pem } from './pem.ts';

export function meshTls(keeper: Pick<TlsKeeper, 'identity'>, swarm: string): MeshTls {
	return {
		namesAt: (socket) => nodesIn(namesAt(socket, keeper.identity.pem), swarm),
		dialOptions: (node) => {
			const options = {
				secureContext: keeper.identity.context,
				rejectUnauthorized: true,
				checkServerIdentity: (host: string, certificate: PeerCertificate) =>
					checkServerIdentity(host, certificate) ?? lackOf(certificate, swarm, node),
			};
			// The types of ws have the result of this check as a boolean, while Node.js takes an error or undefined.
			return options as unknown as ClientOptions;
		},
	};
}

function lackOf({ subjectaltname }: PeerCertificate, swarm: string, node: string): Error | undefined {
	if (nodesIn(subjectaltname, swarm).includes(node)) return undefined;
	return new Error(
		`its certificate does not name the node ${node}: the URI ${uriOf(swarm, 'node', node)} is not in it`,
	);
}

/**
 * The alternative names of the certificate at the other end; undefined where it has shown no valid one. The server of a
 * program may trust other authorities too, and may take a session up again, in which no certificate is shown.
 */
function namesAt(socket: Duplex, { ca }: Pem): string | undefined {
	if (!(socket instanceof TLSSocket) || !socket.authorized || socket.isSessionReused()) return undefined;
	const certificate = socket.getPeerX509Certificate();
	if (certificate === undefined) return undefined;
	return isOfAuthority(certificate, certificatesIn(ca, 'the authority')) ? certificate.subjectAltName : undefined;
}
