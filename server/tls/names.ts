/**
 * Who a certificate is for. Its addresses are names and IP addresses, as in every certificate. Which node it is for is a
 * URI beside them, in the form of a SPIFFE ID: other authorities can make one too, and the address of a node may change
 * or be shared while its name stays.
 *
 * @source https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md
 */

/** The URI of a node, or of a client, of a swarm. */
export function uriOf(swarm: string, kind: 'node' | 'client', name: string): string {
	return `spiffe://${swarm}/${kind}/${name}`;
}

/** One name, such as `DNS:n1.example`. Node.js puts it into quotes where it has a comma or a quote in it. */
const NAME = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/gy;

/** The alternative names of a certificate by kind, such as `DNS`, `IP Address` and `URI`. @param text as Node.js has them */
export function namesIn(text: string | undefined): { readonly kind: string; readonly name: string }[] {
	return [...(text ?? '').matchAll(NAME)].map(([, kind, name]) => ({
		kind: kind as string,
		name: name as string,
	}));
}

/** The nodes of the swarm that a certificate names. */
export function nodesIn(text: string | undefined, swarm: string): string[] {
	const start = uriOf(swarm, 'node', '');
	return namesIn(text).flatMap(({ kind, name }) =>
		kind === 'URI' && name.startsWith(start) ? [name.slice(start.length)] : [],
	);
}
