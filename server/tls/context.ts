/** What nodes and commands ask of every connection by TLS. */
import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import type { Pem } from './pem.ts';

export function contextOptions({ ca, cert, key }: Partial<Pem>): SecureContextOptions {
	return {
		ca,
		cert,
		key,
		minVersion: 'TLSv1.2',
		// Where a session is resumed no certificate is shown, and Node.js then takes a client that never had one for verified.
		secureOptions: constants.SSL_OP_NO_TICKET,
	};
}
